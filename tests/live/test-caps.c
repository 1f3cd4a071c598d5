/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Capabilities: which a payload may keep, in which sets it has them, what they do, and that none reaches init. */
#include "live.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "life.h"

#define CAP_PROBE "/tmp/cap-probe"
#define BIT(cap) (1ull << (cap))

/* capabilities(7), in the kernel's order */
static const char *const names[] = {
	"chown",
	"dac_override",
	"dac_read_search",
	"fowner",
	"fsetid",
	"kill",
	"setgid",
	"setuid",
	"setpcap",
	"linux_immutable",
	"net_bind_service",
	"net_broadcast",
	"net_admin",
	"net_raw",
	"ipc_lock",
	"ipc_owner",
	"sys_module",
	"sys_rawio",
	"sys_chroot",
	"sys_ptrace",
	"sys_pacct",
	"sys_admin",
	"sys_boot",
	"sys_nice",
	"sys_resource",
	"sys_time",
	"sys_tty_config",
	"mknod",
	"lease",
	"audit_write",
	"audit_control",
	"setfcap",
	"mac_override",
	"mac_admin",
	"syslog",
	"wake_alarm",
	"block_suspend",
	"audit_read",
	"perfmon",
	"bpf",
	"checkpoint_restore",
};

/* What is refused everywhere, without a user namespace of the box's own, where the payload is the caller outside, and in
 * the host's pid namespace. Written down again, not taken from the library. */
static const uint64_t never = BIT(CAP_SYS_BOOT);
static const uint64_t not_as_host =
	BIT(CAP_SYS_PTRACE) | BIT(CAP_SYS_ADMIN) | BIT(CAP_SYS_MODULE) | BIT(CAP_SYS_RAWIO) | BIT(CAP_PERFMON);
static const uint64_t not_as_caller = BIT(CAP_SYS_ADMIN);

static uint64_t
own_caps(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	g_assert_cmpint(syscall(SYS_capget, &header, data), ==, 0);
	return (uint64_t)data[1].effective << 32 | data[0].effective;
}

/* --- all of them, by the sets --- */

struct place {
	const char *name;
	const char *keys[5]; /* up to two pairs */
	bool share_user;
};

static const struct place places[] = {
	{ "plain", { NULL }, false },
	{ "user-0", { "user", "0", NULL }, false },
	{ "user-1234", { "user", "1234", NULL }, false },
	{ "share-user-0", { "share", "user", "user", "0", NULL }, true },
	{ "share-user-1234", { "share", "user", "user", "1234", NULL }, true },
};

static uint64_t
refused_in(const struct place *place)
{
	/* a plain user's box, and that of a user namespace's root, has no id but the caller's */
	return never | (place->share_user ? not_as_host : live_is_root() ? 0 : not_as_caller);
}

/* Given a box that keeps one capability, then all five sets hold it, after an exec, and nothing else. */
static void
keep_one(const struct place *place, unsigned cap)
{
	const char *keys[8];
	size_t n = 0;
	uint64_t mask = BIT(cap);
	g_autoptr(live_t) box = NULL;
	g_autofree char *expected =
		g_strdup_printf("CapInh:\t%016" G_GINT64_MODIFIER "x\nCapPrm:\t%016" G_GINT64_MODIFIER
	                    "x\nCapEff:\t%016" G_GINT64_MODIFIER "x\nCapBnd:\t%016" G_GINT64_MODIFIER
	                    "x\nCapAmb:\t%016" G_GINT64_MODIFIER "x\n",
	                    mask, mask, mask, mask, mask);

	for (; place->keys[n]; n++)
		keys[n] = place->keys[n];
	keys[n++] = "cap";
	keys[n++] = names[cap];
	keys[n] = NULL;
	if (BIT(cap) & never) {
		g_autoptr(sbx_spec) spec = live_spec_bare(NO_SPEC);
		sbx_error *error = NULL;

		g_assert_cmpint(sbx_spec_set(spec, "cap", names[cap], &error), <, 0);
		live_contains(sbx_error_message(error), "is refused");
		sbx_error_free(error);
		return;
	}
	box = live_argv(keys, ARGV("grep", "^Cap", "/proc/self/status"));
	if (BIT(cap) & refused_in(place)) {
		live_failed(box, "identity", EPERM, "is refused");
		live_contains(box->hint, place->share_user ? "share" : "uid-map");
	} else if (place->share_user && !(own_caps() & BIT(cap))) {
		live_failed(box, "identity", EPERM, "to give to the payload");
	} else {
		live_says(box, expected);
	}
}

