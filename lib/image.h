/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The programs that the library carries, each as a file that can be executed and that nobody can write. */
#pragma once

#include <glib.h>
#include <stdbool.h>

enum image { IMAGE_INIT, IMAGE_KEEPER };

/* An fd for execveat(2): a sealed memfd; where vm.memfd_noexec forbids it, an unnamed file; else the installed copy.
 * -1 and an error that lists what was tried. `closed`: nobody may read it. The kernel gives the memory of a program
 * that cannot be read to a user namespace in which it could be (would_dump() in its fs/exec.c), and in a new one, where
 * no id is mapped yet, not even the owner can: it is that of the caller. CAP_SYS_PTRACE inside is of no use against
 * it. */
int image_open(enum image which, bool closed, GError **error);
