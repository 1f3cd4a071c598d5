/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The host's side of the keeper: its birth, its end, and what it is asked to do. init/keeper.c is the program. */
#include "keeper.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "error.h"
#include "fd.h"
#include "image.h"
#include "init/born.h"
#include "init/wire-keeper.h"

#define ANSWER_TIMEOUT_MS 10000
#define END_TIMEOUT_MS 1000

/* One question at a time: an answer belongs to the question before it. */
struct asking {
	pid_t owner;
	GMutex mutex;
};

static struct asking *asking;

/* A forked copy of the process gets one of its own: who held its parent's may be a thread that it has not got. */
static GMutex *
asking_mutex(void)
{
	for (;;) {
		struct asking *now = g_atomic_pointer_get(&asking);
		struct asking *fresh;

		if (now && now->owner == getpid())
			return &now->mutex;
		fresh = g_new0(struct asking, 1);
		fresh->owner = getpid();
		g_mutex_init(&fresh->mutex);
		if (g_atomic_pointer_compare_and_exchange(&asking, now, fresh))
			return &fresh->mutex;
		g_mutex_clear(&fresh->mutex);
		g_free(fresh);
	}
}

/* --- its surroundings --- */

static const struct {
	const char *path;
	const char *name; /* for people */
	uint64_t flag;    /* a box that has one of its own is not concerned */
} surroundings[KEEPER_SURROUNDINGS] = {
	{ "/", "root directory", 0 },
	{ "/proc/thread-self/ns/mnt", "mount namespace", 0 },
	{ "/proc/thread-self/ns/user", "user namespace", 0 },
	{ "/proc/thread-self/ns/pid_for_children", "pid namespace", 0 },
	{ "/proc/thread-self/ns/net", "network namespace", CLONE_NEWNET },
	{ "/proc/thread-self/ns/ipc", "ipc namespace", CLONE_NEWIPC },
	{ "/proc/thread-self/ns/uts", "uts namespace", CLONE_NEWUTS },
};

static struct keeper_place
place_now(guint i)
{
	struct stat st;

	return stat(surroundings[i].path, &st) < 0 ? (struct keeper_place){ 0 }
	                                           : (struct keeper_place){ st.st_dev, st.st_ino };
}

/* What the box would share with this thread it would share with the keeper, and that must be the same. */
static bool
check_surroundings(const struct keeper *keeper, uint64_t flags, GError **error)
{
	for (guint i = 0; i < KEEPER_SURROUNDINGS; i++) {
		struct keeper_place now = place_now(i);

		if (flags & surroundings[i].flag || (now.dev == keeper->places[i].dev && now.ino == keeper->places[i].ino))
			continue;
		throw_error(
			error, EXDEV, STAGE_CLONE, "cgroup.parent",
			"this thread has another %s than the one that had the keeper of the scope started, which makes this box",
			surroundings[i].name);
		return throw_hint(error, "make the box in a thread that has not changed its namespaces or root directory");
	}
	return true;
}

/* What the kernel would let this thread do, a line each: the keeper's children are born with the keeper's. */
static char *
credentials_now(void)
{
	static const char *const names[] = { "Uid", "Gid", "Groups", "Cap", "NoNewPrivs", "Seccomp" };
	g_autofree char *status = fd_read_file_at(AT_FDCWD, "/proc/thread-self/status");
	g_auto(GStrv) lines = g_strsplit(status ? status : "", "\n", -1);
	GString *found = g_string_new(NULL);

	for (char **line = lines; *line; line++)
		for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
			if (g_str_has_prefix(*line, names[i]))
				g_string_append_printf(found, "%s\n", *line);
	return g_string_free(found, FALSE);
}

/* Who has given up rights, or put a filter around itself, must not get a box that knows nothing of it. */
static bool
check_credentials(const struct keeper *keeper, GError **error)
{
	g_autofree char *now = credentials_now();
	g_auto(GStrv) ours = g_strsplit(now, "\n", -1);
	g_auto(GStrv) its = g_strsplit(keeper->credentials ? keeper->credentials : now, "\n", -1);
	guint i = 0;

	while (ours[i] && its[i] && strcmp(ours[i], its[i]) == 0)
		i++;
	if (!ours[i] && !its[i])
		return true;
	throw_error(error, EXDEV, STAGE_CLONE, "cgroup.parent",
	            "this thread has another %.*s than the one that had the keeper of the scope started, which makes this "
	            "box",
	            (int)strcspn(ours[i] ? ours[i] : its[i], ":"), ours[i] ? ours[i] : its[i]);
	return throw_hint(error, "make the box in a thread that has not changed its credentials or filters, or free the "
	                         "boxes that are there: the next one gets a new keeper");
}

/* --- messages --- */

