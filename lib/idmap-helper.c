/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* newuidmap and newgidmap: where they are, what they may do, and running one without the host noticing. */
#include "idmap-helper.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"
#include "idmap.h"

#define HELPER_USEC (10 * G_USEC_PER_SEC)

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

/* --- /etc/subuid and /etc/subgid ---------------------------------------------------------------------------------- */

static bool
subid_number(const char *text, uint32_t *ret)
{
	guint64 number;

	if (!g_ascii_string_to_unsigned(text, 10, 0, UINT32_MAX, &number, NULL))
		return false;
	*ret = number;
	return true;
}

/* OWNER:START:COUNT. A line that is none grants nothing. */
static bool
subid_line(const char *line, const char *name, uint32_t id, struct value_map *ret)
{
	g_auto(GStrv) fields = g_strsplit(line, ":", -1);
	uint32_t owner, start, count;

	if (g_strv_length(fields) != 3 || !subid_number(fields[1], &start) || !subid_number(fields[2], &count))
		return false;
	if (count == 0 || count > UINT32_MAX - start)
		return false;
	if (g_strcmp0(fields[0], name) != 0 && !(subid_number(fields[0], &owner) && owner == id))
		return false;
	*ret = (struct value_map){ .inside = 0, .outside = start, .count = count };
	return true;
}

/* The next range of that user, *text moved behind it. */
static bool
subid_next(const char **text, const char *name, uint32_t id, struct value_map *ret)
{
	while (**text) {
		size_t len = strcspn(*text, "\n");
		g_autofree char *line = g_strndup(*text, len);

		*text += len + ((*text)[len] == '\n');
		if (subid_line(line, name, id, ret))
			return true;
	}
	return false;
}

bool
idmap_subid(const char *text, const char *name, uint32_t id, struct value_map *ret_first_range)
{
	return subid_next(&text, name, id, ret_first_range);
}

bool
idmap_subid_covers(const char *text, const char *name, uint32_t id, const struct value_map *line)
{
	struct value_map range;

	while (subid_next(&text, name, id, &range))
		if (line->outside >= range.outside &&
		    (uint64_t)line->outside + line->count <= (uint64_t)range.outside + range.count)
			return true;
	return false;
}

/* --- the programs ------------------------------------------------------------------------------------------------- */

char *
idmap_helper_find(const char *name)
{
	static const char *const directories[] = { "/usr/bin", "/usr/local/bin" };

	for (size_t i = 0; i < G_N_ELEMENTS(directories); i++) {
		g_autofree char *path = g_build_filename(directories[i], name, NULL);

		if (access(path, X_OK) == 0)
			return g_steal_pointer(&path);
	}
	return NULL;
}

/* Signal dispositions and mask are the host's business, its fds and environment none of the helper's. */
static int
helper_spawn(char *const *argv, int out, pid_t *ret_pid)
{
	char *const environment[] = { NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t all, none;
	int code;

	sigfillset(&all);
	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	/* 0 last: in a host without standard streams `out` may be 0 */
	code = posix_spawn_file_actions_adddup2(&actions, out, 1);
	code = code ? code : posix_spawn_file_actions_adddup2(&actions, out, 2);
	code = code ? code : posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	code = code ? code : posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	code = code ? code : posix_spawn(ret_pid, argv[0], &actions, &attributes, argv, environment);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return code;
}

/* Read until the other end is closed, which its exit does. false: time is up. */
static bool
helper_listen(int in, GString *said)
{
	gint64 deadline = g_get_monotonic_time() + HELPER_USEC;
	char buffer[256];

	for (;;) {
		struct pollfd poll_in = { .fd = in, .events = POLLIN };
		gint64 left = deadline - g_get_monotonic_time();
		ssize_t n;

		if (left <= 0)
			return false;
		if (poll(&poll_in, 1, left / 1000 + 1) <= 0)
			continue;
		n = read(in, buffer, sizeof buffer);
		if (n == 0 || (n < 0 && errno != EINTR))
			return true;
		if (n > 0 && said->len < 1024)
			g_string_append_len(said, buffer, n);
	}
}

/* The application may have reaped it already (SIGCHLD ignored, a waitpid(-1) of its own): then there is nothing to
 * do. */
static void
helper_reap(int pidfd, pid_t pid, bool ended)
{
	siginfo_t info;
	int flags = WEXITED;

	/* One that cannot be killed is not waited for. */
	if (!ended && (pidfd < 0 || syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) < 0))
		flags |= WNOHANG;
	while (waitid(pidfd < 0 ? P_PID : (idtype_t)P_PIDFD, pidfd < 0 ? (id_t)pid : (id_t)pidfd, &info, flags) < 0 &&
	       errno == EINTR)
		;
}

char *
idmap_helper_run(char *const *argv)
{
	g_autoptr(GString) said = g_string_new(NULL);
	autofd in = -1, out = -1, pidfd = -1;
	int fds[2];
	pid_t pid;
	bool gone, ended;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return NULL;
	in = fds[0];
	out = fds[1];
	errno = helper_spawn(argv, out, &pid);
	if (errno)
		return NULL;
	fd_close(&out);
	pidfd = syscall(SYS_pidfd_open, pid, 0);
	gone = pidfd < 0 && errno == ESRCH;
	ended = helper_listen(in, said);
	if (!gone)
		helper_reap(pidfd, pid, ended);
	if (!ended) {
		errno = ETIMEDOUT;
		return NULL;
	}
	g_string_truncate(said, strcspn(said->str, "\n"));
	return g_string_free(g_steal_pointer(&said), FALSE);
}
