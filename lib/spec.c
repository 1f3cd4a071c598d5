/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The wish: keys set, read back and copied. What came as an fd or as bytes is added in spec-object.c. */
#include "spec-parts.h"

#include "error.h"
#include "profile.h"
#include "seccomp-load.h"
#include "value.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MODE 0644

/* Keys of the contract that no code here enforces yet. Refused even as ?key, since "best effort" of none is a lie. */
static const char *const later_keys[] = { "time.cpu", "time.idle", "output.max", NULL };

unsigned
sbx_version(void)
{
	return SBX_VERSION_MAJOR << 16 | SBX_VERSION_MINOR << 8 | SBX_VERSION_PATCH;
}

static void
spec_entry_free(gpointer data)
{
	struct spec_entry *entry = data;

	g_free(entry->name);
	g_free(entry->value);
	g_clear_pointer(&entry->data, g_bytes_unref);
	fd_close(&entry->fd);
	seccomp_object_unref(entry->seccomp);
	g_free(entry);
}

struct spec_entry *
spec_add(sbx_spec *spec, const struct key *key, const char *name, const char *value)
{
	struct spec_entry *entry = g_new0(struct spec_entry, 1);

	entry->key = key;
	entry->name = g_strdup(name);
	entry->value = g_strdup(value);
	entry->mode = FILE_MODE;
	entry->fd = -1;
	g_ptr_array_add(spec->entries, entry);
	return entry;
}

sbx_spec *
spec_new(void)
{
	sbx_spec *spec = g_new0(sbx_spec, 1);

	spec->entries = g_ptr_array_new_with_free_func(spec_entry_free);
	for (int ns = 0; ns < SPEC_NS_N; ns++)
		spec->join[ns] = -1;
	return spec;
}

int
sbx_spec_new(sbx_spec **ret_spec, const char *profile, sbx_error **ret_error)
{
	g_autoptr(spec_t) spec = NULL;
	GError *error = NULL;

	if (!ret_spec)
		return error_argument(ret_error, "sbx_spec_new: ret_spec is NULL");
	spec = spec_new();
	if (!profile)
		profile = "default";
	if (!(strchr(profile, '/') ? profile_load(spec, profile, &error) : profile_builtin(spec, profile, &error)))
		return error_return(error, ret_error);
	*ret_spec = g_steal_pointer(&spec);
	return 0;
}

void
sbx_spec_free(sbx_spec *spec)
{
	if (!spec)
		return;
	g_ptr_array_unref(spec->entries);
	for (int ns = 0; ns < SPEC_NS_N; ns++)
		fd_close(&spec->join[ns]);
	g_free(spec);
}

sbx_spec *
sbx_spec_copy(const sbx_spec *spec)
{
	g_autoptr(spec_t) copy = NULL;

	if (!spec)
		return NULL;
	copy = spec_new();
	for (guint i = 0; i < spec->entries->len; i++) {
		const struct spec_entry *from = spec_at(spec, i);
		struct spec_entry *to = spec_add(copy, from->key, from->name, from->value);

		to->best_effort = from->best_effort;
		to->mode = from->mode;
		to->data = from->data ? g_bytes_ref(from->data) : NULL;
		to->seccomp = seccomp_object_ref(from->seccomp);
		if (from->fd >= 0 && (to->fd = fcntl(from->fd, F_DUPFD_CLOEXEC, 3)) < 0)
			return NULL;
	}
	for (int ns = 0; ns < SPEC_NS_N; ns++)
		if (spec->join[ns] >= 0 && (copy->join[ns] = fcntl(spec->join[ns], F_DUPFD_CLOEXEC, 3)) < 0)
			return NULL;
	return g_steal_pointer(&copy);
}

static struct spec_entry *
spec_last(const sbx_spec *spec, const char *name)
{
	for (guint i = spec->entries->len; i-- > 0;) {
		struct spec_entry *entry = g_ptr_array_index(spec->entries, i);

		if (strcmp(entry->name, name) == 0)
			return entry;
	}
	return NULL;
}

const struct spec_entry *
spec_entry(const sbx_spec *spec, const char *key)
{
	return spec_last(spec, key);
}

unsigned
spec_share(const sbx_spec *spec)
{
	const char *text = spec_text(spec, "share");
	unsigned bits = 0;

	return text && value_share(text, &bits) ? bits : 0;
}

const char *
spec_text(const sbx_spec *spec, const char *name)
{
	const struct spec_entry *entry = spec_entry(spec, name);
	const struct key *key = entry ? NULL : key_find(name);

	return entry ? entry->value : key ? key->default_value : NULL;
}

static void
spec_remove(sbx_spec *spec, const char *name)
{
	for (guint i = spec->entries->len; i-- > 0;)
		if (strcmp(spec_at(spec, i)->name, name) == 0)
			g_ptr_array_remove_index(spec->entries, i);
}

/* These hold a comma list already: they stand once in the spec, and grow. */
static bool
key_is_comma_list(const struct key *key)
{
	return key->type == KEY_SHARE || key->type == KEY_CAP || key->type == KEY_IDS;
}

