/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The init program as a file that can be executed and that nobody can write. */
#pragma once

#include <glib.h>

/* An fd for execveat(2): a sealed memfd; where vm.memfd_noexec forbids it, an unnamed file; else the installed copy.
 * -1 and an error that lists what was tried. */
int image_open(GError **error);
