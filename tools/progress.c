/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The live status line of --progress. What could not be measured is left out of it. */
#include "progress.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "line.h"

#define INTERVAL_USEC 100000
#define BAR 20     /* cells */
#define COLUMNS 80 /* of a terminal that does not know */
#define ERASE "\r\x1b[K"

/* One number of the box's cgroup. FALSE: no such file, or "max". */
static gboolean
progress_number(sbx_box *box, const char *file, guint64 *ret_number)
{
	char text[32];
	int dirfd = sbx_box_cgroup_fd(box);
	autofd fd = dirfd < 0 ? -1 : openat(dirfd, file, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

	if (n <= 0 || !g_ascii_isdigit(text[0]))
		return FALSE;
	text[n] = '\0';
	*ret_number = g_ascii_strtoull(text, NULL, 10);
	return TRUE;
}

void
progress_begin(struct progress *progress, sbx_box *box)
{
	if (!isatty(STDERR_FILENO))
		return;
	progress->box = box;
	progress->started_usec = g_get_monotonic_time();
	if (!progress_number(box, "memory.max", &progress->memory_max))
		progress->memory_max = 0;
}

int
progress_timeout(const struct progress *progress)
{
	gint64 due = progress->drawn_usec + INTERVAL_USEC - g_get_monotonic_time();

	if (!progress->box)
		return -1;
	return due <= 0 ? 0 : (int)((due + 999) / 1000);
}

static void
progress_memory(const struct progress *progress, GString *line)
{
	g_autofree char *used = NULL;
	g_autofree char *most = NULL;
	guint64 current = 0;

	if (!progress_number(progress->box, "memory.current", &current))
		return;
	used = line_size(current);
	if (progress->memory_max == 0) {
		g_string_append_printf(line, "memory %s  ", used);
		return;
	}
	most = line_size(progress->memory_max);
	g_string_append_c(line, '[');
	for (int i = 0; i < BAR; i++)
		g_string_append_c(line, (double)current * BAR > (double)progress->memory_max * i ? '#' : '-');
	g_string_append_printf(line, "] memory %s of %s  ", used, most);
}

static void
progress_cpu(struct progress *progress, GString *line, gint64 now)
{
	const guint64 wanted = SBX_VALID_CPU_USER_USEC | SBX_VALID_CPU_SYSTEM_USEC;
	sbx_report report = { .size = sizeof report };
	guint64 used;

	if (sbx_box_report(progress->box, &report, NULL) < 0 || (report.valid & wanted) != wanted)
		return;
	used = report.cpu_user_usec + report.cpu_system_usec;
	if (progress->drawn_usec > 0 && now > progress->drawn_usec && used >= progress->cpu_usec)
		g_string_append_printf(line, "cpu %3.0f%%  ",
		                       100.0 * (double)(used - progress->cpu_usec) / (double)(now - progress->drawn_usec));
	progress->cpu_usec = used;
}

void
progress_draw(struct progress *progress)
{
	g_autoptr(GString) line = NULL;
	struct winsize size = { 0 };
	gint64 now = g_get_monotonic_time();
	gint64 tenths = (now - progress->started_usec) / INTERVAL_USEC;
	guint64 pids = 0;
	gsize columns = COLUMNS;

	if (!progress->box || now < progress->drawn_usec + INTERVAL_USEC)
		return;
	line = g_string_new(NULL);
	progress_memory(progress, line);
	progress_cpu(progress, line, now);
	if (progress_number(progress->box, "pids.current", &pids))
		g_string_append_printf(line, "pids %" G_GUINT64_FORMAT "  ", pids > 0 ? pids - 1 : 0); /* init is not counted */
	g_string_append_printf(line, "%02d:%02d.%d", (int)(tenths / 600), (int)(tenths / 10 % 60), (int)(tenths % 10));

	/* a line that wraps could not be erased */
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1)
		columns = size.ws_col;
	g_string_truncate(line, MIN(line->len, columns - 1));
	g_string_prepend(line, ERASE);
	line_write(STDERR_FILENO, line->str, line->len);
	progress->drawn_usec = now;
}

void
progress_end(struct progress *progress)
{
	if (progress->box && progress->drawn_usec > 0)
		line_write(STDERR_FILENO, ERASE, sizeof ERASE - 1);
	progress->box = NULL;
}