static void
test_sets(gconstpointer data)
{
	const struct place *place = data;

	if (place->share_user && !live_is_root()) {
		live_skip_mode("needs root of the host");
		return;
	}
	for (unsigned cap = 0; cap < G_N_ELEMENTS(names); cap++)
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0)
			keep_one(place, cap);
}

/* Many at once are the union. */
static void
test_union(void)
{
	g_autoptr(live_t) box = live_argv(SPEC("user", "0", "cap", "chown,kill", "cap", "NET_RAW"),
	                                  ARGV("grep", "CapEff", "/proc/self/status"));

	live_says(box, "CapEff:\t0000000000002021\n");
}

/* --- what they do --- */

static const struct effect {
	const char *cap;
	int without; /* the errno for who has not got it */
	enum { ANY_BOX, MANY_IDS, HOST_POWER } needs;
} effects[] = {
	{ "chown", EPERM, MANY_IDS },
	{ "dac_override", EACCES, ANY_BOX },
	{ "dac_read_search", EACCES, ANY_BOX },
	{ "fowner", EPERM, MANY_IDS },
	{ "kill", EPERM, MANY_IDS },
	{ "setgid", EPERM, MANY_IDS },
	{ "setuid", EPERM, MANY_IDS },
	{ "setpcap", EPERM, ANY_BOX },
	{ "net_bind_service", EACCES, ANY_BOX },
	{ "net_raw", EPERM, ANY_BOX },
	{ "net_admin", EPERM, ANY_BOX },
	{ "ipc_owner", EACCES, ANY_BOX },
	{ "sys_chroot", EPERM, ANY_BOX },
	{ "sys_admin", EPERM, MANY_IDS },
	{ "setfcap", EPERM, MANY_IDS },
	{ "checkpoint_restore", EPERM, ANY_BOX },
	{ "sys_nice", EACCES, HOST_POWER },
	{ "mknod", EPERM, HOST_POWER },
	{ "bpf", EPERM, HOST_POWER },
};

static char *
effect_in(const char *const *keys, const char *cap, bool kept)
{
	const char *build = g_getenv("SBX_BUILDDIR");
	g_autofree char *path = g_build_filename(build ? build : ".", "tests/live/cap-probe", NULL);
	g_autofree char *full = g_canonicalize_filename(path, NULL);
	g_autofree char *pair = live_pair(full, CAP_PROBE);
	g_autoptr(sbx_spec) spec = live_spec_bare(keys);
	sbx_command command = { .size = sizeof command,
		                    .argv = ARGV(CAP_PROBE, cap),
		                    .stdio = { SBX_STDIO_NULL, SBX_STDIO_CAPTURE, SBX_STDIO_CAPTURE } };
	g_autoptr(live_t) box = NULL;

	g_assert_cmpint(sbx_spec_set(spec, "ro-bind", pair, NULL), ==, 0);
	/* the kernel's own answer, not the filter's */
	g_assert_cmpint(sbx_spec_set(spec, "seccomp", "none", NULL), ==, 0);
	if (kept)
		g_assert_cmpint(sbx_spec_set(spec, "cap", cap, NULL), ==, 0);
	box = live_spec(spec, &command);
	live_ok(box);
	return g_strdup(g_strchomp(box->out));
}

static void
effect_of(const struct effect *effect, const char *const *keys)
{
	g_autofree char *with = effect_in(keys, effect->cap, true), *without = effect_in(keys, effect->cap, false);

	g_test_message("%s: with it %s, without %s", effect->cap, with, without);
	g_assert_cmpstr(with, ==, "ok");
	g_assert_cmpstr(without, ==, strerrorname_np(effect->without));
}

