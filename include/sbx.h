/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * sbx.h: isolated process environments on Linux.
 *
 * What is wanted is a *spec*. A *box* is one live sandbox made from it; the program that runs in it is the *payload*.
 * When the payload has ended, a *report* says why, and what it used.
 *
 *	sbx_spec *spec;
 *	sbx_report report = { .size = sizeof report };
 *	const char *argv[] = { "sh", "-c", "head -c 5000m /dev/zero | tail", NULL };
 *	sbx_command command = { .size = sizeof command, .argv = argv };
 *
 *	if (sbx_spec_new(&spec, "default", &error) == 0 &&
 *	    sbx_spec_set(spec, "memory.max", "100M", &error) == 0 &&
 *	    sbx_run(spec, &command, &report, &error) == 0)
 *		...report.outcome is SBX_OUTCOME_OOM...
 *
 * Rules that hold for every function here:
 *  - A function that can fail returns 0 (or a positive answer) or a negative errno, and fills the sbx_error that its
 *    last argument points to. That argument may be NULL. An sbx_error is freed by the caller with sbx_error_free().
 *  - Out-parameters are named ret_... and are written on success only.
 *  - A finding about the payload (a limit, a signal, exit status 7) is an outcome of the report, never an error.
 *  - Structs that cross this border begin with `size_t size`, which the caller sets to sizeof; 0 is -EINVAL.
 *  - Every file descriptor is close-on-exec.
 *  - Threads: two threads may use two boxes, or one spec that neither changes, at the same time. One box belongs to one
 *    thread at a time; only sbx_box_kill() may be called from any thread. A second thread that comes in gets -EBUSY.
 *  - The calling process is not changed: no signal handler, signal mask, umask, working directory, environment,
 *    resource limit, child reaper, keyring, cgroup or standard stream of its is touched, and nothing is printed. One
 *    exception, on request: with the key cgroup.self=leaf it may be moved, with every process of its cgroup, into a
 *    group below that.
 *
 * Every option of a spec is a key with a text value: sbx-run(1) and `sbx-run --list-keys` list them.
 */
#ifndef SBX_H
#define SBX_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The library is compiled with hidden visibility; what stands here is its border. */
#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif

#define SBX_VERSION_MAJOR 0
#define SBX_VERSION_MINOR 1
#define SBX_VERSION_PATCH 0

typedef struct sbx_error sbx_error;
typedef struct sbx_spec sbx_spec;
typedef struct sbx_box sbx_box;

/* The version of the library that is loaded: major << 16 | minor << 8 | patch. */
unsigned sbx_version(void);

/* --- errors ------------------------------------------------------------------------------------------------------ */

/* The errno, positive. 0 for NULL. */
int sbx_error_errno(const sbx_error *error);
/* What was being done: "spec" "host" "cgroup" "clone" "namespace" "identity" "files" "network" "process" "seccomp"
 * "exec" "wait". The strings live as long as the error. "" for NULL. */
const char *sbx_error_stage(const sbx_error *error);
/* The key that asked for it ("memory.max"), or "" when none did. */
const char *sbx_error_key(const sbx_error *error);
/* One line without a newline that names the object: "open /sys/fs/cgroup/a/memory.max: Permission denied". */
const char *sbx_error_message(const sbx_error *error);
/* What would help, one line, or "". */
const char *sbx_error_hint(const sbx_error *error);
void sbx_error_free(sbx_error *error);

/* --- spec: what is wanted ---------------------------------------------------------------------------------------- */

/*
 * Make a spec. `profile` is "default" (NULL means the same: the host's files read-only, private /tmp /dev /proc, all
 * namespaces), "build" (default, with more room in /tmp, and a process limit), "empty" (an empty root), or the path of
 * a profile file (it holds a slash).
 * Errors: -EINVAL (no such profile, or a value in the file), -ENOENT and what open(2) gives for a file.
 */
int sbx_spec_new(sbx_spec **ret_spec, const char *profile, sbx_error **error);

/*
 * Set one key. "key" sets, "key+" adds to a list, "?key" is best effort: when the host cannot enforce it the payload
 * runs all the same, and the report's `limits` say that it was not applied. Every other key is enforced or the box is
 * not made. Setting a list key ("bind") adds as well, as repeated options do; an empty value empties the list.
 * Errors: -EINVAL (bad value; the message says what is accepted), -ENOENT (unknown key; the hint names the nearest).
 */
