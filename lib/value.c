/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Values checked, and every "what is accepted" sentence. */
#include "value-parts.h"

#include "error.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#define SHOWN 80        /* of a value, in a message */
#define TEXT_MOST 16384 /* two paths with each character escaped */
#define ENV_MOST 131071 /* MAX_ARG_STRLEN of the kernel, without its NUL */
#define FILE_MOST (16 * 1024 * 1024 + PATH_MAX)

static const struct {
	const char *what;
	const char *accepted;
} words[] = {
	[KEY_SIZE] = { "a size", "bytes, a number with K, M, G or T (1024-based, as in 100M or 1.5G), or max" },
	[KEY_COUNT] = { "a count", "a whole number, or max" },
	[KEY_WEIGHT] = { "a weight", "1 to 10000" },
	[KEY_BOOL] = { "a yes or no", "yes, no, true, false, on, off, 1, 0" },
	[KEY_OOM] = { "a way to end", "group, one" },
	[KEY_CPU_MAX] = { "a share of CPU time",
	                  "a number of CPUs (1.5, at least 0.01), a percentage (150%), max, or "
	                  "QUOTA PERIOD in microseconds (50000 100000; from 1000, period to 1000000)" },
	[KEY_PERCENT] = { "a percentage", "0 to 100 with up to two decimals, or max" },
	[KEY_LIST] = { "a list of numbers", "numbers and ranges separated by commas, as in 0-3,7" },
	[KEY_IO_MAX] = { "a limit of a disk",
	                 "DEV rbps=SIZE wbps=SIZE riops=N wiops=N, at least one of them, each above 0 or "
	                 "max; DEV is an absolute path or MAJ:MIN" },
	[KEY_RAW] = { "a value for a kernel file", "one line without control characters, 1 to 4095 bytes" },
	[KEY_TIME] = { "a time", "seconds, or a number with ms, s, m or h, as in 10, 500ms, 1.5s, 2m" },
	[KEY_ROOT] = { "a root", "host, empty, or an absolute directory" },
	[KEY_BIND] = { "a bind", "SRC[:DST], both absolute, DST without \"..\"; \\: and \\\\ stand for : and \\" },
	[KEY_TMPFS] = { "a tmpfs", "DST[:SIZE[:INODES]], DST absolute without \"..\", as in /work:100M" },
	[KEY_DST] = { "a path inside", "an absolute path without \"..\"" },
	[KEY_FILE] = { "a file", "DST=TEXT, DST absolute without \"..\"" },
	[KEY_SYMLINK] = { "a symbolic link", "TARGET:DST, DST absolute without \"..\"; \\: and \\\\ stand for : and \\" },
	[KEY_NET] = { "a network", "none, loopback, host, or the absolute path of a namespace file" },
	[KEY_SHARE] = { "a list of namespaces", "pid, ipc, uts, net, cgroup, user, time, separated by commas" },
	[KEY_HOSTNAME] = { "a host name", "1 to 64 letters, digits, dots and hyphens, no hyphen first" },
	[KEY_USER] = { "a user", "UID[:GID], numbers from 0 to 4294967294" },
	[KEY_IDS] = { "a list of group ids", "numbers from 0 to 4294967294 separated by commas" },
	[KEY_ID_MAP] = { "an id map", "IN:OUT:COUNT, numbers, COUNT at least 1, no id above 4294967294" },
	[KEY_SECCOMP] = { "a policy", "default, strict, none, or the path of a policy file" },
	[KEY_DEVICE] = { "a device rule",
	                 "/dev/NODE[:ACCESS], \"c|b|a MAJ:MIN [ACCESS]\" with * for any number, char-DRIVER[:ACCESS], "
	                 "block-DRIVER[:ACCESS], or all; ACCESS is some of r, w and m" },
	[KEY_CAP] = { "a list of capabilities", "names as in capabilities(7), separated by commas" },
	[KEY_PATH] = { "a path", "an absolute path" },
	[KEY_ENV] = { "a variable", "NAME=VALUE, NAME not empty" },
	[KEY_RLIMIT] = { "a resource limit",
	                 "NAME=SOFT[:HARD], NAME as, core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, "
	                 "nproc, rss, rtprio, rttime, sigpending or stack; a number, for bytes a size, or unlimited; "
	                 "SOFT not above HARD" },
	[KEY_NICE] = { "a nice value", "-20 to 19" },
	[KEY_PLACE] = { "a place for the cgroup", "auto, systemd, or an absolute path without \"..\"" },
	[KEY_SELF] = { "what may become of the caller's own cgroup", "never, leaf" },
	[KEY_OFFSET] = { "an offset", "whole seconds, as in 3600 or -60" },
};

char *
value_quote(const char *text)
{
	size_t length = strlen(text);

	if (length <= SHOWN)
		return g_strdup_printf("\"%s\"", text);
	for (length = SHOWN; length > SHOWN - 4 && ((unsigned char)text[length] & 0xc0) == 0x80; length--)
		; /* not in the middle of a character */
	return g_strdup_printf("\"%.*s...\"", (int)length, text);
}

