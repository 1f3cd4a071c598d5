/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Rows: what the payload is. */
#include "rows.h"

#define NO_CAPS "0000000000000000"
/* Out of the bounding set: no program gives it. */
#define CAPABILITY(n) ROW("F13", "capbset:" n, "out", NS, "in")
/* Nor can it be taken. */
#define UNTAKEN(n) ROW("F13", "capset:" n, "EPERM", NS, "ok"), ROW("F13", "ambient:" n, "EPERM", NS, "ok")

const struct row rows_self[] = {
	/* --- F13 --- */
	ROW("F13", "status:CapInh", NO_CAPS, OUTSIDE, "other", USER("-")),
	ROW("F13", "status:CapPrm", NO_CAPS, NS, "other"),
	ROW("F13", "status:CapEff", NO_CAPS, NS, "other"),
	ROW("F13", "status:CapBnd", NO_CAPS, NS, "other"),
	ROW("F13", "status:CapAmb", NO_CAPS, OUTSIDE, "other", USER("-")),
	ROW("F13", "status:CapInh", NO_CAPS, NS, "other"),
	ROW("F13", "status:CapAmb", NO_CAPS, NS, "other"),
	ROW("F13", "exec:status:CapEff", NO_CAPS, NS, "other"),
	ROW("F13", "exec:status:CapPrm", NO_CAPS, NS, "other"),
	ROW("F13", "exec:status:CapBnd", NO_CAPS, NS, "other"),
	ROW("F13", "thread:status:CapEff", NO_CAPS, NS, "other"),
	ROW("F13", "status:CapEff", NO_CAPS, NS, "other", .place = ZERO, HOST_BOTH("-")),
	ROW("F13", "status:CapPrm", NO_CAPS, NS, "other", .place = ZERO, HOST_BOTH("-")),
	ROW("F13", "status:CapBnd", NO_CAPS, NS, "other", .place = ZERO, HOST_BOTH("-")),
	ROW("F13", "exec:status:CapEff", NO_CAPS, NS, "other", .place = ZERO, HOST_BOTH("-")),
	ROW("F13", "exec:status:CapPrm", NO_CAPS, NS, "other", .place = ZERO, HOST_BOTH("-")),
	ROW("F13", "securebits", "0xef", OUTSIDE, "0"),
	CAPABILITY("0"),  /* chown */
	CAPABILITY("1"),  /* dac_override */
	CAPABILITY("2"),  /* dac_read_search */
	CAPABILITY("3"),  /* fowner */
	CAPABILITY("4"),  /* fsetid */
	CAPABILITY("5"),  /* kill */
	CAPABILITY("6"),  /* setgid */
	CAPABILITY("7"),  /* setuid */
	CAPABILITY("8"),  /* setpcap */
	CAPABILITY("9"),  /* linux_immutable */
	CAPABILITY("10"), /* net_bind_service */
	CAPABILITY("11"), /* net_broadcast */
	CAPABILITY("12"), /* net_admin */
	CAPABILITY("13"), /* net_raw */
	CAPABILITY("14"), /* ipc_lock */
	CAPABILITY("15"), /* ipc_owner */
	CAPABILITY("16"), /* sys_module */
	CAPABILITY("17"), /* sys_rawio */
	CAPABILITY("18"), /* sys_chroot */
	CAPABILITY("19"), /* sys_ptrace */
	CAPABILITY("20"), /* sys_pacct */
	CAPABILITY("21"), /* sys_admin */
	CAPABILITY("22"), /* sys_boot */
	CAPABILITY("23"), /* sys_nice */
	CAPABILITY("24"), /* sys_resource */
	CAPABILITY("25"), /* sys_time */
	CAPABILITY("26"), /* sys_tty_config */
	CAPABILITY("27"), /* mknod */
	CAPABILITY("28"), /* lease */
	CAPABILITY("29"), /* audit_write */
	CAPABILITY("30"), /* audit_control */
	CAPABILITY("31"), /* setfcap */
	CAPABILITY("32"), /* mac_override */
	CAPABILITY("33"), /* mac_admin */
	CAPABILITY("34"), /* syslog */
	CAPABILITY("35"), /* wake_alarm */
	CAPABILITY("36"), /* block_suspend */
	CAPABILITY("37"), /* audit_read */
	CAPABILITY("38"), /* perfmon */
	CAPABILITY("39"), /* bpf */
	CAPABILITY("40"), /* checkpoint_restore */
	UNTAKEN("0"),
	UNTAKEN("7"),
	UNTAKEN("12"),
	UNTAKEN("13"),
	UNTAKEN("19"),
	UNTAKEN("21"),
	ROW("F13", "prctl:28,0", "EPERM", NS, "ok"),       /* PR_SET_SECUREBITS */
	ROW("F13", "prctl:8,1", "EPERM", OUTSIDE, "ok"),   /* PR_SET_KEEPCAPS */
	ROW("F13", "prctl:7,0", "ok", OUTSIDE, "=inside"), /* PR_GET_KEEPCAPS: 0 */
	ROW("F13", "prctl:24,0", "EPERM", NS, "ok"),       /* PR_CAPBSET_DROP */
	ROW("F13", "nice:-5", "EACCES", ROOT, "ok"),
	ROW("F13", "realtime:1", "EPERM", ROOT, "ok"),
	ROW("F13", "deadline", "EPERM", ROOT, "ok|EBUSY|EPERM"),
	ROW("F13", "ioprio", "EPERM", ROOT, "ok"),
	ROW("F13", "alarm-clock", "EPERM", ROOT, "ok|EOPNOTSUPP"),
	ROW("F13", "oom:-1", "EACCES", BOX, "ok", BUT("oom:500")),
	ROW("F13", "oom:500", "ok", ROOT, "=inside"),
	ROW("F13", "mlock:1048576", "ENOMEM", ROOT, "ok"),
	ROW("F13", "mlock:4096", "ok", ROOT, "=inside"),
	ROW("F13", "rlimit-raise:4", "EPERM", ROOT, "ok", BUT("rlimit-lower:4"), UNFILTERED),
	ROW("F13", "fsuid:0", "refused", ROOT, "taken", HOST_ROOT("taken")),
	ROW("F13", "fsuid:12345", "refused", ROOT, "taken"),

	/* --- F14, F28 --- */
	/* a plain user can't drop groups: where gid maps are written without privilege, setgroups() must be denied first */
	ROW("F14", "status:Groups", "65534", OUTSIDE, "other|=inside", USER("65534 65534 65534|65534|65534 65534|"),
	    HOST_ROOT("0"), NESTED("65534 65534 65534|65534|65534 65534|")),
	ROW("F28", "status:Uid", "65534 65534 65534 65534", ROOT, "0 0 0 0", USER("=outside"), HOST_ROOT("0 0 0 0")),
	ROW("F28", "status:Gid", "65534 65534 65534 65534", ROOT, "0 0 0 0", USER("=outside"), HOST_ROOT("0 0 0 0")),
	ROW("F28", "euid", "0:0", ROOT, "=inside", .place = ZERO, HOST_BOTH("-")),
	ROW("F28", "write:/proc/self/uid_map,0 0 1", "EPERM", BOX, "ok", BUT("oom:500")),
	ROW("F28", "write:/proc/self/gid_map,0 0 1", "EPERM", BOX, "ok", BUT("oom:500")),
	ROW("F28", "write:/proc/self/setgroups,allow", "EACCES", BOX, "ok", BUT("oom:500")),
	ROW("F28", "write:/proc/self/uid_map,0 0 1", "EPERM", BOX, "ok", BUT("oom:500"), .place = ZERO, HOST_BOTH("-")),
	ROW("F28", "call:setresuid-12345", "EINVAL", ROOT, "ok", .place = ZERO, HOST_BOTH("-")),
	ROW("F14", "call:setgroups-none", "EPERM", ROOT, "ok", .place = ZERO, HOST_BOTH("-")),

	/* --- F15 --- */
	ROW("F15", "status:NoNewPrivs", "1", OUTSIDE, "0"),
	ROW("F15", "thread:status:NoNewPrivs", "1", OUTSIDE, "0"),
	ROW("F15", "exec:status:NoNewPrivs", "1", OUTSIDE, "0"),
	ROW("F15", "status:NoNewPrivs", "1", OUTSIDE, "0", UNFILTERED),
	ROW("F15", "prctl:39,0", "1", OUTSIDE, "ok"),           /* PR_GET_NO_NEW_PRIVS */
	ROW("F15", "prctl:38,0", "EINVAL", OUTSIDE, "=inside"), /* PR_SET_NO_NEW_PRIVS to 0 */

	/* --- F19, F29: namespaces --- */
	ROW("F29", "ns:pid", "new", OUTSIDE, "shared"),
	ROW("F29", "ns:uts", "new", OUTSIDE, "shared"),
	ROW("F28", "ns:user", "new", OUTSIDE, "shared", HOST_BOTH("shared")),
	ROW("F29", "ppid", "inside", OUTSIDE, "=inside"),

	/* --- F25: no core dump --- */
	ROW("F25", "rlimit:4", "1 1", OUTSIDE, "other"),
	/* at 0 a piped handler would run, so the filter keeps it where it is */
	ROW("F25", "rlimit-raise:4", "ignored", BARE, "EPERM"),
	ROW("F25", "rlimit-lower:4", "ignored", BARE, "ok"),
	ROW("F25", "rlimit-lower:7", "ok", BARE, "=inside"),
	ROW("F25", "exec:rlimit:4", "1 1", OUTSIDE, "other"),
	ROW("F25", "abort", "signal 6, no core", OUTSIDE, "signal 6, core|signal 6, no core"),

	/* --- F02, F55: what the host had on it --- */
	ROW("F02", "environ:secret", "not there", OUTSIDE, "there"),
	ROW("F02", "env:LD_PRELOAD", "unset", OUTSIDE, "other"),
	ROW("F02", "env:LD_LIBRARY_PATH", "unset", OUTSIDE, "other"),
	ROW("F02", "status:SigBlk", "0000000000000000", OUTSIDE, "other"),
	ROW("F02", "status:SigIgn", "0000000000000000", OUTSIDE, "other"),
	ROW("F02", "status:Umask", "0022", OUTSIDE, "0000"),
	ROW("F08", "ids:sid", "leader", OUTSIDE, "not a leader"),
	ROW("F02", "ids:scheduler", "0", OUTSIDE, "=inside"),
	ROW("F22", "prctl:3,0", "1", OUTSIDE, "=inside"), /* PR_GET_DUMPABLE: its own business */
	{ .probe = NULL },
};
