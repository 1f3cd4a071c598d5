/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* What test-races and test-between share: special.c as a payload and outside of boxes, and an eye on a canary. */
#pragma once

#include <stdbool.h>

#include "../live/life.h"
#include "../live/live.h"

/* Where special.c is in every box. */
#define SPECIAL "/tmp/special"

bool special_in_vm(void);
/* In the VM, where all is slower. */
unsigned special_patience(unsigned ms);
char *special_path(void);
sbx_spec *special_spec(const char *const *keys);
/* A box of these keys with SPECIAL in it, and argv run to its end. */
struct live *special_run(const char *const *keys, const char *const *argv);
/* The same, as a box that runs; its output is captured. */
sbx_box *special_start(const char *const *keys, const char *const *argv);
/* What special says outside; *ret_status may be NULL. */
char *special_outside(const char *const *args, int *ret_status);
/* The bytes of `text` are in there. */
bool special_has(const struct live *live, const char *text);
/* All of a directory: names, types, modes, owners, sizes, times and contents. */
char *special_tree(const char *path);
/* The SHA-256 of a file, or NULL where it can't be read. */
char *special_hash(const char *path);
/* Pid of a box's init, as this process sees it. */
int special_init(sbx_box *box);
