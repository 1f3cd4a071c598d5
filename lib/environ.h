/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The payload's environment when the host gives none: the few variables that are passed on, and those of `env`. */
#pragma once

#include <glib.h>

#include "spec.h"

/* The search path of a payload that has none. */
#define ENVIRON_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/*
 * PATH HOME USER LOGNAME SHELL LANG LC_* TERM TZ (all with keep-env) as the host was started with, and what `env` adds.
 * They are read from /proc/self/environ: getenv(3) is not safe while another thread of the host calls setenv(3), so
 * later changes of the host to its own environment are not seen. NULL-terminated; g_strfreev() it.
 */
char **environ_for_payload(const sbx_spec *spec, GError **error);
