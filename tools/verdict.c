/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* From a report to an exit status, and the sentence that explains it. */
#include "verdict.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "line.h"

int
verdict_error(const sbx_error *error)
{
	int code = sbx_error_errno(error);

	if (strcmp(sbx_error_stage(error), "exec") != 0)
		return VERDICT_FAILED;
	return code == ENOENT || code == ENOTDIR ? VERDICT_NOT_FOUND : VERDICT_NOT_EXECUTABLE;
}

int
verdict_status(const sbx_report *report)
{
	switch (report->outcome) {
	case SBX_OUTCOME_EXITED:
		return report->exit_code;
	case SBX_OUTCOME_SIGNALED:
		return 128 + report->signal;
	case SBX_OUTCOME_SYSCALL:
		return 128 + SIGSYS;
	case SBX_OUTCOME_OOM:
	case SBX_OUTCOME_OOM_ANCESTOR:
	case SBX_OUTCOME_KILLED:
		return 128 + SIGKILL;
	case SBX_OUTCOME_TIME_WALL:
		return VERDICT_TIME;
	default:
		return VERDICT_FAILED;
	}
}

/* A SIZE of the spec, which has been checked, for people: "100M" is "100 MiB". */
static char *
verdict_size(const char *text)
{
	static const char suffixes[] = "KMGT";
	char *end;
	double bytes = g_ascii_strtod(text, &end);
	const char *suffix = *end ? strchr(suffixes, *end) : NULL;

	for (gsize n = suffix ? suffix - suffixes + 1 : 0; n > 0; n--)
		bytes *= 1024;
	return line_size((guint64)bytes);
}

static char *
verdict_oom(const sbx_report *report, const sbx_spec *spec)
{
	g_autofree char *limit = NULL;
	g_autofree char *size = NULL;
	g_autofree char *killed = NULL;
	const char *what = "a limit above the box, or the memory of the machine, ran out";

	if (report->valid & SBX_VALID_OOM_KILLS)
		killed = g_strdup_printf("; %" G_GUINT64_FORMAT " process%s killed", report->oom_kills,
		                         report->oom_kills == 1 ? "" : "es");
	if (report->outcome == SBX_OUTCOME_OOM) {
		what = "the box reached memory.max";
		if (sbx_spec_get(spec, "memory.max", &limit) == 0)
			size = verdict_size(limit);
	}
	return g_strdup_printf("out of memory: %s%s%s%s%s", what, size ? " (" : "", size ? size : "", size ? ")" : "",
	                       killed ? killed : "");
}

static char *
verdict_syscall(const sbx_report *report)
{
	const char *name = sbx_report_syscall(report);

	return g_strdup_printf("system call: the seccomp policy does not allow %s", name ? name : "a call that was made");
}

char *
verdict_reason(const sbx_report *report, const sbx_spec *spec)
{
	g_autofree char *limit = NULL;

	switch (report->outcome) {
	case SBX_OUTCOME_OOM:
	case SBX_OUTCOME_OOM_ANCESTOR:
		return verdict_oom(report, spec);
	case SBX_OUTCOME_TIME_WALL:
		if (sbx_spec_get(spec, "time.wall", &limit) < 0)
			return g_strdup("time limit: the box reached time.wall");
		return g_strdup_printf("time limit: the box reached time.wall (%s%s)", limit,
		                       g_ascii_isdigit(limit[strlen(limit) - 1]) ? "s" : "");
	case SBX_OUTCOME_SYSCALL:
		return verdict_syscall(report);
	case SBX_OUTCOME_EXITED:
	case SBX_OUTCOME_SIGNALED:
	case SBX_OUTCOME_KILLED:
		return NULL;
	default:
		return g_strdup_printf("the sandbox failed: the box ended without telling why (outcome %d)", report->outcome);
	}
}

static void
verdict_time(GString *text, const sbx_report *report, guint64 bit, guint64 usec, const char *what)
{
	if (report->valid & bit)
		g_string_append_printf(text, ", %.3f s %s", (double)usec / G_USEC_PER_SEC, what);
}

char *
verdict_summary(const sbx_report *report)
{
	GString *text = g_string_new(NULL);

	if (report->outcome == SBX_OUTCOME_EXITED)
		g_string_append_printf(text, "exited with %d", report->exit_code);
	else if (report->signal > 0)
		g_string_append_printf(text, "ended by signal %d (%s)", report->signal, strsignal(report->signal));
	else
		g_string_append(text, "ended");
	verdict_time(text, report, SBX_VALID_WALL_USEC, report->wall_usec, "elapsed");
	verdict_time(text, report, SBX_VALID_CPU_USER_USEC, report->cpu_user_usec, "user");
	verdict_time(text, report, SBX_VALID_CPU_SYSTEM_USEC, report->cpu_system_usec, "system");
	if (report->valid & SBX_VALID_MEMORY_PEAK) {
		g_autofree char *size = line_size(report->memory_peak);

		g_string_append_printf(text, ", %s memory at most", size);
	}
	if (report->valid & SBX_VALID_PIDS_PEAK)
		g_string_append_printf(text, ", %" G_GUINT64_FORMAT " process%s at most", report->pids_peak,
		                       report->pids_peak == 1 ? "" : "es");
	return g_string_free(text, FALSE);
}
