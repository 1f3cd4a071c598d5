/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* What the payload is started with: fds, limits of its own, working directory, environment, program. As steps. */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "environ.h"
#include "fd.h"
#include "host.h"
#include "plan.h"
#include "value.h"

#define BOX_FD_MAX 1023

/* --- inherited --- */

void
process_plan_inherited(struct plan *plan)
{
	static const int ordinary;
	int policy = sched_getscheduler(0);

	if (policy != SCHED_OTHER && policy != SCHED_BATCH && policy != SCHED_IDLE) {
		/* cpu.max does not hold a real-time task back */
		plan_for(plan, STAGE_PROCESS, NULL, "ordinary scheduling");
		plan_call(plan, SYS_sched_setscheduler, 0, 0, SCHED_OTHER, plan_data(plan, &ordinary, sizeof ordinary));
	}
	if (host_oom_score_adj() < 0) {
		/* the out-of-memory killer would spare the payload as it spares the host */
		plan_for(plan, STAGE_PROCESS, NULL, "no protection from the out-of-memory killer");
		plan_write_file(plan, "/proc/self/oom_score_adj", "0");
	}
}

/* --- fds --- */

static bool
check_fd_map(const sbx_command *command, GError **error)
{
	for (size_t i = 0; i < command->n_fds; i++) {
		const struct sbx_fd_map *map = &command->fds[i];

		if (map->box < 3 || map->box > BOX_FD_MAX)
			return throw_error(error, EINVAL, STAGE_PROCESS, NULL, "fds[%zu].box is %d; accepted: 3 to %d", i, map->box,
			                   BOX_FD_MAX);
		if (map->host < 0 || fcntl(map->host, F_GETFD) < 0)
			return throw_error(error, EBADF, STAGE_PROCESS, NULL, "fds[%zu].host is %d, which is not an open fd", i,
			                   map->host);
		for (size_t j = 0; j < i; j++)
			if (command->fds[j].box == map->box)
				return throw_error(error, EINVAL, STAGE_PROCESS, NULL, "fds[%zu].box is %d, as fds[%zu].box is", i,
				                   map->box, j);
	}
	return true;
}

bool
process_plan_fds(struct plan *plan, const sbx_command *command, const int stdio[3], bool listen, GError **error)
{
	size_t n = 3 + command->n_fds;
	bool exec_fd = command->exec_fd > 0;
	g_autofree unsigned *slots = NULL;
	int highest = 2;

	if (command->n_fds > WIRE_FDS_MAX - 8)
		return throw_error(error, E2BIG, STAGE_PROCESS, NULL, "n_fds is %zu; accepted: at most %u", command->n_fds,
		                   WIRE_FDS_MAX - 8);
	if (!check_fd_map(command, error))
		return false;
	slots = g_new(unsigned, n + 1);
	for (size_t i = 0; i < n; i++) {
		g_autofree char *what = g_strdup_printf("fd %zu", i < 3 ? i : (size_t)command->fds[i - 3].box);

		slots[i] = plan_fd(plan, i < 3 ? stdio[i] : command->fds[i - 3].host, false, what);
		if (i >= 3)
			highest = MAX(highest, command->fds[i - 3].box);
	}
	if (exec_fd)
		slots[n] = plan_fd(plan, command->exec_fd, false, "the program");
	/* first out of the way of every target, then down to them; dup3 clears close-on-exec, which all the others have */
	plan_for(plan, STAGE_PROCESS, NULL, "place fds");
	plan_call(plan, SYS_setsid, 0, 0);
	if (listen)
		plan->channel_slot = plan_open(plan, SYS_fcntl, 1, plan->fds->len, F_DUPFD_CLOEXEC, (uint64_t)highest + 1);
	for (size_t i = 0; i < n + exec_fd; i++)
		slots[i] = plan_open(plan, SYS_fcntl, 1, slots[i], F_DUPFD_CLOEXEC, (uint64_t)highest + 1);
	plan_call(plan, SYS_close_range, 0, 0, ~0u, CLOSE_RANGE_CLOEXEC);
	for (size_t i = 0; i < n; i++)
		plan_call(plan, SYS_dup3, 1, slots[i], i < 3 ? i : (size_t)command->fds[i - 3].box, 0);
	plan->exec_slot = slots[n - 1 + exec_fd];
	return true;
}

/* --- limits --- */

static void
plan_rlimit(struct plan *plan, int resource, uint64_t soft, uint64_t hard)
{
	uint64_t limit[2] = { soft, hard };

	plan_call(plan, SYS_prlimit64, 0, 0, (uint64_t)resource, plan_data(plan, limit, sizeof limit), 0);
}

