/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* What the kernel counted in one cgroup. A file or field that is not there leaves its bit unset: no 0 for "unknown". */
#include "cgroup-stat.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cgroup.h"
#include "fd.h"

/* Digits up to the end of the word; false on anything else, and on what 64 bits do not hold. */
static bool
parse_word(const char *text, size_t length, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (length == 0)
		return false;
	for (size_t i = 0; i < length; i++) {
		unsigned digit = (unsigned)(text[i] - '0');

		if (!g_ascii_isdigit(text[i]) || value > (UINT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*ret_value = value;
	return true;
}

bool
stat_number(const char *text, uint64_t *ret_value)
{
	size_t length = strcspn(text, "\n");

	return (text[length] == '\0' || text[length + 1] == '\0') && parse_word(text, length, ret_value);
}

bool
stat_field(const char *text, const char *name, uint64_t *ret_value)
{
	size_t name_length = strlen(name);

	for (const char *line = text; *line != '\0';) {
		size_t length = strcspn(line, "\n");

		if (length > name_length && memcmp(line, name, name_length) == 0 && line[name_length] == ' ')
			return parse_word(line + name_length + 1, length - name_length - 1, ret_value);
		line += length + (line[length] == '\n');
	}
	return false;
}

/* The next word from *at on; its length, 0 at the end. */
static size_t
next_word(const char **at)
{
	*at += strspn(*at, " \t\n");
	return strcspn(*at, " \t\n");
}

bool
stat_sum(const char *text, const char *name, uint64_t *ret_value)
{
	size_t name_length = strlen(name);
	uint64_t sum = 0;
	size_t length;

	for (const char *word = text; (length = next_word(&word)) > 0; word += length) {
		uint64_t value;

		if (length <= name_length || memcmp(word, name, name_length) != 0 || word[name_length] != '=')
			continue;
		if (!parse_word(word + name_length + 1, length - name_length - 1, &value) || value > UINT64_MAX - sum)
			return false;
		sum += value;
	}
	*ret_value = sum;
	return true;
}

bool
stat_pressure(const char *text, uint64_t *ret_usec)
{
	static const char total[] = "total=";
	const char *word = text + strlen("some ");
	size_t length;

	if (strncmp(text, "some ", strlen("some ")) != 0)
		return false;
	for (const char *end = text + strcspn(text, "\n"); (length = next_word(&word)) > 0 && word < end; word += length)
		if (length > strlen(total) && memcmp(word, total, strlen(total)) == 0)
			return parse_word(word + strlen(total), length - strlen(total), ret_usec);
	return false;
}

static void
put(sbx_report *report, uint64_t bit, uint64_t *field, uint64_t value)
{
	*field = value;
	report->valid |= bit;
}

static void
stat_cpu(const struct cgroup *cgroup, sbx_report *report)
{
	g_autofree char *text = fd_read_file_at(cgroup->fd, "cpu.stat");
	uint64_t value, periods;

	if (!text)
		return;
	if (stat_field(text, "user_usec", &value))
		put(report, SBX_VALID_CPU_USER_USEC, &report->cpu_user_usec, value);
	if (stat_field(text, "system_usec", &value))
		put(report, SBX_VALID_CPU_SYSTEM_USEC, &report->cpu_system_usec, value);
	/* without the cpu controller the file is there all the same, but nothing throttles */
	if (stat_field(text, "nr_throttled", &periods) && stat_field(text, "throttled_usec", &value))
		put(report, SBX_VALID_THROTTLED_USEC, &report->throttled_usec, value);
}

static void
stat_io(const struct cgroup *cgroup, sbx_report *report)
{
	g_autofree char *text = fd_read_file_at(cgroup->fd, "io.stat");
	uint64_t value;

	if (!text)
		return;
	if (stat_sum(text, "rbytes", &value))
		put(report, SBX_VALID_IO_READ_BYTES, &report->io_read_bytes, value);
	if (stat_sum(text, "wbytes", &value))
		put(report, SBX_VALID_IO_WRITE_BYTES, &report->io_write_bytes, value);
}

static void
stat_peaks(const struct cgroup *cgroup, sbx_report *report)
{
	g_autofree char *memory = fd_read_file_at(cgroup->fd, "memory.peak");
	g_autofree char *swap = fd_read_file_at(cgroup->fd, "memory.swap.peak");
	g_autofree char *pids = fd_read_file_at(cgroup->fd, "pids.peak");
	uint64_t value;

	if (memory && stat_number(memory, &value))
		put(report, SBX_VALID_MEMORY_PEAK, &report->memory_peak, value);
	if (swap && stat_number(swap, &value))
		put(report, SBX_VALID_SWAP_PEAK, &report->swap_peak, value);
	if (pids && stat_number(pids, &value))
		put(report, SBX_VALID_PIDS_PEAK, &report->pids_peak,
		    value > cgroup->peak_offset ? value - cgroup->peak_offset : 0);
}

/*
 * oom_kill may count the first victim of a group kill twice: as the victim and, if it is not quite dead by then, as a
 * member of the group. There can't have been more than ever lived at once.
 */
static uint64_t
killed(const struct cgroup *cgroup, const sbx_report *report, uint64_t kills, uint64_t groups)
{
	if (!groups)
		return kills;
	if (report->valid & SBX_VALID_PIDS_PEAK)
		return MIN(kills, report->pids_peak + cgroup->peak_offset);
	return kills > groups ? kills - groups : MIN(kills, 1);
}

/* More groups than this, or deeper ones, are not looked at: then there is no number. */
#define BELOW_MAX 256
#define DEPTH_MAX 16

static bool
denied_below(int fd, unsigned depth, unsigned *left, uint64_t *sum)
{
	g_autofree char *text = fd_read_file_at(fd, "pids.events");
	int listed = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = listed >= 0 ? fdopendir(listed) : NULL;
	bool whole = dir && depth < DEPTH_MAX;
	uint64_t value;

	/* a group that has no file, where the controller was not passed on, counts in the one above */
	if (text && stat_field(text, "max", &value))
		*sum += value;
	for (const struct dirent *entry; whole && (entry = readdir(dir));) {
		autofd child = -1;

		if (entry->d_type != DT_DIR || *entry->d_name == '.')
			continue;
		child = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		whole = (*left)-- > 0 && (child < 0 || denied_below(child, depth + 1, left, sum));
	}
	if (dir)
		(void)closedir(dir);
	else
		fd_close(&listed);
	return whole;
}

/*
 * Forks that were refused. Since Linux 6.11 a group counts them for all below it, and has pids.events.local; before
 * that a refusal is counted where the process sits, whichever limit it hit: the groups below are added, as long as they
 * exist.
 */
static bool
pids_denied(int fd, uint64_t *ret)
{
	g_autofree char *text = fd_read_file_at(fd, "pids.events");
	unsigned left = BELOW_MAX;
	uint64_t value;

	if (!text || !stat_field(text, "max", &value))
		return false;
	if (faccessat(fd, "pids.events.local", F_OK, 0) < 0) {
		value = 0;
		if (!denied_below(fd, 0, &left, &value))
			return false;
	}
	*ret = value;
	return true;
}

static void
stat_events(const struct cgroup *cgroup, sbx_report *report)
{
	g_autofree char *memory = fd_read_file_at(cgroup->fd, "memory.events");
	uint64_t value, groups = 0;

	if (memory && stat_field(memory, "oom_kill", &value)) {
		(void)stat_field(memory, "oom_group_kill", &groups);
		put(report, SBX_VALID_OOM_KILLS, &report->oom_kills, killed(cgroup, report, value, groups));
	}
	if (pids_denied(cgroup->fd, &value))
		put(report, SBX_VALID_PIDS_DENIED, &report->pids_denied, value);
}

static void
stat_stalls(const struct cgroup *cgroup, sbx_report *report)
{
	const struct {
		const char *file;
		uint64_t bit, *field;
	} stalls[] = {
		{ "cpu.pressure", SBX_VALID_PRESSURE_CPU_USEC, &report->pressure_cpu_usec },
		{ "memory.pressure", SBX_VALID_PRESSURE_MEMORY_USEC, &report->pressure_memory_usec },
		{ "io.pressure", SBX_VALID_PRESSURE_IO_USEC, &report->pressure_io_usec },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(stalls); i++) {
		g_autofree char *text = fd_read_file_at(cgroup->fd, stalls[i].file);
		uint64_t value;

		if (text && stat_pressure(text, &value))
			put(report, stalls[i].bit, stalls[i].field, value);
	}
}

void
cgroup_stat(const struct cgroup *cgroup, sbx_report *report)
{
	stat_cpu(cgroup, report);
	stat_io(cgroup, report);
	stat_peaks(cgroup, report);
	stat_events(cgroup, report);
	stat_stalls(cgroup, report);
}

/*
 * Who was it? What mm/memcontrol.c and mm/oom_kill.c count where (O: whose limit was reached, V: the victim's group):
 *
 *	oom             O, memory.events.local; O and all above, memory.events
 *	oom_kill        V, memory.events.local; V and all above, memory.events; once for each process of a group that dies
 *	oom_group_kill  the highest group from V up to O that has memory.oom.group, likewise (Linux 5.17)
 *
 * With memory_localevents (a mount option of the host's) memory.events is as memory.events.local. So, for a group with
 * groups below it, made by the payload or for it; local and below are its two files, an x is more than 0:
 *
 *	oom_kill       oom           oom_group_kill
 *	local  below   local  below  local             the kill was
 *	0      0       any    any    0                 none
 *	any    x       x      x      any               its own limit's
 *	0      0       x      any    x                 its own limit's; victims below count for themselves (localevents)
 *	any    x       0      0      any               an ancestor's: nothing in here has reached a limit
 *	x      x       0      x      any               an ancestor's: no limit below reaches a process of this very group
 *	0      x       0      x      x                 an ancestor's: a limit below does not kill this group as a whole
 *	0      x       0      x      0                 a limit's of a group below: the affair of who set it
 *
 * The last row may hide an ancestor's kill, where memory.oom.group is off and a limit below was reached as well.
 */
bool
stat_oom(const char *local, const char *below, struct cgroup_oom *ret)
{
	uint64_t local_kills, kills, own, oom, groups = 0;

	if (!stat_field(local, "oom_kill", &local_kills) || !stat_field(local, "oom", &own) ||
	    !stat_field(below, "oom_kill", &kills) || !stat_field(below, "oom", &oom))
		return false;
	(void)stat_field(local, "oom_group_kill", &groups);
	kills = MAX(kills, MAX(local_kills, groups));
	if (!own && oom && !local_kills && !groups)
		kills = 0;
	*ret = (struct cgroup_oom){ .kills = kills, .own = own };
	return true;
}

bool
cgroup_oom(const struct cgroup *cgroup, struct cgroup_oom *ret)
{
	g_autofree char *local = fd_read_file_at(cgroup->fd, "memory.events.local");
	g_autofree char *below = fd_read_file_at(cgroup->fd, "memory.events");

	return below && stat_oom(local ? local : below, below, ret);
}
