/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The conditions of a policy's rule: "arg1:32 & 0xff == TIOCSTI and arg0 > 2". */
#include "seccomp-policy.h"

#include "error.h"
#include "seccomp-words.h"

#include <errno.h>
#include <string.h>

#define FORMS "\"argN OP VALUE\", \"argN in VALUE,VALUE\", \"argN & MASK == VALUE\", argN:32 for 32 bits"
#define SIGNS "=!<>&"
#define OPS "==, !=, <, <=, >, >=, in"

/* A sentence with one word of the user's in it, which may be long. */
static bool
throw_word(GError **error, const char *format, const char *word)
{
	g_autofree char *shown = g_strndup(word, 64);

	return throw_error(error, EINVAL, STAGE_SPEC, "seccomp", format, shown);
}

static void
seccomp_cond_clear(gpointer data)
{
	struct seccomp_cond *cond = data;

	g_clear_pointer(&cond->values, g_array_unref);
}

void
seccomp_test_free(gpointer data)
{
	struct seccomp_test *test = data;

	if (!test)
		return;
	g_array_unref(test->conds);
	g_free(test->text);
	g_free(test);
}

/* "12", "0x1f", "0644" as in C; digits only, else g_ascii_strtoull() would take signs and blanks. */
static bool
number_parse(const char *text, uint64_t *ret, GError **error)
{
	char *end;

	errno = 0;
	*ret = g_ascii_strtoull(text, &end, 0);
	if (*end || !g_ascii_isdigit(*text))
		return throw_word(error, "\"%s\" is not a number; accepted: decimal, 0x..., or octal with a leading 0", text);
	if (errno)
		return throw_word(error, "%s does not fit into 64 bits", text);
	return true;
}

static bool
throw_constant(GError **error, const char *word, bool family)
{
	g_autofree char *cased = family ? g_ascii_strdown(word, -1) : g_ascii_strup(word, -1);
	const char *nearest = seccomp_word_nearest(cased, family ? seccomp_nth_family : seccomp_nth_constant);

	throw_word(error, family ? "unknown address family \"%s\"" : "unknown constant \"%s\"", word);
	if (error && *error) {
		g_autofree char *sentence = (*error)->message;

		(*error)->message = nearest
		                        ? g_strdup_printf("%s; did you mean \"%s\"?", sentence, nearest)
		                        : g_strdup_printf("%s; accepted: the names in sbx-seccomp(7), or a number", sentence);
	}
	return false;
}

/* Numbers and names joined by "|". */
static bool
value_parse(const char *text, bool family, bool narrow, uint64_t *ret, GError **error)
{
	g_auto(GStrv) words = g_strsplit(text, "|", -1);
	uint64_t value = 0;

	for (size_t i = 0; words[i]; i++) {
		const char *word = words[i];
		uint64_t part;

		if (g_ascii_isdigit(*word)) {
			if (!number_parse(word, &part, error))
				return false;
		} else if (!*word || !g_ascii_isalpha(*word)) {
			return throw_word(error, "\"%s\" is not a value; accepted: a number, a name, or several joined by \"|\"",
			                  text);
		} else if (!(family ? seccomp_word_family(word, &part) : seccomp_word_constant(word, &part))) {
			return throw_constant(error, word, family);
		}
		value |= part;
	}
	if (!words[0])
		return throw_word(error, "a value is missing%s", "");
	if (narrow && value > UINT32_MAX)
		return throw_word(error, "%s does not fit into the 32 bits that are compared", text);
	*ret = value;
	return true;
}

/* "arg1==1", "==1": the sign is a word of its own. */
static bool
check_blanks(const char *word, GError **error)
{
	const char *sign = strpbrk(word, SIGNS);
	size_t length = sign ? strspn(sign, SIGNS) : 0;
	g_autofree char *alone = g_strndup(sign, length);

	if (!sign || strlen(word) == length)
		return true;
	return throw_error(error, EINVAL, STAGE_SPEC, "seccomp", "\"%.64s\": put blanks around \"%.64s\"", word, alone);
}

/* "arg1", "arg1:32", "family" */
static bool
subject_parse(const char *word, bool sockets, struct seccomp_cond *cond, bool *ret_family, GError **error)
{
	if (!check_blanks(word, error))
		return false;
	*ret_family = strcmp(word, "family") == 0;
	cond->mask = UINT64_MAX;
	cond->narrow = *ret_family || g_str_has_suffix(word, ":32");
	if (cond->narrow)
		cond->mask = UINT32_MAX;
	if (*ret_family) {
		cond->arg = 0;
		return sockets ||
		       throw_word(error, "\"%s\" is for rules about socket and socketpair only; accepted: arg0 to arg5", word);
	}
	if (!g_str_has_prefix(word, "arg"))
		return throw_word(error, "\"%s\" cannot be compared; accepted: " FORMS ", and family", word);
	if (word[3] < '0' || word[3] > '5' || (word[4] && strcmp(word + 4, ":32") != 0))
		return throw_word(error, "there is no argument \"%s\"; accepted: arg0 to arg5, and arg0:32 to arg5:32", word);
	cond->arg = (unsigned)(word[3] - '0');
	return true;
}