static bool
send_message(const struct keeper *keeper, const struct keeper_message *message, const int *fds)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(KEEPER_FDS_AT_ONCE * sizeof(int))];
	} control = { 0 };
	struct iovec data = { (void *)message, sizeof *message };
	struct msghdr header = { .msg_iov = &data, .msg_iovlen = 1 };
	ssize_t sent;

	if (message->n_fds) {
		header.msg_control = &control;
		header.msg_controllen = CMSG_SPACE(message->n_fds * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(message->n_fds * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, message->n_fds * sizeof(int));
	}
	do
		sent = sendmsg(keeper->socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	return sent == (ssize_t)sizeof *message;
}

static bool
throw_gone(GError **error)
{
	throw_error(error, EPIPE, STAGE_CLONE, NULL, "the keeper has ended");
	return throw_hint(
		error, "somebody has stopped its scope or killed it; free the boxes that are there, and the next one gets "
			   "a new keeper");
}

/* The answer to question `id`; what comes late to an earlier one is dropped, and what was born with it ends as nobody
 * has its socket any more. */
static bool
read_answer(const struct keeper *keeper, uint32_t id, struct keeper_answer *ret, int *ret_fd, GError **error)
{
	gint64 deadline = g_get_monotonic_time() + ANSWER_TIMEOUT_MS * (gint64)1000;

	for (;;) {
		struct pollfd watch = { keeper->socket, POLLIN, 0 };
		gint64 left = (deadline - g_get_monotonic_time() + 999) / 1000;
		union {
			struct cmsghdr header;
			char space[CMSG_SPACE(sizeof(int))];
		} control;
		struct iovec data = { ret, sizeof *ret };
		struct msghdr header = {
			.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
		};
		autofd fd = -1;
		ssize_t got;

		if (left <= 0)
			return throw_error(error, ETIMEDOUT, STAGE_CLONE, NULL, "the keeper has not answered for %d s",
			                   ANSWER_TIMEOUT_MS / 1000);
		poll(&watch, 1, (int)left);
		got = recvmsg(keeper->socket, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (got != (ssize_t)sizeof *ret)
			return throw_gone(error);
		if (CMSG_FIRSTHDR(&header) && control.header.cmsg_type == SCM_RIGHTS)
			fd = *(int *)CMSG_DATA(&control.header);
		if (ret->id != id)
			continue;
		*ret_fd = fd_steal(&fd);
		return true;
	}
}

/* The fds go in as many messages as they need. */
static bool
ask(const struct keeper *keeper, struct keeper_message message, const int *fds, guint n_fds, struct keeper_answer *ret,
    int *ret_fd, GError **error)
{
	static uint32_t last_id;
	struct keeper_message hold = { .type = KEEPER_HOLD, .n_fds = KEEPER_FDS_AT_ONCE };
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(asking_mutex());
	guint done = 0;
	bool sent = true;

	message.id = ++last_id ? last_id : ++last_id;
	for (; sent && n_fds - done > KEEPER_FDS_AT_ONCE; done += KEEPER_FDS_AT_ONCE)
		sent = send_message(keeper, &hold, fds + done);
	message.n_fds = n_fds - done;
	sent = sent && send_message(keeper, &message, fds + done);
	if (!sent && (errno == EPIPE || errno == ECONNRESET))
		return throw_gone(error);
	if (!sent)
		return throw_errno(error, STAGE_CLONE, NULL, "send to the keeper");
	return read_answer(keeper, message.id, ret, ret_fd, error);
}

bool
keeper_watch(const struct keeper *keeper, int kill_fd, GError **error)
{
	struct keeper_message message = { .type = KEEPER_WATCH };
	struct keeper_answer answer;
	autofd none = -1;

	if (!ask(keeper, message, &kill_fd, kill_fd >= 0, &answer, &none, error))
		return false;
	errno = answer.error;
	return !answer.error || throw_errno(error, STAGE_CLONE, NULL, "pass cgroup.kill to the keeper");
}

long
keeper_clone(const struct keeper *keeper, struct birth *birth, int *ret_pidfd, GError **error)
{
	struct keeper_message message = { .type = KEEPER_CLONE, .n_joins = birth->n_joins, .flags = birth->args.flags };
	int fds[KEEPER_FDS_MAX];
	struct keeper_answer answer;
	autofd pidfd = -1;
	guint n = 0;

	if (!check_surroundings(keeper, birth->args.flags, error) || !check_credentials(keeper, error))
		return -1;
	if (birth->n_fds + birth->n_joins + 2 > G_N_ELEMENTS(fds)) {
		throw_error(error, E2BIG, STAGE_CLONE, NULL, "%u fds for init", birth->n_fds);
		return -1;
	}
	fds[n++] = birth->image;
	if (birth->args.flags & CLONE_INTO_CGROUP)
		fds[n++] = (int)birth->args.cgroup;
	for (guint i = 0; i < birth->n_joins; i++) {
		fds[n++] = birth->join[i];
		message.join[i] = (uint32_t)birth->join_type[i];
	}
	for (guint i = 0; i < birth->n_fds; i++)
		fds[n++] = birth->fds[i];
	if (!ask(keeper, message, fds, n, &answer, &pidfd, error))
		return -1;
	birth->step = (enum birth_step)answer.step;
	birth->joining = answer.joining;
	if (answer.error)
		return -answer.error;
	if (pidfd < 0) {
		throw_error(error, EMFILE, STAGE_CLONE, NULL, "no room for init's pidfd, which the keeper sent");
		return -1;
	}
	*ret_pidfd = fd_steal(&pidfd);
	return answer.pid;
}

/* --- birth and end --- */

static bool
throw_start(const struct birth *birth, int code, GError **error)
{
	errno = code;
	throw_errno(error, STAGE_CLONE, NULL, birth->step == BIRTH_EXEC ? "exec the keeper" : "start the keeper");
	if (code == EAGAIN)
		throw_hint(error, "RLIMIT_NPROC or a pids.max above this process is reached");
	else if (code == ENOSYS)
		throw_hint(error, "the kernel or a seccomp filter around this process has no clone3(2)");
	return false;
}

static bool
start(int image, int *fds, guint n_fds, struct keeper *keeper, GError **error)
{
	static const char *const argv[] = { "sbx-keeper", NULL };
	g_autofree struct birth *birth = g_new0(struct birth, 1);
	long pid;

	birth->args.flags = BORN_FLAGS;
	birth->argv = argv;
	birth->session = true;
	birth->fds = fds;
	birth->n_fds = n_fds;
	birth->image = image;
	pid = born_give(birth, &keeper->pidfd);
	if (pid < 0)
		return throw_start(birth, (int)-pid, error);
	keeper->pid = (pid_t)pid;
	return true;
}

bool
keeper_new(int kill_fd, struct keeper *ret, GError **error)
{
	g_auto(keeper_t) keeper = { .pidfd = -1, .socket = -1, .owner = getpid() };
	struct keeper_answer here;
	int pair[2];
	int fds[KEEPER_FD_N];
	autofd theirs = -1;
	autofd owner = -1;
	autofd image = -1;
	autofd none = -1;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return throw_errno(error, STAGE_CLONE, NULL, "socket pair for the keeper");
	keeper.socket = pair[0];
	theirs = pair[1];
	owner = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (owner < 0)
		return throw_errno(error, STAGE_CLONE, NULL, "pidfd_open of this process");
	if ((image = image_open(IMAGE_KEEPER, false, error)) < 0)
		return false;
	fds[KEEPER_FD_SOCKET] = theirs;
	fds[KEEPER_FD_OWNER] = owner;
	fds[KEEPER_FD_KILL] = kill_fd;
	for (guint i = 0; i < KEEPER_SURROUNDINGS; i++)
		keeper.places[i] = place_now(i);
	keeper.credentials = credentials_now();
	if (!start(image, fds, kill_fd >= 0 ? KEEPER_FD_N : KEEPER_FD_KILL, &keeper, error))
		return false;
	/* ours too, and its end would be no end to us */
	fd_close(&theirs);
	/* it has its own session and ignores signals now */
	if (!read_answer(&keeper, 0, &here, &none, error))
		return false;
	*ret = keeper;
	keeper = (struct keeper){ .pidfd = -1, .socket = -1 };
	return true;
}

static bool
wait_end(const struct keeper *keeper)
{
	gint64 deadline = g_get_monotonic_time() + END_TIMEOUT_MS * (gint64)1000;
	struct pollfd watch = { keeper->pidfd, POLLIN, 0 };
	gint64 left;

	while ((left = (deadline - g_get_monotonic_time() + 999) / 1000) > 0)
		if (poll(&watch, 1, (int)left) == 1)
			return true;
	return false;
}

void
keeper_clear(struct keeper *keeper)
{
	const struct keeper_message let_go = { .type = KEEPER_LET_GO };

	if (keeper->pidfd >= 0 && keeper->owner == getpid()) {
		/* by the socket's end it would take us for dead: it must have heard of it before that, or be gone */
		if (!send_message(keeper, &let_go, NULL) || !wait_end(keeper)) {
			(void)syscall(SYS_pidfd_send_signal, keeper->pidfd, SIGKILL, NULL, 0);
			wait_end(keeper);
		}
		/* a host that ignores SIGCHLD, or waits for any child, may have taken it: no matter */
		(void)waitid(P_PIDFD, (id_t)keeper->pidfd, &(siginfo_t){ 0 }, WEXITED | WNOHANG | __WALL);
	}
	fd_close(&keeper->socket);
	fd_close(&keeper->pidfd);
	g_free(keeper->credentials);
	*keeper = (struct keeper){ .pidfd = -1, .socket = -1 };
}
