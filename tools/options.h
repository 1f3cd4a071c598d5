/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The command line of sbx-run: the spec it describes, and what is to be done with it. */
#pragma once

#include <glib.h>

#include "../include/sbx.h"

enum options_action {
	OPTIONS_RUN,
	OPTIONS_PLAN,
	OPTIONS_KEYS,
	OPTIONS_KEYS_JSON,
	OPTIONS_SWEEP,
	OPTIONS_DOCTOR,
	OPTIONS_DOCTOR_JSON,
	OPTIONS_VERSION,
	OPTIONS_HELP,
};

struct options {
	sbx_spec *spec;
	enum options_action action;
	char *report; /* a file, "-" for stderr, NULL for none */
	gboolean progress;
	gboolean verbose;
	guint n_applied; /* options that have changed the spec so far */
	char **command;  /* in argv */
};

/* Read argv. The error is the one line for the user, without "sbx-run: ". */
gboolean options_parse(struct options *options, int argc, char **argv, GError **error);
void options_clear(struct options *options);
typedef struct options options_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(options_t, options_clear)

/* The texts of --help and --list-keys, made from the same tables. g_free() them. */
char *options_help(void);
char *options_keys(void);
