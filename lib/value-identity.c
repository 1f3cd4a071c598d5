/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Values that say who the payload is and what it may do. */
#include "value-parts.h"

#include <string.h>
#include <sys/capability.h>
#include <sys/resource.h>

#define GROUPS_MOST 65536u /* NGROUPS_MAX of the kernel */

bool
value_share(const char *text, unsigned *ret_bits)
{
	static const char *const names[] = { "pid", "ipc", "uts", "net", "cgroup", "user", "time" };
	g_auto(GStrv) words = text ? g_strsplit(text, ",", -1) : NULL;
	unsigned bits = 0;

	if (!words || !words[0])
		return false;
	for (size_t i = 0; words[i]; i++) {
		size_t n = 0;

		while (n < G_N_ELEMENTS(names) && strcmp(words[i], names[n]) != 0)
			n++;
		if (n == G_N_ELEMENTS(names))
			return false;
		bits |= 1u << n;
	}
	*ret_bits = bits;
	return true;
}

bool
value_user(const char *text, struct value_user *ret)
{
	uint64_t uid, gid;

	if (!text || !value_digits(&text, VALUE_ID_MAX, &uid))
		return false;
	gid = uid;
	if (*text == ':' ? !value_whole(text + 1, VALUE_ID_MAX, &gid) : *text)
		return false;
	*ret = (struct value_user){ .uid = (uint32_t)uid, .gid = (uint32_t)gid };
	return true;
}

bool
value_ids(const char *text, GArray **ret_uint32)
{
	g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));

	while (text && *text) {
		uint64_t number;
		uint32_t id;

		if (!value_digits(&text, VALUE_ID_MAX, &number) || ids->len == GROUPS_MOST)
			return false;
		id = (uint32_t)number;
		g_array_append_val(ids, id);
		if (*text && (*text++ != ',' || !*text))
			return false;
	}
	*ret_uint32 = g_steal_pointer(&ids);
	return true;
}

bool
value_map(const char *text, struct value_map *ret)
{
	uint64_t inside, outside, count;

	if (!text || !value_digits(&text, VALUE_ID_MAX, &inside) || *text++ != ':')
		return false;
	if (!value_digits(&text, VALUE_ID_MAX, &outside) || *text++ != ':')
		return false;
	if (!value_whole(text, VALUE_ID_MAX + 1ull, &count) || count == 0)
		return false;
	if (MAX(inside, outside) + count > VALUE_ID_MAX + 1ull)
		return false;
	*ret = (struct value_map){ .inside = (uint32_t)inside, .outside = (uint32_t)outside, .count = (uint32_t)count };
	return true;
}

static const struct {
	const char *name;
	int resource;
	bool bytes;
} rlimits[] = {
	{ "as", RLIMIT_AS, true },
	{ "core", RLIMIT_CORE, true },
	{ "cpu", RLIMIT_CPU, false },
	{ "data", RLIMIT_DATA, true },
	{ "fsize", RLIMIT_FSIZE, true },
	{ "locks", RLIMIT_LOCKS, false },
	{ "memlock", RLIMIT_MEMLOCK, true },
	{ "msgqueue", RLIMIT_MSGQUEUE, true },
	{ "nice", RLIMIT_NICE, false },
	{ "nofile", RLIMIT_NOFILE, false },
	{ "nproc", RLIMIT_NPROC, false },
	{ "rss", RLIMIT_RSS, true },
	{ "rtprio", RLIMIT_RTPRIO, false },
	{ "rttime", RLIMIT_RTTIME, false },
	{ "sigpending", RLIMIT_SIGPENDING, false },
	{ "stack", RLIMIT_STACK, true },
};

/* The row of that name, or -1. */
static int
rlimit_row(const char *name, size_t length)
{
	if (g_ascii_strncasecmp(name, "RLIMIT_", 7) == 0 && length > 7) {
		name += 7;
		length -= 7;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(rlimits); i++)
		if (strlen(rlimits[i].name) == length && g_ascii_strncasecmp(name, rlimits[i].name, length) == 0)
			return (int)i;
	return -1;
}