int sbx_spec_set(sbx_spec *spec, const char *key, const char *value, sbx_error **error);

/* The value of a key as it would be set, lists joined by newlines; the default where it was not set. free() it.
 * -ENOENT: no such key. -ENODATA: it is not set and has no default. */
int sbx_spec_get(const sbx_spec *spec, const char *key, char **ret_value);

/* Read a profile file into the spec: GLib key-file syntax, see sbx-profile(5). All or nothing. Errors name file and
 * line. */
int sbx_spec_load(sbx_spec *spec, const char *path, sbx_error **error);

/*
 * Let the box use an existing namespace instead of a new one. `ns` is "net", "ipc", "uts" or "cgroup"; "user", "pid"
 * and "time" are taken here and refused by sbx_box_create() with -ENOTSUP in this version. `fd` is a namespace file
 * (/proc/PID/ns/..., ioctl_ns(2)) and is duplicated. setns(2) states the privileges this needs.
 * Errors: -EINVAL (unknown, or not a namespace of that kind), -EBADF.
 */
int sbx_spec_join(sbx_spec *spec, const char *ns, int fd, sbx_error **error);

/* Bind the file or directory behind `fd` (O_PATH is enough; duplicated) on `dst` inside. */
#define SBX_BIND_READ_ONLY 1u
int sbx_spec_bind_fd(sbx_spec *spec, int fd, const char *dst, unsigned flags, sbx_error **error);

/* A file of its own inside the box, with these `len` bytes (copied) and these permission bits (0..07777; S_ISUID and
 * S_ISGID are refused). At most 16 MiB. */
int sbx_spec_file(sbx_spec *spec, const char *dst, const void *data, size_t len, unsigned mode, sbx_error **error);

/*
 * Use a seccomp program that was compiled elsewhere, instead of a policy. It is copied and taken as it is: what it
 * allows of other architectures is allowed. 1 to 4096 instructions. It must allow what comes between it and the
 * payload: execve(2), or execveat(2) with exec_fd, and exit_group(2) for where this fails. The report names no call of
 * it.
 * Nobody listens: SECCOMP_RET_TRACE and SECCOMP_RET_USER_NOTIF make the call fail with ENOSYS. SECCOMP_RET_LOG lets it
 * through, and it is not listed in the report. sbx_spec_get() of "seccomp" then gives "<N instructions>"; setting the
 * key replaces the program.
 * Errors: -EINVAL (the kernel would refuse it; the message names the instruction, counted from 0).
 */
struct sock_fprog; /* linux/filter.h */
int sbx_spec_seccomp(sbx_spec *spec, const struct sock_fprog *program, sbx_error **error);

/* A deep copy, or NULL for NULL. */
sbx_spec *sbx_spec_copy(const sbx_spec *spec);
void sbx_spec_free(sbx_spec *spec);

/* The plan as text: every system call with which a box of this spec is made, in order, in the manner of strace(1); not
 * the clone before them nor what is done for a command. Nothing is made or changed. free() it. */
int sbx_spec_plan(const sbx_spec *spec, char **ret_text, sbx_error **error);

/* All keys, one JSON array of {name, type, group, option, arg, default, list, doc}. free() it. */
int sbx_list_keys(char **ret_json, sbx_error **error);

/* --- the payload ------------------------------------------------------------------------------------------------- */

/* For sbx_command.stdio; a positive number is an fd of the host, which stays open there. */
#define SBX_STDIO_INHERIT 0    /* the host's own 0, 1 or 2 */
#define SBX_STDIO_NULL (-1)    /* /dev/null */
#define SBX_STDIO_PIPE (-2)    /* a pipe; its host end is taken with sbx_box_pipe() */
#define SBX_STDIO_CAPTURE (-3) /* output only: kept in memory, see sbx_box_output() */

typedef struct sbx_fd_map {
	int host; /* an open fd of the host */
	int box;  /* its number inside, 3..1023; each once */
} sbx_fd_map;

/*
 * Zero it, set `size`. Everything it points to need only live during the call.
 *
 * Without an envp the payload gets PATH HOME USER LOGNAME SHELL LANG LC_* TERM TZ (with `keep-env` all) as this program
 * was *started* with, and what `env` adds: /proc/self/environ is read, since environ itself cannot be read safely while
 * another thread calls setenv(3). A program that changes its environment and wants the payload to see that gives an
 * envp.
 */
