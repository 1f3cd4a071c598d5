/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The wish: given these settings, then this is read back; given nonsense, then an error that helps. */
#include "spec.h"

#include "error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef sbx_spec spec_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(spec_t, sbx_spec_free)
typedef sbx_error public_error_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(public_error_t, sbx_error_free)

static sbx_spec *
new_spec(const char *profile)
{
	sbx_spec *spec = NULL;

	g_assert_cmpint(sbx_spec_new(&spec, profile, NULL), ==, 0);
	return spec;
}

/* expected NULL: `code` is what get answers */
static void
assert_get(const sbx_spec *spec, const char *key, const char *expected, int code)
{
	char *value = NULL;

	g_assert_cmpint(sbx_spec_get(spec, key, &value), ==, expected ? 0 : code);
	g_assert_cmpstr(value, ==, expected);
	free(value);
}

/* "KEY=VALUE" settings in turn, then what `key` holds; NULL: it is not set. */
static const struct set_row {
	const char *settings[5];
	const char *key;
	const char *expected;
} set_rows[] = {
	{ { "memory.max=512M" }, "memory.max", "512M" },
	{ { "memory.max=512M", "memory.max=1G" }, "memory.max", "1G" },
	{ { "?memory.max=1G" }, "memory.max", "1G" },
	{ { "bind=/a" }, "bind", "/a" },
	{ { "bind=/a", "bind=/b:/c" }, "bind", "/a\n/b:/c" },
	{ { "bind=/a", "bind+=/b" }, "bind", "/a\n/b" },
	{ { "bind=/a", "?bind+=/b" }, "bind", "/a\n/b" },
	{ { "bind+=/a" }, "bind", "/a" },
	{ { "bind=/a", "bind=/b", "bind=" }, "bind", NULL },
	{ { "bind=/a", "bind=", "bind=/b" }, "bind", "/b" },
	{ { "bind=" }, "bind", NULL },
	{ { "bind=/a", "ro-bind=" }, "bind", "/a" },
	{ { "bind=/a", "ro-bind=/b" }, "ro-bind", "/b" },
	{ { "cap=chown", "cap=kill,fowner" }, "cap", "chown,kill,fowner" },
	{ { "cap=chown", "cap=", "cap+=kill" }, "cap", "kill" },
	{ { "share=pid", "share=net" }, "share", "pid,net" },
	{ { "groups=1", "groups+=2" }, "groups", "1,2" },
	{ { "groups=1", "groups=" }, "groups", NULL },
	{ { "env=A=1", "env=B=x=y" }, "env", "A=1\nB=x=y" },
	{ { "file=/a=text" }, "file", "/a=text" },
	{ { "io.max=8:0 rbps=1M", "io.max=8:16 wbps=1M" }, "io.max", "8:0 rbps=1M\n8:16 wbps=1M" },
	{ { "hugetlb.2MB.max=1", "hugetlb.2MB.max=2" }, "hugetlb.2MB.max", "2" },
	{ { "hugetlb.2MB.max=1" }, "hugetlb.1GB.max", NULL },
	{ { "root=empty" }, "root", "empty" },
	{ { "bind=/\xff" }, "bind", "/\xff" },
	{ { NULL }, "root", "host" },
	{ { NULL }, "net", "none" },
	{ { NULL }, "seccomp", "default" },
	{ { NULL }, "time.grace", "0" },
	{ { NULL }, "cgroup.parent", "auto" },
	{ { NULL }, "cgroup.self", "never" },
	{ { NULL }, "memory.max", NULL },
};

static void
test_set(gconstpointer data)
{
	const struct set_row *row = data;
	g_autoptr(spec_t) spec = new_spec(NULL);

	for (size_t i = 0; row->settings[i]; i++) {
		const char *equals = strchr(row->settings[i], '=');
		g_autofree char *key = g_strndup(row->settings[i], (gsize)(equals - row->settings[i]));
		g_autoptr(public_error_t) error = NULL;
		int result = sbx_spec_set(spec, key, equals + 1, &error);

		g_test_message("%s: %s", row->settings[i], sbx_error_message(error));
		g_assert_cmpint(result, ==, 0);
	}
	assert_get(spec, row->key, row->expected, -ENODATA);
}