static bool
value_hostname(const char *text)
{
	size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-");

	return length >= 1 && length <= 64 && !text[length] && *text != '-';
}

static bool
value_env(const char *text)
{
	const char *equals = strchr(text, '=');

	return equals && equals != text;
}

static bool
value_absolute(const char *text)
{
	return *text == '/' && strlen(text) < PATH_MAX;
}

/* The types whose answer is of no interest here. */
static bool
value_accept_other(enum key_type type, const char *text)
{
	g_auto(value_mount_t) mount = { .src = NULL };
	g_autoptr(GArray) ids = NULL;
	g_auto(value_device_t) device = { .path = NULL };
	struct value_user user;
	struct value_map map;
	struct value_rlimit rlimit;
	uint64_t mask;
	unsigned bits;
	int nice;

	switch (type) {
	case KEY_SHARE:
		return value_share(text, &bits);
	case KEY_USER:
		return value_user(text, &user);
	case KEY_IDS:
		return value_ids(text, &ids);
	case KEY_ID_MAP:
		return value_map(text, &map);
	case KEY_RLIMIT:
		return value_rlimit(text, &rlimit);
	case KEY_CAP:
		return value_cap(text, &mask);
	case KEY_DEVICE:
		return value_device(text, &device);
	case KEY_NICE:
		return value_nice(text, &nice);
	default:
		return value_mount(type, text, &mount);
	}
}

static bool
value_accept(const struct key *key, const char *text)
{
	g_autofree char *kernel = NULL;
	uint64_t number;
	int64_t seconds;

	switch (key->type) {
	case KEY_WEIGHT:
		return value_whole(text, 10000, &number) && number >= 1;
	case KEY_PERCENT:
		return value_percent(text);
	case KEY_LIST:
		return value_list(text);
	case KEY_RAW:
		return value_line(text);
	case KEY_SIZE:
	case KEY_COUNT:
	case KEY_BOOL:
	case KEY_OOM:
	case KEY_CPU_MAX:
	case KEY_IO_MAX:
		return (kernel = value_kernel(key, text));
	case KEY_TIME:
		return value_time(text, &number);
	case KEY_OFFSET:
		return value_offset(text, &seconds);
	case KEY_ROOT:
		return g_strv_contains((const char *const[]){ "host", "empty", NULL }, text) || value_absolute(text);
	case KEY_NET:
		return g_strv_contains((const char *const[]){ "none", "loopback", "host", NULL }, text) || value_absolute(text);
	case KEY_SECCOMP:
		return *text && strlen(text) < PATH_MAX; /* whether there is such a policy turns out when it is compiled */
	case KEY_PLACE:
		return value_place(text);
	case KEY_SELF:
		return g_strv_contains((const char *const[]){ "never", "leaf", NULL }, text);
	case KEY_PATH:
		return value_absolute(text);
	case KEY_HOSTNAME:
		return value_hostname(text);
	case KEY_ENV:
		return value_env(text);
	default:
		return value_accept_other(key->type, text);
	}
}

/* What is wrong with a value that its type takes, or what the type's own sentence does not say. NULL: nothing. */
static char *
value_complaint(const struct key *key, const char *name, const char *text)
{
	uint64_t number;

	if (key->type == KEY_CAP)
		return value_cap_complaint(text);
	if (key->type == KEY_DEVICE)
		return value_device_complaint(text);
	/* timeout(1) takes 0 for "none", subprocess for "at once": we take neither. */
	if (strcmp(name, "time.wall") == 0 && value_time(text, &number) && number == 0)
		return g_strdup("0 is not a time limit; accepted: a time above 0, as in 10, 500ms, 2m");
	if (strcmp(name, "cpu.max.burst") == 0 && strcmp(text, "max") == 0)
		return g_strdup("\"max\" is not accepted by the kernel; accepted: a whole number of microseconds");
	return NULL;
}

bool
value_check(const struct key *key, const char *name, const char *text, GError **error)
{
	size_t most = key->type == KEY_FILE ? FILE_MOST : key->type == KEY_ENV ? ENV_MOST : TEXT_MOST;
	g_autofree char *complaint = NULL;
	g_autofree char *quoted = NULL;

	if (!text)
		return throw_error(error, EINVAL, STAGE_SPEC, name, "%s: no value", name);
	if (strlen(text) > most)
		return throw_error(error, EINVAL, STAGE_SPEC, name, "%s: the value has %zu bytes; accepted: at most %zu", name,
		                   strlen(text), most);
	complaint = value_complaint(key, name, text);
	if (complaint)
		return throw_error(error, EINVAL, STAGE_SPEC, name, "%s: %s", name, complaint);
	if (value_accept(key, text))
		return true;
	quoted = value_quote(text);
	return throw_error(error, EINVAL, STAGE_SPEC, name, "%s: %s is not %s; accepted: %s", name, quoted,
	                   words[key->type].what, words[key->type].accepted);
}