static bool
rlimit_number(const char *text, bool bytes, uint64_t *ret)
{
	if (strcmp(text, "unlimited") == 0 || strcmp(text, "infinity") == 0) {
		*ret = VALUE_MAX; /* RLIM_INFINITY is the same number */
		return true;
	}
	return bytes ? value_size(text, ret) : value_count(text, ret);
}

bool
value_rlimit(const char *text, struct value_rlimit *ret)
{
	const char *equals = text ? strchr(text, '=') : NULL;
	int row = equals ? rlimit_row(text, (size_t)(equals - text)) : -1;
	g_auto(GStrv) numbers = row >= 0 ? g_strsplit(equals + 1, ":", -1) : NULL;
	guint n = numbers ? g_strv_length(numbers) : 0;
	struct value_rlimit limit;

	if (n < 1 || n > 2)
		return false;
	limit.resource = rlimits[row].resource;
	if (!rlimit_number(numbers[0], rlimits[row].bytes, &limit.soft) ||
	    !rlimit_number(numbers[n - 1], rlimits[row].bytes, &limit.hard) || limit.soft > limit.hard)
		return false;
	*ret = limit;
	return true;
}

/* The capability's number, or -1. libcap takes numbers too and looks no further than the end of a name, so that only
 * letters may reach it. */
static int
cap_number(const char *name)
{
	g_autofree char *full = NULL;
	cap_value_t number;

	if (g_ascii_strncasecmp(name, "CAP_", 4) == 0)
		name += 4;
	if (!*name || strlen(name) > 64)
		return -1;
	for (const char *p = name; *p; p++)
		if (!g_ascii_isalpha(*p) && *p != '_')
			return -1;
	full = g_strdup_printf("cap_%s", name);
	for (char *p = full; *p; p++)
		*p = g_ascii_tolower(*p);
	return cap_from_name(full, &number) == 0 && number >= 0 && number < 64 ? number : -1;
}

/* What no box may have, or NULL: identity-caps.c refuses more, which depend on the box. */
static const char *
cap_refused(int number)
{
	return number == CAP_SYS_BOOT ? "all that it can do in a box is to kill the box's init" : NULL;
}

/* The words of the list are looked at one by one; *ret_bad is the first one that may not stand there. */
static bool
cap_read(const char *text, uint64_t *ret_mask, char **ret_bad)
{
	g_auto(GStrv) words = g_strsplit(text, ",", -1);
	uint64_t mask = 0;

	for (size_t i = 0; words[i]; i++) {
		int number = cap_number(words[i]);

		if (number < 0 || cap_refused(number)) {
			*ret_bad = g_strdup(words[i]);
			return false;
		}
		mask |= 1ull << number;
	}
	*ret_mask = mask;
	return true;
}

bool
value_cap(const char *text, uint64_t *ret_mask)
{
	g_autofree char *bad = NULL;

	return text && cap_read(text, ret_mask, &bad);
}

char *
value_cap_complaint(const char *text)
{
	g_autofree char *bad = NULL;
	g_autofree char *quoted = NULL;
	uint64_t mask;
	int number;

	if (cap_read(text, &mask, &bad))
		return NULL;
	number = cap_number(bad);
	if (number >= 0) {
		g_autofree char *name = value_cap_name((unsigned)number);

		return g_strdup_printf("%s is refused: %s", name, cap_refused(number));
	}
	quoted = value_quote(bad);
	return g_strdup_printf("%s is not a capability; accepted: names as in capabilities(7), separated by commas",
	                       quoted);
}

char *
value_cap_name(unsigned number)
{
	char *name = cap_to_name((cap_value_t)number);
	char *upper = name ? g_ascii_strup(name, -1) : g_strdup_printf("capability %u", number);

	cap_free(name);
	return upper;
}
