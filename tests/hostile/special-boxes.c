/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* What test-races and test-between share. */
#include "special.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool
special_in_vm(void)
{
	return g_strcmp0(g_getenv("SBX_VM"), "1") == 0;
}

unsigned
special_patience(unsigned ms)
{
	return special_in_vm() ? 20 * ms : ms;
}

char *
special_path(void)
{
	const char *build = g_getenv("SBX_BUILDDIR");
	g_autofree char *path = g_build_filename(build ? build : ".", "tests/hostile/special", NULL);

	return g_canonicalize_filename(path, NULL);
}

sbx_spec *
special_spec(const char *const *keys)
{
	sbx_spec *spec = live_spec_bare(keys);
	g_autofree char *path = special_path();
	g_autofree char *pair = live_pair(path, SPECIAL);
	sbx_error *error = NULL;

	EXPECT(0, sbx_spec_set(spec, "ro-bind", pair, &error), &error);
	return spec;
}

struct live *
special_run(const char *const *keys, const char *const *argv)
{
	g_autoptr(sbx_spec) spec = special_spec(keys);
	sbx_command command = { .size = sizeof command,
		                    .argv = argv,
		                    .stdio = { SBX_STDIO_NULL, SBX_STDIO_CAPTURE, SBX_STDIO_CAPTURE } };

	return live_spec(spec, &command);
}

sbx_box *
special_start(const char *const *keys, const char *const *argv)
{
	g_autoptr(sbx_spec) spec = special_spec(keys);
	sbx_command command = { .size = sizeof command,
		                    .argv = argv,
		                    .stdio = { SBX_STDIO_NULL, SBX_STDIO_CAPTURE, SBX_STDIO_CAPTURE } };
	sbx_box *box = life_create(spec);
	sbx_error *error = NULL;

	EXPECT(0, sbx_box_start(box, &command, &error), &error);
	return box;
}

char *
special_outside(const char *const *args, int *ret_status)
{
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	g_autofree char *path = special_path();
	g_autoptr(GError) error = NULL;
	char *out = NULL;

	g_ptr_array_add(argv, path);
	for (; *args; args++)
		g_ptr_array_add(argv, (char *)*args);
	g_ptr_array_add(argv, NULL);
	g_spawn_sync(NULL, (char **)argv->pdata, NULL, G_SPAWN_DEFAULT, NULL, NULL, &out, NULL, ret_status, &error);
	g_assert_no_error(error);
	return out;
}

bool
special_has(const struct live *live, const char *text)
{
	return memmem(live->out, live->out_length, text, strlen(text));
}

static GString *tree;

static int
tree_line(const char *path, const struct stat *st, int type, struct FTW *at)
{
	g_autofree char *text = S_ISREG(st->st_mode)   ? live_read(path)
	                        : S_ISLNK(st->st_mode) ? g_file_read_link(path, NULL)
	                                               : NULL;

	(void)type;
	(void)at;
	g_string_append_printf(tree, "%s %o %u:%u %lld %lld.%09ld %s\n", path, st->st_mode, st->st_uid, st->st_gid,
	                       (long long)st->st_size, (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
	                       text ? text : "");
	return 0;
}

static int
compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char *
special_tree(const char *path)
{
	g_auto(GStrv) lines = NULL;

	tree = g_string_new(NULL);
	nftw(path, tree_line, 16, FTW_PHYS);
	g_assert_cmpuint(tree->len, >, 0);
	lines = g_strsplit(tree->str, "\n", -1);
	g_string_free(tree, TRUE);
	qsort(lines, g_strv_length(lines), sizeof *lines, compare);
	return g_strjoinv("\n", lines);
}

char *
special_hash(const char *path)
{
	char *bytes = NULL, *hash = NULL;
	gsize length = 0;

	if (g_file_get_contents(path, &bytes, &length, NULL))
		hash = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)bytes, length);
	g_free(bytes);
	return hash;
}

int
special_init(sbx_box *box)
{
	g_autofree char *path = g_strdup_printf("/proc/self/fdinfo/%d", sbx_box_pidfd(box));
	g_autofree char *info = live_read(path);
	const char *line = info ? strstr(info, "Pid:") : NULL;

	g_assert_nonnull(line);
	return atoi(line + 4);
}
