/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Does a cgroup file hold what was written to it? Pure: text against text. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* The kernel may answer in other words ("0-1" for "0,1"), with more fields, and in whole pages; all of that is the
 * same. */
bool readback_same(const char *file, const char *asked, const char *held);
/* Is every member of the list `part` ("0-3,7") in `whole`? false too when one of them is no list. */
bool readback_within(const char *part, const char *whole);
/* The line of `held` whose first word is `word`, without its newline; NULL when there is none. g_free() it. */
char *readback_line(const char *held, const char *word);
