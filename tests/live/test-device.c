/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * The device filter on live boxes, and sbx_box_update(). Where a filter denies, nothing else would: the payload is the
 * machine's root (share=user, user=0), the node stands in the box, and the control opens it. libbpf does the counting.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "life.h"
#include "live.h"

/* --- what this machine has --- */

/* A node that is no standard one, that root can open for all, and that does nothing when it is. */
static const char *
some_node(void)
{
	static const char *const nodes[] = { "/dev/fuse", "/dev/loop-control", "/dev/cpu_dma_latency", "/dev/kmsg", NULL };

	for (const char *const *node = nodes; *node; node++) {
		int fd = open(*node, O_RDWR | O_CLOEXEC | O_NONBLOCK);

		if (fd < 0)
			continue;
		close(fd);
		return *node;
	}
	return NULL;
}

/* As the report is indented. */
static bool
report_says(const char *json, const char *asked, const char *applied)
{
	g_autofree char *quoted = applied ? g_strdup_printf("\"%s\"", applied) : g_strdup("null");
	g_autofree char *wanted =
		g_strdup_printf("\"key\": \"device\",\n      \"asked\": \"%s\",\n      \"applied\": %s\n", asked, quoted);

	return strstr(json, wanted);
}

static void
expect_device(const char *json, const char *asked, const char *applied)
{
	if (!report_says(json, asked, applied))
		g_error("expected device %s to be %s in: %s", asked, applied ? applied : "not applied", json);
}

/* Root of the machine, a cgroup2 and a kernel that filters. */
static bool
has_filter(void)
{
	g_autoptr(live_t) live = NULL;

	if (!live_is_root()) {
		live_skip_mode("root");
		return false;
	}
	live = live_run(NO_SPEC, "true");
	live_ok(live);
	if (report_says(live->json, "default", "bpf"))
		return true;
	live_skip("a cgroup2 and the right to put a device program on it");
	return false;
}

static const char *
filtered_node(void)
{
	const char *node;

	if (!has_filter())
		return NULL;
	node = some_node();
	if (!node)
		live_skip("a device node to be denied");
	return node;
}

static char *
rule_of(const char *node, const char *access)
{
	return g_strconcat(node, ":", access, NULL);
}

/* As root of the machine, without capabilities. */
#define AS_ROOT "share", "user", "user", "0"

static void
expect_open(const char *const *keys, const char *node, const char *mode, const char *expected)
{
	g_autoptr(live_t) live = live_argv(keys, ARGV(PROBE, "open", node, mode));
	g_autofree char *line = g_strconcat(expected, "\n", NULL);

	live_says(live, line);
}

/* --- what a box may open --- */

static void
test_default(void)
{
	g_autoptr(live_t) live =
		live_run(NO_SPEC, "ls /dev; for d in null zero full random urandom; do " PROBE " open /dev/$d r; done; "
	                      "head -c 1 /dev/zero | wc -c; echo >/dev/null && echo written");

	live_says(live, "fd\nfull\nmqueue\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n"
	                "ok\nok\nok\nok\nok\n1\nwritten\n");
	if (!live_is_root())
		expect_device(live->json, "default", "nodes");
}

static void
test_terminals(void)
{
	g_autoptr(live_t) live = NULL;

	if (!has_filter())
		return;
	live = live_argv(NO_SPEC, ARGV(PROBE, "pty"));
	live_ok(live);
	live_contains(live->out, "/dev/pts/0 hi");
}

static void
test_denied(void)
{
	const char *node = filtered_node();
	g_autofree char *make = NULL;
	g_autofree char *both = NULL;

	if (!node)
		return;
	make = rule_of(node, "m");
	both = rule_of(node, "rw");
	expect_open(SPEC(AS_ROOT, "device", both), node, "r", "ok");
	expect_open(SPEC(AS_ROOT, "device", both), node, "w", "ok");
	expect_open(SPEC(AS_ROOT, "device", make), node, "r", "EPERM");
	expect_open(SPEC(AS_ROOT, "device", make), node, "w", "EPERM");
}

