/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The payload's environment when the host gives none: the few variables that are passed on, and those of `env`. */
#include "environ.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "error.h"
#include "fd.h"
#include "value.h"

static bool
is_passed(const char *variable, bool all)
{
	static const char *const names[] = { "PATH=", "HOME=", "USER=", "LOGNAME=", "SHELL=", "LANG=", "TERM=", "TZ=" };

	if (all)
		return strchr(variable, '=') && *variable != '=';
	if (g_str_has_prefix(variable, "LC_") && strchr(variable, '='))
		return true;
	for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
		if (g_str_has_prefix(variable, names[i]))
			return true;
	return false;
}

/* The last one of a name wins, in the place of the first. */
static void
put(GPtrArray *variables, const char *variable)
{
	gsize name = (gsize)(strchr(variable, '=') - variable) + 1;

	for (guint i = 0; i < variables->len; i++) {
		char **old = (char **)&variables->pdata[i];

		if (!strncmp(*old, variable, name)) {
			g_free(*old);
			*old = g_strdup(variable);
			return;
		}
	}
	g_ptr_array_add(variables, g_strdup(variable));
}

char **
environ_for_payload(const sbx_spec *spec, GError **error)
{
	g_autoptr(GPtrArray) variables = g_ptr_array_new_with_free_func(g_free);
	const char *keep_text = spec_text(spec, "keep-env");
	bool keep = false;
	g_autofree char *own = NULL;
	size_t size = 0;
	autofd fd = -1;

	if (keep_text)
		value_bool(keep_text, &keep);
	fd = open("/proc/self/environ", O_RDONLY | O_CLOEXEC);
	/* a program that gave up root by setuid(2) may not read its own: then nothing is passed on */
	if (fd < 0 && errno == EACCES && !keep) {
		own = g_strdup("PATH=" ENVIRON_PATH);
		size = strlen(own) + 1;
	} else if (fd < 0 || !(own = fd_read_all(fd, &size))) {
		throw_errno(error, STAGE_PROCESS, "env", "read /proc/self/environ");
		throw_hint(error, "give the command an environment of its own (sbx_command.envp)");
		return NULL;
	}
	for (const char *at = own; at < own + size; at += strlen(at) + 1)
		if (is_passed(at, keep))
			put(variables, at);
	for (guint i = 0; i < spec->entries->len; i++)
		if (g_str_equal(spec_at(spec, i)->name, "env"))
			put(variables, spec_at(spec, i)->value);
	g_ptr_array_add(variables, NULL);
	return (char **)g_ptr_array_free(g_steal_pointer(&variables), false);
}
