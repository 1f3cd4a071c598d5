/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The profile file: GLib key-file syntax into a spec, all or nothing, errors with file and line. */
#pragma once

#include "spec.h"

bool profile_load(sbx_spec *spec, const char *path, GError **error);
/* "default", "build", "empty"; false and an error that lists them for any other name. */
bool profile_builtin(sbx_spec *spec, const char *name, GError **error);
