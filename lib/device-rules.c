/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Device rules: from the words of the key to numbers, and from numbers to instructions. */
#include "device.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "error.h"
#include "fd.h"

#define KEY "device"

G_STATIC_ASSERT((int)DEVICE_BLOCK == (int)BPF_DEVCG_DEV_BLOCK && (int)DEVICE_CHAR == (int)BPF_DEVCG_DEV_CHAR);
G_STATIC_ASSERT((int)DEVICE_MKNOD == (int)BPF_DEVCG_ACC_MKNOD && (int)DEVICE_READ == (int)BPF_DEVCG_ACC_READ);
G_STATIC_ASSERT((int)DEVICE_WRITE == (int)BPF_DEVCG_ACC_WRITE);

/*
 * The default devices of the OCI runtime specification, and the terminals. What runc adds, that a node of any device
 * may be *made*, is left out: it is of use only to a payload that was given CAP_MKNOD, and a node made in a writable
 * bind stays on the host, where no filter of ours stands before it. Who wants it says "a *:* m".
 */
static const struct device_rule standard[] = {
	{ DEVICE_CHAR, 1, 3, DEVICE_RWM },            /* null */
	{ DEVICE_CHAR, 1, 5, DEVICE_RWM },            /* zero */
	{ DEVICE_CHAR, 1, 7, DEVICE_RWM },            /* full */
	{ DEVICE_CHAR, 1, 8, DEVICE_RWM },            /* random */
	{ DEVICE_CHAR, 1, 9, DEVICE_RWM },            /* urandom */
	{ DEVICE_CHAR, 5, 0, DEVICE_RWM },            /* tty */
	{ DEVICE_CHAR, 5, 2, DEVICE_RWM },            /* ptmx */
	{ DEVICE_CHAR, 136, DEVICE_ANY, DEVICE_RWM }, /* pts */
};

GArray *
device_rules_new(void)
{
	GArray *rules = g_array_sized_new(false, false, sizeof(struct device_rule), G_N_ELEMENTS(standard) + 4);

	return g_array_append_vals(rules, standard, G_N_ELEMENTS(standard));
}

static bool
add_rule(GArray *rules, const struct device_rule *rule, GError **error)
{
	for (guint i = 0; i < rules->len; i++) {
		struct device_rule *known = &g_array_index(rules, struct device_rule, i);

		if (known->types != rule->types || known->major != rule->major || known->minor != rule->minor)
			continue;
		known->access |= rule->access;
		return true;
	}
	if (rules->len == DEVICE_RULES_MAX)
		return throw_error(error, E2BIG, STAGE_SPEC, KEY, "device: more than %d rules", DEVICE_RULES_MAX);
	g_array_append_val(rules, *rule);
	return true;
}

/* The node as it is now. What stands behind the name later is nobody's right: the numbers are. */
static bool
add_node(GArray *rules, const struct value_device *device, GError **error)
{
	struct device_rule rule = device->rule;
	struct stat node;

	if (stat(device->path, &node) < 0)
		return throw_errno(error, STAGE_FILES, KEY, "device %s", device->path);
	if (!S_ISCHR(node.st_mode) && !S_ISBLK(node.st_mode))
		return throw_error(error, ENODEV, STAGE_FILES, KEY, "device %s: not a device node", device->path);
	rule.types = S_ISCHR(node.st_mode) ? DEVICE_CHAR : DEVICE_BLOCK;
	rule.major = major(node.st_rdev);
	rule.minor = minor(node.st_rdev);
	return add_rule(rules, &rule, error);
}

/* /proc/devices: a heading for each type, and "NUMBER NAME" lines below it. */
static bool
add_driver(GArray *rules, const struct value_device *device, GError **error)
{
	const char *kind = device->rule.types == DEVICE_CHAR ? "char" : "block";
	g_autofree char *text = fd_read_file_at(AT_FDCWD, "/proc/devices");
	g_auto(GStrv) lines = text ? g_strsplit(text, "\n", -1) : NULL;
	struct device_rule rule = device->rule;
	bool here = false, found = false;

	if (!text)
		return throw_errno(error, STAGE_HOST, KEY, "read /proc/devices");
	for (guint i = 0; lines[i]; i++) {
		char *name;
		guint64 number = g_ascii_strtoull(lines[i], &name, 10);

		if (g_str_has_suffix(lines[i], "devices:"))
			here = g_str_has_prefix(lines[i], rule.types == DEVICE_CHAR ? "Character" : "Block");
		if (!here || name == lines[i] || *name != ' ' || fnmatch(device->driver, name + 1, 0) != 0)
			continue;
		found = true;
		rule.major = (uint32_t)number;
		if (!add_rule(rules, &rule, error))
			return false;
	}
	if (found)
		return true;
	throw_error(error, ENOENT, STAGE_HOST, KEY, "device %s-%s: no such driver in /proc/devices", kind, device->driver);
	return throw_hint(error, "a driver stands there once its module is loaded; rules by number need no driver");
}

bool
device_rules_add(GArray *rules, const char *text, GError **error)
{
	g_auto(value_device_t) device = { .path = NULL };

	if (!value_device(text, &device))
		return throw_error(error, EINVAL, STAGE_SPEC, KEY, "device: \"%s\" is not a device rule", text);
	if (device.path)
		return add_node(rules, &device, error);
	if (device.driver)
		return add_driver(rules, &device, error);
	return add_rule(rules, &device.rule, error);
}

static bool
holds(const struct device_rule *wide, const struct device_rule *rule)
{
	return !(rule->types & ~wide->types) && !(rule->access & ~wide->access) &&
	       (wide->major == DEVICE_ANY || wide->major == rule->major) &&
	       (wide->minor == DEVICE_ANY || wide->minor == rule->minor);
}

static int
compare(gconstpointer a, gconstpointer b)
{
	return memcmp(a, b, sizeof(struct device_rule));
}

void
device_rules_finish(GArray *rules)
{
	for (guint i = rules->len; i-- > 0;) {
		for (guint j = 0; j < rules->len; j++) {
			if (i == j ||
			    !holds(&g_array_index(rules, struct device_rule, j), &g_array_index(rules, struct device_rule, i)))
				continue;
			g_array_remove_index_fast(rules, i);
			break;
		}
	}
	g_array_sort(rules, compare);
}

/* --- instructions ---
 * r1 the context and then scratch, r2 what is asked and not yet allowed, r3 major, r4 minor, r5 type, r0 the difference
 * between a rule and the device. There is no jump in it: the verifier walks both ways of each, and the default rules
 * with jumps took it 300 us instead of 80. */

static void
emit(GArray *program, unsigned code, unsigned dst, unsigned src, int off, uint32_t imm)
{
	struct bpf_insn insn = { .code = (uint8_t)code, .dst_reg = dst & 15, .src_reg = src & 15, .off = (int16_t)off };

	insn.imm = (int32_t)imm;
	g_array_append_val(program, insn);
}

static void
emit_load(GArray *program, unsigned dst, size_t offset)
{
	emit(program, BPF_LDX | BPF_MEM | BPF_W, dst, BPF_REG_1, (int)offset, 0);
}

static void
emit_copy(GArray *program, unsigned dst, unsigned src)
{
	emit(program, BPF_ALU | BPF_MOV | BPF_X, dst, src, 0, 0);
}

/* One more difference, besides those that there are. */
static void
emit_differ(GArray *program, unsigned reg, unsigned operation, uint32_t value, bool *first)
{
	unsigned to = *first ? BPF_REG_0 : BPF_REG_1;

	emit_copy(program, to, reg);
	emit(program, BPF_ALU | operation | BPF_K, to, 0, 0, value);
	if (!*first)
		emit(program, BPF_ALU | BPF_OR | BPF_X, BPF_REG_0, BPF_REG_1, 0, 0);
	*first = false;
}

/* `minors`: where it is not 0, the rule is for all of these minor numbers below 32, a bit for each. */
static void
emit_rule(GArray *program, const struct device_rule *rule, uint32_t minors)
{
	bool first = true;

	if (rule->types != (DEVICE_BLOCK | DEVICE_CHAR))
		emit_differ(program, BPF_REG_5, BPF_XOR, rule->types, &first);
	if (rule->major != DEVICE_ANY)
		emit_differ(program, BPF_REG_3, BPF_XOR, rule->major, &first);
	if (minors)
		emit_differ(program, BPF_REG_4, BPF_RSH, 5, &first);
	else if (rule->minor != DEVICE_ANY)
		emit_differ(program, BPF_REG_4, BPF_XOR, rule->minor, &first);
	if (first) {
		emit(program, BPF_ALU | BPF_AND | BPF_K, BPF_REG_2, 0, 0, ~rule->access);
		return;
	}
	/* 1 where there is no difference, times what the rule allows, is what to take away. (Not by a mask of all ones made
	 * by an arithmetic shift: newer verifiers take that for a jump in disguise, and walk both ways again.) */
	emit(program, BPF_ALU64 | BPF_SUB | BPF_K, BPF_REG_0, 0, 0, 1);
	emit(program, BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_0, 0, 0, 63);
	if (minors) {
		emit(program, BPF_ALU | BPF_MOV | BPF_K, BPF_REG_1, 0, 0, minors);
		emit(program, BPF_ALU | BPF_RSH | BPF_X, BPF_REG_1, BPF_REG_4, 0, 0);
		emit(program, BPF_ALU | BPF_AND | BPF_X, BPF_REG_0, BPF_REG_1, 0, 0);
	}
	emit(program, BPF_ALU | BPF_MUL | BPF_K, BPF_REG_0, 0, 0, rule->access);
	emit(program, BPF_ALU | BPF_OR | BPF_X, BPF_REG_2, BPF_REG_0, 0, 0);
	emit(program, BPF_ALU | BPF_XOR | BPF_X, BPF_REG_2, BPF_REG_0, 0, 0);
}

/* Neighbours that differ in a small minor number only are one rule: the more instructions, the longer takes the
 * verifier. */
static void
emit_rules(GArray *program, const GArray *rules)
{
	for (guint i = 0, next; i < rules->len; i = next) {
		const struct device_rule *rule = &g_array_index(rules, struct device_rule, i);
		uint32_t minors = 0;

		for (next = i; next < rules->len; next++) {
			const struct device_rule *other = &g_array_index(rules, struct device_rule, next);

			if (other->types != rule->types || other->major != rule->major || other->access != rule->access ||
			    other->minor >= 32)
				break;
			minors |= 1u << other->minor;
		}
		next = MAX(next, i + 1);
		emit_rule(program, rule, next > i + 1 ? minors : 0);
	}
}

GArray *
device_rules_emit(const GArray *rules)
{
	static const struct device_rule all = { DEVICE_BLOCK | DEVICE_CHAR, DEVICE_ANY, DEVICE_ANY, DEVICE_RWM };
	GArray *program = g_array_sized_new(false, false, sizeof(struct bpf_insn), 10 + 12 * rules->len);

	emit_load(program, BPF_REG_2, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	emit_load(program, BPF_REG_3, offsetof(struct bpf_cgroup_dev_ctx, major));
	emit_load(program, BPF_REG_4, offsetof(struct bpf_cgroup_dev_ctx, minor));
	emit_copy(program, BPF_REG_5, BPF_REG_2);
	emit(program, BPF_ALU | BPF_AND | BPF_K, BPF_REG_5, 0, 0, 0xffff);
	emit(program, BPF_ALU | BPF_RSH | BPF_K, BPF_REG_2, 0, 0, 16);
	emit_rules(program, rules);
	/* a kind of access that is not known yet is allowed to nobody but who asked for everything */
	if (rules->len == 1 && compare(rules->data, &all) == 0)
		emit(program, BPF_ALU | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, 0);
	/* 1 when nothing is left, else 0: in these words, since older verifiers see only of a shift to the right what is
	 * left */
	emit_copy(program, BPF_REG_0, BPF_REG_2);
	emit(program, BPF_ALU64 | BPF_SUB | BPF_K, BPF_REG_0, 0, 0, 1);
	emit(program, BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_0, 0, 0, 63);
	emit(program, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	return program;
}
