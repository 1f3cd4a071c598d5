/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * sbx-run: argv to a spec, the spec to a box, the box to a report and an exit status.
 *
 * Theory of operation: one process, no thread, no signal handler. The signals that are to be forwarded are blocked
 * before the box is made and read from a signalfd; poll(2) waits for that and for the box. Nothing here is more than a
 * user of the library could do.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#include "doctor.h"
#include "line.h"
#include "options.h"
#include "progress.h"
#include "verdict.h"

#define TWICE_USEC G_USEC_PER_SEC /* a second SIGINT within this time kills */

/* 0, 1 and 2 must be there: a file opened later would become the payload's output. */
static gboolean
run_open_stdio(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return FALSE;
	return TRUE;
}

/* Before the payload runs: it could put a link in the file's place. Emptied only when there is something to write. */
static gboolean
run_open_report(const char *file, int *ret_fd)
{
	int fd;

	if (!file)
		return TRUE;
	if (strcmp(file, "-") == 0)
		fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	else
		fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
	if (fd < 0) {
		line_say("--report: open %s: %s; accepted: a file that can be written, or - for stderr", file,
		         g_strerror(errno));
		return FALSE;
	}
	*ret_fd = fd;
	return TRUE;
}

static gboolean
run_write_report(const struct options *options, int fd, const sbx_report *report)
{
	g_autofree char *json = sbx_report_json(report);
	g_autofree char *text = json ? g_strconcat(json, "\n", NULL) : NULL;
	struct stat st;

	if (fd < 0)
		return TRUE;
	if (!text)
		errno = ENOMEM;
	else if (fstat(fd, &st) == 0 &&
	         (!S_ISREG(st.st_mode) || strcmp(options->report, "-") == 0 || ftruncate(fd, 0) == 0) &&
	         line_write(fd, text, strlen(text)))
		return TRUE;
	line_say("--report: write %s: %s", options->report, g_strerror(errno));
	return FALSE;
}

/* Block what is forwarded, and read it from an fd. */
static int
run_open_signals(void)
{
	static const int forwarded[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };
	struct sigaction hangup;
	sigset_t set, blocked;

	sigemptyset(&set);
	for (gsize i = 0; i < G_N_ELEMENTS(forwarded); i++)
		sigaddset(&set, forwarded[i]);
	/* under nohup(1) a hangup is not for the payload either; a blocked signal would arrive though it is ignored */
	if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler == SIG_IGN)
		sigdelset(&set, SIGHUP);
	blocked = set;
	sigaddset(&blocked, SIGPIPE); /* a reader of stderr that went away must not end us before the box is gone */
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int
run_forward(sbx_box *box, int signals, gint64 *interrupted_usec, sbx_error **error)
{
	struct signalfd_siginfo info;

	while (read(signals, &info, sizeof info) == (ssize_t)sizeof info) {
		gint64 now = g_get_monotonic_time();
		gboolean again = info.ssi_signo == SIGINT && *interrupted_usec > 0 && now - *interrupted_usec < TWICE_USEC;
		int r = again ? sbx_box_kill(box, error) : sbx_box_signal(box, (int)info.ssi_signo, error);

		if (info.ssi_signo == SIGINT)
			*interrupted_usec = now;
		if (r < 0 && r != -ESRCH)
			return r;
		if (r < 0) { /* it has just ended by itself */
			sbx_error_free(*error);
			*error = NULL;
		}
	}
	return 0;
}

static int
run_wait(sbx_box *box, int signals, struct progress *progress, sbx_error **error)
{
	struct pollfd fds[] = {
		{ .fd = sbx_box_fd(box), .events = POLLIN },
		{ .fd = signals, .events = POLLIN },
	};
	gint64 interrupted_usec = 0;
	int r = 0;

	while (r == 0) {
		if (poll(fds, G_N_ELEMENTS(fds), progress_timeout(progress)) < 0)
			continue; /* EINTR: stopped and continued */
		if (fds[1].revents)
			r = run_forward(box, signals, &interrupted_usec, error);
		if (r == 0 && fds[0].revents)
			r = sbx_box_dispatch(box, error);
		if (r == 0)
			progress_draw(progress);
	}
	return r;
}

static void
run_say_setup(sbx_box *box)
{
	sbx_report report = { .size = sizeof report };
	g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", sbx_box_cgroup_fd(box));
	g_autofree char *cgroup = g_file_read_link(link, NULL);

	if (sbx_box_report(box, &report, NULL) == 0 && report.valid & SBX_VALID_SETUP_USEC)
		line_say("set up in %.3f ms, cgroup %s", (double)report.setup_usec / 1000, cgroup ? cgroup : "none");
	else
		line_say("set up, cgroup %s", cgroup ? cgroup : "none");
}

