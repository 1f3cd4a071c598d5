/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The live status line of --progress: memory against its cap, CPU, processes, time. */
#pragma once

#include <glib.h>

#include "../include/sbx.h"

struct progress {
	sbx_box *box;       /* not owned; NULL: off */
	guint64 memory_max; /* 0: none */
	gint64 started_usec;
	gint64 drawn_usec;
	guint64 cpu_usec; /* at the last line */
};

/* Off, and silent, where stderr is no terminal. */
void progress_begin(struct progress *progress, sbx_box *box);
/* Milliseconds until the next line is due; -1 when off. For poll(2). */
int progress_timeout(const struct progress *progress);
/* Draw when it is due. */
void progress_draw(struct progress *progress);
/* Take the line away. */
void progress_end(struct progress *progress);
