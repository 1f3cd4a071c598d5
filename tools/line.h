/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* What sbx-run says on stderr: whole lines, one write each, and fds that close themselves. */
#pragma once

#include <glib.h>
#include <unistd.h>

#include "../include/sbx.h"

/* Names of files, of groups and of programs are chosen by others: nothing of them may reach the terminal but text.
 * Control characters become "?". */
void line_plain(char *text, gsize length);
/* "sbx-run: " and the text, one line whatever the text holds: control characters become "?". */
void line_say(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* An error as that one line: its key, its message, and what would help. */
void line_error(const sbx_error *error);
/* Write everything; FALSE and errno. */
gboolean line_write(int fd, const char *text, gsize length);
/* 104857600: "100 MiB". g_free() it. */
char *line_size(guint64 bytes);

static inline void
line_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define autofd __attribute__((cleanup(line_close))) int

G_DEFINE_AUTOPTR_CLEANUP_FUNC(sbx_error, sbx_error_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sbx_spec, sbx_spec_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sbx_box, sbx_box_free)
