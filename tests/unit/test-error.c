/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Errors: given what was thrown on the way, then this is what stands at the border. */
#include "error.h"

#include <errno.h>
#include <string.h>

static void
test_throw_error(void)
{
	g_autoptr(GError) error = NULL;

	g_assert_false(throw_error(&error, ENOENT, STAGE_FILES, "bind", "no %s", "/a"));
	g_assert_error(error, SBX_ERROR, ENOENT);
	g_assert_cmpstr(error->message, ==, "no /a");
	g_assert_cmpint(error_stage(error), ==, STAGE_FILES);
	g_assert_cmpstr(error_key(error), ==, "bind");
	g_assert_null(error_hint(error));
}

static void
test_throw_errno(void)
{
	g_autoptr(GError) error = NULL;

	errno = EACCES;
	g_assert_false(throw_errno(&error, STAGE_CGROUP, NULL, "open %s", "/x"));
	g_assert_error(error, SBX_ERROR, EACCES);
	g_assert_cmpstr(error->message, ==, "open /x: Permission denied");
	g_assert_null(error_key(error));
}

static void
test_no_errno(void)
{
	g_autoptr(GError) error = NULL;

	errno = 0;
	throw_errno(&error, STAGE_HOST, NULL, "x");
	g_assert_error(error, SBX_ERROR, EIO);
}

static void
test_nobody_asks(void)
{
	g_assert_false(throw_error(NULL, EINVAL, STAGE_SPEC, "a", "b"));
	g_assert_false(throw_hint(NULL, "b"));
	g_assert_false(throw_prefix(NULL, "b"));
	g_assert_false(throw_key(NULL, "b"));
}

static void
test_first_stands(void)
{
	g_autoptr(GError) error = NULL;

	throw_error(&error, ENOENT, STAGE_FILES, "bind", "first");
	throw_error(&error, EINVAL, STAGE_SPEC, "net", "second");
	g_assert_error(error, SBX_ERROR, ENOENT);
	g_assert_cmpstr(error->message, ==, "first");
	g_assert_cmpstr(error_key(error), ==, "bind");
}

static void
test_hint(void)
{
	g_autoptr(GError) error = NULL;

	g_assert_false(throw_hint(&error, "nothing there yet"));
	g_assert_null(error);
	throw_error(&error, EINVAL, STAGE_SPEC, NULL, "x");
	g_assert_false(throw_hint(&error, "first"));
	g_assert_false(throw_hint(&error, "try %d", 2));
	g_assert_cmpstr(error_hint(error), ==, "try 2");
}

static void
test_key(void)
{
	g_autoptr(GError) error = NULL;

	throw_error(&error, EINVAL, STAGE_SPEC, NULL, "x");
	g_assert_false(throw_key(&error, NULL));
	g_assert_null(error_key(error));
	throw_key(&error, "one");
	throw_key(&error, "two");
	g_assert_cmpstr(error_key(error), ==, "one");
}

static void
test_prefix(void)
{
	g_autoptr(GError) error = NULL;

	throw_error(&error, EINVAL, STAGE_SPEC, "k", "x");
	throw_hint(&error, "h");
	g_assert_false(throw_prefix(&error, "a%%b\n:%d: ", 7));
	g_assert_cmpstr(error->message, ==, "a%b\\n:7: x");
	g_assert_cmpstr(error_key(error), ==, "k");
	g_assert_cmpstr(error_hint(error), ==, "h");
}

static void
test_copy(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GError) copy = NULL;

	throw_error(&error, EINVAL, STAGE_EXEC, "k", "x");
	throw_hint(&error, "h");
	copy = g_error_copy(error);
	g_clear_error(&error);
	g_assert_cmpstr(error_key(copy), ==, "k");
	g_assert_cmpstr(error_hint(copy), ==, "h");
	g_assert_cmpint(error_stage(copy), ==, STAGE_EXEC);
}

