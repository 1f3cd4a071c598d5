/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* newuidmap and newgidmap: where they are, what they may do, and running one without the host noticing. */
#pragma once

/* Never looked for in PATH, which is not the administrator's. NULL: not installed. g_free() it. */
char *idmap_helper_find(const char *name);
/*
 * Run it, wait until it has ended, 10 s at most, and give back the first line of what it said, "" when it was silent.
 * NULL and errno: it could not be run, or time was up (ETIMEDOUT). Whether it succeeded is not known here. g_free() it.
 */
char *idmap_helper_run(char *const *argv);
