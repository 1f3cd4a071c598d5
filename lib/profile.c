/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * The profile file: GLib key-file syntax into a spec.
 *
 * Theory of operation: GKeyFile knows how a value is quoted, but not in which line it stood, nor that a key was there
 * twice. So the text is walked line by line here, which gives the order, the numbers and the errors, and GKeyFile is
 * asked for the value of each line. Everything is set in a copy, which takes the place of the spec at the end.
 */
#include "profile.h"

#include "error.h"
#include "spec-parts.h"
#include "value.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define TEXT_MOST ((size_t)64 * 1024)
#define GROUPS "limits, time, files, namespaces, identity, security, process"

struct profile {
	const char *path;
	sbx_spec *spec; /* the copy */
	GKeyFile *file;
	GString *lines;   /* what GKeyFile is given: no comment, no empty line, since it needs minutes for many of those */
	GHashTable *seen; /* key -> line */
	char *group;      /* of the line, NULL before the first */
	unsigned line;
};

static bool
profile_group_known(const char *group)
{
	for (const struct key *key = key_table; key->name; key++)
		if (strcmp(key->group, group) == 0)
			return true;
	return false;
}

/* "[name]" */
static bool
profile_group(struct profile *profile, const char *text, GError **error)
{
	const char *end = strchr(text, ']');

	if (!end || end[1])
		return throw_error(error, EINVAL, STAGE_SPEC, NULL, "a group is written [NAME]");
	g_free(profile->group);
	profile->group = g_strndup(text + 1, (gsize)(end - text - 1));
	if (profile_group_known(profile->group))
		return true;
	return throw_error(error, EINVAL, STAGE_SPEC, NULL, "[%.64s] is not a group; accepted: " GROUPS, profile->group);
}

/* The key may stand here, once. A key that does not exist is spec_set()'s to refuse. */
static bool
profile_place(struct profile *profile, const char *text, GError **error)
{
	size_t length = strlen(text);
	bool best_effort = *text == '?';
	g_autofree char *name =
		g_strndup(text + best_effort, length - best_effort - (length > 1 && text[length - 1] == '+'));
	const struct key *key = key_find(name);
	/* "key" and "?key" both replace, so that there is room for one of them only; "key+" and "?key+" live together. */
	g_autofree char *id = g_strdup(g_str_has_suffix(text, "+") ? text : name);
	unsigned before = GPOINTER_TO_UINT(g_hash_table_lookup(profile->seen, id));

	if (key && strcmp(key->group, profile->group) != 0)
		return throw_error(error, EINVAL, STAGE_SPEC, name, "%s belongs in [%s], not in [%s]", name, key->group,
		                   profile->group);
	if (before) {
		throw_error(error, EINVAL, STAGE_SPEC, name, "%s was set in line %u already", text, before);
		return key && key->list ? throw_hint(error, "several values of a list are separated by \";\"") : false;
	}
	g_hash_table_insert(profile->seen, g_steal_pointer(&id), GUINT_TO_POINTER(profile->line));
	return true;
}

/* "bind=a;b" replaces, "bind+=a;b" adds; an empty value empties. */
static bool
profile_set_list(struct profile *profile, const char *text, bool adds, GError **error)
{
	g_autofree char *key = g_strndup(text, strlen(text) - adds);
	g_autofree char *plus = g_strdup_printf("%s+", key);
	g_autoptr(GError) failed = NULL;
	g_auto(GStrv) values = g_key_file_get_string_list(profile->file, profile->group, text, NULL, &failed);

	if (!values)
		return throw_error(error, EINVAL, STAGE_SPEC, key, "%s: %s", text, failed->message);
	if (!adds && !spec_set(profile->spec, key, "", error))
		return false;
	if (adds && !values[0])
		return spec_set(profile->spec, text, "", error);
	for (size_t i = 0; values[i]; i++)
		if (!spec_set(profile->spec, plus, values[i], error))
			return false;
	return true;
}

static bool
profile_set(struct profile *profile, const char *text, GError **error)
{
	bool best_effort = *text == '?';
	bool adds = g_str_has_suffix(text + best_effort, "+");
	g_autofree char *name = g_strndup(text + best_effort, strlen(text + best_effort) - adds);
	const struct key *key = key_find(name);
	g_autoptr(GError) failed = NULL;
	g_autofree char *value = NULL;

	if (key && key->list)
		return profile_set_list(profile, text, adds, error);
	value = g_key_file_get_string(profile->file, profile->group, text, &failed);
	if (!value)
		return throw_error(error, EINVAL, STAGE_SPEC, name, "%s: %s", text, failed->message);
	return spec_set(profile->spec, text, value, error);
}

