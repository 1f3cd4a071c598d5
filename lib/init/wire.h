/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * What the library and init say to each other.
 *
 * A *plan* is a memfd that init maps at a constant address, so that the pointers in it are final when it is written: a
 * header, data, and steps. A *step* is one system call. Init runs one plan when it starts (the box) and one in each
 * payload it makes (the command); it takes no decision of its own. Messages and records travel on a SEQPACKET socket.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define WIRE_MAGIC 0x31786273u /* "sbx1" */

/* Below every address that the kernel chooses by itself on x86-64 and aarch64, above init's own. */
#define WIRE_BOX_BASE 0x200000000ull
#define WIRE_COMMAND_BASE 0x300000000ull
#define WIRE_SIZE_MAX (64u << 20)
#define WIRE_STEPS_MAX 65536u
#define WIRE_SLOTS 1024u
#define WIRE_FDS_MAX 250u /* of one message: SCM_MAX_FD is 253 */
#define WIRE_NO_SLOT 0xffffu
#define WIRE_NEVER 0xffffffffu

/* The fds that init is started with; those of the plan follow. */
enum wire_fd { WIRE_FD_SOCKET, WIRE_FD_PLAN, WIRE_FD_OWNER, WIRE_FD_FIRST };

enum wire_flag {
	WIRE_SOFT = 1, /* best effort: a failure is noted (WIRE_SKIPPED) and the plan goes on after the `group` */
	WIRE_ANY = 2,  /* a failure means nothing */
	WIRE_TRY = 4,  /* one of several execve: ENOENT, ENOTDIR and EACCES go on to the next step */
	WIRE_FULL = 8, /* a write: fewer bytes than asked are EIO */
	/* A command's seccomp(2) whose result is a listener, which goes to init. The kernel does not look at arg[3], the
	 * calls that are logged (struct wire_logged); arg[4], the slot of the socket to init, which is slot n_fds when the
	 * command begins; arg[5], the word with which the filter lets sendmsg(2) through. */
	WIRE_LISTEN = 16,
};

struct wire_step {
	uint16_t nr;       /* system call number */
	uint16_t out;      /* the slot that keeps the result, or WIRE_NO_SLOT */
	uint8_t slot_args; /* bit i: arg[i] is the number of a slot */
	uint8_t flags;
	uint8_t forgive; /* this errno is no failure; 0: none */
	uint8_t group;   /* so many of the following steps belong to this one: they fall with it */
	uint64_t arg[6];
};

/* What init makes of a call that the filter tells it of: bit nr % 32 of nr[nr / 32] is a native call that is let
 * through and told to the library, every other one is its process's end. */
struct wire_logged {
	uint32_t nr[32];
	uint32_t rest; /* native calls from 1024 on are logged */
	uint32_t arch; /* AUDIT_ARCH_..., the native one */
};

struct wire_plan {
	uint32_t magic;
	uint32_t size;  /* of the whole plan, header included */
	uint32_t steps; /* offset of the first step, a multiple of 8 */
	uint32_t n_steps;
	uint32_t n_fds;   /* fds that come with it: slots 0..n_fds-1 */
	uint32_t n_slots; /* slots used in all */
	uint32_t wait_at; /* box: wait for WIRE_GO before this step; WIRE_NEVER */
	uint32_t kill_fd; /* box: slot of the cgroup.kill to write when the owner dies; WIRE_NEVER: a pid namespace does */
};

/* library -> init, with fds (SCM_RIGHTS) */
enum wire_message_type { WIRE_GO = 1, WIRE_COMMAND, WIRE_SIGNAL };

struct wire_message {
	uint32_t type;
	uint32_t id;    /* of the command */
	uint32_t value; /* SIGNAL: its number; COMMAND: 1 when the box ends with it */
	uint32_t n_fds; /* COMMAND: the plan's memfd, then the plan's fds */
};

/* init -> library */
enum wire_record_type { WIRE_READY = 1, WIRE_FAILED, WIRE_SKIPPED, WIRE_STARTED, WIRE_EXITED, WIRE_SYSCALL };
enum wire_phase { WIRE_PHASE_INIT, WIRE_PHASE_BOX, WIRE_PHASE_COMMAND };
/* What became of who made a call: it was ended, or went on; the last is the end of the main payload's own process. */
enum wire_call { WIRE_CALL_OTHER, WIRE_CALL_LOGGED, WIRE_CALL_MAIN };

struct wire_record {
	uint32_t type;
	uint32_t phase; /* FAILED, SKIPPED; SYSCALL: enum wire_call */
	uint32_t id;    /* of the command */
	uint32_t step;  /* FAILED, SKIPPED: index into the plan's steps; phase init: enum wire_init_step; SYSCALL: number */
	int32_t value;  /* FAILED, SKIPPED: errno; STARTED: pid inside; EXITED: wait status; SYSCALL: architecture */
	uint32_t reserved;
};

/* What init does before it has a plan, for WIRE_PHASE_INIT. */
enum wire_init_step {
	WIRE_INIT_SIGNALS,
	WIRE_INIT_MAP,
	WIRE_INIT_PLAN,
	WIRE_INIT_SIGNALFD,
	WIRE_INIT_GO,
	WIRE_INIT_CLONE,
	WIRE_INIT_N
};

_Static_assert(sizeof(struct wire_step) == 56, "steps have no holes");
_Static_assert(sizeof(struct wire_plan) == 32, "headers have no holes");
