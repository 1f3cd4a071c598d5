/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The doctor: what would work for this process in this place, why not, and what repairs it. doctor.c holds the
 * order. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "sbx.h"

enum doctor_status { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL, DOCTOR_UNKNOWN };

struct doctor_check {
	const char *name;
	enum doctor_status status;
	char *found, *lost, *repair; /* lost and repair: NULL where it is ok */
};

struct doctor {
	GPtrArray *checks; /* of struct doctor_check */
	/* the two boxes that are tried first: what a fact means depends on what came of them */
	sbx_box *box, *limits; /* NULL: could not be made */
	sbx_error *box_error, *limits_error;
	GArray *places; /* of struct place: kept, so that a scope of systemd's is asked for once */
};

/* Add a check. What is needed for the default box is DOCTOR_FAIL where there is no box, and a warning where there is
 * one. */
void doctor_say(struct doctor *doctor, const char *name, enum doctor_status status, const char *format, ...)
	G_GNUC_PRINTF(4, 5);
enum doctor_status doctor_needed(const struct doctor *doctor, bool there);
enum doctor_status doctor_useful(bool there);
/* Of the check that was added last; nothing happens where it is ok. */
void doctor_lost(struct doctor *doctor, const char *format, ...) G_GNUC_PRINTF(2, 3);
void doctor_repair(struct doctor *doctor, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* The groups of checks, a file each. */
void doctor_try(struct doctor *doctor); /* makes the two boxes; says nothing yet */
void doctor_kernel(struct doctor *doctor);
void doctor_user(struct doctor *doctor);
void doctor_security(struct doctor *doctor);
void doctor_host(struct doctor *doctor);
void doctor_cgroup(struct doctor *doctor);
void doctor_live(struct doctor *doctor);

/* Pure, for the checks and their tests: doctor-text.c. */
/* The value of a field of /proc/PID/status ("NoNewPrivs"). g_free() it; NULL: it is not there. */
char *doctor_field(const char *status, const char *name);
/* A sysctl's text: one whole number. */
bool doctor_number(const char *text, int64_t *ret);
/* Is this word among the kernel's parameters? */
bool doctor_has_parameter(const char *cmdline, const char *word);
/* The first id of a range of 65536 that no line of this /etc/subuid or /etc/subgid overlaps; 0: there is none. */
uint32_t doctor_free_subid(const char *text);
/* "unified", "hybrid", "legacy" or "none", by the mounts: is there a cgroup2, and does a v1 hierarchy hold a
 * controller? */
const char *doctor_layout_name(bool v2, bool v1);
/* Do these options of a v1 mount name a controller, or is it a hierarchy without one (name=systemd)? */
bool doctor_is_v1_controllers(const char *options);
/* A sysctl of /proc/sys, as a number. */
bool doctor_sysctl(const char *path, int64_t *ret);