static const struct {
	const char *text;
	const char *line;
} lines[] = {
	{ "plain \"text\" \\n", "plain \"text\" \\n" },
	{ "a\nb", "a\\nb" },
	{ "\r\t\x1b[0m\x7f", "\\x0d\\x09\\x1b[0m\\x7f" },
	{ "\xff\xfe", "\\xff\\xfe" },
	{ "\xc3", "\\xc3" },
	{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
	{ "\xc2\x9b", "\\xc2\\x9b" },
	{ "\xe2\x80\xa8", "\\xe2\\x80\\xa8" },
	{ "%s%n", "%s%n" },
};

static void
test_line(gconstpointer data)
{
	size_t i = GPOINTER_TO_SIZE(data);
	g_autoptr(GError) error = NULL;

	throw_error(&error, EINVAL, STAGE_SPEC, lines[i].text, "%s", lines[i].text);
	throw_hint(&error, "%s", lines[i].text);
	g_assert_cmpstr(error->message, ==, lines[i].line);
	g_assert_cmpstr(error_hint(error), ==, lines[i].line);
	g_assert_cmpstr(error_key(error), ==, lines[i].line);
}

static void
test_stage_names(void)
{
	static const char *const names[STAGE_N] = { "spec",  "host",    "cgroup",  "clone",   "namespace", "identity",
		                                        "files", "network", "process", "seccomp", "exec",      "wait" };

	for (int stage = 0; stage < STAGE_N; stage++)
		g_assert_cmpstr(stage_name(stage), ==, names[stage]);
	g_assert_cmpstr(stage_name(STAGE_N), ==, "");
	g_assert_cmpstr(stage_name((enum stage) - 1), ==, "");
}

static void
test_foreign(void)
{
	g_autoptr(GError) error = g_error_new_literal(G_FILE_ERROR, G_FILE_ERROR_NOENT, "theirs");

	g_assert_false(throw_hint(&error, "h"));
	g_assert_false(throw_key(&error, "k"));
	g_assert_null(error_hint(error));
	g_assert_null(error_key(error));
	g_assert_cmpint(error_stage(error), ==, STAGE_HOST);
}

static void
test_return(void)
{
	GError *error = NULL;
	sbx_error *result = NULL;

	throw_error(&error, ENOENT, STAGE_CGROUP, "memory.max", "no file");
	throw_hint(&error, "mount it");
	g_assert_cmpint(error_return(error, &result), ==, -ENOENT);
	g_assert_cmpint(sbx_error_errno(result), ==, ENOENT);
	g_assert_cmpstr(sbx_error_stage(result), ==, "cgroup");
	g_assert_cmpstr(sbx_error_key(result), ==, "memory.max");
	g_assert_cmpstr(sbx_error_message(result), ==, "no file");
	g_assert_cmpstr(sbx_error_hint(result), ==, "mount it");
	sbx_error_free(result);
}

static void
test_return_bare(void)
{
	GError *error = NULL;
	sbx_error *result = NULL;

	throw_error(&error, EPERM, STAGE_SPEC, NULL, "x");
	g_assert_cmpint(error_return(error, &result), ==, -EPERM);
	g_assert_cmpstr(sbx_error_key(result), ==, "");
	g_assert_cmpstr(sbx_error_hint(result), ==, "");
	sbx_error_free(result);
}

static void
test_return_unwanted(void)
{
	GError *error = NULL;

	throw_error(&error, EBUSY, STAGE_SPEC, NULL, "x");
	g_assert_cmpint(error_return(error, NULL), ==, -EBUSY);
}

static void
test_return_foreign(void)
{
	sbx_error *result = NULL;

	g_assert_cmpint(error_return(g_error_new_literal(G_FILE_ERROR, 3, "theirs\n"), &result), ==, -EIO);
	g_assert_cmpstr(sbx_error_message(result), ==, "theirs\\n");
	sbx_error_free(result);
	g_assert_cmpint(error_return(NULL, &result), ==, -EIO);
	sbx_error_free(result);
}

static void
test_argument(void)
{
	sbx_error *result = NULL;

	g_assert_cmpint(error_argument(&result, "%s is NULL", "spec"), ==, -EINVAL);
	g_assert_cmpint(sbx_error_errno(result), ==, EINVAL);
	g_assert_cmpstr(sbx_error_stage(result), ==, "spec");
	g_assert_cmpstr(sbx_error_message(result), ==, "spec is NULL");
	sbx_error_free(result);
	g_assert_cmpint(error_argument(NULL, "x"), ==, -EINVAL);
}

static void
test_public_null(void)
{
	g_assert_cmpint(sbx_error_errno(NULL), ==, 0);
	g_assert_cmpstr(sbx_error_stage(NULL), ==, "");
	g_assert_cmpstr(sbx_error_key(NULL), ==, "");
	g_assert_cmpstr(sbx_error_message(NULL), ==, "");
	g_assert_cmpstr(sbx_error_hint(NULL), ==, "");
	sbx_error_free(NULL);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/error/throw/error", test_throw_error);
	g_test_add_func("/error/throw/errno", test_throw_errno);
	g_test_add_func("/error/throw/errno-0", test_no_errno);
	g_test_add_func("/error/throw/nobody-asks", test_nobody_asks);
	g_test_add_func("/error/throw/first-stands", test_first_stands);
	g_test_add_func("/error/hint", test_hint);
	g_test_add_func("/error/key", test_key);
	g_test_add_func("/error/prefix", test_prefix);
	g_test_add_func("/error/copy", test_copy);
	for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
		g_autofree char *path = g_strdup_printf("/error/line/%zu", i);

		g_test_add_data_func(path, GSIZE_TO_POINTER(i), test_line);
	}
	g_test_add_func("/error/stage-names", test_stage_names);
	g_test_add_func("/error/foreign", test_foreign);
	g_test_add_func("/error/return/full", test_return);
	g_test_add_func("/error/return/bare", test_return_bare);
	g_test_add_func("/error/return/unwanted", test_return_unwanted);
	g_test_add_func("/error/return/foreign", test_return_foreign);
	g_test_add_func("/error/argument", test_argument);
	g_test_add_func("/error/public/null", test_public_null);
	return g_test_run();
}