/* One box from its making to its end. 0, or a negative errno with the error; the report is filled on success. */
static int
run_box(const struct options *options, int signals, sbx_report *report, sbx_error **error)
{
	g_autoptr(sbx_box) box = NULL;
	struct progress progress = { 0 };
	const sbx_command command = { .size = sizeof command, .argv = (const char *const *)options->command };
	int r = sbx_box_create(options->spec, &box, error);

	if (r == 0)
		r = sbx_box_start(box, &command, error);
	if (r < 0)
		return r;
	if (options->verbose)
		run_say_setup(box);
	if (options->progress)
		progress_begin(&progress, box);
	r = run_wait(box, signals, &progress, error);
	progress_end(&progress);
	if (r > 0)
		r = sbx_box_report(box, report, error);
	return r < 0 ? r : 0;
}

static int
run_command(const struct options *options)
{
	g_autoptr(sbx_error) error = NULL;
	sbx_report report = { .size = sizeof report };
	autofd file = -1;
	autofd signals = -1;
	int status;

	if (!run_open_report(options->report, &file))
		return VERDICT_FAILED;
	signals = run_open_signals();
	if (signals < 0) {
		line_say("signalfd: %s", g_strerror(errno));
		return VERDICT_FAILED;
	}
	if (run_box(options, signals, &report, &error) < 0) {
		line_error(error);
		status = verdict_error(error);
		sbx_report_fail(&report, error);
	} else {
		g_autofree char *reason = verdict_reason(&report, options->spec);
		g_autofree char *summary = options->verbose ? verdict_summary(&report) : NULL;

		status = verdict_status(&report);
		if (reason)
			line_say("%s", reason);
		if (summary)
			line_say("%s", summary);
	}
	if (!run_write_report(options, file, &report) && status == 0)
		status = VERDICT_FAILED;
	return status;
}

/* Print a text and be sure of it. */
static int
run_print(const char *text)
{
	if (line_write(STDOUT_FILENO, text, strlen(text)))
		return 0;
	line_say("write standard output: %s", g_strerror(errno));
	return VERDICT_FAILED;
}

static int
run_print_version(void)
{
	unsigned version = sbx_version();
	g_autofree char *text = g_strdup_printf("sbx-run %u.%u.%u\n", version >> 16, version >> 8 & 0xff, version & 0xff);

	return run_print(text);
}

/* What comes from the library as text: the plan, or the keys. */
static int
run_print_made(const struct options *options)
{
	g_autoptr(sbx_error) error = NULL;
	g_autofree char *text = NULL;
	int r =
		options->action == OPTIONS_PLAN ? sbx_spec_plan(options->spec, &text, &error) : sbx_list_keys(&text, &error);

	if (r == 0)
		return run_print(text);
	line_error(error);
	return VERDICT_FAILED;
}

/* What hosts left that are gone, below --cgroup or everywhere. */
static int
run_sweep(const struct options *options)
{
	g_autoptr(sbx_error) error = NULL;
	g_autofree char *parent = NULL;
	g_autofree char *paths = NULL;
	g_autoptr(GString) text = g_string_new(NULL);
	g_auto(GStrv) lines = NULL;
	int n;

	if (options->command[0]) {
		line_say("--sweep: runs no command; accepted: --sweep alone, or --cgroup PARENT --sweep");
		return VERDICT_FAILED;
	}
	if (sbx_spec_get(options->spec, "cgroup.parent", &parent) < 0)
		parent = NULL; /* not given */
	n = sbx_sweep_list(parent, &paths, &error);
	if (n < 0) {
		line_error(error);
		return VERDICT_FAILED;
	}
	lines = g_strsplit(paths, "\n", -1);
	for (char **line = lines; options->verbose && *line && **line; line++) {
		/* a plain user may have named what is above it */
		line_plain(*line, strlen(*line));
		g_string_append_printf(text, "removed %s\n", *line);
	}
	g_string_append_printf(text, "removed %d group%s of processes that are gone\n", n, n == 1 ? "" : "s");
	return run_print(text->str);
}

/* 1: the default box or its limits would not work. */
static int
run_doctor(gboolean json)
{
	gboolean ok = FALSE;
	g_autofree char *text = doctor_ask(json, &ok);
	int status = text ? run_print(text) : VERDICT_FAILED;

	return status == 0 && !ok ? 1 : status;
}

int
main(int argc, char **argv)
{
	g_auto(options_t) options = { 0 };
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;

	if (!run_open_stdio())
		return VERDICT_FAILED;
	if (!options_parse(&options, argc, argv, &error)) {
		line_say("%s", error->message);
		return VERDICT_FAILED;
	}
	switch (options.action) {
	case OPTIONS_HELP:
		text = options_help();
		return run_print(text);
	case OPTIONS_KEYS:
		text = options_keys();
		return run_print(text);
	case OPTIONS_VERSION:
		return run_print_version();
	case OPTIONS_DOCTOR:
	case OPTIONS_DOCTOR_JSON:
		return run_doctor(options.action == OPTIONS_DOCTOR_JSON);
	case OPTIONS_PLAN:
	case OPTIONS_KEYS_JSON:
		return run_print_made(&options);
	case OPTIONS_SWEEP:
		return run_sweep(&options);
	case OPTIONS_RUN:
		break;
	}
	if (!options.command[0]) {
		line_say("no command; usage: sbx-run [OPTION...] [--] COMMAND [ARG...]");
		return VERDICT_FAILED;
	}
	return run_command(&options);
}
