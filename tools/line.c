/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* What sbx-run says on stderr: whole lines, one write each. */
#include "line.h"

#include <errno.h>
#include <string.h>

gboolean
line_write(int fd, const char *text, gsize length)
{
	while (length > 0) {
		ssize_t n = write(fd, text, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return FALSE;
		text += n;
		length -= n;
	}
	return TRUE;
}

void
line_plain(char *text, gsize length)
{
	for (gsize i = 0; i < length; i++) {
		/* the second kind of control characters, as UTF-8 has them: 0x9b is another ESC [ */
		guchar next = i + 1 < length ? (guchar)text[i + 1] : 0;
		gboolean c1 = (guchar)text[i] == 0xc2 && next >= 0x80 && next < 0xa0;

		if (c1)
			text[i + 1] = '?';
		if (c1 || (guchar)text[i] < ' ' || text[i] == 0x7f)
			text[i] = '?';
	}
}

void
line_say(const char *format, ...)
{
	g_autoptr(GString) line = g_string_new("sbx-run: ");
	va_list args;

	va_start(args, format);
	g_string_append_vprintf(line, format, args);
	va_end(args);
	/* names come from the command line and from inside the box: no second line, no escape sequence for the terminal */
	line_plain(line->str, line->len);
	g_string_append_c(line, '\n');
	line_write(STDERR_FILENO, line->str, line->len);
}

void
line_error(const sbx_error *error)
{
	const char *key = sbx_error_key(error);
	const char *message = sbx_error_message(error);
	const char *hint = sbx_error_hint(error);
	gboolean named = !*key || strstr(message, key);

	line_say("%s%s%s%s%s", named ? "" : key, named ? "" : ": ", message, *hint ? "; " : "", hint);
}

char *
line_size(guint64 bytes)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
	gsize unit = 0;

	while (unit + 1 < G_N_ELEMENTS(units) && bytes >> (10 * (unit + 1)))
		unit++;
	if ((bytes & ((G_GUINT64_CONSTANT(1) << (10 * unit)) - 1)) == 0)
		return g_strdup_printf("%" G_GUINT64_FORMAT " %s", bytes >> (10 * unit), units[unit]);
	return g_strdup_printf("%.1f %s", (double)bytes / (double)(G_GUINT64_CONSTANT(1) << (10 * unit)), units[unit]);
}