typedef struct sbx_command {
	size_t size;
	const char *const *argv; /* NULL-terminated; at least argv[0] */
	const char *const *envp; /* NULL: what the spec says, see above */
	const char *cwd; /* absolute, inside; NULL: the spec's `chdir`, or the caller's where it exists inside, or / */
	int exec_fd;     /* > 0: run this file (execveat(2), AT_EMPTY_PATH); 0: argv[0], by the payload's PATH inside */
	int stdio[3];
	const struct sbx_fd_map *fds; /* all other fds are closed in the payload */
	size_t n_fds;
} sbx_command;

/* --- report ------------------------------------------------------------------------------------------------------ */

enum {
	SBX_OUTCOME_NONE = 0,     /* not ended yet */
	SBX_OUTCOME_EXITED,       /* exit_code is valid */
	SBX_OUTCOME_SIGNALED,     /* signal is valid */
	SBX_OUTCOME_OOM,          /* the box's own memory limit, whatever the payload made of it */
	SBX_OUTCOME_OOM_ANCESTOR, /* a limit above the box, or the whole machine */
	SBX_OUTCOME_TIME_WALL,
	SBX_OUTCOME_TIME_CPU,
	SBX_OUTCOME_TIME_IDLE,
	SBX_OUTCOME_OUTPUT,
	SBX_OUTCOME_SYSCALL,    /* the seccomp filter ended a process; syscall_nr is the call's number */
	SBX_OUTCOME_KILLED,     /* by sbx_box_kill() */
	SBX_OUTCOME_OWNER_DIED, /* seen only by others than the owner */
	SBX_OUTCOME_SETUP_FAILED,
};

/* The bits of sbx_report.valid: a number whose bit is not set could not be measured and means nothing. */
#define SBX_VALID_SETUP_USEC (1ull << 0)
#define SBX_VALID_WALL_USEC (1ull << 1)
#define SBX_VALID_CPU_USER_USEC (1ull << 2)
#define SBX_VALID_CPU_SYSTEM_USEC (1ull << 3)
#define SBX_VALID_THROTTLED_USEC (1ull << 4)
#define SBX_VALID_MEMORY_PEAK (1ull << 5)
#define SBX_VALID_SWAP_PEAK (1ull << 6)
#define SBX_VALID_PIDS_PEAK (1ull << 7)
#define SBX_VALID_IO_READ_BYTES (1ull << 8)
#define SBX_VALID_IO_WRITE_BYTES (1ull << 9)
#define SBX_VALID_OOM_KILLS (1ull << 10)
#define SBX_VALID_PIDS_DENIED (1ull << 11)
#define SBX_VALID_PRESSURE_CPU_USEC (1ull << 12)
#define SBX_VALID_PRESSURE_MEMORY_USEC (1ull << 13)
#define SBX_VALID_PRESSURE_IO_USEC (1ull << 14)

typedef struct sbx_report {
	size_t size; /* set by the caller */
	int outcome;
	int exit_code;  /* 0..255 with SBX_OUTCOME_EXITED, else -1 */
	int signal;     /* the signal that ended the payload, else 0 */
	int syscall_nr; /* of the first call at which the filter ended a process, else -1 */
	uint64_t valid;
	uint64_t setup_usec;    /* from the call until the payload's exec */
	uint64_t wall_usec;     /* from the exec until the end */
	uint64_t cpu_user_usec; /* of all processes of the box; cpu.stat */
	uint64_t cpu_system_usec;
	uint64_t throttled_usec; /* held back by cpu.max */
	uint64_t memory_peak;    /* bytes; memory.peak */
	uint64_t swap_peak;      /* bytes; memory.swap.peak */
	uint64_t pids_peak;      /* processes and threads, without the box's init; pids.peak */
	uint64_t io_read_bytes;  /* io.stat, all devices */
	uint64_t io_write_bytes;
	uint64_t oom_kills;         /* processes killed; memory.events */
	uint64_t pids_denied;       /* forks refused by pids.max; pids.events */
	uint64_t pressure_cpu_usec; /* time some task waited for it; cpu.pressure and its like */
	uint64_t pressure_memory_usec;
	uint64_t pressure_io_usec;
	char text[4096]; /* the parts of the report that are text, for sbx_report_json(); not for reading */
} sbx_report;

