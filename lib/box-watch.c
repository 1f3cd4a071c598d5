/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Watching a box: what init says, the clock, captured output, the end, and the truth about it from the cgroup. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "box.h"
#include "error.h"
#include "fd.h"
#include "seccomp.h"
#include "value.h"

/* A payload may write for ever; what is kept of it may not. */
#define CAPTURE_MAX (64u << 20)
#define READ_SIZE 65536
/* At most so much of one stream at a time, so that a flood does not keep the clock from being looked at. */
#define READS_AT_ONCE 16
#define REMOVE_TIMEOUT_MS 2000
#define END_TIMEOUT_MS 5000

bool
box_watch_fd(struct sbx_box *box, int fd, GError **error)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(box->epoll, EPOLL_CTL_ADD, fd, &event) == 0 || throw_errno(error, STAGE_HOST, NULL, "epoll_ctl");
}

bool
box_kill(const struct sbx_box *box, GError **error)
{
	if (box->cgroup && cgroup_kill(box->cgroup, NULL))
		return true;
	/* with init its pid namespace ends */
	if (box->init_pidfd < 0 || syscall(SYS_pidfd_send_signal, box->init_pidfd, SIGKILL, NULL, 0) == 0 || errno == ESRCH)
		return true;
	return throw_errno(error, STAGE_WAIT, NULL, "kill init");
}

/* --- output --- */

/* Take what is there. false: the stream has ended. */
static bool
read_capture(struct sbx_box *box, struct box_capture *capture, int reads)
{
	while (reads-- > 0) {
		guint have = capture->bytes->len;
		ssize_t got;

		g_byte_array_set_size(capture->bytes, have + READ_SIZE);
		got = read(capture->fd, capture->bytes->data + have, READ_SIZE);
		g_byte_array_set_size(capture->bytes, have + (guint)MAX(got, 0));
		if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
			return false;
		if (got < 0)
			return true;
		if (capture->bytes->len > CAPTURE_MAX) {
			g_byte_array_set_size(capture->bytes, CAPTURE_MAX);
			if (box->report.outcome == SBX_OUTCOME_NONE)
				box->report.outcome = SBX_OUTCOME_OUTPUT;
			box_kill(box, NULL);
			return false;
		}
	}
	return true;
}

static void
dispatch_capture(struct sbx_box *box, int reads)
{
	for (int i = 1; i < 3; i++)
		if (box->capture[i].fd >= 0 && !read_capture(box, &box->capture[i], reads))
			fd_close(&box->capture[i].fd);
}

/* --- clock --- */

static void
dispatch_timer(struct sbx_box *box)
{
	struct wire_message term = { .type = WIRE_SIGNAL, .id = box->command_id, .value = SIGTERM };
	struct itimerspec grace = { 0 };
	const struct itimerspec again = { .it_value.tv_nsec = 10 * 1000 * 1000 };
	uint64_t expirations;

	if (box->timer < 0 || read(box->timer, &expirations, sizeof expirations) != sizeof expirations ||
	    box->payload_ended)
		return;
	box->limit_hit = true;
	grace.it_value.tv_sec = (time_t)(box->grace_usec / G_USEC_PER_SEC);
	grace.it_value.tv_nsec = (long)(box->grace_usec % G_USEC_PER_SEC) * 1000;
	/* without a grace period a SIGTERM would only race with the kill for the signal in the report */
	if (box->grace_usec && !box->term_sent && launch_send(box->socket, &term, NULL, 0, NULL)) {
		box->term_sent = true;
		if (timerfd_settime(box->timer, 0, &grace, NULL) == 0)
			return;
	}
	if (!box_kill(box, NULL))
		timerfd_settime(box->timer, 0, &again, NULL);
}

/* --- the end --- */

/* Init tells each call once, and again the one that ends the main payload. But it lives where the payload lives: what
 * it can make us keep is bounded. */
#define CALLS_MAX 1024

static bool
has_call(const GArray *calls, const struct report_call *call)
{
	for (guint i = 0; i < calls->len; i++) {
		const struct report_call *had = &g_array_index(calls, struct report_call, i);

		if (had->arch == call->arch && had->nr == call->nr && had->logged == call->logged)
			return true;
	}
	return false;
}

void
box_note_call(struct sbx_box *box, const struct wire_record *record)
{
	struct report_call call = { (uint32_t)record->value, record->step, record->phase == WIRE_CALL_LOGGED };

	box->main_killed |= record->phase == WIRE_CALL_MAIN;
	if (box->calls->len == CALLS_MAX || has_call(box->calls, &call))
		return;
	g_array_append_val(box->calls, call);
	if (!call.logged && !box->call_killed)
		box->report.syscall_nr = (int)call.nr;
	box->call_killed |= !call.logged;
}

