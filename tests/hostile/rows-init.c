/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Rows: what a payload tries on init, which is in its sight and sometimes of its user (F22). The control is a child of its own. */
#include "rows.h"

#define INIT(what, expect, control, ...) ROW("F22", "init:" what, expect, BOX, control, BUT("peer:" what), __VA_ARGS__)
/* ... of what the filter denies for all: there the control has no filter */
#define CALL(what, expect, control)                                                     \
	ROW("F22", "init:" what, "EPERM", BARE, control, BUT("peer:" what)),                \
		ROW("F22", "init:" what, expect, BARE, control, BUT("peer:" what), UNFILTERED), \
		ROW("F22", "peer:" what, "EPERM", BARE, control)

const struct row rows_init[] = {
	/* Not dumpable, and of more capabilities: nothing of it can be seen or written. What is root's can be opened by root of
	 * the host, as init there is; the kernel checks again where it matters. */
	INIT("mem", "EACCES", "ok"),
	INIT("r.maps", "EACCES", "ok"),
	INIT("r.smaps", "EACCES", "ok"),
	INIT("r.environ", "EACCES", "ok"),
	INIT("r.auxv", "EACCES", "ok"),
	INIT("r.pagemap", "EACCES", "ok"),
	INIT("r.io", "EACCES", "?ok"),
	ROW("F22", "init:r.stack", "EACCES", BOX, "ok", BUT("self:r.maps")),
	INIT("r.syscall", "EACCES", "ok", HOST_ROOT("EPERM")),
	INIT("r.personality", "EACCES", "ok", HOST_ROOT("EPERM")),
	INIT("l.exe", "EACCES", "ok"),
	INIT("l.cwd", "EACCES", "ok"),
	INIT("l.root", "EACCES", "ok"),
	INIT("l.ns/mnt", "EACCES", "ok"),
	INIT("l.ns/user", "EACCES", "ok"),
	INIT("l.ns/pid", "EACCES", "ok"),
	INIT("d.fd", "EACCES", "ok", HOST_ROOT("ok")),
	INIT("d.fdinfo", "EACCES", "ok"),
	INIT("d.map_files", "EACCES", "ok", HOST_ROOT("ok|EACCES")),
	INIT("w.mem", "EACCES", "ok"),
	INIT("w.clear_refs", "EACCES", "ok", HOST_ROOT("ok")),
	INIT("w.oom_score_adj", "EACCES", "ok", HOST_ROOT("ok")),
	INIT("w.coredump_filter", "EACCES", "?ok", HOST_ROOT("ok")),
	INIT("w.uid_map", "EACCES", "ok", HOST_BOTH("-")),
	INIT("w.gid_map", "EACCES", "ok", HOST_BOTH("-")),
	INIT("w.timens_offsets", "EACCES", "?ok", HOST_ROOT("ok")),
	/* pid 1 takes no signal from inside that it has not asked for; the answer is a no where the user differs */
	INIT("kill-9", "EPERM|no effect", "dead", HOST_NOBODY("EPERM")),
	INIT("kill-19", "EPERM|no effect", "stopped", HOST_NOBODY("EPERM")),
	INIT("kill-15", "EPERM|no effect", "dead", HOST_NOBODY("EPERM")),
	INIT("kill-1", "EPERM|no effect", "dead", HOST_NOBODY("EPERM")),
	INIT("kill-6", "EPERM|no effect", "dead", HOST_NOBODY("EPERM")),
	INIT("kill-11", "EPERM|no effect", "dead", HOST_NOBODY("EPERM")),
	INIT("pidfd-kill", "EPERM|no effect", "dead", HOST_NOBODY("EPERM")),
	INIT("sigqueue", "EPERM|ok", "ok", HOST_NOBODY("EPERM")),
	INIT("setpgid", "ESRCH", "ok"),
	/* Limits are anybody's who has the same ids, capabilities or not. What that does to a box: test_limits_of_init(). */
	INIT("limit-get-7", "EPERM|ok", "ok", HOST_NOBODY("EPERM")),
	INIT("limit-set-0", "EPERM|ok", "ok", HOST_NOBODY("EPERM")),
	INIT("limit-set-7", "EPERM|ok", "ok", HOST_NOBODY("EPERM")),
	INIT("sched-affinity", "EPERM", "ok"),
	INIT("sched-nice", "EPERM", "ok"),
	INIT("sched-scheduler", "EPERM", "ok"),
	INIT("sched-ioprio", "EPERM", "ok"),
	INIT("robust-list", "EPERM", "ok"),
	CALL("ptrace-attach", "EPERM", "ok"),
	CALL("ptrace-seize", "EPERM", "ok"),
	CALL("vm-read", "EPERM", "ok"),
	CALL("vm-write", "EPERM", "ok"),
	CALL("pidfd-getfd", "EPERM", "ok"),
	CALL("kcmp", "EPERM", "ok"),
	CALL("move-pages", "EPERM", "ok"),
	CALL("perf", "EPERM|EACCES", "ok|EACCES"),
	ROW("F22", "init:kill-9", "EPERM|no effect", BARE, "dead", BUT("peer:kill-9"), UNFILTERED),
	ROW("F22", "init:kill-19", "EPERM|no effect", BARE, "stopped", BUT("peer:kill-19"), UNFILTERED),
	ROW("F22", "init:mem", "EACCES", BARE, "ok", BUT("peer:mem"), UNFILTERED),
	{ .probe = NULL },
};