void
process_plan_limits(struct plan *plan, const sbx_spec *spec)
{
	static const char no_signals[8];
	const struct spec_entry *nice = spec_entry(spec, "nice");
	int niceness;

	plan_for(plan, STAGE_PROCESS, NULL, "signals, umask, no core dump");
	plan_call(plan, SYS_rt_sigprocmask, 0, SIG_SETMASK, plan_data(plan, no_signals, sizeof no_signals), 0,
	          sizeof no_signals);
	plan_call(plan, SYS_umask, 0, 022);
	/* 1, not 0: a core_pattern that pipes into a handler ignores 0, core(5) */
	plan_rlimit(plan, RLIMIT_CORE, 1, 1);
	for (guint i = 0; i < spec->entries->len; i++) {
		const struct spec_entry *entry = spec_at(spec, i);
		struct value_rlimit limit;

		if (!g_str_equal(entry->name, "rlimit") || !value_rlimit(entry->value, &limit))
			continue;
		plan_for(plan, STAGE_PROCESS, entry, "rlimit %s", entry->value);
		plan_rlimit(plan, limit.resource, limit.soft, limit.hard);
	}
	if (nice && value_nice(nice->value, &niceness)) {
		plan_for(plan, STAGE_PROCESS, nice, "nice %d", niceness);
		plan_call(plan, SYS_setpriority, 0, PRIO_PROCESS, 0, (uint64_t)niceness);
	}
}

/* --- working directory --- */

bool
process_plan_cwd(struct plan *plan, const sbx_spec *spec, const sbx_command *command, GError **error)
{
	/* no magic links: /proc/self/fd/N and its like lead out (CVE-2024-21626) */
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS };
	const struct spec_entry *asked = spec_entry(spec, "chdir");
	const char *dir = command->cwd ? command->cwd : asked ? asked->value : NULL;
	char own[PATH_MAX];
	bool must = dir != NULL;
	unsigned fd;

	if (dir && dir[0] != '/')
		return throw_error(error, EINVAL, STAGE_PROCESS, "chdir", "cwd \"%s\" is not an absolute path inside", dir);
	/* not g_get_current_dir(): it asks $PWD, which another thread may be changing */
	if (!dir)
		dir = getcwd(own, sizeof own) && own[0] == '/' ? own : "/";
	plan_for(plan, STAGE_PROCESS, must ? asked : NULL, "working directory %s", dir);
	plan_call(plan, SYS_chdir, 0, plan_string(plan, "/"));
	if (g_str_equal(dir, "/"))
		return true;
	fd = plan_open(plan, SYS_openat2, 0, PLAN_AT_CWD, plan_string(plan, dir), plan_data(plan, &how, sizeof how),
	               sizeof how);
	if (!must)
		g_array_index(plan->steps, struct wire_step, plan->steps->len - 1).flags |= WIRE_ANY;
	plan_call(plan, SYS_fchdir, 1, fd)->flags |= must ? 0 : WIRE_ANY;
	return true;
}

/* --- program --- */

static uint64_t
plan_strings(struct plan *plan, const char *const *strings)
{
	gsize n = 0;
	g_autofree uint64_t *addresses = NULL;

	while (strings[n])
		n++;
	addresses = g_new0(uint64_t, n + 1);
	for (gsize i = 0; i < n; i++)
		addresses[i] = plan_string(plan, strings[i]);
	return plan_data(plan, addresses, (n + 1) * sizeof *addresses);
}

static const char *
search_path(const char *const *envp)
{
	for (; *envp; envp++)
		if (g_str_has_prefix(*envp, "PATH="))
			return *envp + 5;
	return ENVIRON_PATH;
}

/* As execvp(3), but where the payload is: its PATH, its files. */
static void
plan_execve(struct plan *plan, const char *program, const char *path, uint64_t argv, uint64_t envp)
{
	g_auto(GStrv) dirs = NULL;

	if (strchr(program, '/')) {
		plan_call(plan, SYS_execve, 0, plan_string(plan, program), argv, envp, 0, 0, plan->filter_word);
		return;
	}
	dirs = g_strsplit(path, ":", -1);
	for (char **dir = dirs; *dir; dir++) {
		g_autofree char *file = g_strconcat(**dir ? *dir : ".", "/", program, NULL);

		plan_call(plan, SYS_execve, 0, plan_string(plan, file), argv, envp, 0, 0, plan->filter_word)->flags |= WIRE_TRY;
	}
}

bool
process_plan_exec(struct plan *plan, const sbx_spec *spec, const sbx_command *command, GError **error)
{
	g_auto(GStrv) own = NULL;
	const char *const *environment = command->envp;
	uint64_t argv, envp;

	if (!environment) {
		if (!(own = environ_for_payload(spec, error)))
			return false;
		environment = (const char *const *)own;
	}
	argv = plan_strings(plan, command->argv);
	envp = plan_strings(plan, environment);
	if (command->exec_fd != 0 && fcntl(command->exec_fd, F_GETFD) < 0)
		return throw_error(error, EBADF, STAGE_EXEC, NULL, "exec_fd is %d, which is not an open fd", command->exec_fd);
	plan_for(plan, STAGE_EXEC, NULL, "%s", command->argv[0]);
	if (command->exec_fd > 0) {
		plan_call(plan, SYS_execveat, 1, plan->exec_slot, plan_string(plan, ""), argv, envp, AT_EMPTY_PATH,
		          plan->filter_word);
	} else if (command->argv[0][0]) {
		plan_execve(plan, command->argv[0], search_path(environment), argv, envp);
	} else {
		return throw_error(error, ENOENT, STAGE_EXEC, NULL, "the program's name is empty");
	}
	return true;
}