static void
dispatch_socket(struct sbx_box *box)
{
	struct wire_record record;
	int got;

	while ((got = launch_receive(box->socket, &record)) > 0) {
		if (record.type == WIRE_SYSCALL)
			box_note_call(box, &record);
		if (record.type != WIRE_EXITED || record.id != box->command_id || box->payload_ended)
			continue;
		box->payload_ended = true;
		box->wait_status = record.value;
		box->report.wall_usec = (uint64_t)(g_get_monotonic_time() - box->started_usec);
		box->report.valid |= SBX_VALID_WALL_USEC;
	}
	if (got < 0)
		epoll_ctl(box->epoll, EPOLL_CTL_DEL, box->socket, NULL);
}

/* Where init hears of it, a SIGSYS that it has not heard of was sent by somebody. */
static bool
filter_has_killed(const struct sbx_box *box)
{
	return box->call_killed || (box->report.signal == SIGSYS && !box->listens && seccomp_program_of(box->spec));
}

static void
judge(struct sbx_box *box)
{
	sbx_report *report = &box->report;
	struct cgroup_oom oom;
	int status = box->wait_status;

	report->signal = !box->payload_ended ? SIGKILL : WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	if (box->limit_hit)
		report->outcome = SBX_OUTCOME_TIME_WALL;
	else if (report->outcome != SBX_OUTCOME_NONE)
		return;
	else if (box->cgroup && cgroup_oom(box->cgroup, &oom) && oom.kills)
		report->outcome = oom.own ? SBX_OUTCOME_OOM : SBX_OUTCOME_OOM_ANCESTOR;
	else if (g_atomic_int_get(&box->kill_asked) && report->signal == SIGKILL)
		report->outcome = SBX_OUTCOME_KILLED;
	else if (filter_has_killed(box)) {
		report->outcome = SBX_OUTCOME_SYSCALL;
		/* init ends it so that nothing can catch it; for people it is what the kernel would have done */
		if (report->signal == SIGKILL && box->main_killed)
			report->signal = SIGSYS;
	} else if (report->signal)
		report->outcome = SBX_OUTCOME_SIGNALED;
	else {
		report->outcome = SBX_OUTCOME_EXITED;
		report->exit_code = WEXITSTATUS(status);
	}
}

void
box_set_words(const struct sbx_box *box, sbx_report *report)
{
	report_set_text(report,
	                &(struct report_words){ .limits = box->limits, .places = box->places, .calls = box->calls });
}

void
box_measure(struct sbx_box *box, sbx_report *report)
{
	report->setup_usec = box->setup_usec;
	report->valid |= SBX_VALID_SETUP_USEC;
	if (!(report->valid & SBX_VALID_WALL_USEC) && box->started_usec) {
		report->wall_usec = (uint64_t)(g_get_monotonic_time() - box->started_usec);
		report->valid |= SBX_VALID_WALL_USEC;
	}
	if (box->cgroup)
		cgroup_stat(box->cgroup, report);
}

/* Init has ended, and with it every process of its pid namespace; without one, it killed the cgroup. */
static void
stop(struct sbx_box *box)
{
	siginfo_t info;

	/* a host that ignores SIGCHLD, or waits for any child, may have taken it: no matter */
	waitid(P_PIDFD, (id_t)box->init_pidfd, &info, WEXITED | WNOHANG | __WALL);
	box->init_ended = true;
	dispatch_socket(box);
	if (box->cgroup && cgroup_populated(box->cgroup) > 0)
		cgroup_kill(box->cgroup, NULL);
	/* every writer is gone */
	dispatch_capture(box, INT_MAX);
	judge(box);
	box_measure(box, &box->report);
	/* with memory.oom.group init was killed as well, and is not one of the user's processes */
	if (!box->payload_ended && box->report.oom_kills > 1)
		box->report.oom_kills--;
	box_set_words(box, &box->report);
	box->state = SBX_STOPPED;
}

bool
box_dispatch(struct sbx_box *box)
{
	struct epoll_event events[8];
	int n = box->state == SBX_STOPPED ? 0 : epoll_wait(box->epoll, events, G_N_ELEMENTS(events), 0);
	bool ended = false;

	for (int i = 0; i < n; i++)
		ended = ended || events[i].data.fd == box->init_pidfd;
	if (n > 0) {
		/* what has happened comes before what is due */
		dispatch_socket(box);
		dispatch_capture(box, READS_AT_ONCE);
		if (!ended)
			dispatch_timer(box);
	}
	if (ended)
		stop(box);
	return box->state == SBX_STOPPED;
}

void
box_remove(struct sbx_box *box)
{
	struct pollfd init = { box->init_pidfd, POLLIN, 0 };
	gint64 deadline = g_get_monotonic_time() + END_TIMEOUT_MS * 1000;
	siginfo_t info;

	if (box->init_pidfd >= 0 && !box->init_ended) {
		box_kill(box, NULL);
		/* it can only take long when a process hangs in the kernel: then the cgroup stays for a later sweep */
		while (poll(&init, 1, END_TIMEOUT_MS) < 0 && errno == EINTR && g_get_monotonic_time() < deadline)
			;
		waitid(P_PIDFD, (id_t)box->init_pidfd, &info, WEXITED | WNOHANG | __WALL);
	}
	if (box->cgroup)
		cgroup_remove(box->cgroup, REMOVE_TIMEOUT_MS, NULL);
}