static void
test_effect(gconstpointer data)
{
	const struct effect *effect = data;

	if (effect->needs != ANY_BOX && !live_is_root()) {
		live_skip_mode("needs root of the host");
		return;
	}
	if (effect->needs == ANY_BOX) {
		effect_of(effect, NO_SPEC);
		effect_of(effect, SPEC("user", "0"));
	}
	if (effect->needs != HOST_POWER && live_is_root())
		effect_of(effect, SPEC("user", "3", "uid-map", "0:100000:10", "gid-map", "0:100000:10"));
	/* there the host's own answer counts */
	if (live_is_root() && strcmp(effect->cap, "sys_admin") != 0)
		effect_of(effect, SPEC("share", "user", "user", "1234"));
}

/* --- refused and missing --- */

static void
test_with_host_pids(void)
{
	static const char *const reaching[] = { "kill", "setuid", "sys_resource" };
	g_autoptr(live_t) root = NULL, same = NULL;

	if (!live_is_root()) {
		live_skip_mode("needs root of the host");
		return;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(reaching); i++) {
		g_autoptr(live_t) box = live_run(SPEC("share", "pid", "cap", reaching[i]), "true");

		live_failed(box, "identity", EPERM, "is refused with share=pid");
		live_contains(box->hint, "leave pid out of share");
	}
	root = live_run(SPEC("share", "user,pid", "user", "0"), "true");
	live_failed(root, "identity", EPERM, "init would run as user 0");
	/* two lines, so that none is added, and none for another init */
	same = live_run(SPEC("share", "pid", "user", "5", "uid-map", "5:100000:1", "uid-map", "6:100001:1", "gid-map",
	                     "5:100000:1"),
	                "true");
	live_failed(same, "identity", EPERM, "init would run as user 5");
}

/* Given a payload that is the caller outside, then it may not have what mounts the caller's control groups. */
static void
as_user(void)
{
	g_autoptr(live_t) refused = NULL, other = NULL, maps = NULL;

	g_assert_cmpint(syscall(SYS_setgroups, 0, NULL), ==, 0);
	g_assert_cmpint(setresgid(1000, 1000, 1000), ==, 0);
	g_assert_cmpint(setresuid(1000, 1000, 1000), ==, 0);
	g_assert_cmpint(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), ==, 0);
	refused = live_run_bare(SPEC("user", "0", "cap", "sys_admin"), "true");
	live_failed(refused, "identity", EPERM, "CAP_SYS_ADMIN is refused where the payload is the caller outside");
	other = live_run_bare(SPEC("user", "0", "cap", "sys_chroot"), "true");
	live_ok(other);
	/* newuidmap(1) asks /proc who init is, and a closed one has no answer */
	maps =
		live_run_bare(SPEC("user", "0", "uid-map", "0:200000:10", "gid-map", "0:200000:10", "cap", "chown,sys_ptrace"),
	                  "true");
	live_failed(maps, "identity", EPERM, "CAP_SYS_PTRACE is refused with id maps");
}

static void
test_own_cgroup(void)
{
	if (live_is_root())
		live_child(as_user);
	else
		live_skip_mode("needs root of the host");
}

/* The bounding set is what Docker and its like reduce; the other sets follow at the exec. */
static void
without_net_raw(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	g_autoptr(live_t) refused = NULL, other = NULL, own = NULL;

	g_assert_cmpint(prctl(PR_CAPBSET_DROP, CAP_NET_RAW, 0, 0, 0), ==, 0);
	g_assert_cmpint(syscall(SYS_capget, &header, data), ==, 0);
	data[0].permitted &= ~(1u << CAP_NET_RAW);
	data[0].effective &= ~(1u << CAP_NET_RAW);
	g_assert_cmpint(syscall(SYS_capset, &header, data), ==, 0);
	refused = live_run(SPEC("share", "user", "cap", "net_raw"), "true");
	live_failed(refused, "identity", EPERM, "this process has no CAP_NET_RAW to give to the payload");
	live_contains(refused->hint, "leave user out of share");
	other = live_argv(SPEC("share", "user", "cap", "chown"), ARGV("grep", "CapEff", "/proc/self/status"));
	live_says(other, "CapEff:\t0000000000000001\n");
	/* a namespace of its own has them all */
	own = live_argv(SPEC("cap", "net_raw"), ARGV("grep", "CapBnd", "/proc/self/status"));
	live_says(own, "CapBnd:\t0000000000002000\n");
}