/* What is asked must be allowed whole: one bit in common is not enough. */
static void
test_access(void)
{
	const char *node = filtered_node();
	const char *script = "(exec 3<>\"$NODE\") 2>/dev/null && echo both || echo refused";
	g_autofree char *read_only = NULL;
	g_autofree char *write_only = NULL;
	g_autofree char *name = NULL;
	g_autoptr(live_t) half = NULL;
	g_autoptr(live_t) whole = NULL;

	if (!node)
		return;
	read_only = rule_of(node, "r");
	write_only = rule_of(node, "w");
	name = g_strconcat("NODE=", node, NULL);
	expect_open(SPEC(AS_ROOT, "device", read_only), node, "r", "ok");
	expect_open(SPEC(AS_ROOT, "device", read_only), node, "w", "EPERM");
	expect_open(SPEC(AS_ROOT, "device", write_only), node, "r", "EPERM");
	expect_open(SPEC(AS_ROOT, "device", write_only), node, "w", "ok");
	half = live_run(SPEC(AS_ROOT, "device", read_only, "env", name), script);
	live_says(half, "refused\n");
	/* two rules for one device allow together what each allows */
	whole = live_run(SPEC(AS_ROOT, "device", read_only, "device", write_only, "env", name), script);
	live_says(whole, "both\n");
}

/* The driver's name in /proc/devices for the node's number, or NULL. */
static char *
driver_of(const char *node)
{
	g_autofree char *devices = live_read("/proc/devices");
	struct stat st;
	g_autofree char *line = NULL;
	char *found;

	g_assert_cmpint(stat(node, &st), ==, 0);
	line = g_strdup_printf("\n%3u ", major(st.st_rdev));
	found = devices ? strstr(devices, line) : NULL;
	return found ? g_strndup(found + strlen(line), strcspn(found + strlen(line), "\n")) : NULL;
}

static void
test_rules(void)
{
	const char *node = filtered_node();
	g_autofree char *make = NULL;
	g_autofree char *number = NULL;
	g_autofree char *wrong = NULL;
	g_autofree char *any = NULL;
	g_autofree char *driver = NULL;
	g_autofree char *name = NULL;
	g_autofree char *pattern = NULL;
	struct stat st;

	if (!node)
		return;
	make = rule_of(node, "m");
	driver = driver_of(node);
	g_assert_nonnull(driver);
	g_assert_cmpint(stat(node, &st), ==, 0);
	number = g_strdup_printf("c %u:%u r", major(st.st_rdev), minor(st.st_rdev));
	wrong = g_strdup_printf("c %u:%u r", major(st.st_rdev), minor(st.st_rdev) + 1);
	any = g_strdup_printf("a %u:* r", major(st.st_rdev));
	name = g_strdup_printf("char-%s:r", driver);
	pattern = g_strdup_printf("char-%.2s*", driver);
	/* the first rule brings the node and allows nothing that is tried */
	expect_open(SPEC(AS_ROOT, "device", make, "device", wrong), node, "r", "EPERM");
	expect_open(SPEC(AS_ROOT, "device", make, "device", number), node, "r", "ok");
	expect_open(SPEC(AS_ROOT, "device", make, "device", number), node, "w", "EPERM");
	expect_open(SPEC(AS_ROOT, "device", make, "device", any), node, "r", "ok");
	expect_open(SPEC(AS_ROOT, "device", make, "device", name), node, "r", "ok");
	expect_open(SPEC(AS_ROOT, "device", make, "device", pattern), node, "w", "ok");
	expect_open(SPEC(AS_ROOT, "device", make, "device", "block-*"), node, "r", "EPERM");
	expect_open(SPEC(AS_ROOT, "device", make, "device", "all"), node, "w", "ok");
	expect_open(SPEC(AS_ROOT, "device", number), node, "r", "ENOENT");
}

static void
test_mknod(void)
{
	const char *const node[] = { PROBE, "mknod", "/tmp/node", "10", "200", NULL };
	g_autoptr(live_t) denied = NULL;
	g_autoptr(live_t) allowed = NULL;
	g_autoptr(live_t) standard = NULL;
	g_autoptr(live_t) without = NULL;

	if (!has_filter())
		return;
	denied = live_argv(SPEC(AS_ROOT, "seccomp", "none", "cap", "mknod"), node);
	live_says(denied, "EPERM\n");
	allowed = live_argv(SPEC(AS_ROOT, "seccomp", "none", "cap", "mknod", "device", "c 10:200 m"), node);
	live_says(allowed, "ok\n");
	standard = live_argv(SPEC(AS_ROOT, "seccomp", "none", "cap", "mknod"), ARGV(PROBE, "mknod", "/tmp/node", "1", "3"));
	live_says(standard, "ok\n");
	/* the rule is no capability */
	without = live_argv(SPEC(AS_ROOT, "seccomp", "none", "device", "c 10:200 m"), node);
	live_says(without, "EPERM\n");
}