static bool
op_parse(const char *word, enum seccomp_op *ret, GError **error)
{
	static const struct {
		const char *word;
		enum seccomp_op op;
	} ops[] = {
		{ "==", SECCOMP_EQ }, { "in", SECCOMP_EQ }, { "!=", SECCOMP_NE }, { "<", SECCOMP_LT },
		{ "<=", SECCOMP_LE }, { ">", SECCOMP_GT },  { ">=", SECCOMP_GE },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(ops); i++)
		if (strcmp(ops[i].word, word) == 0) {
			*ret = ops[i].op;
			return true;
		}
	if (strcmp(word, "=") == 0)
		return throw_word(error, "unknown comparison \"%s\"; did you mean \"==\"?", word);
	return check_blanks(word, error) && throw_word(error, "unknown comparison \"%s\"; accepted: " OPS, word);
}

/* A comparison that always or never holds is a slip. */
static bool
cond_check(const struct seccomp_cond *cond, bool masked, const char *text, GError **error)
{
	uint64_t value = g_array_index(cond->values, uint64_t, 0);
	uint64_t most = cond->narrow ? UINT32_MAX : UINT64_MAX;

	if (masked && cond->op != SECCOMP_EQ && cond->op != SECCOMP_NE)
		return throw_word(error, "a masked argument is compared by ==, != or in%s", "");
	if (masked && cond->mask == 0)
		return throw_word(error, "the mask is 0: nothing is compared%s", "");
	for (guint i = 0; i < cond->values->len; i++)
		if (g_array_index(cond->values, uint64_t, i) & ~cond->mask)
			return throw_word(error, "%s has bits that the mask leaves out: no argument is ever equal", text);
	if ((cond->op == SECCOMP_LT && value == 0) || (cond->op == SECCOMP_GT && value == most))
		return throw_word(error, "no argument is %s: the rule would never be used",
		                  cond->op == SECCOMP_LT ? "< 0" : "> that");
	if ((cond->op == SECCOMP_GE && value == 0) || (cond->op == SECCOMP_LE && value == most))
		return throw_word(error, "every argument is %s: leave the condition out",
		                  cond->op == SECCOMP_GE ? ">= 0" : "<= that");
	return true;
}

/* One condition, at words[*i]; *i is then behind it. */
static bool
cond_parse(char **words, size_t *i, bool sockets, struct seccomp_cond *cond, GError **error)
{
	g_auto(GStrv) values = NULL;
	bool family, masked = false, several;

	if (!words[*i])
		return throw_word(error, "a condition is missing; accepted: " FORMS "%s", "");
	if (!subject_parse(words[*i], sockets, cond, &family, error))
		return false;
	++*i;
	if (words[*i] && strcmp(words[*i], "&") == 0) {
		masked = true;
		++*i;
		if (!words[*i])
			return throw_word(error, "a mask is missing behind \"&\"%s", "");
		if (!value_parse(words[(*i)++], family, cond->narrow, &cond->mask, error))
			return false;
	}
	if (!words[*i])
		return throw_word(error, "a comparison is missing; accepted: " OPS "%s", "");
	if (!op_parse(words[*i], &cond->op, error))
		return false;
	several = strcmp(words[(*i)++], "in") == 0;
	if (!words[*i])
		return throw_word(error, "a value is missing behind \"%s\"", words[*i - 1]);
	values = g_strsplit(words[*i], ",", -1);
	if (!several && values[0] && values[1])
		return throw_word(error, "\"%s\": several values are compared by \"in\"", words[*i]);
	if (several && g_str_has_suffix(words[*i], ",") && words[*i + 1])
		return throw_word(error, "\"%s\": no blank behind the comma, as in \"arg0 in 1,2\"", words[*i]);
	for (size_t n = 0; values[n]; n++) {
		uint64_t value;

		if (!value_parse(values[n], family, cond->narrow, &value, error))
			return false;
		g_array_append_val(cond->values, value);
	}
	return cond_check(cond, masked, words[(*i)++], error);
}

/* words[0] is neither "and" nor the end. */
static bool
throw_behind(GError **error, char **words)
{
	if (strcmp(words[-2], "in") == 0 && strcmp(words[0], "or") != 0)
		return throw_word(error,
		                  "\"%s\" behind a condition; the values of \"in\" are separated by commas, without blanks",
		                  words[0]);
	return throw_word(error, "\"%s\" behind a condition; accepted: and, or the end of the line", words[0]);
}

struct seccomp_test *
seccomp_test_parse(char **words, bool sockets, GError **error)
{
	struct seccomp_test *test = g_new0(struct seccomp_test, 1);
	size_t i = 0;

	test->conds = g_array_new(FALSE, FALSE, sizeof(struct seccomp_cond));
	g_array_set_clear_func(test->conds, seccomp_cond_clear);
	test->text = g_strjoinv(" ", words);
	for (;;) {
		struct seccomp_cond cond = { .values = g_array_new(FALSE, FALSE, sizeof(uint64_t)) };
		bool good = cond_parse(words, &i, sockets, &cond, error);

		g_array_append_val(test->conds, cond);
		if (good && !words[i])
			return test;
		if (good && strcmp(words[i], "and") != 0)
			good = throw_behind(error, words + i);
		if (!good) {
			seccomp_test_free(test);
			return NULL;
		}
		i++;
	}
}