/* The report as one JSON object, see sbx-report(5). free() it; NULL when report is NULL or its size is 0. */
char *sbx_report_json(const sbx_report *report);

/* With SBX_OUTCOME_SYSCALL: the name of the first call at which the seccomp filter ended a process ("ptrace"; "system
 * call 600" where it has none). It is part of the report. NULL with any other outcome, and where it could not be
 * learned: when the filter was given as a program, or the process around the box has a seccomp listener already,
 * seccomp_unotify(2). */
const char *sbx_report_syscall(const sbx_report *report);

/* Make `report` the report of a launch that failed with `error` (outcome setup-failed). sbx_run() does it by itself. */
int sbx_report_fail(sbx_report *report, const sbx_error *error);

/* --- box --------------------------------------------------------------------------------------------------------- */

enum { SBX_CREATED = 1, SBX_RUNNING, SBX_PAUSED, SBX_STOPPED };

/* Make a box: everything is in place and nothing runs. State: created. */
int sbx_box_create(const sbx_spec *spec, sbx_box **ret_box, sbx_error **error);

/*
 * Run the payload. Returns when its exec has succeeded (state running) or failed: an error of stage "exec" with
 * -ENOENT, -EACCES, -ENOEXEC... as execve(2) gives them; the box stays created then. A box runs one payload: a second
 * start is -EALREADY.
 */
int sbx_box_start(sbx_box *box, const sbx_command *command, sbx_error **error);

/* Create, start, wait, free. On failure `report` is that of a failed set-up. */
int sbx_run(const sbx_spec *spec, const sbx_command *command, sbx_report *report, sbx_error **error);

/* SBX_CREATED, SBX_RUNNING, SBX_PAUSED or SBX_STOPPED; -EINVAL for NULL. */
int sbx_box_state(sbx_box *box);

/* An fd for poll(2): readable when sbx_box_dispatch() has something to do. The box owns it. */
int sbx_box_fd(sbx_box *box);
/* Do what is due. Never blocks. 1: the box has stopped; 0: it has not. */
int sbx_box_dispatch(sbx_box *box, sbx_error **error);
/* Dispatch until the box has stopped (1) or `timeout_ms` have passed (0); -1 waits for ever. */
int sbx_box_wait(sbx_box *box, int timeout_ms, sbx_error **error);

/*
 * Change a box that is created or runs: a limit of its cgroup (memory.max, cpu.max, pids.max, io.max...), or what its
 * device filter allows. Values are those of sbx_spec_set(); the report's `limits` then have the new one. "device" puts
 * this rule in the place of all that were asked for, "device+" adds one, and an empty value goes back to the default;
 * what is open already stays open, and no node appears. On an error the old rules stand, and so does the old limit,
 * unless the error says that the kernel took another value than was asked.
 * Errors: -EINVAL (a bad value, or a key that can't be changed in a live box; the hint names those that can), -ENOENT
 * (no such key, or the box has no cgroup of its own), -ESRCH (it has stopped), and what the kernel says.
 */
int sbx_box_update(sbx_box *box, const char *key, const char *value, sbx_error **error);

/* Send a signal (1..64) to the payload. -ESRCH when it has ended or has not started. */
int sbx_box_signal(sbx_box *box, int sig, sbx_error **error);
/* Kill every process of the box at once. Any thread may call it; a box that has stopped is no error. The outcome is
 * SBX_OUTCOME_KILLED. */
int sbx_box_kill(sbx_box *box, sbx_error **error);

/* A pidfd (pidfd_open(2)) of the box's init, or -ESRCH; and an O_PATH fd of its cgroup directory, or -ENOENT when it
 * has none. The box owns both. */
int sbx_box_pidfd(sbx_box *box);
int sbx_box_cgroup_fd(sbx_box *box);

/*
 * Let everything in a box stand still, and go on. A box can be paused while it is created or runs; resuming brings it
 * back to that. pause returns when all of its processes are frozen (cgroup.freeze in the kernel's cgroup-v2.rst),
 * resume when they run again; each waits up to 2 s, and pause a second time as long where it has to give up. A pause
 * that fails leaves the box running. While it is paused a small process of the library's own, a child of this program,
 * watches this program and kills the box if it dies.
 *
 * Of a paused box: the clock of time.wall runs on, and its end kills the box; wait and dispatch work, and the state
 * becomes stopped when it is killed; sbx_box_signal() is delivered when it is resumed; kill and free work at once;
 * update, stat and report work; start is -EBUSY.
 * Errors: -EALREADY (pause: it is paused; resume: it is not), -ESRCH (it has stopped), -ENOENT (pause: it has no
 * cgroup), -ETIMEDOUT (pause: a process that waits inside of the kernel could not be frozen, the message names one;
 * resume: a group above the box is frozen, and the box stays paused), and what the kernel says.
 */