static void
test_nodes(void)
{
	const char *node = filtered_node();
	g_autofree char *rule = NULL;
	g_autofree char *script = NULL;
	g_autofree char *numbers = NULL;
	g_autoptr(live_t) with = NULL;
	g_autoptr(live_t) made = NULL;
	struct stat st;

	if (!node)
		return;
	g_assert_cmpint(stat(node, &st), ==, 0);
	rule = rule_of(node, "rw");
	script = g_strdup_printf("stat -c %%t:%%T:%%F %s; rm %s 2>/dev/null || echo kept", node, node);
	numbers = g_strdup_printf("%x:%x:character special file\nkept\n", major(st.st_rdev), minor(st.st_rdev));
	with = live_run(SPEC(AS_ROOT, "device", rule), script);
	live_says(with, numbers);
	expect_device(with->json, rule, "bpf");
	/* a root without anything, and a node in a directory of its own */
	if (access("/dev/net/tun", F_OK) == 0) {
		made = live_argv(SPEC("root", "empty", AS_ROOT, "device", "/dev/net/tun"),
		                 ARGV(PROBE, "open", "/dev/net/tun", "r"));
		live_says(made, "ok\n");
	}
}

static void
test_errors(void)
{
	g_autoptr(live_t) missing = live_run(SPEC("device", "/dev/sbx-none:rw"), "true");
	g_autoptr(live_t) other = live_run(SPEC("device", "/dev/shm:rw"), "true");
	g_autoptr(live_t) driver = live_run(SPEC("device", "char-sbx-none"), "true");
	g_autoptr(live_t) soft = live_run(SPEC("?device", "/dev/sbx-none:rw"), "ls /dev/sbx-none 2>/dev/null; echo ran");

	live_failed(missing, "files", ENOENT, "device /dev/sbx-none: No such file or directory");
	g_assert_cmpstr(missing->key, ==, "device");
	live_failed(other, "files", ENODEV, "device /dev/shm: not a device node");
	live_failed(driver, "host", ENOENT, "char-sbx-none: no such driver");
	live_says(soft, "ran\n");
	expect_device(soft->json, "/dev/sbx-none:rw", NULL);
}

/* --- without a filter --- */

static void
without_filter(void)
{
	const char *node = access("/dev/fuse", F_OK) == 0 ? "/dev/fuse" : "/dev/kmsg";
	g_autofree char *both = rule_of(node, "rw");
	g_autofree char *half = rule_of(node, "r");
	g_autofree char *list = g_strdup_printf("ls %s 2>/dev/null || echo none", node);
	g_autofree char *line = g_strconcat(node, "\n", NULL);
	g_autoptr(live_t) asked = live_run(SPEC("device", both), "true");
	g_autoptr(live_t) plain = live_run(NO_SPEC, list);
	g_autoptr(live_t) all = live_run(SPEC("device", "all"), list);
	g_autoptr(live_t) soft = live_run(SPEC("?device", both), list);
	g_autoptr(live_t) less = live_run(SPEC("?device", half, "?device", "c 10:200 rw"), list);

	/* what was asked and can't be enforced is an error, and says what would help */
	g_test_message("%s: %s (%s)", asked->stage, asked->message, asked->hint);
	live_failed(asked, "cgroup", EPERM, "load the device program: Operation not permitted");
	g_assert_cmpstr(asked->key, ==, "device");
	live_contains(asked->hint, "CAP_BPF");
	/* else the nodes are the wall */
	live_says(plain, "none\n");
	expect_device(plain->json, "default", "nodes");
	live_says(all, "none\n");
	expect_device(all->json, "all", "nodes");
	/* best effort: the node, but not where the mode of the host's node could allow more than was asked */
	live_says(soft, line);
	expect_device(soft->json, both, "nodes");
	live_says(less, "none\n");
	expect_device(less->json, half, NULL);
	expect_device(less->json, "c 10:200 rw", NULL);
}

