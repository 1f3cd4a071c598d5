/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * The hostile payload: probe [KEY=VALUE...] NAME...
 *
 * A name is VERB or VERB:ARGUMENT. Each runs in a child of its own with two seconds to live and gives one line:
 *
 *	NAME reached RESULT
 *
 * where RESULT is "ok", the name of an errno, a value, or "signal SIGSYS". "reached" is set by the probe right before the
 * operation that is to be denied: a line that says "unreached" proves nothing. Without a library, so that it runs in any root.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct probe {
	const char *verb;
	void (*run)(const char *arg);
};

/* Each ends with a NULL verb. */
extern const struct probe probes_call[], probes_file[], probes_init[], probes_net[], probes_self[];

/* The next call is the one that matters. */
void reached(void);
/* "ok", or errno's name where the result is negative. The first word said counts. */
void tell(long result);
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool said(void);
/* A VALUE from the command line; "" if there is none. */
const char *setting(const char *key);
/* Runs the probe of this name right here. */
void probe_run(const char *name);
/* Up to size - 1 bytes of a file, NUL-terminated; the length, or -1. */
ssize_t slurp(const char *path, char *buffer, size_t size);
/* A child that does nothing, and dies with us. */
pid_t new_peer(void);
