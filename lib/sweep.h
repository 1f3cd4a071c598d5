/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Groups that dead hosts have left. sbx_sweep() is in sbx.h. */
#pragma once

/* Remove leftovers in this directory, a few, at once and without a word: what a launch does in the place where it makes
 * its group, the first time that this process comes there. */
void sweep_beside(int parent_fd);