static void
become_nobody(void)
{
	if (setgroups(0, NULL) < 0 || setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
		g_error("become nobody: %s", g_strerror(errno));
	g_assert_cmpint(chdir("/"), ==, 0);
	without_filter();
}

static void
test_without(void)
{
	if (live_is_root())
		live_child(become_nobody);
	else
		without_filter();
}

/* --- counted --- */

static uint32_t
box_programs(sbx_box *box, uint32_t *ret_id)
{
	uint32_t ids[64] = { 0 }, n = G_N_ELEMENTS(ids);

	g_assert_cmpint(bpf_prog_query(sbx_box_cgroup_fd(box), BPF_CGROUP_DEVICE, 0, NULL, ids, &n), ==, 0);
	*ret_id = ids[0];
	return n;
}

/* It is not left in the kernel, which frees late. */
static void
expect_gone(uint32_t id)
{
	int fd = bpf_prog_get_fd_by_id(id);

	for (int i = 0; fd >= 0 && i < 500; i++) {
		close(fd);
		g_usleep(10000);
		fd = bpf_prog_get_fd_by_id(id);
	}
	g_assert_cmpint(fd, ==, -ENOENT);
}

static void
test_one_program(void)
{
	g_autoptr(life_spec_t) same = NULL;
	g_autoptr(life_spec_t) other = NULL;
	g_auto(leak_t) leak = { NULL };
	sbx_box *first, *second, *third;
	uint32_t ids[3];

	if (!has_filter())
		return;
	leak_begin(&leak);
	same = life_spec("default", "device", "c 96:1 r", "device", "c 96:2 r", NULL);
	other = life_spec("default", "device", "c 96:2 r", "device", "c 96:3 r", NULL);
	first = life_create(same);
	second = life_create(same);
	third = life_create(other);
	g_assert_cmpuint(box_programs(first, &ids[0]), ==, 1);
	g_assert_cmpuint(box_programs(second, &ids[1]), ==, 1);
	g_assert_cmpuint(box_programs(third, &ids[2]), ==, 1);
	g_assert_cmpuint(ids[0], ==, ids[1]);
	g_assert_cmpuint(ids[0], !=, ids[2]);
	sbx_box_free(first);
	g_assert_cmpuint(box_programs(second, &ids[1]), ==, 1);
	g_assert_cmpuint(ids[0], ==, ids[1]);
	sbx_box_free(second);
	sbx_box_free(third);
	leak_check(&leak);
	expect_gone(ids[0]);
	expect_gone(ids[2]);
}

/* --- changed live --- */

static char *
report_of(sbx_box *box)
{
	sbx_report report = { .size = sizeof report };
	sbx_error *error = NULL;
	g_autofree char *copy = NULL;
	char *json;

	EXPECT(0, sbx_box_report(box, &report, &error), &error);
	json = sbx_report_json(&report);
	copy = g_strdup(json);
	free(json);
	return g_steal_pointer(&copy);
}

static void
expect_report(sbx_box *box, const char *asked, const char *applied)
{
	g_autofree char *json = report_of(box);

	expect_device(json, asked, applied);
}

static void
test_updates(void)
{
	g_autoptr(life_spec_t) spec = NULL;
	g_autoptr(life_box_t) box = NULL;
	sbx_error *error = NULL;
	uint32_t id, last = 0;

	if (!has_filter())
		return;
	spec = life_spec("default", NULL);
	box = life_run(spec, "sleep 1000");
	for (unsigned i = 0; i < 200; i++) {
		g_autofree char *rule = g_strdup_printf("c 97:%u r", i);

		EXPECT(0, sbx_box_update(box, i % 2 ? "device" : "device+", rule, &error), &error);
		g_assert_cmpuint(box_programs(box, &id), ==, 1);
		g_assert_cmpuint(id, !=, last);
		if (last && i % 20 == 0)
			expect_gone(last);
		last = id;
	}
	expect_report(box, "c 97:199 r", "bpf");
	EXPECT(0, sbx_box_update(box, "device", "", &error), &error);
	expect_report(box, "default", "bpf");
	/* what is refused changes nothing */
	g_assert_cmpuint(box_programs(box, &last), ==, 1);
	EXPECT(-ENOENT, sbx_box_update(box, "device", "/dev/sbx-none", &error), &error);
	g_assert_cmpuint(box_programs(box, &id), ==, 1);
	g_assert_cmpuint(id, ==, last);
	expect_report(box, "default", "bpf");
	g_clear_pointer(&box, sbx_box_free);
	expect_gone(id);
}

/* Given a running payload, when the rules change, then its next open goes by the new ones. */
static void
test_update_holds(void)
{
	const char *node = filtered_node();
	const struct {
		const char *key, *access, *expected;
	} changes[] = {
		{ "device", "m", "EPERM" }, { "device", "r", "ok" },     { "device", "w", "EPERM" },
		{ "device+", "r", "ok" },   { "device", NULL, "EPERM" }, { "device+", "rw", "ok" },
	};
	g_autoptr(life_box_t) box = NULL;
	g_autoptr(sbx_spec) spec = NULL;
	g_autofree char *rule = NULL;
	g_autofree char *script = NULL;
	GString *seen = NULL;
	sbx_error *error = NULL;
	int in;

	if (!node)
		return;
	rule = rule_of(node, "rw");
	script = g_strdup_printf("while read line; do " PROBE " open %s r; echo end$line; done", node);
	spec = live_spec_new(SPEC(AS_ROOT, "device", rule));
	box = life_create(spec);
	EXPECT(0, life_sh(box, script, SBX_STDIO_PIPE, SBX_STDIO_CAPTURE, SBX_STDIO_CAPTURE, &error), &error);
	in = sbx_box_pipe(box, 0);
	g_assert_cmpint(write(in, "-\n", 2), ==, 2);
	life_await_output(box, "end-\n");
	seen = g_string_new("ok\nend-\n");
	for (guint i = 0; i < G_N_ELEMENTS(changes); i++) {
		g_autofree char *value = changes[i].access ? rule_of(node, changes[i].access) : g_strdup("");
		g_autofree char *line = g_strdup_printf("%u\n", i);
		g_autofree char *mark = g_strdup_printf("end%u\n", i);
		g_autofree char *out = NULL;

		EXPECT(0, sbx_box_update(box, changes[i].key, value, &error), &error);
		g_assert_cmpint(write(in, line, strlen(line)), ==, (gssize)strlen(line));
		life_await_output(box, mark);
		g_string_append_printf(seen, "%s\n%s", changes[i].expected, mark);
		out = life_output(box, 1);
		g_assert_cmpstr(out, ==, seen->str);
	}
	g_string_free(seen, TRUE);
	close(in);
}

static void
refused(sbx_box *box, const char *key, const char *value, int expected, const char *message, const char *hint)
{
	sbx_error *error = NULL;
	int result = sbx_box_update(box, key, value, &error);

	g_test_message("%s=%s: %d %s (%s)", key, value, result, sbx_error_message(error), sbx_error_hint(error));
	g_assert_cmpint(result, ==, expected);
	live_contains(sbx_error_message(error), message);
	live_contains(sbx_error_hint(error), hint);
	sbx_error_free(error);
}

static void
test_update_refused(void)
{
	g_autoptr(life_spec_t) spec = life_spec("default", NULL);
	g_autoptr(life_box_t) box = life_run(spec, "sleep 1000");
	sbx_error *error = NULL;
	sbx_report report;

	refused(box, "time.wall", "10", -EINVAL, "time.wall can't be changed", "memory.max");
	refused(box, "root", "empty", -EINVAL, "root can't be changed", "device");
	refused(box, "env", "A=B", -EINVAL, "env can't be changed", "pids.max");
	refused(box, "cgroup.parent", "auto", -EINVAL, "cgroup.parent can't be changed", "cpu.max");
	refused(box, "memory.max", "much", -EINVAL, "memory.max: \"much\" is not a size", "");
	refused(box, "device", "c 1", -EINVAL, "device: \"c 1\" is not a device rule", "");
	refused(box, "?pids.max", "10", -EINVAL, "no \"?\" here", "");
	refused(box, "io.max", "", -EINVAL, "io.max: no value", "");
	refused(box, "devcie", "all", -ENOENT, "\"devcie\" is not a key", "device");
	EXPECT(-EINVAL, sbx_box_update(NULL, "pids.max", "1", &error), &error);
	EXPECT(-EINVAL, sbx_box_update(box, NULL, "1", &error), &error);
	EXPECT(-EINVAL, sbx_box_update(box, "pids.max", NULL, &error), &error);
	if (sbx_box_cgroup_fd(box) < 0)
		refused(box, "pids.max", "10", -ENOENT, "no cgroup of its own", "ask for a limit");
	EXPECT(0, sbx_box_kill(box, &error), &error);
	life_wait(box, &report);
	refused(box, "pids.max", "10", -ESRCH, "the box has stopped", "");
	refused(box, "device", "all", -ESRCH, "the box has stopped", "");
}

static char *
group_file(sbx_box *box, const char *name)
{
	g_autofree char *path = g_strdup_printf("/proc/self/fd/%d/%s", sbx_box_cgroup_fd(box), name);

	return live_read(path);
}

static bool
has_limit(const char *key, const char *value)
{
	g_autoptr(live_t) live = live_run(SPEC(key, value), "true");

	if (live->error)
		live_skip(live->message);
	return !live->error;
}

static void
test_update_pids(void)
{
	g_autoptr(life_spec_t) spec = NULL;
	g_autoptr(life_box_t) box = NULL;
	sbx_error *error = NULL;
	g_autofree char *json = NULL;
	g_autofree char *held = NULL;

	if (!has_limit("pids.max", "20"))
		return;
	spec = life_spec("default", "pids.max", "20", NULL);
	box = life_run(spec, "sleep 1000");
	EXPECT(0, sbx_box_update(box, "pids.max", "7", &error), &error);
	/* init is one more, and not the user's affair */
	held = group_file(box, "pids.max");
	g_assert_cmpstr(held, ==, "8\n");
	json = report_of(box);
	live_contains(json, "\"asked\": \"7\"");
	live_contains(json, "\"applied\": \"7\"");
	live_lacks(json, "\"asked\": \"20\"");
}

static void
test_update_memory(void)
{
	g_autoptr(life_spec_t) spec = NULL;
	g_autoptr(life_box_t) box = NULL;
	sbx_error *error = NULL;
	g_autofree char *max = NULL;
	g_autofree char *group = NULL;
	g_autofree char *again = NULL;
	g_autofree char *json = NULL;

	if (!has_limit("memory.max", "64M"))
		return;
	/* only memory.high is asked, so that the box has the controller */
	spec = life_spec("default", "memory.high", "96M", NULL);
	box = life_run(spec, "sleep 1000");
	EXPECT(0, sbx_box_update(box, "memory.max", "64M", &error), &error);
	max = group_file(box, "memory.max");
	g_assert_cmpstr(max, ==, "67108864\n");
	/* and what it implies */
	group = group_file(box, "memory.oom.group");
	g_assert_cmpstr(group, ==, "1\n");
	/* what was set by hand is not implied any more */
	EXPECT(0, sbx_box_update(box, "memory.oom.group", "one", &error), &error);
	EXPECT(0, sbx_box_update(box, "memory.max", "80M", &error), &error);
	again = group_file(box, "memory.oom.group");
	g_assert_cmpstr(again, ==, "0\n");
	json = report_of(box);
	live_contains(json, "\"asked\": \"80M\"");
	live_contains(json, "\"applied\": \"83886080\"");
	live_lacks(json, "\"asked\": \"64M\"");
}

/* --- the host dies --- */

static pid_t
pid_of(int pidfd)
{
	g_autofree char *path = g_strdup_printf("/proc/self/fdinfo/%d", pidfd);
	g_autofree char *text = live_read(path);
	const char *line = text ? strstr(text, "\nPid:") : NULL;

	g_assert_nonnull(line);
	return atoi(line + strlen("\nPid:"));
}

struct orphan {
	pid_t init;
	uint32_t program;
	char group[256];
};

/* A host that makes a box and then does nothing more. */
static void
be_host(const char *dir, const char *node, const char *access, int tell)
{
	g_autofree char *rule = rule_of(node, access);
	g_autofree char *script = g_strdup_printf("echo >%s/ready; while [ ! -e %s/go ]; do sleep 0.02; done; " PROBE
	                                          " open %s r >%s/result; echo >%s/done; sleep 1000",
	                                          dir, dir, node, dir, dir);
	g_autoptr(sbx_spec) spec = live_spec_new(SPEC(AS_ROOT, "device", rule, "bind", dir));
	sbx_box *box = life_create(spec);
	struct orphan orphan = { .init = pid_of(sbx_box_pidfd(box)) };
	sbx_error *error = NULL;
	g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", sbx_box_cgroup_fd(box));

	g_assert_cmpuint(box_programs(box, &orphan.program), ==, 1);
	g_assert_cmpint(readlink(link, orphan.group, sizeof orphan.group - 1), >, 0);
	EXPECT(0, life_sh(box, script, SBX_STDIO_NULL, SBX_STDIO_NULL, SBX_STDIO_NULL, &error), &error);
	g_assert_cmpint(write(tell, &orphan, sizeof orphan), ==, sizeof orphan);
	for (;;)
		pause();
}

static void
await_file(const char *dir, const char *name)
{
	g_autofree char *path = live_path(dir, name);

	for (int i = 0; access(path, F_OK) < 0; i++) {
		if (i == LIFE_SECONDS * 50)
			g_error("%s did not appear", path);
		g_usleep(20000);
	}
}

/*
 * Given a host that is killed, and an init that is stopped so that it can't notice, when the payload opens a device, then
 * the filter still stands.
 */
static void
orphan_opens(const char *node, const char *rule_access, const char *expected)
{
	autodir dir = live_dir();
	g_autofree char *go = live_path(dir, "go");
	g_autofree char *result = live_path(dir, "result");
	g_autofree char *said = NULL;
	struct orphan orphan;
	int tell[2], status;
	pid_t host;

	g_assert_cmpint(pipe2(tell, O_CLOEXEC), ==, 0);
	host = fork();
	if (host == 0)
		be_host(dir, node, rule_access, tell[1]);
	close(tell[1]);
	g_assert_cmpint(read(tell[0], &orphan, sizeof orphan), ==, sizeof orphan);
	close(tell[0]);
	await_file(dir, "ready");
	g_assert_cmpint(kill(orphan.init, SIGSTOP), ==, 0);
	g_assert_cmpint(kill(host, SIGKILL), ==, 0);
	g_assert_cmpint(waitpid(host, &status, 0), ==, host);
	g_assert_true(g_file_set_contents(go, "", 0, NULL));
	await_file(dir, "done");
	said = live_read(result);
	g_assert_cmpint(kill(orphan.init, SIGCONT), ==, 0);
	/* init notices now, and the group is empty soon */
	for (int i = 0; rmdir(orphan.group) < 0 && i < LIFE_SECONDS * 50; i++)
		g_usleep(20000);
	g_assert_cmpint(access(orphan.group, F_OK), ==, -1);
	expect_gone(orphan.program);
	g_assert_cmpstr(said, ==, expected);
}

static void
test_owner_died(void)
{
	const char *node = filtered_node();

	if (!node)
		return;
	orphan_opens(node, "rw", "ok\n");
	orphan_opens(node, "m", "EPERM\n");
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	life_begin(300);
	g_test_add_func("/device/default", test_default);
	g_test_add_func("/device/terminals", test_terminals);
	g_test_add_func("/device/denied", test_denied);
	g_test_add_func("/device/access", test_access);
	g_test_add_func("/device/rules", test_rules);
	g_test_add_func("/device/mknod", test_mknod);
	g_test_add_func("/device/nodes", test_nodes);
	g_test_add_func("/device/errors", test_errors);
	g_test_add_func("/device/without", test_without);
	g_test_add_func("/device/one-program", test_one_program);
	g_test_add_func("/device/updates", test_updates);
	g_test_add_func("/device/owner-died", test_owner_died);
	g_test_add_func("/update/holds", test_update_holds);
	g_test_add_func("/update/refused", test_update_refused);
	g_test_add_func("/update/pids", test_update_pids);
	g_test_add_func("/update/memory", test_update_memory);
	return g_test_run();
}