static bool
spec_store(sbx_spec *spec, const struct key *key, const char *name, const char *value, bool best_effort, GError **error)
{
	struct spec_entry *entry = key->list && !key_is_comma_list(key) ? NULL : spec_last(spec, name);

	if (entry) {
		g_autofree char *joined = key->list ? g_strdup_printf("%s,%s", entry->value, value) : g_strdup(value);

		if (key->list && !value_check(key, name, joined, error))
			return false;
		g_free(entry->value);
		entry->value = g_steal_pointer(&joined);
		/* A list that holds one wish which must be met must be met. */
		entry->best_effort = best_effort && (entry->best_effort || !key->list);
		return true;
	}
	spec_add(spec, key, name, value)->best_effort = best_effort;
	return true;
}

/* The policy is compiled now: what becomes of the file later does not matter. */
static bool
spec_set_seccomp(sbx_spec *spec, const struct key *key, const char *value, bool best_effort, GError **error)
{
	struct seccomp_object *object;
	struct spec_entry *entry;

	if (!seccomp_find(value, &object, error) || !spec_store(spec, key, key->name, value, best_effort, error))
		return false;
	entry = spec_last(spec, key->name);
	seccomp_object_unref(entry->seccomp);
	entry->seccomp = object;
	return true;
}

static bool
throw_unknown(const char *name, GError **error)
{
	const char *nearest = key_nearest(name);
	g_autofree char *quoted = value_quote(name);

	throw_error(error, ENOENT, STAGE_SPEC, NULL, "%s is not a key", quoted);
	if (nearest)
		return throw_hint(error, "did you mean \"%s\"?", nearest);
	return throw_hint(error, "sbx-run --list-keys lists them");
}

bool
spec_set(sbx_spec *spec, const char *text, const char *value, GError **error)
{
	bool best_effort = *text == '?';
	bool adds = g_str_has_suffix(text, "+");
	g_autofree char *name = g_strndup(text + best_effort, strlen(text) - best_effort - (adds && text[best_effort]));
	const struct key *key = key_find(name);

	if (g_strv_contains(later_keys, name))
		return throw_error(error, ENOTSUP, STAGE_SPEC, name, "%s is not supported by this version", name);
	if (!key)
		return throw_unknown(name, error);
	if (adds && !key->list)
		return throw_error(error, EINVAL, STAGE_SPEC, name, "%s: one value only, \"+\" has nothing to add to", name);
	if (key->list && !adds && !*value) {
		spec_remove(spec, name);
		return true;
	}
	if (key->list && !*value)
		return throw_error(error, EINVAL, STAGE_SPEC, name, "%s: nothing to add", name);
	if (!value_check(key, name, value, error))
		return false;
	if (key->type == KEY_SECCOMP)
		return spec_set_seccomp(spec, key, value, best_effort, error);
	return spec_store(spec, key, name, value, best_effort, error);
}

int
sbx_spec_set(sbx_spec *spec, const char *key, const char *value, sbx_error **ret_error)
{
	GError *error = NULL;

	if (!spec || !key || !value)
		return error_argument(ret_error, "sbx_spec_set: %s is NULL", !spec ? "spec" : !key ? "key" : "value");
	return spec_set(spec, key, value, &error) ? 0 : error_return(error, ret_error);
}

/* The entry as one would write it. Bytes that would not survive as one line of text are only counted. */
static void
spec_append(GString *text, const struct spec_entry *entry)
{
	gsize length = 0;
	const char *bytes = entry->data ? g_bytes_get_data(entry->data, &length) : NULL;

	if (entry->fd >= 0)
		g_string_append_printf(text, "/proc/self/fd/%d:", entry->fd);
	g_string_append(text, entry->value);
	if (!entry->data)
		return;
	if (length == 0)
		g_string_append_c(text, '=');
	else if (!memchr(bytes, '\n', length) && g_utf8_validate(bytes, (gssize)length, NULL))
		g_string_append_printf(text, "=%.*s", (int)length, bytes);
	else
		g_string_append_printf(text, "=<%zu bytes>", length);
}

int
sbx_spec_get(const sbx_spec *spec, const char *name, char **ret_value)
{
	const struct key *key = name ? key_find(name) : NULL;
	g_autoptr(GString) text = NULL;
	char *value;

	if (!spec || !name || !ret_value)
		return -EINVAL;
	if (!key)
		return -ENOENT;
	for (guint i = 0; i < spec->entries->len; i++) {
		const struct spec_entry *entry = spec_at(spec, i);

		if (strcmp(entry->name, name) != 0)
			continue;
		if (text)
			g_string_append_c(text, '\n');
		else
			text = g_string_new(NULL);
		spec_append(text, entry);
	}
	if (!text && !key->default_value)
		return -ENODATA;
	value = strdup(text ? text->str : key->default_value);
	if (!value)
		return -ENOMEM;
	*ret_value = value;
	return 0;
}
