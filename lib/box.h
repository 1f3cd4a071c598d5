/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The live box: what the files of this name share. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "cgroup.h"
#include "keeper.h"
#include "launch.h"
#include "place.h"
#include "plan.h"
#include "report.h"
#include "spec.h"

struct box_capture {
	int fd; /* our end; -1 when it was not asked for, or has ended */
	bool asked;
	GByteArray *bytes;
};

struct sbx_box {
	int busy;       /* atomic: a thread is inside */
	int kill_asked; /* atomic: sbx_box_kill() */
	pid_t owner;    /* the process that made it; a forked copy must keep its hands off */
	int state;
	int paused_from; /* with SBX_PAUSED: the state to go back to */
	sbx_spec *spec;
	struct plan *plan;         /* of the box, for the words of errors; until it runs */
	struct plan *command_plan; /* likewise, until exec */
	struct cgroup *cgroup;     /* NULL: none could be had and nothing needed one */
	struct place place;        /* where the cgroup is; nothing where there is none */
	struct keeper guard;       /* ends the box when this process dies and init is frozen: delegated, or paused */
	bool guard_is_pauses;      /* started for the pause, and ends with it */
	GPtrArray *limits;         /* of struct report_limit */
	GPtrArray *places;         /* of struct report_place */
	GArray *calls;             /* of struct report_call */
	bool listens;              /* init hears of every call that the filter kills for */
	bool call_killed;          /* it has heard of one */
	bool main_killed;          /* one that ended the main payload's own process */
	pid_t init_pid;
	int init_pidfd, socket, epoll, timer;
	bool init_ended;
	uint32_t command_id;                  /* of the last one sent: an answer to an earlier one is none */
	bool refused;                         /* init has said that the command did not start */
	int pipes[3];                         /* SBX_STDIO_PIPE: our ends, until taken */
	struct box_capture capture[3];        /* 1 and 2 */
	uint64_t setup_usec;                  /* spent so far */
	gint64 started_usec;                  /* g_get_monotonic_time() */
	uint64_t wall_limit_usec, grace_usec; /* VALUE_MAX: none */
	bool limit_hit;                       /* the wall-clock limit */
	bool term_sent;
	bool payload_ended;
	int wait_status;
	sbx_report report; /* final once the state is stopped */
};

/* --- box.c --- */
/* Be the one thread that is inside; 0 or a negative errno. */
int box_enter(sbx_box *box, sbx_error **error);
void box_leave(sbx_box *box);

/* --- box-pause.c --- */
/* Created, running or stopped, whether it stands still or not. */
int box_unpaused_state(const struct sbx_box *box);

/* --- box-stat.c --- */
int box_check_report(const sbx_report *report, sbx_error **error);

/* --- box-start.c --- */
/* Cgroup, plan, birth, maps, READY. */
bool box_build(struct sbx_box *box, GError **error);
/* Send the command; true when its exec has succeeded. */
bool box_start(struct sbx_box *box, const sbx_command *command, GError **error);

/* --- box-watch.c --- */
/* Let the box's own poll set watch an fd. */
bool box_watch_fd(struct sbx_box *box, int fd, GError **error);
/* Init has heard of a system call that the filter kills for, or logs. */
void box_note_call(struct sbx_box *box, const struct wire_record *record);
/* Handle everything that is due. true: it has stopped. Never blocks. */
bool box_dispatch(struct sbx_box *box);
/* What of the report is text. */
void box_set_words(const struct sbx_box *box, sbx_report *report);
/* The numbers as they are now. */
void box_measure(struct sbx_box *box, sbx_report *report);
/* End every process of it, at once. Any thread. */
bool box_kill(const struct sbx_box *box, GError **error);
/* Wait for the end of a box that was killed, and leave nothing behind. */
void box_remove(struct sbx_box *box);
