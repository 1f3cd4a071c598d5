/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* What the payload is: ids, capabilities, namespaces, signals, limits, fds; and what it can make of that. */
#include "probe.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* status:FIELD of /proc/self/status */
static void
probe_status(const char *field)
{
	static char text[16384];
	char key[64], *at;
	size_t length = 0;

	reached();
	slurp("/proc/thread-self/status", text, sizeof text);
	snprintf(key, sizeof key, "\n%s:", field);
	at = strstr(text, key);
	if (!at) {
		say("no such field");
		return;
	}
	at += strlen(key);
	at += strspn(at, " \t");
	length = strcspn(at, "\n");
	while (length && isspace((unsigned char)at[length - 1]))
		length--;
	for (size_t i = 0; i < length; i++)
		if (at[i] == '\t')
			at[i] = ' ';
	say("%.*s", (int)length, at);
}

static void
probe_euid(const char *arg)
{
	(void)arg;
	reached();
	say("%u:%u", geteuid(), getegid());
}

/* capbset:NUMBER */
static void
probe_capbset(const char *cap)
{
	int result;

	reached();
	result = prctl(PR_CAPBSET_READ, atoi(cap), 0, 0, 0);
	say(result < 0 ? "no such capability" : result ? "in" : "out");
}

/* capset:NUMBER into effective, permitted and inheritable */
static void
probe_capset(const char *cap)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = { { 0 } };
	unsigned n = (unsigned)atoi(cap);

	data[n / 32].effective = data[n / 32].permitted = data[n / 32].inheritable = 1u << n % 32;
	reached();
	tell(syscall(SYS_capset, &header, data));
}

/* ambient:NUMBER */
static void
probe_ambient(const char *cap)
{
	reached();
	tell(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, atoi(cap), 0, 0));
}

/* prctl:OPTION,ARG: "ok", an errno or a value above 0 */
static void
probe_prctl(const char *arg)
{
	long option = 0, value = 0;
	int result;

	sscanf(arg, "%ld,%ld", &option, &value);
	reached();
	result = prctl((int)option, value, 0, 0, 0);
	if (result > 0)
		say("%d", result);
	tell(result);
}

static void
probe_securebits(const char *arg)
{
	(void)arg;
	reached();
	say("%#x", (unsigned)prctl(PR_GET_SECUREBITS));
}

/* --- seccomp --- */

/* seccomp:OPERATION,FLAGS without a program */
static void
probe_seccomp(const char *arg)
{
	unsigned operation = 0, flags = 0;

	sscanf(arg, "%u,%u", &operation, &flags);
	reached();
	tell(syscall(SYS_seccomp, operation, flags, NULL));
}

/* --- namespaces, session, fds --- */

/* ns:TYPE, against what it is where the box was made */
static void
probe_ns(const char *type)
{
	char path[64], text[64] = "", key[32];

	snprintf(path, sizeof path, "/proc/self/ns/%s", type);
	snprintf(key, sizeof key, "ns-%s", type);
	reached();
	if (readlink(path, text, sizeof text - 1) <= 0)
		tell(-1);
	say("%s", strcmp(text, setting(key)) ? "new" : "shared");
}

/* All open fds, and only those: opening /proc/self/fd would make one more. */
static void
probe_fds(const char *arg)
{
	char text[1024] = "";

	(void)arg;
	reached();
	for (int fd = 0; fd < 4096; fd++)
		if (fcntl(fd, F_GETFD) >= 0 && strlen(text) < sizeof text - 8)
			sprintf(text + strlen(text), "%s%d", *text ? " " : "", fd);
	say("%s", text);
}

/* How many of them are directories: each is a way to climb from. */
static void
probe_dirfds(const char *arg)
{
	struct stat st;
	int n = 0;

	(void)arg;
	reached();
	for (int fd = 0; fd < 4096; fd++)
		n += fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
	say("%d", n);
}

static void
probe_cwd(const char *arg)
{
	char text[4096];

	(void)arg;
	reached();
	say("%s", getcwd(text, sizeof text) && text[0] == '/' ? "below /" : "unreachable");
}

/* The names that processes of a batch can have; a program that is run by fd is called by its number. */
static bool
is_ours(const char *name)
{
	static const char *const ours[] = { "memfd:sbx-init", "sbx-init", "probe", "sbx-hostile", "suid", "sgid", "elf32" };

	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (!strncmp(name, ours[i], strlen(ours[i])))
			return true;
	return isdigit((unsigned char)*name);
}

