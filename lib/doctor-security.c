/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Filters: ours, those around us, of devices; what a container hides; and Landlock, for the record. */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "box.h"
#include "device.h"
#include "doctor.h"
#include "error.h"
#include "fd.h"
#include "host.h"

#ifndef SECCOMP_RET_KILL_PROCESS
#define SECCOMP_RET_KILL_PROCESS 0x80000000U
#endif
#ifndef SECCOMP_RET_USER_NOTIF
#define SECCOMP_RET_USER_NOTIF 0x7fc00000U
#endif

/* --- seccomp --- */

static bool
has_action(uint32_t action)
{
	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

static void
say_seccomp(struct doctor *doctor)
{
	bool filter = has_action(SECCOMP_RET_KILL_PROCESS), notify = filter && has_action(SECCOMP_RET_USER_NOTIF);
	bool heard = !doctor->box || doctor->box->listens;

	doctor_say(doctor, "security.seccomp", doctor_needed(doctor, filter), "filters of system calls are %s",
	           filter ? "there" : "missing");
	doctor_lost(doctor, "every box but with seccomp=none");
	doctor_repair(doctor, "run a kernel with CONFIG_SECCOMP_FILTER");

	doctor_say(doctor, "security.notify", doctor_useful(notify && heard), "%s",
	           !notify ? "seccomp_unotify(2) is missing"
	           : heard ? "seccomp_unotify(2) is there"
	                   : "the process around this one has a seccomp listener, and there can be but one");
	doctor_lost(doctor, "the name of the system call that a payload was ended for, and what the policy logs");
	doctor_repair(doctor, "%s", notify ? "run outside of the sandbox that listens" : "run Linux 5.0 or later");
}

static void
say_around(struct doctor *doctor)
{
	g_autofree char *status = fd_read_file_at(AT_FDCWD, "/proc/thread-self/status");
	g_autofree char *mode = status ? doctor_field(status, "Seccomp") : NULL;
	g_autofree char *filters = status ? doctor_field(status, "Seccomp_filters") : NULL;
	g_autofree char *no_new_privs = status ? doctor_field(status, "NoNewPrivs") : NULL;
	bool filtered = g_strcmp0(mode, "0") != 0, bound = g_strcmp0(no_new_privs, "0") != 0;

	if (!mode || !no_new_privs)
		doctor_say(doctor, "security.around", doctor->box ? DOCTOR_OK : DOCTOR_UNKNOWN,
		           "/proc/thread-self/status cannot be read");
	else
		doctor_say(doctor, "security.around", doctor_useful(!filtered || doctor->box),
		           "%s%s around this process; no_new_privs is %s",
		           !filtered ? "no seccomp filter"
		           : filters ? filters
		                     : "a seccomp filter",
		           filtered && filters ? " seccomp filters" : "", bound ? "set" : "not set");
	doctor_lost(doctor, "what those filters deny, in every box as well");
	doctor_repair(doctor,
	              "of a container: --security-opt seccomp=unconfined; of a service: no SystemCallFilter= in its unit");
}

/* --- devices --- */

static void
say_devices(struct doctor *doctor)
{
	g_autoptr(GArray) rules = device_rules_new();
	g_autoptr(GError) failure = NULL;
	struct device_program *program = NULL;
	bool loaded;

	device_rules_finish(rules);
	loaded = device_program_get(rules, &program, &failure);
	device_program_put(program);
	doctor_say(doctor, "security.devices", doctor_useful(loaded), "%s",
	           loaded ? "a device filter can be loaded" : failure->message);
	doctor_lost(doctor, "the filter of devices; what stays is that a box has no other node in its /dev");
	doctor_repair(doctor, "%s", loaded ? "" : error_hint(failure));
}

/* --- what a container hides --- */

static void
say_masked(struct doctor *doctor)
{
	bool proc = host_can_mount_proc(), sys = host_can_mount_sysfs();

	doctor_say(doctor, "security.proc", doctor_needed(doctor, proc), "%s",
	           proc ? "a whole /proc is in sight" : "parts of /proc are covered, as container managers do");
	doctor_lost(doctor, "a /proc of the box's own: boxes, unless share=pid");
	doctor_repair(doctor, "podman run --security-opt unmask=ALL; docker run --security-opt systempaths=unconfined");

	doctor_say(doctor, "security.sysfs", doctor_useful(sys), "%s",
	           sys ? "a whole /sys is in sight" : "parts of /sys are covered, or it is not mounted");
	doctor_lost(doctor, "/sys in a box that has a network of its own");
	doctor_repair(doctor, "%s",
	              access("/sys/kernel", F_OK) == 0
	                  ? "podman run --security-opt unmask=ALL; docker run --security-opt systempaths=unconfined"
	                  : "mount -t sysfs sysfs /sys");
}

/* --- Landlock --- */

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#endif
#define LANDLOCK_VERSION 1u /* LANDLOCK_CREATE_RULESET_VERSION */

static void
say_landlock(struct doctor *doctor)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, LANDLOCK_VERSION);

	if (abi > 0)
		doctor_say(doctor, "security.landlock", DOCTOR_OK, "Landlock ABI %ld; boxes do not need it", abi);
	else
		doctor_say(doctor, "security.landlock", DOCTOR_OK, "Landlock is %s; boxes do not need it",
		           errno == EOPNOTSUPP ? "switched off at boot" : "missing");
}

void
doctor_security(struct doctor *doctor)
{
	say_seccomp(doctor);
	say_around(doctor);
	say_devices(doctor);
	say_masked(doctor);
	say_landlock(doctor);
}
