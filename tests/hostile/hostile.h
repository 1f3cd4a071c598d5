/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * Batches of probes, run where they are to be denied and where they are not.
 *
 * Theory of operation: the table's rows are added first, so that each place knows all that will be asked of it. The first
 * question about a (mode, place) forks a worker, which becomes that mode's user, makes itself as dirty as a careless host
 * could be (leaked fds, blocked signals, secrets in its environment, inheritable capabilities, a terminal on stdin), and
 * runs all probes of that place in one go: in a box by the library, or by exec outside of one. Its answers are kept.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* Who makes the box. */
enum hostile_mode {
	MODE_ROOT,        /* root, whose box has a user namespace */
	MODE_HOST_NOBODY, /* root, share=user: no user namespace, the payload is user 65534 of the host */
	MODE_HOST_ROOT,   /* root, share=user and user=0: the payload is the host's root, without a capability */
	MODE_USER,        /* a plain user */
	MODE_NESTED,      /* root of a user namespace that a plain user made */
	N_MODES
};

enum hostile_place {
	PLACE_BOX = 0, /* the default box */
	PLACE_BARE,    /* one wall less: seccomp=none */
	PLACE_ZERO,    /* root inside: user=0 */
	PLACE_OUTSIDE, /* no box: the worker itself */
	PLACE_ROOT,    /* no box, and root, whatever the mode; where the suite has no root there is no answer */
	PLACE_PLAIN,   /* no box, and a plain user, whatever the mode */
	PLACE_NS,      /* no box, no filter: root of new namespaces of each type, with all capabilities there */
	N_PLACES
};

void hostile_init(void);
/* Removes what hostile_init() put on this machine. */
void hostile_end(void);
/* "root", "host-nobody"... */
const char *hostile_mode_name(enum hostile_mode mode);
const char *hostile_place_name(enum hostile_place place);
/* NULL where the suite, started as it is, can run this mode; else why it can't. */
const char *hostile_mode_lacks(enum hostile_mode mode);
bool hostile_has_root(void);

/* This probe will be asked for at this place. "%h" in it is the directory of files that the host planted. */
void hostile_want(enum hostile_place place, const char *probe);

struct hostile_answer {
	const char *result; /* NULL: there is none, see why */
	const char *why;
	bool reached;
};
void hostile_ask(enum hostile_mode mode, enum hostile_place place, const char *probe, struct hostile_answer *ret);

/* What this mode's boxes are made with, and what makes them special: pairs of key and value, NULL at the end. */
const char *const *hostile_keys(enum hostile_mode mode);
/* `work` as this mode's user, in a child; what it writes to this fd is returned. */
char *hostile_worker(enum hostile_mode mode, void (*work)(int fd, const void *data), const void *data);
/* The directory that %h is. */
const char *hostile_dir(void);
/* Bytes that probes at this place put into the input of the host's terminals. */
unsigned hostile_typed(enum hostile_place place);
/* For workers: what does not work ends them, with a word to whoever reads. */
void hostile_must(int result, const char *what);
/* For workers: mounts of their own, of which everything is shared; what is mounted where it should not be would show. */
void hostile_shared_mounts(void);