static void
without_setpcap(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	g_autoptr(live_t) refused = NULL;

	g_assert_cmpint(syscall(SYS_capget, &header, data), ==, 0);
	data[0].permitted &= ~(1u << CAP_SETPCAP);
	data[0].effective &= ~(1u << CAP_SETPCAP);
	g_assert_cmpint(syscall(SYS_capset, &header, data), ==, 0);
	refused = live_run(SPEC("share", "user"), "true");
	live_failed(refused, "identity", EPERM, "this process has no CAP_SETPCAP to give to the box's init");
}

static void
test_reduced_caller(void)
{
	if (!live_is_root()) {
		live_skip_mode("needs root of the host");
		return;
	}
	live_child(without_net_raw);
	live_child(without_setpcap);
}

/* --- init --- */

static struct live *
reach_run(const char *const *keys, const char *target)
{
	const char *build = g_getenv("SBX_BUILDDIR");
	g_autofree char *path = g_build_filename(build ? build : ".", "tests/live/cap-probe", NULL);
	g_autofree char *full = g_canonicalize_filename(path, NULL);
	g_autofree char *pair = live_pair(full, CAP_PROBE);
	g_autoptr(sbx_spec) spec = live_spec_bare(keys);
	sbx_command command = { .size = sizeof command,
		                    .argv = ARGV(CAP_PROBE, "reach", target),
		                    .stdio = { SBX_STDIO_NULL, SBX_STDIO_CAPTURE, SBX_STDIO_CAPTURE } };

	g_assert_cmpint(sbx_spec_set(spec, "ro-bind", pair, NULL), ==, 0);
	g_assert_cmpint(sbx_spec_set(spec, "seccomp", "none", NULL), ==, 0);
	return live_spec(spec, &command);
}

/* With every capability that may be kept there, and no filter. */
static void
test_init_is_closed(gconstpointer data)
{
	const struct place *place = data;
	uint64_t refused = refused_in(place);
	g_autoptr(GString) caps = g_string_new(NULL);
	const char *keys[8];
	size_t n = 0;
	g_autoptr(live_t) denied = NULL, control = NULL;

	if (place->share_user && !live_is_root()) {
		live_skip_mode("needs root of the host");
		return;
	}
	for (unsigned cap = 0; cap < G_N_ELEMENTS(names); cap++)
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0 && !(refused & BIT(cap)) &&
		    (!place->share_user || own_caps() & BIT(cap)))
			g_string_append_printf(caps, "%s%s", caps->len ? "," : "", names[cap]);
	for (; place->keys[n]; n++)
		keys[n] = place->keys[n];
	keys[n++] = "cap";
	keys[n++] = caps->str;
	keys[n] = NULL;
	denied = reach_run(keys, "1");
	control = reach_run(keys, "0");
	live_says(control, "process_vm_readv ok\nkcmp ok\npidfd_getfd ok\nmem ok\nenviron ok\nmaps ok\nns/net ok\nexe ok\n"
	                   "cwd ok\nfd/0 ok\nptrace ok\n");
	live_says(denied, "process_vm_readv EPERM\nkcmp EPERM\npidfd_getfd EPERM\nmem EACCES\nenviron EACCES\nmaps EACCES\n"
	                  "ns/net EACCES\nexe EACCES\ncwd EACCES\nfd/0 EACCES\nptrace EPERM\n");
}

/* No signal from inside reaches it. */
static void
test_init_signals(void)
{
	g_autoptr(live_t) box = live_run(SPEC("user", "0", "cap", "kill"),
	                                 "for s in KILL STOP TERM SEGV ABRT 34 64; do kill -$s 1 && echo sent; done; "
	                                 "sleep 0.05; sed -n 's/State:.\\(.\\).*/\\1/p' /proc/1/status; exit 9");

	live_exit(box, 9);
	g_assert_cmpstr(box->out, ==, "sent\nsent\nsent\nsent\nsent\nsent\nsent\nS\n");
}

