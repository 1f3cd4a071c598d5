/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The lines of a policy turned into rules. */
#include "seccomp-policy.h"

#include "error.h"
#include "seccomp-words.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>

#define ACTIONS "allow, deny ERRNO, kill, log"
#define GROUP_DEPTH 4 /* of groups in groups */
#define LEVELS_MOST 8
#define RULES_MOST 16384u

struct parser {
	struct seccomp_policy *policy;
	seccomp_include include;
	unsigned level, line;
	unsigned default_line; /* of this text; 0: none yet */
	bool has_rules;
	/* what the rules of the current line share */
	uint32_t action;
	const struct seccomp_test *test;
	bool sockets; /* the line is about socket and socketpair only */
};

void
seccomp_policy_free(struct seccomp_policy *policy)
{
	if (!policy)
		return;
	g_free(policy->name);
	g_array_unref(policy->rules);
	g_ptr_array_unref(policy->tests);
	g_free(policy);
}

static bool throw_line(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static bool
throw_line(GError **error, const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	return throw_error(error, EINVAL, STAGE_SPEC, "seccomp", "%s", text);
}

static bool
throw_unknown(GError **error, const char *what, const char *word, const char *(*nth)(size_t), const char *accepted)
{
	const char *nearest = seccomp_word_nearest(word, nth);

	if (nearest)
		return throw_line(error, "unknown %s \"%.64s\"; did you mean \"%s\"?", what, word, nearest);
	return throw_line(error, "unknown %s \"%.64s\"; accepted: %s", what, word, accepted);
}

/* --- actions ----------------------------------------------------------------------------------------------------- */

static bool
errno_parse(const char *word, uint32_t *ret_action, GError **error)
{
	unsigned code;

	if (g_ascii_isdigit(*word)) {
		guint64 number;

		if (!g_ascii_string_to_unsigned(word, 10, 0, SECCOMP_ERRNO_MOST, &number, NULL))
			return throw_line(error, "\"%.64s\" is not an errno; accepted: a name as EPERM, or 0 to 4095", word);
		code = (unsigned)number;
	} else if (!seccomp_word_errno(word, &code)) {
		return throw_unknown(error, "errno", word, seccomp_nth_errno, "a name as in errno(3), or 0 to 4095");
	}
	*ret_action = SECCOMP_RET_ERRNO | code;
	return true;
}

/* The action at words[*i]; *i is then behind it. */
static bool
action_parse(char **words, size_t *i, uint32_t *ret, GError **error)
{
	const char *word = words[*i];

	if (!word)
		return throw_line(error, "an action is missing; accepted: " ACTIONS);
	++*i;
	if (strcmp(word, "deny") == 0) {
		if (!words[*i])
			return throw_line(error, "deny: an errno is missing, as in \"deny EPERM\"");
		return errno_parse(words[(*i)++], ret, error);
	}
	if (strcmp(word, "allow") == 0)
		*ret = SECCOMP_RET_ALLOW;
	else if (strcmp(word, "kill") == 0)
		*ret = SECCOMP_RET_KILL_PROCESS;
	else if (strcmp(word, "log") == 0)
		*ret = SECCOMP_RET_LOG;
	else
		return throw_line(error, "unknown action \"%.64s\"; accepted: " ACTIONS "; and default, include", word);
	return true;
}

/* --- rules ------------------------------------------------------------------------------------------------------- */

static bool
rule_add(struct parser *parser, const char *name, int nr, bool by_group, GError **error)
{
	struct seccomp_rule rule = { parser->action, (unsigned)nr, parser->level, parser->line, by_group, parser->test };
	GArray *rules = parser->policy->rules;

	if (nr < 0)
		return true; /* only other architectures have it */
	for (guint i = 0; !by_group && i < rules->len; i++) {
		const struct seccomp_rule *other = &g_array_index(rules, struct seccomp_rule, i);

		if (other->nr != rule.nr || other->level != rule.level || other->by_group || other->action == rule.action)
			continue;
		if (!other->test && !rule.test)
			return throw_line(error, "%s has another action in line %u already", name, other->line);
		if (other->test && rule.test && strcmp(other->test->text, rule.test->text) == 0)
			return throw_line(error, "%s has another action under the same condition in line %u already", name,
			                  other->line);
	}
	if (rules->len >= RULES_MOST)
		return throw_line(error, "more than %u rules", RULES_MOST);
	g_array_append_val(rules, rule);
	return true;
}

static bool
rules_add_group(struct parser *parser, const char *group, unsigned depth, GError **error)
{
	const char *members = seccomp_word_group(group);
	g_auto(GStrv) names = NULL;
	int nr;

	if (!members || depth > GROUP_DEPTH)
		return throw_unknown(error, "group", group, seccomp_nth_group, "the groups in sbx-seccomp(7)");
	if (!*members) {
		for (size_t i = 0; (members = seccomp_nth_call(i)); i++)
			if (seccomp_word_call(members, &nr) && !rule_add(parser, members, nr, true, error))
				return false;
		return true;
	}
	names = g_strsplit(members, " ", -1);
	for (size_t i = 0; names[i]; i++) {
		if (*names[i] == '@' && !rules_add_group(parser, names[i], depth + 1, error))
			return false;
		/* A group may name what this libseccomp has not heard of. */
		if (*names[i] != '@' && seccomp_word_call(names[i], &nr) && !rule_add(parser, names[i], nr, true, error))
			return false;
	}
	return true;
}

/* "NAME=NUMBER": a call that the table does not know yet. */
static bool
rules_add_number(struct parser *parser, const char *name, const char *number, GError **error)
{
	guint64 nr;
	int known;

	if (!g_ascii_string_to_unsigned(number, 10, 0, SECCOMP_NR_MOST - 1, &nr, NULL))
		return throw_line(error, "%.64s: \"%.64s\" is not the number of a system call; accepted: 0 to %u", name, number,
		                  SECCOMP_NR_MOST - 1);
	if (seccomp_word_call(name, &known) && known != (int)nr) {
		if (known < 0)
			return true;
		return throw_line(error, "%s is number %d, not %u", name, known, (unsigned)nr);
	}
	return rule_add(parser, name, (int)nr, false, error);
}

static bool
rules_add(struct parser *parser, const char *name, GError **error)
{
	const char *equals = strchr(name, '=');
	g_autofree char *alone = equals ? g_strndup(name, (gsize)(equals - name)) : NULL;
	int nr;

	if (*name == '@')
		return rules_add_group(parser, name, 0, error);
	if (equals && equals != name)
		return rules_add_number(parser, alone, equals + 1, error);
	if (!seccomp_word_call(name, &nr))
		return throw_unknown(error, "system call", name, seccomp_nth_call,
		                     "names as in syscalls(2), NAME=NUMBER, @GROUP");
	return rule_add(parser, name, nr, false, error);
}

/* ACTION NAME... [if CONDITION [and CONDITION]...] */
static bool
line_rules(struct parser *parser, char **words, GError **error)
{
	size_t i = 0, first, end;

	if (!action_parse(words, &i, &parser->action, error))
		return false;
	parser->sockets = true;
	first = i;
	for (end = first; words[end] && strcmp(words[end], "if") != 0; end++)
		if (strcmp(words[end], "socket") != 0 && strcmp(words[end], "socketpair") != 0)
			parser->sockets = false;
	if (end == first)
		return throw_line(error, "%s: a system call is missing", words[0]);
	parser->test = NULL;
	if (words[end]) {
		struct seccomp_test *test = seccomp_test_parse(words + end + 1, parser->sockets, error);

		if (!test)
			return false;
		g_ptr_array_add(parser->policy->tests, test);
		parser->test = test;
	}
	parser->has_rules = true;
	for (i = first; i < end; i++)
		if (!rules_add(parser, words[i], error))
			return false;
	return true;
}

/* --- default and include ----------------------------------------------------------------------------------------- */

static bool
line_default(struct parser *parser, char **words, GError **error)
{
	size_t i = 1;
	uint32_t action;

	if (!action_parse(words, &i, &action, error))
		return false;
	if (words[i])
		return throw_line(error, "\"%.64s\" behind the default; accepted: default " ACTIONS, words[i]);
	if (parser->default_line)
		return throw_line(error, "the default was set in line %u already", parser->default_line);
	parser->default_line = parser->line;
	parser->policy->rest = action;
	return true;
}

static bool parse_text(struct parser *parser, const char *text, GError **error);

static bool
line_include(struct parser *parser, char **words, GError **error)
{
	const char *text = words[1] && parser->include ? parser->include(words[1]) : NULL;
	struct parser inner = { .policy = parser->policy, .level = parser->level };

	if (!text)
		return throw_line(error, "include: \"%.64s\" is not a policy that can be included; accepted: default, strict",
		                  words[1] ? words[1] : "");
	if (words[2])
		return throw_line(error, "include: one name only, in a line of its own");
	if (parser->has_rules || parser->default_line)
		return throw_line(error, "include stands above all rules and the default");
	if (parser->level + 1 == LEVELS_MOST)
		return throw_line(error, "more than %d times include", LEVELS_MOST - 1);
	parser->level++;
	return parse_text(&inner, text, error) || throw_prefix(error, "in %s: ", words[1]);
}

/* --- text -------------------------------------------------------------------------------------------------------- */

/* The words up to a comment. */
static char **
line_words(const char *line)
{
	g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);

	for (;;) {
		size_t length;

		line += strspn(line, " \t\r");
		length = strcspn(line, " \t\r");
		if (length == 0 || *line == '#')
			break;
		g_ptr_array_add(words, g_strndup(line, length));
		line += length;
	}
	g_ptr_array_add(words, NULL);
	return (char **)g_ptr_array_free(g_steal_pointer(&words), FALSE);
}

