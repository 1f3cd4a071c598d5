/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Seccomp: a policy's name turned into a filter program. Programs are made when libsbx is built: no compiler at run time. */
#pragma once

#include <glib.h>
#include <linux/filter.h>
#include <stdbool.h>

/*
 * The program of a policy: "default", or "none", which gives NULL and 0. It lives for ever and is shared.
 * The error has stage seccomp and key "seccomp".
 */
bool seccomp_find(const char *policy, const struct sock_filter **ret_filter, unsigned short *ret_len, GError **error);