static const struct bad_row {
	const char *key;
	const char *value;
	int code;
	const char *message; /* the whole, or NULL */
	const char *hint;
} bad_rows[] = {
	{ "memory", "1G", ENOENT, "\"memory\" is not a key", "did you mean \"memory.max\"?" },
	{ "timeout", "1", ENOENT, "\"timeout\" is not a key", "did you mean \"time.wall\"?" },
	{ "memory_max", "1G", ENOENT, "\"memory_max\" is not a key", "did you mean \"memory.max\"?" },
	{ "?bnd", "/a", ENOENT, "\"bnd\" is not a key", "did you mean \"bind\"?" },
	{ "qqqqqqqqqqqqqq", "1", ENOENT, NULL, "sbx-run --list-keys lists them" },
	{ "", "1", ENOENT, NULL, NULL },
	{ "?", "1", ENOENT, NULL, NULL },
	{ "+", "1", ENOENT, NULL, NULL },
	{ "?+", "1", ENOENT, NULL, NULL },
	{ "??bind", "/a", ENOENT, NULL, NULL },
	{ "bind++", "/a", ENOENT, NULL, NULL },
	{ "\xff\n", "1", ENOENT, "\"\\xff\\n\" is not a key", NULL },
	{ "cgroup.procs", "1", ENOENT, NULL, NULL },
	{ "cgroup.kill", "1", ENOENT, NULL, NULL },
	{ "time.cpu", "1", ENOTSUP, "time.cpu is not supported by this version", "" },
	{ "time.idle", "1", ENOTSUP, NULL, "" },
	{ "output.max", "1", ENOTSUP, NULL, "" },
	{ "device", "c 1", EINVAL, NULL, "" },
	{ "cgroup.self", "yes", EINVAL, NULL, "" },
	{ "?output.max", "1", ENOTSUP, NULL, "" },
	{ "cgroup.self+", "leaf", EINVAL, NULL, "" },
	{ "memory.max", "12x", EINVAL, NULL, "" },
	{ "memory.max", "", EINVAL, NULL, "" },
	{ "?memory.max", "12x", EINVAL, NULL, "" },
	{ "memory.max+", "1G", EINVAL, "memory.max: one value only, \"+\" has nothing to add to", "" },
	{ "bind+", "", EINVAL, "bind: nothing to add", "" },
	{ "bind", "a", EINVAL, NULL, "" },
	{ "share+", "", EINVAL, "share: nothing to add", "" },
	{ "groups+", "", EINVAL, "groups: nothing to add", "" },
	{ "seccomp", "lax", EINVAL,
	  "seccomp: \"lax\" is neither a policy nor a file; accepted: default, strict, none, or the path of a policy file, "
	  "see sbx-seccomp(7)",
	  "" },
	{ "seccomp", "", EINVAL, NULL, "" },
	{ "seccomp", "/nonexistent/policy", ENOENT, "open /nonexistent/policy: No such file or directory", "" },
	{ "?seccomp", "/dev/null", EINVAL, "/dev/null is not a regular file", "" },
	{ "net", "bridge", EINVAL, NULL, "" },
};

static void
test_bad(gconstpointer data)
{
	const struct bad_row *row = data;
	g_autoptr(spec_t) spec = new_spec(NULL);
	g_autoptr(public_error_t) error = NULL;

	g_assert_cmpint(sbx_spec_set(spec, row->key, row->value, &error), ==, -row->code);
	g_test_message("%s (%s)", sbx_error_message(error), sbx_error_hint(error));
	g_assert_cmpint(sbx_error_errno(error), ==, row->code);
	g_assert_cmpstr(sbx_error_stage(error), ==, "spec");
	if (row->message)
		g_assert_cmpstr(sbx_error_message(error), ==, row->message);
	if (row->hint)
		g_assert_cmpstr(sbx_error_hint(error), ==, row->hint);
	g_assert_true(g_utf8_validate(sbx_error_message(error), -1, NULL));
	g_assert_cmpuint(spec->entries->len, ==, 0);
	g_assert_cmpint(sbx_spec_set(spec, row->key, row->value, NULL), ==, -row->code);
}

