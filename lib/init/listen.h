/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Hearing of the calls for which a seccomp filter ends a process, or which it logs: seccomp_unotify(2). */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "wire.h"

#define N_LISTENERS 256

/* Init, before a payload is made: when its plan has a WIRE_LISTEN, slot n_fds becomes the socket to us, and there has
 * to be room for the listener. Negative: the errno. */
long listen_prepare(const struct wire_plan *plan);
/* The payload, right after the filter stands: give `listener` to init. */
long listen_give(const struct wire_step *step, int listener);
/* Init, when the payload has come to its exec, or has not: take the listener, for a command that runs. false: it has
 * not come, for want of fds, and unheard the filter only refuses its calls, with ENOSYS. */
bool listen_take(uint32_t id, bool runs);
/* The listeners to be polled, put at `watch`; how many. Then what came of it. */
int listen_watch(struct pollfd *watch);
void listen_dispatch(const struct pollfd *watch, int n);
/* init.c: is this a thread of the box's main payload? */
bool is_of_main(uint32_t thread);
/* init.c: tell the library. Only of a WIRE_SYSCALL not at any price. */
long send_record(uint32_t type, uint32_t phase, uint32_t id, uint32_t step, int value);
