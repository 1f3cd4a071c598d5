/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Errors: made, enriched on the way up, and turned into the public kind at the border. */
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

typedef struct {
	enum stage stage;
	char *key;
	char *hint;
} SbxErrorPrivate;

struct sbx_error {
	int code;
	enum stage stage;
	char *key;
	char *message;
	char *hint;
	void *attached;
	GDestroyNotify let_go;
};

static void
sbx_error_private_init(SbxErrorPrivate *details)
{
	details->stage = STAGE_SPEC;
}

static void
sbx_error_private_copy(const SbxErrorPrivate *from, SbxErrorPrivate *to)
{
	to->stage = from->stage;
	to->key = g_strdup(from->key);
	to->hint = g_strdup(from->hint);
}

static void
sbx_error_private_clear(SbxErrorPrivate *details)
{
	g_free(details->key);
	g_free(details->hint);
}

G_DEFINE_EXTENDED_ERROR(SbxError, sbx_error)

const char *
stage_name(enum stage stage)
{
	static const char *const names[STAGE_N] = {
		[STAGE_SPEC] = "spec",       [STAGE_HOST] = "host",           [STAGE_CGROUP] = "cgroup",
		[STAGE_CLONE] = "clone",     [STAGE_NAMESPACE] = "namespace", [STAGE_IDENTITY] = "identity",
		[STAGE_FILES] = "files",     [STAGE_NETWORK] = "network",     [STAGE_PROCESS] = "process",
		[STAGE_SECCOMP] = "seccomp", [STAGE_EXEC] = "exec",           [STAGE_WAIT] = "wait",
	};

	return (unsigned)stage < STAGE_N ? names[stage] : "";
}

/* One line of valid UTF-8 without control characters: names and values in a message are anybody's bytes, and the
 * message ends on somebody's terminal or in JSON. */
static char *
error_line(const char *text)
{
	GString *line = g_string_new(NULL);

	while (*text) {
		gunichar c = g_utf8_get_char_validated(text, -1);

		if (c == '\n') {
			g_string_append(line, "\\n");
			text++;
		} else if (c == (gunichar)-1 || c == (gunichar)-2 || g_unichar_iscntrl(c) || c == 0x2028 || c == 0x2029) {
			g_string_append_printf(line, "\\x%02x", (unsigned char)*text);
			text++;
		} else {
			const char *next = g_utf8_next_char(text);

			g_string_append_len(line, text, next - text);
			text = next;
		}
	}
	return g_string_free(line, FALSE);
}

static char *
error_vformat(const char *format, va_list args)
{
	g_autofree char *text = g_strdup_vprintf(format, args);

	return error_line(text);
}

/* The first error stands: GLib would print a warning where one is overwritten, and nobody prints here. */
static bool
throw_message(GError **error, int code, enum stage stage, const char *key, const char *message)
{
	SbxErrorPrivate *details;

	if (!error || *error)
		return false;
	g_set_error_literal(error, SBX_ERROR, code > 0 ? code : EIO, message);
	details = sbx_error_get_private(*error);
	details->stage = stage;
	details->key = key && *key ? error_line(key) : NULL;
	return false;
}

bool
throw_errno(GError **error, enum stage stage, const char *key, const char *format, ...)
{
	int code = errno;
	g_autofree char *text = NULL;
	g_autofree char *message = NULL;
	va_list args;

	va_start(args, format);
	text = error_vformat(format, args);
	va_end(args);
	message = g_strdup_printf("%s: %s", text, g_strerror(code));
	return throw_message(error, code, stage, key, message);
}

bool
throw_error(GError **error, int code, enum stage stage, const char *key, const char *format, ...)
{
	g_autofree char *message = NULL;
	va_list args;

	va_start(args, format);
	message = error_vformat(format, args);
	va_end(args);
	return throw_message(error, code, stage, key, message);
}

bool
throw_hint(GError **error, const char *format, ...)
{
	SbxErrorPrivate *details;
	va_list args;

	if (!error || !*error || (*error)->domain != SBX_ERROR)
		return false;
	details = sbx_error_get_private(*error);
	g_free(details->hint);
	va_start(args, format);
	details->hint = error_vformat(format, args);
	va_end(args);
	return false;
}

bool
throw_prefix(GError **error, const char *format, ...)
{
	g_autofree char *prefix = NULL;
	va_list args;

	if (!error || !*error)
		return false;
	va_start(args, format);
	prefix = error_vformat(format, args);
	va_end(args);
	g_prefix_error(error, "%s", prefix);
	return false;
}

bool
throw_key(GError **error, const char *key)
{
	SbxErrorPrivate *details;

	if (!error || !*error || (*error)->domain != SBX_ERROR || !key || !*key)
		return false;
	details = sbx_error_get_private(*error);
	if (!details->key)
		details->key = error_line(key);
	return false;
}

static const SbxErrorPrivate *
error_private(const GError *error)
{
	return error && error->domain == SBX_ERROR ? sbx_error_get_private((GError *)error) : NULL;
}

enum stage
error_stage(const GError *error)
{
	const SbxErrorPrivate *details = error_private(error);

	return details ? details->stage : STAGE_HOST;
}

const char *
error_key(const GError *error)
{
	const SbxErrorPrivate *details = error_private(error);

	return details ? details->key : NULL;
}

const char *
error_hint(const GError *error)
{
	const SbxErrorPrivate *details = error_private(error);

	return details ? details->hint : NULL;
}

static sbx_error *
error_public(int code, enum stage stage, const char *key, const char *message, const char *hint)
{
	sbx_error *result = g_new0(sbx_error, 1);

	result->code = code;
	result->stage = stage;
	result->key = g_strdup(key ? key : "");
	result->message = error_line(message);
	result->hint = g_strdup(hint ? hint : "");
	return result;
}

int
error_return(GError *error, sbx_error **ret_error)
{
	g_autoptr(GError) owned = error;
	int code = owned && owned->domain == SBX_ERROR ? owned->code : EIO; /* GLib's own errors carry no errno */

	if (ret_error)
		*ret_error = error_public(code, error_stage(owned), error_key(owned),
		                          owned ? owned->message : "unknown failure", error_hint(owned));
	return -code;
}

void
error_attach(sbx_error *error, void *object, GDestroyNotify let_go)
{
	if (error->let_go)
		error->let_go(error->attached);
	error->attached = object;
	error->let_go = let_go;
}

void *
error_attached(const sbx_error *error)
{
	return error->attached;
}

int
error_argument(sbx_error **ret_error, const char *format, ...)
{
	if (ret_error) {
		g_autofree char *message = NULL;
		va_list args;

		va_start(args, format);
		message = error_vformat(format, args);
		va_end(args);
		*ret_error = error_public(EINVAL, STAGE_SPEC, NULL, message, NULL);
	}
	return -EINVAL;
}

int
sbx_error_errno(const sbx_error *error)
{
	return error ? error->code : 0;
}

const char *
sbx_error_stage(const sbx_error *error)
{
	return error ? stage_name(error->stage) : "";
}

const char *
sbx_error_key(const sbx_error *error)
{
	return error ? error->key : "";
}

const char *
sbx_error_message(const sbx_error *error)
{
	return error ? error->message : "";
}

const char *
sbx_error_hint(const sbx_error *error)
{
	return error ? error->hint : "";
}

void
sbx_error_free(sbx_error *error)
{
	if (!error)
		return;
	error_attach(error, NULL, NULL);
	g_free(error->key);
	g_free(error->message);
	g_free(error->hint);
	g_free(error);
}
