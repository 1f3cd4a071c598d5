/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Swap, pressure, and the resource limits of this process. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "doctor.h"
#include "fd.h"

#define FDS_WANTED 64          /* a launch opens about twenty at once */
#define PROCESSES_WANTED 32    /* of this user's, which all count */
#define BYTES_WANTED (1 << 20) /* a plan */

/* --- swap, pressure --- */

static bool
swap_is_on(const char *swaps)
{
	const char *second = strchr(swaps, '\n');

	return second && second[1] != '\0';
}

static void
say_swap(struct doctor *doctor)
{
	g_autofree char *swaps = fd_read_file_at(AT_FDCWD, "/proc/swaps");
	const char *on = !swaps ? "/proc/swaps cannot be read" : swap_is_on(swaps) ? "swap is on" : "swap is off";
	int group = sbx_box_cgroup_fd(doctor->limits);
	bool accounted = group >= 0 && faccessat(group, "memory.swap.max", F_OK, 0) == 0;

	if (group < 0)
		doctor_say(doctor, "host.swap", DOCTOR_UNKNOWN,
		           "%s; whether it is accounted shows in a box with limits, and there is none", on);
	else
		doctor_say(doctor, "host.swap", doctor_useful(accounted || (swaps && !swap_is_on(swaps))), "%s, and %s", on,
		           accounted ? "it is accounted to groups" : "there is no memory.swap.max");
	doctor_lost(doctor,
	            "memory.swap.max; with swap on, memory.max as well unless memory.swap.max is set to best effort");
	doctor_repair(doctor, "%s", group < 0 ? "see limits" : "boot without swapaccount=0, on a kernel with CONFIG_SWAP");
}

static void
say_pressure(struct doctor *doctor)
{
	g_autofree char *text = fd_read_file_at(AT_FDCWD, "/proc/pressure/memory");
	g_autofree char *cmdline = fd_read_file_at(AT_FDCWD, "/proc/cmdline");
	bool off = cmdline && doctor_has_parameter(cmdline, "psi=0");

	doctor_say(doctor, "host.pressure", doctor_useful(text != NULL), "%s",
	           text  ? "pressure is measured (PSI)"
	           : off ? "the kernel was booted with psi=0"
	                 : "there is no /proc/pressure");
	doctor_lost(doctor, "the report's pressure: how long the payload waited for CPU, memory and disks");
	doctor_repair(doctor, "%s", off ? "boot without psi=0" : "boot with psi=1");
}

/* --- resource limits --- */

static struct rlimit
limit_of(__rlimit_resource_t resource)
{
	struct rlimit limit;

	return getrlimit(resource, &limit) == 0 ? limit : (struct rlimit){ RLIM_INFINITY, RLIM_INFINITY };
}

/* The soft limit is the user's to raise, up to the hard one. */
static void
add_repair(GString *repair, const struct rlimit *limit, rlim_t wanted, char option, const char *unit)
{
	g_string_append(repair, repair->len ? "; " : "");
	if (limit->rlim_max < wanted)
		g_string_append_printf(repair,
		                       "have the hard limit raised where this program is started: %s= in a unit of systemd's, "
		                       "/etc/security/limits.conf for a login",
		                       unit);
	else if (option == 'f')
		g_string_append(repair, "ulimit -S -f $(ulimit -H -f)");
	else
		g_string_append_printf(repair, "ulimit -S -%c %u", option, (unsigned)wanted);
}

/* How many are open, or more than `most`. */
static rlim_t
open_fds(rlim_t most)
{
	g_autoptr(GDir) dir = g_dir_open("/proc/self/fd", 0, NULL);
	rlim_t n = 0;

	while (dir && n <= most && g_dir_read_name(dir))
		n++;
	return n;
}

static char *
shown(rlim_t limit)
{
	return limit == RLIM_INFINITY ? g_strdup("unlimited") : g_strdup_printf("%" G_GUINT64_FORMAT, (uint64_t)limit);
}

static void
say_rlimits(struct doctor *doctor)
{
	struct rlimit files = limit_of(RLIMIT_NOFILE), processes = limit_of(RLIMIT_NPROC), bytes = limit_of(RLIMIT_FSIZE);
	g_autofree char *n_files = shown(files.rlim_cur), *n_processes = shown(processes.rlim_cur);
	g_autofree char *n_bytes = shown(bytes.rlim_cur);
	rlim_t used = files.rlim_cur == RLIM_INFINITY ? 0 : open_fds(files.rlim_cur);
	g_autoptr(GString) repair = g_string_new(NULL), found = g_string_new(NULL);

	g_string_append_printf(found, "RLIMIT_NOFILE %s, RLIMIT_NPROC %s, RLIMIT_FSIZE %s", n_files, n_processes, n_bytes);
	if (files.rlim_cur != RLIM_INFINITY && files.rlim_cur < used + FDS_WANTED) {
		g_string_append_printf(found, "; %u files are open", (unsigned)used);
		add_repair(repair, &files, MAX(1024, used + 2 * FDS_WANTED), 'n', "LimitNOFILE");
	}
	if (processes.rlim_cur < PROCESSES_WANTED && geteuid() != 0)
		add_repair(repair, &processes, 1024, 'u', "LimitNPROC");
	if (bytes.rlim_cur < BYTES_WANTED)
		add_repair(repair, &bytes, BYTES_WANTED, 'f', "LimitFSIZE");
	doctor_say(doctor, "host.rlimits", doctor_needed(doctor, repair->len == 0), "%s", found->str);
	doctor_lost(doctor, "launches, as soon as such a limit is reached");
	doctor_repair(doctor, "%s", repair->str);
}

void
doctor_host(struct doctor *doctor)
{
	say_swap(doctor);
	say_pressure(doctor);
	say_rlimits(doctor);
}