/* Who runs as init's user may lower init's limits, prlimit(2). It ends the box with that, and the report says so. */
static void
test_init_limits(void)
{
	g_autoptr(live_t) lowered = NULL, killed = NULL;

	if (access("/usr/bin/prlimit", X_OK) < 0) {
		live_skip("prlimit (package util-linux)");
		return;
	}
	lowered = live_run(NO_SPEC, "prlimit --pid 1 --nproc=0 --fsize=0 --data=0 --as=0 && echo set; exit 7");
	live_exit(lowered, 7);
	g_assert_cmpstr(lowered->out, ==, "set\n");
	/* a second of CPU time for init, which spends it on signals; a busy machine may not give it one */
	killed =
		live_run(NO_SPEC, "prlimit --pid 1 --cpu=1 && echo set; (while :; do kill -CHLD 1; done) & sleep 20; exit 8");
	g_assert_cmpstr(killed->out, ==, "set\n");
	if (killed->outcome == SBX_OUTCOME_EXITED && killed->exit_code == 8) {
		g_test_skip("machine too busy");
		return;
	}
	g_assert_cmpint(killed->outcome, ==, SBX_OUTCOME_SIGNALED);
	g_assert_cmpint(killed->signal, ==, SIGKILL);
}

static pid_t host;

/* Given a payload that has made init as slow as it can, when the owner dies, then the box ends. */
static void
test_slow_init(void)
{
	g_autofree char *mark = life_mark();
	g_autofree char *script =
		g_strdup_printf("renice -n 19 -p 1 >/dev/null && chrt -i -p 0 1 && taskset -p 1 1 >/dev/null && echo slow\n"
	                    "taskset -p 1 $$ >/dev/null; for i in 1 2 3 4; do while :; do :; done & done; sleep %s",
	                    mark);
	unsigned n = 0;
	g_autoptr(live_t) control = NULL;

	if (access("/usr/bin/chrt", X_OK) < 0 || access("/usr/bin/taskset", X_OK) < 0) {
		live_skip("chrt and taskset (package util-linux)");
		return;
	}
	control = live_run(SPEC("user", "0", "seccomp", "none", "cap", "sys_nice,kill,setuid,setgid,setpcap"),
	                   "renice -n 19 -p 1 >/dev/null && chrt -i -p 0 1 && taskset -p 1 1 >/dev/null && echo slow");
	live_says(control, "slow\n");
	host = fork();
	if (host == 0) {
		g_autoptr(life_spec_t) spec =
			life_spec("default", "user", "0", "seccomp", "none", "cap", "sys_nice,kill,setuid,setgid,setpcap", NULL);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)life_run(spec, script);
		for (;;)
			pause();
	}
	for (int i = 0; i < 1000 && (n = life_processes(mark)) < 5; i++)
		g_usleep(10000);
	g_assert_cmpuint(n, >=, 5); /* the positive control */
	g_assert_cmpint(kill(host, SIGKILL), ==, 0);
	g_assert_cmpint(waitpid(host, NULL, 0), ==, host);
	g_assert_cmpuint(life_processes_gone(mark, g_getenv("SBX_VM") ? 60000 : 10000), ==, 0);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
		g_autofree char *sets = g_strconcat("/caps/sets/", places[i].name, NULL);
		g_autofree char *init = g_strconcat("/caps/init/closed/", places[i].name, NULL);

		g_test_add_data_func(sets, &places[i], test_sets);
		g_test_add_data_func(init, &places[i], test_init_is_closed);
	}
	g_test_add_func("/caps/sets/union", test_union);
	for (size_t i = 0; i < G_N_ELEMENTS(effects); i++) {
		g_autofree char *path = g_strconcat("/caps/effect/", effects[i].cap, NULL);

		g_test_add_data_func(path, &effects[i], test_effect);
	}
	g_test_add_func("/caps/refused/share-pid", test_with_host_pids);
	g_test_add_func("/caps/refused/own-cgroup", test_own_cgroup);
	g_test_add_func("/caps/refused/caller-has-less", test_reduced_caller);
	g_test_add_func("/caps/init/signals", test_init_signals);
	g_test_add_func("/caps/long/limits-of-init", test_init_limits);
	g_test_add_func("/caps/long/slow-init", test_slow_init);
	return g_test_run();
}
