/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* What the library and a keeper say to each other, on a SEQPACKET socket. Each message but LET_GO and HOLD has one
 * answer. */
#pragma once

#include <stdint.h>

/* The fds that a keeper is started with. The last one only where it has something to kill. */
enum keeper_fd { KEEPER_FD_SOCKET, KEEPER_FD_OWNER, KEEPER_FD_KILL, KEEPER_FD_N };

/* library -> keeper, with fds (SCM_RIGHTS) */
enum keeper_message_type {
	KEEPER_HOLD = 1, /* more fds for the CLONE that follows: one message has room for 253 */
	KEEPER_CLONE, /* of the fds held: the image, the cgroup (with CLONE_INTO_CGROUP), namespaces, init's own in order */
	KEEPER_WATCH, /* its fd, if any, is the cgroup.kill from now on */
	KEEPER_LET_GO, /* end, and kill nothing */
};

#define KEEPER_JOINS 8
#define KEEPER_FDS_AT_ONCE 200u
#define KEEPER_FDS_MAX 300u /* WIRE_FDS_MAX, and what comes before them */

struct keeper_message {
	uint32_t type;
	uint32_t id;    /* the answer has it too: one that comes too late for its question is none to the next */
	uint32_t n_fds; /* that come with this message */
	uint32_t n_joins;
	uint64_t flags; /* CLONE_... */
	uint32_t join[KEEPER_JOINS];
};

/* keeper -> library, with init's pidfd when a CLONE went well. The first one, with id 0, says that it is there. */
struct keeper_answer {
	uint32_t id;
	int32_t pid;     /* of init */
	int32_t error;   /* errno, or 0 */
	int32_t step;    /* enum birth_step */
	int32_t joining; /* which of the namespaces */
};
