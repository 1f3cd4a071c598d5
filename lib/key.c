/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The option table, looked up. */
#include "key.h"

#include "error.h"

#include <errno.h>
#include <glib.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define NAME_LENGTH 128 /* longer than any kernel file name, short enough for the edit distance */

enum { LIST = 1, LIMIT = 2 };

#define KEY(name_, type_, group_, option_, arg_, default_, flags_, doc_) \
	{                                                                    \
		.name = name_,                                                   \
		.type = KEY_##type_,                                             \
		.group = group_,                                                 \
		.option = option_,                                               \
		.arg = arg_,                                                     \
		.default_value = default_,                                       \
		.list = !!(LIST & (flags_)),                                     \
		.limit = !!(LIMIT & (flags_)),                                   \
		.doc = doc_,                                                     \
	},
const struct key key_table[] = {
#include "key.def"
	{ .name = NULL },
};
#undef KEY

static const struct key key_raw = {
	.name = "",
	.type = KEY_RAW,
	.group = "limits",
	.arg = "VALUE",
	.limit = true,
	.doc = "any other file of a cgroup controller, written as given",
};

static const char *const type_names[] = {
	[KEY_SIZE] = "size",       [KEY_COUNT] = "count",     [KEY_WEIGHT] = "weight",   [KEY_BOOL] = "bool",
	[KEY_OOM] = "oom",         [KEY_CPU_MAX] = "cpu-max", [KEY_PERCENT] = "percent", [KEY_LIST] = "list",
	[KEY_IO_MAX] = "io-max",   [KEY_RAW] = "raw",         [KEY_TIME] = "time",       [KEY_ROOT] = "root",
	[KEY_BIND] = "bind",       [KEY_TMPFS] = "tmpfs",     [KEY_DST] = "path",        [KEY_FILE] = "file",
	[KEY_SYMLINK] = "symlink", [KEY_NET] = "net",         [KEY_SHARE] = "share",     [KEY_HOSTNAME] = "hostname",
	[KEY_USER] = "user",       [KEY_IDS] = "ids",         [KEY_ID_MAP] = "id-map",   [KEY_SECCOMP] = "seccomp",
	[KEY_CAP] = "cap",         [KEY_PATH] = "path",       [KEY_ENV] = "env",         [KEY_RLIMIT] = "rlimit",
	[KEY_NICE] = "nice",       [KEY_PLACE] = "place",     [KEY_OFFSET] = "offset",   [KEY_DEVICE] = "device",
	[KEY_SELF] = "self",
};

/* [a-z][a-z0-9_]*(\.[A-Za-z0-9_]+)+, and no prefix that has a meaning of its own: a slip in one of ours must stay an
 * unknown key, and cgroup.* steers the group itself. */
static bool
key_is_controller_file(const char *name)
{
	static const char *const taken[] = { "cgroup.", "time.", "output." };
	bool dotted = false;

	for (size_t i = 0; i < G_N_ELEMENTS(taken); i++)
		if (g_str_has_prefix(name, taken[i]))
			return false;
	if (!g_ascii_islower(name[0]) || strlen(name) > NAME_LENGTH)
		return false;
	for (const char *p = name; *p; p++) {
		if (*p == '.') {
			if (!g_ascii_isalnum(p[1]) && p[1] != '_')
				return false;
			dotted = true;
		} else if (*p != '_' && !g_ascii_isdigit(*p) && !g_ascii_islower(*p) && !(dotted && g_ascii_isupper(*p))) {
			return false;
		}
	}
	return dotted;
}

const struct key *
key_find(const char *name)
{
	if (!name)
		return NULL;
	for (const struct key *key = key_table; key->name; key++)
		if (strcmp(key->name, name) == 0)
			return key;
	return key_is_controller_file(name) ? &key_raw : NULL;
}

/* Edit distance; both are NAME_LENGTH long at most. */
static size_t
key_distance(const char *a, const char *b)
{
	size_t row[NAME_LENGTH + 1];
	size_t length = strlen(b);

	for (size_t j = 0; j <= length; j++)
		row[j] = j;
	for (size_t i = 0; a[i]; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < length; j++) {
			size_t above = row[j + 1];
			size_t step = MIN(above, row[j]) + 1;

			row[j + 1] = MIN(step, diagonal + (a[i] != b[j]));
			diagonal = above;
		}
	}
	return row[length];
}

const char *
key_nearest(const char *name)
{
	const char *nearest = NULL;
	size_t length = name ? strlen(name) : 0;
	size_t best;

	if (length == 0 || length > NAME_LENGTH)
		return NULL;
	best = length / 3 + 1; /* a third of it may be wrong */
	for (const struct key *key = key_table; key->name; key++) {
		size_t distance = key_distance(key->name, name);

		if (key->option)
			distance = MIN(distance, key_distance(key->option, name));
		if (distance < best || (distance == best && !nearest && distance < length)) {
			best = distance;
			nearest = key->name;
		}
	}
	return nearest;
}

static json_t *
json_text(const char *text)
{
	return text ? json_string(text) : json_null();
}

char *
key_table_json(void)
{
	json_t *array = json_array();
	char *text, *copy;

	for (const struct key *key = key_table; key->name; key++) {
		json_t *item = json_object();

		json_object_set_new(item, "name", json_string(key->name));
		json_object_set_new(item, "type", json_string(type_names[key->type]));
		json_object_set_new(item, "group", json_string(key->group));
		json_object_set_new(item, "option", json_text(key->option));
		json_object_set_new(item, "arg", json_text(key->arg));
		json_object_set_new(item, "default", json_text(key->default_value));
		json_object_set_new(item, "list", json_boolean(key->list));
		json_object_set_new(item, "doc", json_string(key->doc));
		json_array_append_new(array, item);
	}
	text = json_dumps(array, JSON_INDENT(2));
	json_decref(array);
	copy = g_strdup(text);
	free(text);
	return copy;
}

int
sbx_list_keys(char **ret_json, sbx_error **error)
{
	g_autofree char *json = NULL;
	char *copy;

	if (!ret_json)
		return error_argument(error, "sbx_list_keys: ret_json is NULL");
	json = key_table_json();
	copy = json ? strdup(json) : NULL;
	if (!copy) {
		GError *failed = NULL;

		throw_error(&failed, ENOMEM, STAGE_SPEC, NULL, "no memory for the list of keys");
		return error_return(failed, error);
	}
	*ret_json = copy;
	return 0;
}
