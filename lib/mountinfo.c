/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* /proc/self/mountinfo, one mount after the other. Read line by line: hosts with ten thousand mounts exist. */
#include "mountinfo.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static bool
is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* The kernel writes space, tab, newline and backslash as \ooo. */
static void
unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from != '\0';) {
		if (from[0] == '\\' && is_octal(from[1]) && is_octal(from[2]) && is_octal(from[3])) {
			*to++ = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
			from += 4;
		} else {
			*to++ = *from++;
		}
	}
	*to = '\0';
}

/* The next field, unescaped; NULL when there is none. A field may be empty: some sources are. */
static char *
next_field(char **rest)
{
	char *field = strsep(rest, " ");

	if (field)
		unescape(field);
	return field;
}

static bool
parse_id(const char *text, int *ret_id)
{
	char *end;
	long id;

	if (!text || !g_ascii_isdigit(text[0]))
		return false;
	errno = 0;
	id = strtol(text, &end, 10);
	if (errno != 0 || *end != '\0' || id > INT_MAX)
		return false;
	*ret_id = (int)id;
	return true;
}

bool
mountinfo_parse(char *line, struct mount *ret_mount)
{
	struct mount mount = { 0 };
	char *rest = line;
	char *field;

	line[strcspn(line, "\n")] = '\0';
	if (!parse_id(next_field(&rest), &mount.id) || !next_field(&rest) || !next_field(&rest))
		return false;
	mount.root = next_field(&rest);
	mount.point = next_field(&rest);
	if (!mount.point)
		return false;
	/* mount options and any number of "shared:1" and its like, closed by "-" */
	do {
		field = next_field(&rest);
		if (!field)
			return false;
	} while (strcmp(field, "-") != 0);
	mount.type = next_field(&rest);
	mount.source = next_field(&rest);
	mount.options = next_field(&rest);
	if (!mount.options)
		return false;
	*ret_mount = mount;
	return true;
}

bool
mountinfo_next(struct mountinfo *mountinfo, struct mount *ret_mount)
{
	if (!mountinfo->file)
		mountinfo->file = fopen("/proc/self/mountinfo", "re");
	if (!mountinfo->file)
		return false;
	while (getline(&mountinfo->line, &mountinfo->size, mountinfo->file) >= 0)
		if (mountinfo_parse(mountinfo->line, ret_mount))
			return true;
	return false;
}

void
mountinfo_clear(struct mountinfo *mountinfo)
{
	if (mountinfo->file)
		(void)fclose(mountinfo->file);
	free(mountinfo->line);
	*mountinfo = (struct mountinfo){ 0 };
}
