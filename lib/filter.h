/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The seccomp filter of a payload, as steps. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "spec.h"

struct plan;

/*
 * The last but one thing before the exec. With `listen`, init hears of the calls at which a process is to be killed, or
 * that are logged; without, the kernel kills by itself and nobody learns the call's name. Sets plan->filter_word, which
 * the execve that follows must carry as its sixth argument.
 */
bool filter_can_listen(const sbx_spec *spec);
bool filter_plan(struct plan *plan, const sbx_spec *spec, bool listen, GError **error);