static void
test_bad_leaves_old(void)
{
	g_autoptr(spec_t) spec = new_spec(NULL);

	g_assert_cmpint(sbx_spec_set(spec, "memory.max", "1G", NULL), ==, 0);
	g_assert_cmpint(sbx_spec_set(spec, "memory.max", "x", NULL), ==, -EINVAL);
	assert_get(spec, "memory.max", "1G", 0);
}

static void
test_best_effort(void)
{
	g_autoptr(spec_t) spec = new_spec(NULL);

	sbx_spec_set(spec, "?memory.max", "1G", NULL);
	g_assert_true(spec_entry(spec, "memory.max")->best_effort);
	sbx_spec_set(spec, "memory.max", "1G", NULL);
	g_assert_false(spec_entry(spec, "memory.max")->best_effort);
	sbx_spec_set(spec, "?bind", "/a", NULL);
	sbx_spec_set(spec, "bind", "/b", NULL);
	g_assert_true(spec_at(spec, 1)->best_effort);
	g_assert_false(spec_at(spec, 2)->best_effort);
}

/* A list that stands in one entry: the part that must be met decides. */
static void
test_best_effort_comma(void)
{
	g_autoptr(spec_t) spec = new_spec(NULL);

	sbx_spec_set(spec, "?cap", "chown", NULL);
	g_assert_true(spec_entry(spec, "cap")->best_effort);
	sbx_spec_set(spec, "?cap", "kill", NULL);
	g_assert_true(spec_entry(spec, "cap")->best_effort);
	sbx_spec_set(spec, "cap", "fowner", NULL);
	g_assert_false(spec_entry(spec, "cap")->best_effort);
	sbx_spec_set(spec, "?cap", "setuid", NULL);
	g_assert_false(spec_entry(spec, "cap")->best_effort);
}

static void
test_order(void)
{
	g_autoptr(spec_t) spec = new_spec(NULL);

	sbx_spec_set(spec, "bind", "/a", NULL);
	sbx_spec_set(spec, "tmpfs", "/b", NULL);
	sbx_spec_set(spec, "bind", "/c", NULL);
	g_assert_cmpuint(spec->entries->len, ==, 3);
	g_assert_cmpstr(spec_at(spec, 0)->value, ==, "/a");
	g_assert_cmpstr(spec_at(spec, 1)->value, ==, "/b");
	g_assert_cmpstr(spec_at(spec, 2)->value, ==, "/c");
	g_assert_cmpstr(spec_entry(spec, "bind")->value, ==, "/c");
}

static void
test_text(void)
{
	g_autoptr(spec_t) spec = new_spec(NULL);

	g_assert_cmpstr(spec_text(spec, "net"), ==, "none");
	g_assert_null(spec_text(spec, "memory.max"));
	g_assert_null(spec_text(spec, "no such key"));
	g_assert_null(spec_entry(spec, "net"));
	sbx_spec_set(spec, "net", "host", NULL);
	g_assert_cmpstr(spec_text(spec, "net"), ==, "host");
}

static void
test_get_errors(void)
{
	g_autoptr(spec_t) spec = new_spec(NULL);
	char *value = NULL;

	assert_get(spec, "memory", NULL, -ENOENT);
	assert_get(spec, "device", NULL, -ENODATA);
	assert_get(spec, NULL, NULL, -EINVAL);
	g_assert_cmpint(sbx_spec_get(spec, "net", NULL), ==, -EINVAL);
	g_assert_cmpint(sbx_spec_get(NULL, "net", &value), ==, -EINVAL);
	g_assert_null(value);
}

