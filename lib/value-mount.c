/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Values that are paths: what stands where inside. */
#include "value-parts.h"

#include <limits.h>
#include <string.h>

char *
value_path(const char *text)
{
	g_autoptr(GString) path = NULL;

	if (!text || *text != '/')
		return NULL;
	path = g_string_new(NULL);
	while (*text) {
		size_t length;

		text += strspn(text, "/");
		length = strcspn(text, "/");
		if (length > NAME_MAX || (length == 2 && text[0] == '.' && text[1] == '.'))
			return NULL;
		if (length > 0 && !(length == 1 && *text == '.')) {
			g_string_append_c(path, '/');
			g_string_append_len(path, text, (gssize)length);
		}
		text += length;
	}
	if (path->len >= PATH_MAX)
		return NULL;
	return g_strdup(path->len ? path->str : "/");
}

char **
value_split(const char *text)
{
	g_autoptr(GPtrArray) fields = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GString) field = g_string_new(NULL);

	for (;; text++) {
		if (*text == '\\') {
			text++;
			if (*text != ':' && *text != '\\')
				return NULL;
		} else if (*text == ':' || *text == '\0') {
			g_ptr_array_add(fields, g_strdup(field->str));
			g_string_truncate(field, 0);
			if (*text == '\0')
				break;
			continue;
		}
		g_string_append_c(field, *text);
	}
	g_ptr_array_add(fields, NULL);
	return (char **)g_ptr_array_free(g_steal_pointer(&fields), FALSE);
}

void
value_mount_clear(struct value_mount *mount)
{
	g_clear_pointer(&mount->src, g_free);
	g_clear_pointer(&mount->dst, g_free);
	g_clear_pointer(&mount->text, g_free);
}

static bool
mount_bind(char **fields, guint n, struct value_mount *mount)
{
	if (n > 2 || *fields[0] != '/' || strlen(fields[0]) >= PATH_MAX)
		return false;
	mount->src = g_strdup(fields[0]);
	mount->dst = value_path(fields[n - 1]);
	return mount->dst;
}

static bool
mount_tmpfs(char **fields, guint n, struct value_mount *mount)
{
	if (n > 3)
		return false;
	mount->dst = value_path(fields[0]);
	/* tmpfs(5) takes 0 for "no cap". */
	if (n > 1 && (!value_size(fields[1], &mount->size) || mount->size == 0))
		return false;
	if (n > 2 && (!value_count(fields[2], &mount->inodes) || mount->inodes == 0))
		return false;
	return mount->dst;
}

static bool
mount_symlink(char **fields, guint n, struct value_mount *mount)
{
	if (n != 2 || !*fields[0] || strlen(fields[0]) >= PATH_MAX)
		return false;
	mount->src = g_strdup(fields[0]);
	mount->dst = value_path(fields[1]);
	return mount->dst && mount->dst[1];
}

static bool
mount_file(const char *text, struct value_mount *mount)
{
	const char *equals = strchr(text, '=');
	g_autofree char *dst = equals ? g_strndup(text, (gsize)(equals - text)) : NULL;

	mount->dst = value_path(dst);
	if (!mount->dst || !mount->dst[1])
		return false;
	mount->text = g_strdup(equals + 1);
	return true;
}

bool
value_mount(enum key_type type, const char *text, struct value_mount *ret)
{
	g_auto(value_mount_t) mount = { .size = VALUE_MAX, .inodes = VALUE_MAX };
	g_auto(GStrv) fields = NULL;
	guint n = 0;
	bool good = false;

	if (!text)
		return false;
	if (type == KEY_BIND || type == KEY_TMPFS || type == KEY_SYMLINK) {
		fields = value_split(text);
		if (!fields)
			return false;
		n = g_strv_length(fields);
	}
	if (type == KEY_BIND)
		good = mount_bind(fields, n, &mount);
	else if (type == KEY_TMPFS)
		good = mount_tmpfs(fields, n, &mount);
	else if (type == KEY_SYMLINK)
		good = mount_symlink(fields, n, &mount);
	else if (type == KEY_FILE)
		good = mount_file(text, &mount);
	else if (type == KEY_DST)
		good = (mount.dst = value_path(text));
	if (!good)
		return false;
	*ret = mount;
	mount = (struct value_mount){ .src = NULL };
	return true;
}
