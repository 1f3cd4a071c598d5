/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Errors: a GError that also knows its stage, key and hint, and its way across sbx.h. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "sbx.h"

/* What was being done. The names are public: sbx_error_stage(). */
enum stage {
	STAGE_SPEC,
	STAGE_HOST,
	STAGE_CGROUP,
	STAGE_CLONE,
	STAGE_NAMESPACE,
	STAGE_IDENTITY,
	STAGE_FILES,
	STAGE_NETWORK,
	STAGE_PROCESS,
	STAGE_SECCOMP,
	STAGE_EXEC,
	STAGE_WAIT,
	STAGE_N,
};

/* code is the errno */
#define SBX_ERROR (sbx_error_quark())
GQuark sbx_error_quark(void);

const char *stage_name(enum stage stage);

/* "FORMAT: strerror(errno)", with errno as it stands. Always false, so that a function can end with it. */
bool throw_errno(GError **error, enum stage stage, const char *key, const char *format, ...) G_GNUC_PRINTF(4, 5);
/* The sentence as it is, for the errno `code`. Always false. */
bool throw_error(GError **error, int code, enum stage stage, const char *key, const char *format, ...)
	G_GNUC_PRINTF(5, 6);
/* Say what would help. Always false; does nothing where error or *error is NULL. */
bool throw_hint(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Put words before the sentence that is there. Always false. */
bool throw_prefix(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Set the key where none is set yet. Always false. */
bool throw_key(GError **error, const char *key);

enum stage error_stage(const GError *error);
const char *error_key(const GError *error);
const char *error_hint(const GError *error);

/* The border: frees `error`, gives the public one to `ret_error` if wanted, and returns the negative errno. */
int error_return(GError *error, sbx_error **ret_error);
/* What goes with a public error and is let go with it; who reads it knows what it is (the report: its places). */
void error_attach(sbx_error *error, void *object, GDestroyNotify let_go);
void *error_attached(const sbx_error *error);
/* For an argument of a public function that is wrong: -EINVAL and a sentence. */
int error_argument(sbx_error **ret_error, const char *format, ...) G_GNUC_PRINTF(2, 3);