/* pids:, "ours" or the name of a process that can be seen and is not */
static void
probe_pids(const char *arg)
{
	struct dirent *entry;
	DIR *dir = opendir("/proc");

	(void)arg;
	reached();
	while (dir && (entry = readdir(dir))) {
		char path[300], name[32] = "";

		snprintf(path, sizeof path, "/proc/%s/comm", entry->d_name);
		if (isdigit((unsigned char)entry->d_name[0]) && slurp(path, name, sizeof name) > 0 && !is_ours(name))
			say("%s", name);
	}
	say("ours");
}

static void
probe_ppid(const char *arg)
{
	(void)arg;
	reached();
	/* ours is the runner, and its is init, which is not to be seen as 0: outside the pid namespace */
	say("%s", getppid() ? "inside" : "outside");
}

/* Has the runner, which was started by the host, a controlling terminal? */
static const char *
terminal(void)
{
	char path[64], text[512], *end;
	int tty = 0;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)getppid());
	if (slurp(path, text, sizeof text) <= 0 || !(end = strrchr(text, ')')))
		return "unknown";
	sscanf(end + 1, " %*c %*d %*d %*d %d", &tty);
	return tty ? "some" : "none";
}

static void
probe_ids(const char *what)
{
	reached();
	if (!strcmp(what, "tty"))
		say("%s", terminal());
	else if (!strcmp(what, "sid"))
		say("%s", getsid(getppid()) == getppid() ? "leader" : "not a leader");
	else if (!strcmp(what, "nice"))
		say("%d", getpriority(PRIO_PROCESS, 0));
	else if (!strcmp(what, "umask"))
		say("%03o", umask(0));
	else if (!strcmp(what, "scheduler"))
		say("%d", sched_getscheduler(0));
}

static void
probe_fsuid(const char *uid)
{
	reached();
	setfsuid((uid_t)atoi(uid));
	say("%s", setfsuid((uid_t)-1) == atoi(uid) ? "taken" : "refused");
}

/* --- environment --- */

/* environ:SETTING: is the value of that setting anywhere in it? */
static void
probe_environ(const char *key)
{
	reached();
	for (char **each = environ; *each; each++)
		if (strstr(*each, setting(key)))
			say("there");
	say("not there");
}

/* env:NAME */
static void
probe_env(const char *name)
{
	reached();
	say("%s", getenv(name) ? getenv(name) : "unset");
}

/* --- limits --- */

/* rlimit:NUMBER, "SOFT HARD" */
static void
probe_rlimit(const char *resource)
{
	struct rlimit limit;

	reached();
	if (getrlimit(atoi(resource), &limit) < 0)
		tell(-1);
	say("%lld %lld", (long long)limit.rlim_cur, (long long)limit.rlim_max);
}

/* rlimit-raise:NUMBER, the hard limit by one; rlimit-lower:NUMBER, to nothing. "ignored": done, it is said, and it is not */
static void
rlimit_set(int resource, const struct rlimit *limit)
{
	struct rlimit after = { 0, 0 };
	int result;

	reached();
	result = setrlimit(resource, limit);
	if (result == 0 && getrlimit(resource, &after) == 0 && after.rlim_max != limit->rlim_max)
		say("ignored");
	else
		tell(result);
}

static void
probe_rlimit_raise(const char *resource)
{
	struct rlimit limit;

	getrlimit(atoi(resource), &limit);
	if (limit.rlim_max == RLIM_INFINITY) {
		say("no limit to raise");
		return;
	}
	limit.rlim_max++;
	rlimit_set(atoi(resource), &limit);
}

static void
probe_rlimit_lower(const char *resource)
{
	struct rlimit limit = { 0, 0 };

	rlimit_set(atoi(resource), &limit);
}

/* abort:, "signal 6, core" or "signal 6, no core", where a core can be written: below the setting dir */
static void
probe_abort(const char *arg)
{
	char path[512];
	struct dirent *entry;
	bool core = false;
	int status = 0;
	pid_t pid;
	DIR *dir;

	(void)arg;
	snprintf(path, sizeof path, "%s/core-XXXXXX", setting("dir"));
	if (!mkdtemp(path) || chdir(path) < 0 || !(dir = opendir("."))) {
		tell(-1);
		return;
	}
	reached();
	pid = fork();
	if (pid == 0)
		abort();
	waitpid(pid, &status, 0);
	while ((entry = readdir(dir)))
		core = core || entry->d_name[0] != '.';
	say("signal %d, %s", WTERMSIG(status), WCOREDUMP(status) || core ? "core" : "no core");
}