static bool
parse_line(struct parser *parser, const char *line, GError **error)
{
	g_auto(GStrv) words = line_words(line);

	for (size_t i = 0; words[i]; i++)
		for (const char *p = words[i]; *p; p++)
			if (!g_ascii_isgraph(*p))
				return throw_line(error, "byte 0x%02x; accepted: printable ASCII, # begins a comment",
				                  (unsigned char)*p);
	if (!words[0])
		return true;
	if (strcmp(words[0], "default") == 0)
		return line_default(parser, words, error);
	if (strcmp(words[0], "include") == 0)
		return line_include(parser, words, error);
	return line_rules(parser, words, error);
}

static bool
parse_text(struct parser *parser, const char *text, GError **error)
{
	while (*text) {
		size_t length = strcspn(text, "\n");
		g_autofree char *line = g_strndup(text, length);

		parser->line++;
		if (!parse_line(parser, line, error))
			return throw_prefix(error, "%u: ", parser->line);
		text += length + (text[length] == '\n');
	}
	return true;
}

struct seccomp_policy *
seccomp_policy_parse(const char *name, const char *text, seccomp_include include, GError **error)
{
	g_autoptr(seccomp_policy_t) policy = g_new0(struct seccomp_policy, 1);
	struct parser parser = { .policy = policy, .include = include };

	policy->name = g_strdup(name);
	policy->rest = SECCOMP_RET_ERRNO | ENOSYS;
	policy->rules = g_array_new(FALSE, FALSE, sizeof(struct seccomp_rule));
	policy->tests = g_ptr_array_new_with_free_func(seccomp_test_free);
	if (!parse_text(&parser, text, error)) {
		throw_prefix(error, "%s:", name);
		return NULL;
	}
	policy->n_levels = parser.level + 1;
	return g_steal_pointer(&policy);
}