int sbx_box_pause(sbx_box *box, sbx_error **error);
int sbx_box_resume(sbx_box *box, sbx_error **error);

/* Take the host end of pipe `which` (0..2); the caller closes it. -ENOENT when stdio[which] was not SBX_STDIO_PIPE or
 * it is taken. */
int sbx_box_pipe(sbx_box *box, int which);
/* What was captured so far of 1 or 2; valid until the next dispatch, wait or free. -ENOENT when it was not captured. */
int sbx_box_output(sbx_box *box, int which, const void **ret_data, size_t *ret_len);

/*
 * The numbers as they are now, in every state: `valid` has a bit for each that this kernel and this group can tell. The
 * outcome is SBX_OUTCOME_NONE until the box has stopped; from then on they are those of its end. It never blocks. The
 * text is left empty, so that this is cheap enough to be called often: the limits, the placement and the names of
 * refused calls are in sbx_box_report(). The numbers include groups that the payload has made below its own. One thread
 * at a time, as all but kill.
 */
int sbx_box_stat(sbx_box *box, sbx_report *report, sbx_error **error);
/* The numbers, the text and, once it has stopped, the outcome. */
int sbx_box_report(sbx_box *box, sbx_report *report, sbx_error **error);

/* Kill what runs, remove everything, free. NULL is fine. */
void sbx_box_free(sbx_box *box);

/* --- what dead hosts left ----------------------------------------------------------------------------------------- */

/*
 * Remove the cgroups of boxes whose host is gone without having freed them, by SIGKILL for example, and kill what still
 * lives in them. `parent` is a directory as for the key cgroup.parent, "/sys/fs/cgroup/a" or "/a" as /proc/PID/cgroup
 * has it; everything below it is searched. NULL, "auto" and "systemd" search everything below the cgroup2 mount. Groups
 * that hosts were moved into (cgroup.self=leaf) and that are empty now are removed too. Groups of living hosts are
 * never touched, in whatever pid namespace these live, and several sweepers at once are fine. Every launch does a
 * little of this in its own place by itself. One case has to wait: while a fork of the dead host lives that has not
 * executed another program, it holds the (empty) groups.
 * Returns the number of groups removed. Waits up to 2 s for processes that are slow to die, and 20 s in all.
 * Errors: -EINVAL and -ENOENT (the parent), -ENOENT (no cgroup2), -EBUSY and others when a group could not be removed,
 * which is said after the others are done; the sentence names the first and says how many. What this user may not
 * remove is an error below a parent that is named, and else skipped.
 */
int sbx_sweep(const char *parent, sbx_error **error);
/* The same; the paths of the groups removed, each followed by a newline, in ret_paths (free() it), which may be
 * NULL. */
int sbx_sweep_list(const char *parent, char **ret_paths, sbx_error **error);

/* --- what would work here ----------------------------------------------------------------------------------------- */

/*
 * Ask what would work for this process in this place, what would not, why, what is lost without it, and what repairs
 * it: one JSON object, free() it. sbx-run(1), DOCTOR, has the names of the checks, which stay as they are.
 *
 *	{ "ok": true, "summary": a sentence, "kernel": "6.1.0-21-amd64", "checks": [
 *		{ "name": "cgroup.memory", "group": "cgroup", "status": "ok" | "warn" | "fail" | "unknown", "found": a sentence,
 *		  "lost": what does not work without it, or null, "repair": a command or a sentence, or null }, ... ] }
 *
 * `ok`: the default box, and one with limits of memory and processes, can be made here; both are tried. Nothing is left
 * behind: no process, group, file or scope. But what a launch with such limits does to the host is done as well: the
 * controllers are enabled for the children of the group below which boxes are made, and stay so, and what dead hosts
 * left there is swept. Takes some 20 ms, and as long as two launches do where something does not answer. Any thread.
 * A finding is no error. Errors: -EINVAL (ret_json is NULL), -ENOMEM.
 */
int sbx_doctor(char **ret_json, sbx_error **error);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif
