/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * Device rules: their words, the instructions made of them, and the programs in the kernel. The instructions run in an
 * interpreter here and are compared with a plain evaluator; libbpf is the reference for everything that asks the kernel.
 */
#include "device.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"
#include "fd.h"
#include "key.h"

#define UNIFIED "/sys/fs/cgroup/unified"

static char *
show_rule(const struct device_rule *rule)
{
	static const char *const types[] = { "?", "b", "c", "a" };
	g_autofree char *major =
		rule->major == DEVICE_ANY ? g_strdup("*") : g_strdup_printf("%" G_GUINT32_FORMAT, rule->major);
	g_autofree char *minor =
		rule->minor == DEVICE_ANY ? g_strdup("*") : g_strdup_printf("%" G_GUINT32_FORMAT, rule->minor);

	return g_strdup_printf("%s %s:%s %s%s%s", types[rule->types & 3], major, minor,
	                       rule->access & DEVICE_READ ? "r" : "", rule->access & DEVICE_WRITE ? "w" : "",
	                       rule->access & DEVICE_MKNOD ? "m" : "");
}

static char *
show_rules(const GArray *rules)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < rules->len; i++) {
		g_autofree char *rule = show_rule(&g_array_index(rules, struct device_rule, i));

		g_string_append_printf(text, "%s%s", i ? ", " : "", rule);
	}
	return g_string_free(text, FALSE);
}

static GArray *
rules_of(const char *const *values)
{
	GArray *rules = g_array_new(FALSE, FALSE, sizeof(struct device_rule));
	g_autoptr(GError) error = NULL;

	for (; *values; values++)
		if (!device_rules_add(rules, *values, &error))
			g_error("%s: %s", *values, error->message);
	device_rules_finish(rules);
	return rules;
}
#define RULES(...) rules_of((const char *const[]){ __VA_ARGS__, NULL })

/* --- words --- */

static const struct {
	const char *text, *expected; /* NULL: refused */
} words[] = {
	{ "all", "a *:* rwm" },
	{ "a *:* rwm", "a *:* rwm" },
	{ "c 10:229 rwm", "c 10:229 rwm" },
	{ "c 10:229", "c 10:229 rwm" },
	{ "b 8:* r", "b 8:* r" },
	{ "c *:* m", "c *:* m" },
	{ "b *:3 w", "b *:3 w" },
	{ "c  4095:1048575  wr", "c 4095:1048575 rw" },
	{ "c 0:0 *", "c 0:0 rwm" },
	{ "/dev/fuse:rw", "/dev/fuse a *:* rw" },
	{ "/dev/fuse", "/dev/fuse a *:* rwm" },
	{ "/dev//net/./tun:r", "/dev/net/tun a *:* r" },
	{ "/dev/a\\:b:m", "/dev/a:b a *:* m" },
	{ "char-pts:*", "char pts c *:* rwm" },
	{ "char-pts", "char pts c *:* rwm" },
	{ "char-tty*:rw", "char tty* c *:* rw" },
	{ "char-/dev/vc/0:r", "char /dev/vc/0 c *:* r" },
	{ "block-loop:r", "block loop b *:* r" },
	{ "block-*", "block * b *:* rwm" },
	{ "", NULL },
	{ "ALL", NULL },
	{ "all:rw", NULL },
	{ "c", NULL },
	{ "c ", NULL },
	{ "c 1", NULL },
	{ "c 1:", NULL },
	{ "c :1", NULL },
	{ "c 1:3 ", NULL },
	{ "c 1:3 x", NULL },
	{ "c 1:3 rr", NULL },
	{ "c 1:3rwm", NULL },
	{ "c 1:3 rwm ", NULL },
	{ "c -1:3 r", NULL },
	{ "c 4096:0 r", NULL },
	{ "c 1:1048576 r", NULL },
	{ "c 1:99999999999999999999 r", NULL },
	{ "d 1:3 r", NULL },
	{ "p 1:3 r", NULL },
	{ "c1:3 r", NULL },
	{ "/dev", NULL },
	{ "/dev/", NULL },
	{ "/etc/passwd:r", NULL },
	{ "/dev/../etc/passwd", NULL },
	{ "/dev/fuse:", NULL },
	{ "/dev/fuse:rw:m", NULL },
	{ "/dev/fuse:x", NULL },
	{ "dev/fuse", NULL },
	{ "char-", NULL },
	{ "char-:rw", NULL },
	{ "char-pts:", NULL },
	{ "char-pts:q", NULL },
	{ "char-p\nts", NULL },
	{ "fifo-x", NULL },
};

static void
test_word(gconstpointer data)
{
	const char *text = words[GPOINTER_TO_UINT(data)].text, *expected = words[GPOINTER_TO_UINT(data)].expected;
	g_auto(value_device_t) device = { .path = NULL };
	g_autoptr(GError) error = NULL;
	g_autofree char *rule = NULL;
	g_autofree char *shown = NULL;
	bool good = value_check(key_find("device"), "device", text, &error);

	g_test_message("%s", error ? error->message : "accepted");
	g_assert_cmpint(good, ==, expected != NULL);
	g_assert_cmpint(value_device(text, &device), ==, good);
	if (!good) {
		g_assert_cmpstr(error_key(error), ==, "device");
		if (!strstr(error->message, " is too large; accepted: 0 to 4095, or *") &&
		    !strstr(error->message, " is too large; accepted: 0 to 1048575, or *"))
			g_assert_nonnull(strstr(error->message, "accepted: /dev/NODE"));
		return;
	}
	rule = show_rule(&device.rule);
	if (device.path)
		shown = g_strdup_printf("%s %s", device.path, rule);
	else if (device.driver)
		shown = g_strdup_printf("%s %s %s", *rule == 'c' ? "char" : "block", device.driver, rule);
	g_assert_cmpstr(shown ? shown : rule, ==, expected);
}

/* --- rules --- */

static void
expect_rules(GArray *rules, const char *expected)
{
	g_autofree char *shown = show_rules(rules);

	g_assert_cmpstr(shown, ==, expected);
	g_array_unref(rules);
}

static void
test_finish(void)
{
	GArray *standard = device_rules_new();

	device_rules_finish(standard);
	expect_rules(standard, "c 1:3 rwm, c 1:5 rwm, c 1:7 rwm, c 1:8 rwm, c 1:9 rwm, c 5:0 rwm, c 5:2 rwm, c 136:* rwm");
	/* equal rules are one, and what a wider one holds goes; order means nothing */
	expect_rules(RULES("c 1:3 r", "c 1:3 w"), "c 1:3 rw");
	expect_rules(RULES("c 1:3 w", "c 1:3 r", "c 1:3 r"), "c 1:3 rw");
	expect_rules(RULES("c 1:3 rw", "c 1:* rwm", "c 2:* r"), "c 1:* rwm, c 2:* r");
	expect_rules(RULES("c 1:3 rwm", "c 1:* r"), "c 1:3 rwm, c 1:* r");
	expect_rules(RULES("b 8:0 r", "c 1:3 rw", "all"), "a *:* rwm");
	expect_rules(RULES("all", "b 8:0 r"), "a *:* rwm");
	expect_rules(RULES("b *:* m", "a *:* m", "b 7:1 rm"), "b 7:1 rm, a *:* m");
}

static void
refuse(const char *text, int code, const char *message)
{
	g_autoptr(GArray) rules = device_rules_new();
	g_autoptr(GError) error = NULL;

	if (device_rules_add(rules, text, &error))
		g_error("%s was taken", text);
	g_test_message("%s", error->message);
	g_assert_error(error, SBX_ERROR, code);
	g_assert_cmpstr(error_key(error), ==, "device");
	g_assert_nonnull(strstr(error->message, message));
}

static void
test_lookup(void)
{
	expect_rules(RULES("/dev/null:r", "/dev/zero"), "c 1:3 r, c 1:5 rwm");
	expect_rules(RULES("char-pts:rw"), "c 136:* rw");
	expect_rules(RULES("char-pt[s]:rw"), "c 136:* rw");
	expect_rules(RULES("char-me*m:r"), "c 1:* r");
	refuse("/dev/sbx-is-not-there:r", ENOENT, "/dev/sbx-is-not-there: No such file");
	refuse("/dev/shm", ENODEV, "/dev/shm: not a device node");
	refuse("char-sbx-is-not-there", ENOENT, "char-sbx-is-not-there: no such driver");
	/* it is one of the other type */
	refuse("block-pts", ENOENT, "block-pts: no such driver");
}

static void
test_all_drivers(void)
{
	g_autoptr(GArray) chars = RULES("char-*:r");
	g_autofree char *shown = show_rules(chars);

	g_assert_cmpuint(chars->len, >, 3);
	g_assert_nonnull(strstr(shown, "c 1:* r"));
	g_assert_null(strstr(shown, "b "));
}

static void
test_too_many(void)
{
	g_autoptr(GArray) rules = device_rules_new();
	g_autoptr(GError) error = NULL;
	guint taken = rules->len;

	for (unsigned i = 0; i < 10000 && !error; i++) {
		g_autofree char *text = g_strdup_printf("c 300:%u r", i);

		taken += device_rules_add(rules, text, &error);
	}
	g_assert_error(error, SBX_ERROR, E2BIG);
	g_assert_cmpuint(taken, ==, DEVICE_RULES_MAX);
	/* what is there already is no more */
	g_clear_error(&error);
	g_assert_true(device_rules_add(rules, "c 300:0 w", &error));
	g_assert_no_error(error);
}

/* --- instructions: an interpreter of what is used, and a plain evaluator --- */

static uint64_t
alu(uint8_t code, uint64_t a, uint64_t b)
{
	bool wide = BPF_CLASS(code) == BPF_ALU64;

	switch (BPF_OP(code)) {
	case BPF_MOV:
		return b;
	case BPF_AND:
		return a & b;
	case BPF_OR:
		return a | b;
	case BPF_XOR:
		return a ^ b;
	case BPF_SUB:
		return a - b;
	case BPF_MUL:
		return a * b;
	case BPF_RSH:
		/* by a register: as the processors do it, and the kernel's own interpreter */
		b &= wide ? 63 : 31;
		return (wide ? a : (uint32_t)a) >> b;
	default:
		g_error("operation %#x", code);
	}
}

struct machine {
	uint64_t reg[11];
	bool set[11];
};

static void
calculate(struct machine *machine, const struct bpf_insn *insn)
{
	bool wide = BPF_CLASS(insn->code) == BPF_ALU64;
	uint64_t *to = &machine->reg[insn->dst_reg];
	uint64_t operand = (uint64_t)(int64_t)insn->imm, result;

	g_assert_true(BPF_OP(insn->code) == BPF_MOV || machine->set[insn->dst_reg]);
	if (BPF_SRC(insn->code) == BPF_X) {
		g_assert_true(machine->set[insn->src_reg]);
		operand = machine->reg[insn->src_reg];
	}
	result = alu(insn->code, *to, operand);
	*to = wide ? result : (uint32_t)result;
	machine->set[insn->dst_reg] = true;
}

static bool
interpret(const GArray *program, const struct bpf_cgroup_dev_ctx *context)
{
	struct machine machine = { .set = { [1] = true, [10] = true } };

	for (guint pc = 0; pc < program->len; pc++) {
		const struct bpf_insn *insn = &g_array_index(program, struct bpf_insn, pc);
		uint32_t word;

		g_assert_cmpuint(insn->dst_reg, <, 10);
		switch (BPF_CLASS(insn->code)) {
		case BPF_LDX:
			g_assert_cmpuint(insn->code, ==, BPF_LDX | BPF_MEM | BPF_W);
			g_assert_cmpuint(insn->src_reg, ==, 1);
			g_assert_cmpuint((unsigned)insn->off + 4, <=, sizeof *context);
			memcpy(&word, (const char *)context + insn->off, sizeof word);
			machine.reg[insn->dst_reg] = word;
			machine.set[insn->dst_reg] = true;
			break;
		case BPF_ALU:
		case BPF_ALU64:
			calculate(&machine, insn);
			break;
		default:
			g_assert_cmpuint(insn->code, ==, BPF_JMP | BPF_EXIT);
			g_assert_true(machine.set[0]);
			g_assert_cmpuint(machine.reg[0], <=, 1);
			return machine.reg[0] == 1;
		}
	}
	g_error("the program runs over its end");
}

struct access {
	uint32_t type, major, minor, asked;
};

static bool
evaluate(const GArray *rules, const struct access *access)
{
	uint32_t allowed = 0;

	for (guint i = 0; i < rules->len; i++) {
		const struct device_rule *rule = &g_array_index(rules, struct device_rule, i);

		if ((rule->types & access->type) && (rule->major == DEVICE_ANY || rule->major == access->major) &&
		    (rule->minor == DEVICE_ANY || rule->minor == access->minor))
			allowed |= rule->access;
	}
	return (access->asked & allowed) == access->asked;
}

static const uint32_t borders[] = { 0,
	                                1,
	                                3,
	                                10,
	                                31,
	                                32,
	                                255,
	                                256,
	                                4095,
	                                4096,
	                                (1u << 20) - 1,
	                                1u << 20,
	                                (1u << 31) - 1,
	                                1u << 31,
	                                UINT32_MAX - 1,
	                                UINT32_MAX };

static uint32_t
some_number(GRand *rand, const GArray *rules, bool is_major)
{
	const struct device_rule *rule;

	if (!rules || rules->len == 0 || g_rand_int_range(rand, 0, 3) == 0)
		return borders[g_rand_int_range(rand, 0, G_N_ELEMENTS(borders))];
	rule = &g_array_index(rules, struct device_rule, g_rand_int_range(rand, 0, (gint32)rules->len));
	return is_major ? rule->major : rule->minor;
}

static GArray *
random_rules(GRand *rand, guint most)
{
	GArray *rules = g_array_new(FALSE, FALSE, sizeof(struct device_rule));
	gint32 n = g_rand_int_range(rand, 0, (gint32)most + 1);

	bool crowded = g_rand_boolean(rand); /* many rules for few majors, with small minors */

	for (gint32 i = 0; i < n; i++) {
		struct device_rule rule = { .types = (uint32_t)g_rand_int_range(rand, 1, 4),
			                        .major = some_number(rand, NULL, true),
			                        .minor = some_number(rand, NULL, false),
			                        .access = (uint32_t)g_rand_int_range(rand, 1, 8) };

		if (crowded) {
			rule.types = DEVICE_CHAR;
			rule.major = (uint32_t)g_rand_int_range(rand, 1, 3);
			rule.minor = (uint32_t)g_rand_int_range(rand, 0, 40);
			rule.access |= DEVICE_READ | DEVICE_WRITE;
		}
		g_array_append_val(rules, rule);
	}
	return rules;
}

/* The cases in which program and rules differ. */
static unsigned
differences(const GArray *program, const GArray *rules, GRand *rand, unsigned numbers, unsigned *cases)
{
	unsigned differ = 0;

	for (unsigned n = 0; n < numbers; n++) {
		struct access access = { 1, some_number(rand, rules, true), some_number(rand, rules, false), 0 };

		for (access.type = DEVICE_BLOCK; access.type <= DEVICE_CHAR; access.type++) {
			for (access.asked = 0; access.asked <= DEVICE_RWM; access.asked++) {
				struct bpf_cgroup_dev_ctx context = { access.asked << 16 | access.type, access.major, access.minor };

				differ += interpret(program, &context) != evaluate(rules, &access);
				++*cases;
			}
		}
	}
	return differ;
}

static void
test_property(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed((guint32)g_test_rand_int());
	gint64 begin = g_get_monotonic_time();
	unsigned cases = 0;

	for (unsigned set = 0; set < 600; set++) {
		g_autoptr(GArray) rules = random_rules(rand, set % 20 == 0 ? 100 : 12);
		g_autoptr(GArray) before = g_array_copy(rules);
		g_autoptr(GArray) program = NULL;
		g_autofree char *shown = show_rules(rules);

		device_rules_finish(rules);
		program = device_rules_emit(rules);
		/* against what was asked, so that the merging is tested with it */
		if (differences(program, before, rand, 20, &cases) != 0)
			g_error("the program differs from: %s", shown);
	}
	g_test_message("%u cases in %d ms", cases, (int)((g_get_monotonic_time() - begin) / 1000));
	g_assert_cmpuint(cases, >=, 20000);
}

/* Everything at the borders, for one rule set that has them all. */
static void
test_borders(void)
{
	g_autoptr(GArray) rules = g_array_new(FALSE, FALSE, sizeof(struct device_rule));
	g_autoptr(GArray) program = NULL;

	for (guint i = 0; i + 1 < G_N_ELEMENTS(borders); i++) {
		struct device_rule rule = { 1 + i % 3, borders[i], borders[G_N_ELEMENTS(borders) - 2 - i], 1 + i % 7 };

		g_array_append_val(rules, rule);
	}
	device_rules_finish(rules);
	program = device_rules_emit(rules);
	for (guint i = 0; i < G_N_ELEMENTS(borders) * G_N_ELEMENTS(borders) * 16; i++) {
		struct access access = { 1 + i % 2, borders[i / 16 % G_N_ELEMENTS(borders)],
			                     borders[i / 16 / G_N_ELEMENTS(borders)], i / 2 % 8 };
		struct bpf_cgroup_dev_ctx context = { access.asked << 16 | access.type, access.major, access.minor };

		if (interpret(program, &context) != evaluate(rules, &access))
			g_error("type %u, %u:%u, asked %u", access.type, access.major, access.minor, access.asked);
	}
}

/* The comparison finds a program that is wrong in one bit of one instruction. */
static void
test_mutants(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(7);
	g_autoptr(GArray) rules = RULES("c 1:3 rw", "c 1:5 rw", "b 8:* r", "c *:* m", "c 10:229 rwm");
	g_autoptr(GArray) good = device_rules_emit(rules);
	unsigned cases = 0, n = 0;

	g_assert_cmpuint(differences(good, rules, rand, 500, &cases), ==, 0);
	for (guint i = 0; i < good->len; i++) {
		g_autoptr(GArray) bad = g_array_copy(good);
		struct bpf_insn *insn = &g_array_index(bad, struct bpf_insn, i);

		if (insn->code == (BPF_ALU | BPF_XOR | BPF_K))
			insn->imm ^= 1;
		else if (insn->code == (BPF_ALU | BPF_MOV | BPF_K))
			insn->imm ^= 8;
		else if (BPF_OP(insn->code) == BPF_MUL)
			insn->imm ^= DEVICE_READ;
		else
			continue;
		n++;
		if (differences(bad, rules, rand, 500, &cases) == 0)
			g_error("instruction %u can be wrong unnoticed", i);
	}
	g_assert_cmpuint(n, >=, 10);
}

/* An access that this version knows nothing of is refused, save where everything is allowed. */
static void
test_unknown_access(void)
{
	g_autoptr(GArray) all = RULES("all"), most = RULES("c *:* rwm");
	g_autoptr(GArray) open = device_rules_emit(all), closed = device_rules_emit(most);
	struct bpf_cgroup_dev_ctx context = { 8u << 16 | DEVICE_CHAR, 1, 3 };

	g_assert_true(interpret(open, &context));
	g_assert_false(interpret(closed, &context));
	context.access_type = 7u << 16 | DEVICE_CHAR;
	g_assert_true(interpret(closed, &context));
	context.access_type = 7u << 16 | DEVICE_BLOCK;
	g_assert_false(interpret(closed, &context));
}

/* --- the kernel --- */

/* The programs that this process holds an fd of, by their ids; others on this machine may load some at any time. */
static GArray *
own_programs(void)
{
	GArray *ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	g_autoptr(GDir) dir = g_dir_open("/proc/self/fdinfo", 0, NULL);
	const char *name;

	while ((name = g_dir_read_name(dir))) {
		g_autofree char *path = g_strconcat("/proc/self/fdinfo/", name, NULL);
		g_autofree char *text = NULL;
		const char *line;
		uint32_t id;

		if (!g_file_get_contents(path, &text, NULL, NULL) || !(line = strstr(text, "prog_id:")))
			continue;
		id = (uint32_t)strtoul(line + strlen("prog_id:"), NULL, 10);
		g_array_append_val(ids, id);
	}
	return ids;
}

static void
expect_own(guint expected)
{
	g_autoptr(GArray) ids = own_programs();

	g_assert_cmpuint(ids->len, ==, expected);
}

/* None of these is left in the kernel, which frees late. */
static void
expect_gone(const GArray *ids)
{
	for (guint i = 0; i < ids->len; i++) {
		uint32_t id = g_array_index(ids, uint32_t, i);
		int fd = bpf_prog_get_fd_by_id(id);

		for (int tries = 0; fd >= 0 && tries < 500; tries++) {
			close(fd);
			g_usleep(10000);
			fd = bpf_prog_get_fd_by_id(id);
		}
		g_assert_cmpint(fd, ==, -ENOENT);
	}
}

static bool
may_load(void)
{
	g_autoptr(GArray) rules = device_rules_new();
	g_autoptr(GError) error = NULL;
	struct device_program *program;

	device_rules_finish(rules);
	if (device_program_get(rules, &program, &error)) {
		device_program_put(program);
		return true;
	}
	if (!device_is_refusal(error))
		g_error("%s", error->message);
	g_assert_nonnull(error_hint(error));
	g_test_skip(error->message);
	return false;
}

static struct device_program *
get(const GArray *rules)
{
	struct device_program *program = NULL;
	g_autoptr(GError) error = NULL;

	if (!device_program_get(rules, &program, &error))
		g_error("%s", error->message);
	return program;
}

/* What the verifier takes of us it takes of libbpf, and the other way round. */
static void
load_both(const GArray *rules)
{
	g_autoptr(GArray) program = device_rules_emit(rules);
	g_autofree char *shown = show_rules(rules);
	int fd = bpf_prog_load(BPF_PROG_TYPE_CGROUP_DEVICE, "sbx_test", "GPL", (const struct bpf_insn *)program->data,
	                       program->len, NULL);

	if (fd < 0)
		g_error("libbpf: %s for %.400s", g_strerror(errno), shown);
	close(fd);
	device_program_put(get(rules));
}

static void
test_verifier(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(11);
	g_autoptr(GArray) most = g_array_new(FALSE, FALSE, sizeof(struct device_rule));
	g_autoptr(GArray) all = NULL;

	if (!may_load())
		return;
	for (unsigned i = 0; i < 60; i++) {
		g_autoptr(GArray) rules = random_rules(rand, 40);

		device_rules_finish(rules);
		load_both(rules);
	}
	all = RULES("all");
	load_both(all);
	for (uint32_t i = 0; i < DEVICE_RULES_MAX; i++) {
		struct device_rule rule = { 1 + i % 2, 1 + i, i % 3 ? i : DEVICE_ANY, 1 + i % 7 };

		g_array_append_val(most, rule);
	}
	device_rules_finish(most);
	g_assert_cmpuint(most->len, ==, DEVICE_RULES_MAX);
	load_both(most);
	expect_own(0);
}

static void
test_shared(void)
{
	g_autoptr(GArray) a = RULES("c 1:3 r", "b 8:0 r"), b = RULES("b 8:0 r", "c 1:3 r"), c = RULES("c 1:3 rw");
	struct device_program *first, *second, *third, *many[40];
	g_autoptr(GArray) ids = NULL;

	if (!may_load())
		return;
	first = get(a);
	second = get(b);
	third = get(c);
	g_assert_true(first == second);
	g_assert_true(first != third);
	expect_own(2);
	device_program_put(first);
	expect_own(2);
	/* more than are shared */
	for (guint i = 0; i < G_N_ELEMENTS(many); i++) {
		g_autofree char *text = g_strdup_printf("c 99:%u r", i);
		g_autoptr(GArray) rules = RULES(text);

		many[i] = get(rules);
	}
	expect_own(2 + G_N_ELEMENTS(many));
	ids = own_programs();
	for (guint i = 0; i < G_N_ELEMENTS(many); i++)
		device_program_put(many[i]);
	device_program_put(second);
	device_program_put(third);
	expect_own(0);
	expect_gone(ids);
}

static gpointer
get_and_put(gpointer data)
{
	for (unsigned i = 0; i < 300; i++) {
		g_autofree char *text = g_strdup_printf("c 98:%u r", (i + GPOINTER_TO_UINT(data)) % 20);
		g_autoptr(GArray) rules = RULES(text);

		device_program_put(get(rules));
	}
	return NULL;
}

static void
test_threads(void)
{
	GThread *threads[8];

	if (!may_load())
		return;
	for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
		threads[i] = g_thread_new("device", get_and_put, GUINT_TO_POINTER(i));
	for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
		g_thread_join(threads[i]);
	expect_own(0);
}

/* A child of fork that has closed everything gets a program of its own, and can let go of its parent's. */
static void
test_fork(void)
{
	g_autoptr(GArray) rules = RULES("c 97:1 r");
	struct device_program *ours;
	int status = -1;
	pid_t pid;

	if (!may_load())
		return;
	ours = get(rules);
	pid = fork();
	if (pid == 0) {
		struct device_program *theirs = NULL;

		close_range(3, ~0u, 0);
		if (!device_program_get(rules, &theirs, NULL) || theirs == ours)
			_exit(1);
		device_program_put(theirs);
		device_program_put(ours);
		_exit(0);
	}
	g_assert_cmpint(pid, >, 0);
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_cmpint(status, ==, 0);
	g_assert_true(get(rules) == ours);
	device_program_put(ours);
	device_program_put(ours);
}

/* --- on a group --- */

/* A group of our own, -1 where there can be none. */
static int
group_new(char **ret_path)
{
	g_autofree char *path = g_strdup_printf(UNIFIED "/sbx-test-device.%d", (int)getpid());

	if (mkdir(path, 0755) < 0) {
		g_test_skip("no cgroup2 that we may write at " UNIFIED);
		return -1;
	}
	*ret_path = g_steal_pointer(&path);
	return open(*ret_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* How many, by libbpf. */
static uint32_t
on_group(int group, uint32_t *ret_id)
{
	uint32_t ids[64] = { 0 }, n = G_N_ELEMENTS(ids);

	g_assert_cmpint(bpf_prog_query(group, BPF_CGROUP_DEVICE, 0, NULL, ids, &n), ==, 0);
	*ret_id = ids[0];
	return n;
}

static void
test_replace(void)
{
	struct device_program *old = NULL;
	g_autofree char *path = NULL;
	autofd group = -1;
	g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	uint32_t id = 0, last = 0;

	if (!may_load() || (group = group_new(&path)) < 0)
		return;
	g_assert_false(device_is_attached(group));
	for (unsigned i = 0; i < 200; i++) {
		g_autofree char *text = g_strdup_printf("c 96:%u r", i / 2);
		g_autoptr(GArray) rules = RULES(text);
		g_autoptr(GError) error = NULL;
		struct device_program *next = get(rules);

		if (!device_attach(group, path, next, old, &error))
			g_error("%s", error->message);
		device_program_put(old);
		old = next;
		g_assert_cmpuint(on_group(group, &id), ==, 1);
		/* each pair is one program */
		g_assert_cmpint(i % 2 == 1, ==, id == last);
		last = id;
		g_array_append_val(ids, id);
		expect_own(1);
	}
	g_assert_true(device_is_attached(group));
	device_program_put(old);
	expect_own(0);
	g_assert_cmpuint(on_group(group, &id), ==, 1);
	g_assert_cmpint(rmdir(path), ==, 0);
	fd_close(&group);
	expect_gone(ids);
}

/* A second program there is somebody else's, and means that ours may not be what holds. */
static void
test_not_alone(void)
{
	g_autoptr(GArray) rules = RULES("c 95:1 r"), other = RULES("all");
	g_autoptr(GArray) program = device_rules_emit(other);
	g_autofree char *path = NULL;
	g_autoptr(GError) error = NULL;
	struct device_program *ours;
	autofd group = -1, foreign = -1;
	uint32_t id;

	if (!may_load() || (group = group_new(&path)) < 0)
		return;
	foreign = bpf_prog_load(BPF_PROG_TYPE_CGROUP_DEVICE, "sbx_foreign", "GPL", (const struct bpf_insn *)program->data,
	                        program->len, NULL);
	g_assert_cmpint(foreign, >=, 0);
	g_assert_cmpint(bpf_prog_attach(foreign, group, BPF_CGROUP_DEVICE, BPF_F_ALLOW_MULTI), ==, 0);
	ours = get(rules);
	g_assert_false(device_attach(group, path, ours, NULL, &error));
	g_test_message("%s", error->message);
	g_assert_error(error, SBX_ERROR, EBUSY);
	g_assert_cmpuint(on_group(group, &id), ==, 2);
	device_program_put(ours);
	g_assert_cmpint(rmdir(path), ==, 0);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
		g_autofree char *name = g_strdelimit(g_strdup(words[i].text), " /\n", '_');
		g_autofree char *path = g_strdup_printf("/device/words/%u-%.30s", i, *name ? name : "empty");

		g_test_add_data_func(path, GUINT_TO_POINTER(i), test_word);
	}
	g_test_add_func("/device/rules/finish", test_finish);
	g_test_add_func("/device/rules/lookup", test_lookup);
	g_test_add_func("/device/rules/all-drivers", test_all_drivers);
	g_test_add_func("/device/rules/too-many", test_too_many);
	g_test_add_func("/device/program/property", test_property);
	g_test_add_func("/device/program/borders", test_borders);
	g_test_add_func("/device/program/mutants", test_mutants);
	g_test_add_func("/device/program/unknown-access", test_unknown_access);
	g_test_add_func("/device/kernel/verifier", test_verifier);
	g_test_add_func("/device/kernel/shared", test_shared);
	g_test_add_func("/device/kernel/threads", test_threads);
	g_test_add_func("/device/kernel/fork", test_fork);
	g_test_add_func("/device/group/replace", test_replace);
	g_test_add_func("/device/group/not-alone", test_not_alone);
	return g_test_run();
}
