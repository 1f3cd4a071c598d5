/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The device filter: rules, the eBPF program made of them, and its place on a cgroup. */
#pragma once

#include <glib.h>
#include <linux/bpf.h>
#include <stdbool.h>

#include "value.h"

#define DEVICE_RULES_MAX 512

/* --- rules: device-rules.c --- */

/* What every box may use; an array of struct device_rule. */
GArray *device_rules_new(void);
/* Add what a value of the key means on this host: a node is looked up, a driver's name may stand for several. Errors:
 * ENOENT and what stat(2) gives, ENODEV (no device node), E2BIG. */
bool device_rules_add(GArray *rules, const char *text, GError **error);
/* Sorted, and without what another rule holds already: equal wishes are equal bytes from here on. */
void device_rules_finish(GArray *rules);
/* The program, an array of struct bpf_insn. It allows an access when (asked & allowed) == asked, where `allowed` is
 * what all the rules for that device allow together; so their order means nothing. */
GArray *device_rules_emit(const GArray *rules);

/* --- programs: device.c --- */

/* A loaded program, shared by all boxes of this process with equal rules. */
struct device_program;
/* `rules`: finished. The error has stage cgroup and key device; device_is_refusal() tells whether it is about this
 * host. */
bool device_program_get(const GArray *rules, struct device_program **ret_program, GError **error);
/* The last user's put closes it. */
void device_program_put(struct device_program *program);
bool device_is_refusal(const GError *error);

/* Put it on the cgroup, in place of `old` (which may be NULL, and may be the same) in one step, and look that it alone
 * is there. `path` is for messages. */
bool device_attach(int cgroup_fd, const char *path, const struct device_program *program,
                   const struct device_program *old, GError **error);
/* Is there a program on this very cgroup? */
bool device_is_attached(int cgroup_fd);