static void
test_builtin(void)
{
	g_autoptr(spec_t) plain = new_spec("default");
	g_autoptr(spec_t) build = new_spec("build");
	g_autoptr(spec_t) empty = new_spec("empty");

	g_assert_cmpuint(plain->entries->len, ==, 0);
	assert_get(build, "tmpfs", "/tmp:4G", 0);
	assert_get(build, "pids.max", "4096", 0);
	g_assert_true(spec_entry(build, "pids.max")->best_effort);
	assert_get(build, "root", "host", 0);
	assert_get(empty, "root", "empty", 0);
}

static void
test_builtin_unknown(void)
{
	g_autoptr(public_error_t) error = NULL;
	sbx_spec *spec = NULL;

	g_assert_cmpint(sbx_spec_new(&spec, "bild", &error), ==, -EINVAL);
	g_assert_null(spec);
	g_assert_cmpstr(sbx_error_message(error), ==,
	                "\"bild\" is not a profile; accepted: default, build, empty, or a file");
	g_assert_cmpint(sbx_spec_new(&spec, "", NULL), ==, -EINVAL);
}

static void
test_copy(void)
{
	g_autoptr(spec_t) spec = new_spec("build");
	g_autoptr(spec_t) copy = NULL;

	sbx_spec_set(spec, "?bind", "/a", NULL);
	copy = sbx_spec_copy(spec);
	sbx_spec_set(spec, "bind", "", NULL);
	sbx_spec_set(spec, "pids.max", "5", NULL);
	assert_get(copy, "bind", "/a", 0);
	assert_get(copy, "pids.max", "4096", 0);
	g_assert_true(spec_entry(copy, "bind")->best_effort);
	g_assert_null(sbx_spec_copy(NULL));
}

static void
test_null(void)
{
	g_autoptr(spec_t) spec = new_spec(NULL);
	g_autoptr(public_error_t) error = NULL;

	g_assert_cmpint(sbx_spec_new(NULL, NULL, NULL), ==, -EINVAL);
	g_assert_cmpint(sbx_spec_set(NULL, "net", "none", &error), ==, -EINVAL);
	g_assert_cmpstr(sbx_error_message(error), ==, "sbx_spec_set: spec is NULL");
	g_assert_cmpint(sbx_spec_set(spec, NULL, "none", NULL), ==, -EINVAL);
	g_assert_cmpint(sbx_spec_set(spec, "net", NULL, NULL), ==, -EINVAL);
	sbx_spec_free(NULL);
}

static void
test_long_key(void)
{
	g_autoptr(spec_t) spec = new_spec(NULL);
	g_autoptr(public_error_t) error = NULL;
	g_autofree char *key = g_strnfill(1000000, 'k');

	g_assert_cmpint(sbx_spec_set(spec, key, "1", &error), ==, -ENOENT);
	g_assert_cmpuint(strlen(sbx_error_message(error)), <, 200);
}

static void
test_version(void)
{
	g_assert_cmpuint(sbx_version(), ==, SBX_VERSION_MAJOR << 16 | SBX_VERSION_MINOR << 8 | SBX_VERSION_PATCH);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(set_rows); i++) {
		g_autofree char *path = g_strdup_printf("/spec/set/%zu-%s", i, set_rows[i].key);

		g_test_add_data_func(path, &set_rows[i], test_set);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(bad_rows); i++) {
		g_autofree char *path = g_strdup_printf("/spec/bad/%zu", i);

		g_test_add_data_func(path, &bad_rows[i], test_bad);
	}
	g_test_add_func("/spec/bad/leaves-old", test_bad_leaves_old);
	g_test_add_func("/spec/bad/long-key", test_long_key);
	g_test_add_func("/spec/best-effort", test_best_effort);
	g_test_add_func("/spec/best-effort/comma", test_best_effort_comma);
	g_test_add_func("/spec/order", test_order);
	g_test_add_func("/spec/text", test_text);
	g_test_add_func("/spec/get/errors", test_get_errors);
	g_test_add_func("/spec/builtin", test_builtin);
	g_test_add_func("/spec/builtin/unknown", test_builtin_unknown);
	g_test_add_func("/spec/copy", test_copy);
	g_test_add_func("/spec/null", test_null);
	g_test_add_func("/spec/version", test_version);
	return g_test_run();
}
