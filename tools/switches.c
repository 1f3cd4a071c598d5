/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Options that take no value, and got one. The command line is read as GLib reads it: what is a value is no option. */
#include "switches.h"

#include <string.h>

/* The entry of "--NAME" or "--NAME=VALUE", NULL where there is none. */
static const GOptionEntry *
entry_long(const GOptionEntry *entries, const char *option)
{
	const char *name = option + strlen("--");
	gsize length = strcspn(name, "=");

	for (; entries->long_name; entries++)
		if (strlen(entries->long_name) == length && strncmp(entries->long_name, name, length) == 0)
			return entries;
	return NULL;
}

/* Is one of the letters of "-abc" an option with a value? */
static gboolean
letters_take(const GOptionEntry *entries, const char *letters)
{
	for (; entries->long_name; entries++)
		if (entries->short_name && strchr(letters, entries->short_name) && !(entries->flags & G_OPTION_FLAG_NO_ARG))
			return TRUE;
	return FALSE;
}

gboolean
switches_check(const GOptionEntry *entries, char **argv, GError **error)
{
	for (char **at = argv + 1; *at && (*at)[0] == '-' && (*at)[1] && strcmp(*at, "--") != 0; at++) {
		const GOptionEntry *entry = g_str_has_prefix(*at, "--") ? entry_long(entries, *at) : NULL;
		gboolean takes =
			entry ? !(entry->flags & G_OPTION_FLAG_NO_ARG) : (*at)[1] != '-' && letters_take(entries, *at + 1);

		if (entry && !takes && strchr(*at, '=')) {
			g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--%s takes no value: \"%s\"",
			            entry->long_name, *at);
			return FALSE;
		}
		/* one that may be left out is never the next argument when that begins with a dash */
		if (takes && !(entry && strchr(*at, '=')) && at[1] &&
		    !(entry && entry->flags & G_OPTION_FLAG_OPTIONAL_ARG && at[1][0] == '-'))
			at++;
	}
	return TRUE;
}
