/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * Boxes for tests, made as any program would make them: sbx.h and nothing else.
 *
 *	g_autoptr(live_t) r = live_run(SPEC("root", "empty", "bind", "/x:/y"), "echo hello >/y/file");
 *	live_ok(r);
 *
 * The test's helper program (probe.c) is PROBE inside every box.
 */
#pragma once

#include <glib.h>

#include "sbx.h"

/* Pairs of key and value. */
#define SPEC(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define NO_SPEC ((const char *const[]){ NULL })
#define ARGV(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define PROBE "/tmp/probe"

/* What became of a box. */
struct live {
	int outcome, exit_code, signal;
	char *out, *err; /* what it wrote; NUL-terminated */
	size_t out_length;
	int error;                          /* positive; 0: it ran */
	char *stage, *key, *message, *hint; /* "" without an error */
	char *json;                         /* the report */
};

/* sh -c `script` in a box of these keys. */
struct live *live_run(const char *const *keys, const char *script);
/* The same with a program and arguments. */
struct live *live_argv(const char *const *keys, const char *const *argv);
/* Any command. Where stdio is all zero it becomes { NULL, CAPTURE, CAPTURE }. */
struct live *live_command(const char *const *keys, const sbx_command *command);
/* Any spec; it is not freed. */
struct live *live_spec(const sbx_spec *spec, const sbx_command *command);
/* A spec of these keys, with PROBE in it; sbx_spec_free() it. */
sbx_spec *live_spec_new(const char *const *keys);
/* Without PROBE: these keys and no other. */
sbx_spec *live_spec_bare(const char *const *keys);
struct live *live_run_bare(const char *const *keys, const char *script);
void live_free(struct live *live);
typedef struct live live_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(live_t, live_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sbx_spec, sbx_spec_free)

/* It ran and ended with status 0. */
#define live_ok(r) live_ended(r, 0, G_STRFUNC, __LINE__)
#define live_exit(r, code) live_ended(r, code, G_STRFUNC, __LINE__)
void live_ended(const struct live *live, int code, const char *function, int line);
/* ... and wrote exactly this. */
#define live_says(r, text)                   \
	do {                                     \
		live_ok(r);                          \
		g_assert_cmpstr((r)->out, ==, text); \
	} while (0)
/* It did not start: this stage, this errno, and this text in the message. */
void live_failed(const struct live *live, const char *stage, int error, const char *text);
/* Both are printed when it is not in there. */
void live_contains(const char *text, const char *part);
void live_lacks(const char *text, const char *part);

/* Who the suite runs as. */
enum live_mode { LIVE_ROOT, LIVE_NESTED, LIVE_USER };
enum live_mode live_mode(void);
static inline gboolean
live_is_root(void)
{
	return live_mode() == LIVE_ROOT;
}

/* Something is missing here that the suite wants: with SBX_MUST_WORK=1 that is a failure. */
void live_skip(const char *missing);
/* The case is about another privilege than the suite has now. */
void live_skip_mode(const char *wanted);

/* A directory for one case, mode 0777, where every box with root=host can see it. autodir removes it. */
char *live_dir(void);
void live_dir_remove(char **dir);
#define autodir __attribute__((cleanup(live_dir_remove))) char *
/* dir/name, made with this text and mode 0666; g_free() the path. */
char *live_file(const char *dir, const char *name, const char *text);
char *live_path(const char *dir, const char *name);
/* Make root's boxes, whose payload is nobody, its owner: an overlay can't copy what belongs to an id that is not mapped. */
void live_give(const char *path);
/* The text of a file, or NULL. */
char *live_read(const char *path);
/* "SRC:DST" */
char *live_pair(const char *src, const char *dst);
/* Names in a directory, sorted, with spaces between. */
char *live_list(const char *path);
/* Where probe is on the host. */
char *live_probe(void);

/* `work` in a child, which may change itself at will; the case goes on when it has ended well. */
void live_child(void (*work)(void));
/* The same in a mount namespace of its own that passes nothing on. LIVE_ROOT and LIVE_NESTED only. */
void live_child_mounts(void (*work)(void));
