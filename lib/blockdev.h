/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The block device that a user means: by its node, by a file on it, or by number. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/*
 * `name`: a block device node, any file or directory (the disk that holds it), or MAJ:MIN. A partition becomes its
 * whole disk, because the kernel limits those only. `key` is for the error. ret_number: "MAJ:MIN". g_free() it.
 */
bool blockdev_find(const char *name, const char *key, char **ret_number, GError **error);