/* One line without blanks around it. With `file` NULL only its form is looked at. */
static bool
profile_line(struct profile *profile, const char *text, GError **error)
{
	const char *equals = strchr(text, '=');
	g_autofree char *key = NULL;

	if (!*text || *text == '#')
		return true;
	if (*text == '[')
		return profile_group(profile, text, error);
	if (!equals || equals == text)
		return throw_error(error, EINVAL, STAGE_SPEC, NULL, "neither KEY=VALUE nor [GROUP] nor a # comment");
	if (!profile->group)
		return throw_error(error, EINVAL, STAGE_SPEC, NULL, "a key before the first [GROUP]");
	key = g_strchomp(g_strndup(text, (gsize)(equals - text)));
	if (profile->file)
		return profile_set(profile, key, error);
	if (strpbrk(key, "[]"))
		return throw_error(error, EINVAL, STAGE_SPEC, NULL, "a key has no brackets: there are no translated values");
	return profile_place(profile, key, error);
}

static bool
profile_walk(struct profile *profile, const char *text, GError **error)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	g_clear_pointer(&profile->group, g_free);
	profile->line = 0;
	for (size_t i = 0; lines[i]; i++) {
		const char *line = g_strchug(lines[i]);

		profile->line++;
		if (!profile->file && *line && *line != '#')
			g_string_append_printf(profile->lines, "%s\n", line);
		if (!profile_line(profile, g_strchomp(lines[i]), error))
			return throw_prefix(error, "%s:%u: ", profile->path, profile->line);
	}
	return true;
}

/* All forms first, then all values: GKeyFile reads nothing that has not been understood here. */
static bool
profile_parse(struct profile *profile, const char *text, size_t length, GError **error)
{
	g_autoptr(GKeyFile) file = g_key_file_new();
	g_autoptr(GError) failed = NULL;

	if (strlen(text) != length)
		return throw_error(error, EINVAL, STAGE_SPEC, NULL, "%s: a NUL byte at offset %zu", profile->path,
		                   strlen(text));
	if (!profile_walk(profile, text, error))
		return false;
	if (!g_key_file_load_from_data(file, profile->lines->str, profile->lines->len, G_KEY_FILE_NONE, &failed))
		return throw_error(error, EINVAL, STAGE_SPEC, NULL, "%s: %s", profile->path, failed->message);
	profile->file = file;
	return profile_walk(profile, text, error);
}

bool
profile_load(sbx_spec *spec, const char *path, GError **error)
{
	autofd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(spec_t) copy = NULL;
	g_autofree char *text = NULL;
	g_autoptr(GString) lines = g_string_new(NULL);
	struct profile profile = { .path = path, .seen = seen, .lines = lines };
	struct sbx_spec old;
	size_t length;
	bool good;

	if (fd < 0)
		return throw_errno(error, STAGE_SPEC, NULL, "open %s", path);
	text = fd_read_all(fd, &length);
	if (!text)
		return throw_errno(error, STAGE_SPEC, NULL, "read %s", path);
	if (length > TEXT_MOST)
		return throw_error(error, EFBIG, STAGE_SPEC, NULL, "%s has %zu bytes; accepted: at most %zu", path, length,
		                   TEXT_MOST);
	copy = sbx_spec_copy(spec);
	if (!copy)
		return throw_errno(error, STAGE_SPEC, NULL, "load %s: duplicate the fds of the spec", path);
	profile.spec = copy;
	good = profile_parse(&profile, text, length, error);
	g_free(profile.group);
	if (!good)
		return false;
	old = *spec;
	*spec = *copy;
	*copy = old;
	return true;
}

bool
profile_builtin(sbx_spec *spec, const char *name, GError **error)
{
	static const struct {
		const char *profile, *key, *value;
	} builtins[] = {
		{ "default", NULL, NULL },
		{ "build", "tmpfs", "/tmp:4G" },
		{ "build", "?pids.max", "4096" },
		{ "empty", "root", "empty" },
	};
	g_autofree char *quoted = NULL;
	bool known = false;

	for (size_t i = 0; i < G_N_ELEMENTS(builtins); i++) {
		if (strcmp(builtins[i].profile, name) != 0)
			continue;
		known = true;
		if (builtins[i].key && !spec_set(spec, builtins[i].key, builtins[i].value, error))
			return false;
	}
	if (known)
		return true;
	quoted = value_quote(name);
	throw_error(error, EINVAL, STAGE_SPEC, NULL, "%s is not a profile; accepted: default, build, empty, or a file",
	            quoted);
	return throw_hint(error, "the path of a file holds a slash, as in ./NAME");
}

int
sbx_spec_load(sbx_spec *spec, const char *path, sbx_error **ret_error)
{
	GError *error = NULL;

	if (!spec || !path)
		return error_argument(ret_error, "sbx_spec_load: %s is NULL", !spec ? "spec" : "path");
	return profile_load(spec, path, &error) ? 0 : error_return(error, ret_error);
}
