/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* What the tests of a box's life share: boxes in one line, an eye on what is left of them, and the two kinds of skip. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

#include "sbx.h"

#define LIFE_SECONDS 60 /* nothing takes so long, not even in the VM */

/* --- where we are --- */

/* How often to do what would take too long in the VM, where all is ten times slower. */
unsigned life_count(unsigned n);
/* This machine lacks it: a skip, and a failure where everything must work (SBX_MUST_WORK=1). */
void life_lacks(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* Whoever runs this test may not do it: a skip everywhere. */
void life_not_allowed(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* Root of the machine, not only of a user namespace. */
bool life_is_real_root(void);
/* For main(): mounts of our own, where that may be, and the end of the program when it has not ended by itself after so
 * many seconds (ten times as many in the VM). */
void life_begin(unsigned seconds);

/* --- boxes --- */

/* The call must have given `result`; the error is printed and freed. */
void life_expect(const char *what, int result, int expected, sbx_error **error);
#define EXPECT(expected, call, error) life_expect(#call, call, expected, error)

sbx_spec *life_spec(const char *profile, ...) G_GNUC_NULL_TERMINATED; /* key, value, key, value, ..., NULL */
sbx_box *life_create(const sbx_spec *spec);
/* sh -c SCRIPT with these SBX_STDIO_ values or fds */
int life_sh(sbx_box *box, const char *script, int in, int out, int err, sbx_error **error);
/* Made, started with no input and captured output. */
sbx_box *life_run(const sbx_spec *spec, const char *script);
/* Wait for its end. The report is that of the box. */
void life_wait(sbx_box *box, sbx_report *ret);
/* What stream 1 or 2 has had so far. */
char *life_output(sbx_box *box, int which);
/* A default box that runs this to its end. */
void life_run_report(const sbx_spec *spec, const char *script, sbx_report *ret);
/* Wait until the captured output has this line. */
void life_await_output(sbx_box *box, const char *text);

typedef sbx_spec life_spec_t;
typedef sbx_box life_box_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(life_spec_t, sbx_spec_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(life_box_t, sbx_box_free)

/* --- what is left --- */

/* Our fds, children, threads, mounts and cgroups as text, one a line. */
struct leak {
	char *before;
};
typedef struct leak leak_t;
void leak_begin(struct leak *leak);
/* Within a second, everything is as it was; else the difference is printed. */
void leak_check(struct leak *leak);
void leak_clear(struct leak *leak);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(leak_t, leak_clear)

/* How many processes of this machine have these words in their command line. */
unsigned life_processes(const char *words);
/* Wait until there are none, at most so long; the number left. */
unsigned life_processes_gone(const char *words, unsigned ms);
/* Words that nobody else uses: a number of seconds for sleep(1). */
char *life_mark(void);
