/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The plan: a spec turned into an ordered list of system calls, which can be sealed for init or printed for people. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "identity.h"
#include "init/wire.h"
#include "spec.h"

/* Why a step is there, for error messages and the text form. Several steps share one. */
struct plan_note {
	enum stage stage;
	char *key; /* "" for what every box gets */
	char *value;
	char *what; /* "bind /src on /data" */
	bool soft;  /* asked as best effort */
};

struct plan_fd {
	int fd;
	bool owned;
	char *what;
};

struct plan {
	uint64_t base;
	GByteArray *data;  /* final pointers are base + sizeof(struct wire_plan) + offset */
	GArray *steps;     /* of struct wire_step */
	GArray *step_note; /* of unsigned: the note of each step */
	GPtrArray *notes;  /* of struct plan_note */
	GArray *fds;       /* of struct plan_fd: given to init with the plan */
	unsigned n_slots;
	uint32_t wait_at;
	uint32_t kill_fd;
	uint32_t delegate_slot; /* cgroup.procs of the leaf that init moves to; WIRE_NEVER: nothing is delegated */
	uint64_t namespaces;    /* CLONE_NEW... that the box is born with */
	int join[SPEC_NS_N];    /* borrowed from the spec: entered before the birth; -1 */
	int join_net;           /* owned: the namespace file of net=PATH; -1 */
	int cgroup_fd;          /* as given to plan_box(); borrowed */
	struct identity identity;
	unsigned exec_slot;    /* of the program, when it was given as an fd */
	unsigned channel_slot; /* of a command whose filter listens: the socket to init */
	uint64_t filter_word;  /* opens the payload's own filter to its execve; 0: it needs none */
	bool too_large;
	GPtrArray *dropped; /* of struct plan_note: best-effort wishes that the host can't meet, seen while planning */
};

/* --- THE order of everything: what happens to a box, and what happens to a payload --- */
/* `cgroup_fd`: the directory of the box's own cgroup; PLAN_NO_CGROUP; or PLAN_ANY_CGROUP when the plan is only to be
 * read. */
#define PLAN_NO_CGROUP (-1)
#define PLAN_ANY_CGROUP (-2)
bool plan_box(const sbx_spec *spec, int cgroup_fd, struct plan **ret_plan, GError **error);
/* `listen`: init is to hear of the calls that the filter ends a process for; filter.h. */
bool plan_command(const sbx_spec *spec, const struct identity *identity, const sbx_command *command, const int stdio[3],
                  bool listen, struct plan **ret_plan, GError **error);
void plan_free(struct plan *plan);
typedef struct plan plan_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(plan_t, plan_free)

/* A sealed memfd with the plan as wire.h has it, or -1. */
int plan_seal(const struct plan *plan, GError **error);
/* Step `step` failed with errno `code`. Always false. */
bool plan_throw(const struct plan *plan, uint32_t step, int code, GError **error);
/* plan-text.c: one step as strace would print it; all of it. g_free() them. */
char *plan_step_text(const struct plan *plan, uint32_t step);
char *plan_text(const struct plan *plan);

/* --- for the emitters: files, identity, stdio --- */
struct plan *plan_new(uint64_t base);
/* The steps that follow are for this. */
void plan_for(struct plan *plan, enum stage stage, const struct spec_entry *entry, const char *format, ...)
	G_GNUC_PRINTF(4, 5);
/* A best-effort wish is given up: no step is made for it. */
void plan_drop(struct plan *plan, const struct spec_entry *entry);
uint64_t plan_data(struct plan *plan, const void *bytes, size_t len);
uint64_t plan_string(struct plan *plan, const char *text);
/* An fd that goes along; its slot. Given fds are closed with the plan when `owned`. */
unsigned plan_fd(struct plan *plan, int fd, bool owned, const char *what);
struct wire_step *plan_step(struct plan *plan, int nr, unsigned slot_args, const uint64_t arg[6]);
/* One step; bit i of `slots`: argument i is a slot. The answer may be changed until the next step. */
#define plan_call(plan, nr, slots, ...) plan_step(plan, nr, slots, (const uint64_t[6]){ __VA_ARGS__ })
/* One step whose result is an fd; its slot. */
#define plan_open(plan, nr, slots, ...) plan_keep(plan, plan_call(plan, nr, slots, __VA_ARGS__))
unsigned plan_keep(struct plan *plan, struct wire_step *step);
/* open, write all, close */
void plan_write_file(struct plan *plan, const char *path, const char *text);

#define PLAN_AT_CWD ((uint64_t)-100) /* AT_FDCWD */