static void
probe_mlock(const char *bytes)
{
	size_t size = (size_t)atol(bytes);
	struct rlimit limit = { 4096, 4096 };
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	/* beyond a limit of its own making, which only CAP_IPC_LOCK passes */
	setrlimit(RLIMIT_MEMLOCK, &limit);
	reached();
	tell(mlock(at, size));
}

/* --- what capabilities would give --- */

static void
probe_nice(const char *value)
{
	struct rlimit limit = { 0, 0 };

	setrlimit(RLIMIT_NICE, &limit);
	reached();
	tell(setpriority(PRIO_PROCESS, 0, atoi(value)));
}

static void
probe_realtime(const char *priority)
{
	struct sched_param param = { .sched_priority = atoi(priority) };

	reached();
	tell(sched_setscheduler(0, SCHED_FIFO, &param));
}

static void
probe_deadline(const char *arg)
{
	struct {
		unsigned size, policy;
		unsigned long long flags;
		int nice;
		unsigned priority;
		unsigned long long runtime, deadline, period;
	} attr = { sizeof attr, 6, 0, 0, 0, 10000000, 30000000, 30000000 };

	(void)arg;
	reached();
	tell(syscall(SYS_sched_setattr, 0, &attr, 0));
}

/* Real-time I/O. */
static void
probe_ioprio(const char *arg)
{
	(void)arg;
	reached();
	tell(syscall(SYS_ioprio_set, 1, 0, 1 << 13));
}

static void
probe_alarm_clock(const char *arg)
{
	(void)arg;
	reached();
	tell(timerfd_create(CLOCK_REALTIME_ALARM, 0));
}

/* oom:VALUE of our own oom_score_adj */
static void
probe_oom(const char *value)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY);

	reached();
	tell(fd < 0 ? -1 : write(fd, value, strlen(value)));
}

/* write:PATH,TEXT of something in /proc/self that would be a change of ids */
static void
probe_write(const char *arg)
{
	char path[256] = "", text[256] = "";
	int fd;

	sscanf(arg, "%255[^,],%255[^\n]", path, text);
	if (strncmp(path, "/proc/self/", 11))
		return;
	fd = open(path, O_WRONLY);
	reached();
	tell(fd < 0 ? -1 : write(fd, text, strlen(text)));
}

/* statfs:PATH, the magic number */
static void
probe_statfs(const char *path)
{
	struct statfs fs;

	reached();
	if (statfs(path, &fs) < 0)
		tell(-1);
	say("%#lx", (unsigned long)fs.f_type);
}

/* cgroups:, all lines of /proc/self/cgroup end in ":/" */
static void
probe_cgroups(const char *arg)
{
	static char text[16384];
	char *save = NULL;

	(void)arg;
	reached();
	if (slurp("/proc/self/cgroup", text, sizeof text) <= 0)
		tell(-1);
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (strlen(line) < 2 || strcmp(line + strlen(line) - 2, ":/"))
			say("%s", line);
	say("all are /");
}

const struct probe probes_self[] = {
	{ "abort", probe_abort },
	{ "alarm-clock", probe_alarm_clock },
	{ "ambient", probe_ambient },
	{ "capbset", probe_capbset },
	{ "capset", probe_capset },
	{ "cgroups", probe_cgroups },
	{ "cwd", probe_cwd },
	{ "deadline", probe_deadline },
	{ "dirfds", probe_dirfds },
	{ "env", probe_env },
	{ "environ", probe_environ },
	{ "euid", probe_euid },
	{ "fds", probe_fds },
	{ "fsuid", probe_fsuid },
	{ "ids", probe_ids },
	{ "ioprio", probe_ioprio },
	{ "mlock", probe_mlock },
	{ "nice", probe_nice },
	{ "ns", probe_ns },
	{ "oom", probe_oom },
	{ "pids", probe_pids },
	{ "ppid", probe_ppid },
	{ "prctl", probe_prctl },
	{ "realtime", probe_realtime },
	{ "rlimit", probe_rlimit },
	{ "rlimit-lower", probe_rlimit_lower },
	{ "rlimit-raise", probe_rlimit_raise },
	{ "seccomp", probe_seccomp },
	{ "securebits", probe_securebits },
	{ "statfs", probe_statfs },
	{ "status", probe_status },
	{ "write", probe_write },
	{ NULL, NULL },
};
