/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Does a cgroup file hold what was written to it? Pure: text against text. */
#include "readback.h"

#include <fnmatch.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define SET_BITS 8192 /* the most CPUs that Linux can be built for */
#define LIMIT_MAX UINT64_MAX

struct set {
	uint64_t words[SET_BITS / 64];
};

static bool
parse_digits(const char **text, uint64_t *ret_value)
{
	uint64_t value = 0;
	const char *at = *text;

	for (; g_ascii_isdigit(*at); at++) {
		unsigned digit = (unsigned)(*at - '0');

		if (value > (UINT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	if (at == *text)
		return false;
	*text = at;
	*ret_value = value;
	return true;
}

/* "max" or a number with one of the kernel's own suffixes (memparse). */
static bool
parse_limit(const char *text, uint64_t *ret_value)
{
	static const char suffixes[] = "KMGTPE";
	const char *suffix;
	uint64_t value;
	unsigned shift = 0;

	if (strcmp(text, "max") == 0) {
		*ret_value = LIMIT_MAX;
		return true;
	}
	if (!parse_digits(&text, &value))
		return false;
	suffix = *text ? strchr(suffixes, g_ascii_toupper(*text)) : NULL;
	if (suffix) {
		shift = 10 * (unsigned)(suffix - suffixes + 1);
		text++;
	}
	if (*text != '\0' || value > UINT64_MAX >> shift)
		return false;
	*ret_value = value << shift;
	return true;
}

/* "max", "50", "12.5", "33.33" as hundredths. */
static bool
parse_percent(const char *text, uint64_t *ret_value)
{
	uint64_t whole, part = 0;
	const char *digits;

	if (strcmp(text, "max") == 0) {
		*ret_value = 10000;
		return true;
	}
	if (!parse_digits(&text, &whole) || whole > 100)
		return false;
	if (*text == '.') {
		digits = ++text;
		if (!parse_digits(&text, &part) || text - digits > 2)
			return false;
		part *= text - digits == 1 ? 10 : 1;
	}
	*ret_value = whole * 100 + part;
	return *text == '\0';
}

static bool
parse_set(const char *text, struct set *ret_set)
{
	*ret_set = (struct set){ 0 };
	while (g_ascii_isspace(*text))
		text++;
	while (*text != '\0') {
		uint64_t first, last;

		if (!parse_digits(&text, &first))
			return false;
		last = first;
		if (*text == '-' && (text++, !parse_digits(&text, &last)))
			return false;
		if (first > last || last >= SET_BITS)
			return false;
		for (uint64_t i = first; i <= last; i++)
			ret_set->words[i / 64] |= UINT64_C(1) << (i % 64);
		if (*text != ',')
			break;
		text++;
	}
	return text[strspn(text, " \t\n")] == '\0';
}

bool
readback_within(const char *part, const char *whole)
{
	struct set a, b;

	if (!parse_set(part, &a) || !parse_set(whole, &b))
		return false;
	for (size_t i = 0; i < G_N_ELEMENTS(a.words); i++)
		if (a.words[i] & ~b.words[i])
			return false;
	return true;
}

static bool
same_set(const char *asked, const char *held)
{
	return readback_within(asked, held) && readback_within(held, asked);
}

static bool
same_percent(const char *asked, const char *held)
{
	uint64_t a, h;

	return parse_percent(asked, &a) && parse_percent(held, &h) && a == h;
}

/* Byte counters are kept in pages (or huge pages) and rounded down; what no counter can hold is "max". */
static bool
same_bytes(const char *asked, const char *held, uint64_t unit)
{
	uint64_t a, h;

	if (!parse_limit(asked, &a) || !parse_limit(held, &h))
		return false;
	if (h == LIMIT_MAX)
		return a >= (uint64_t)LONG_MAX - unit;
	return a != LIMIT_MAX && h == a - a % unit;
}

/* "hugetlb.2MB.max": its pages' size. 1 when the name is of another form. */
static uint64_t
huge_unit(const char *file)
{
	const char *text = file + strlen("hugetlb.");
	uint64_t size;

	if (!parse_digits(&text, &size) || size == 0 || size > UINT32_MAX)
		return 1;
	return size << (*text == 'K' ? 10 : *text == 'M' ? 20 : *text == 'G' ? 30 : 0);
}

/* Two words: the same number or the same text. */
static bool
same_word(const char *asked, const char *held)
{
	uint64_t a, h;

	if (parse_limit(asked, &a) && parse_limit(held, &h))
		return a == h;
	return strcmp(asked, held) == 0;
}

/* NAME=VALUE is looked for by its name, another word by its position. */
static bool
same_field(const char *asked, char **held, guint position)
{
	const char *equals = strchr(asked, '=');

	if (!equals)
		return position < g_strv_length(held) && same_word(asked, held[position]);
	for (char **word = held; *word; word++)
		if (strncmp(*word, asked, (size_t)(equals - asked) + 1) == 0)
			return same_word(equals + 1, *word + (equals - asked) + 1);
	return false;
}

/* No line of its own is how the kernel says that nothing is set for a device. */
static bool
is_unset(char **asked)
{
	for (char **word = asked + 1; *word; word++)
		if (!g_str_has_suffix(*word, "=max") && strcmp(*word, "target=0") != 0 && strcmp(*word, "default") != 0)
			return false;
	return true;
}

char *
readback_line(const char *held, const char *word)
{
	size_t length = strlen(word);

	for (const char *line = held; *line != '\0';) {
		size_t end = strcspn(line, "\n");

		if (end >= length && memcmp(line, word, length) == 0 && (end == length || line[length] == ' '))
			return g_strndup(line, end);
		line += end + (line[end] == '\n');
	}
	return NULL;
}

static char **
split_words(const char *text)
{
	g_autofree char *copy = g_strdup(text);
	char **words = g_strsplit_set(g_strstrip(copy), " \t", -1);
	guint n = 0;

	for (guint i = 0; words[i]; i++) {
		if (*words[i] == '\0')
			g_free(words[i]);
		else
			words[n++] = words[i];
	}
	words[n] = NULL;
	return words;
}

/* Field by field: the asked ones against those of the line that they belong to. */
static bool
same_fields(const char *asked, const char *held)
{
	g_auto(GStrv) asked_words = split_words(asked);
	g_auto(GStrv) held_words = NULL;
	g_autofree char *line = NULL;

	if (!asked_words[0])
		return *held == '\0' || *held == '\n';
	if (!asked_words[1]) {
		/* one word: it is the first of the file, or its default */
		line = readback_line(held, "default");
		if (line)
			memmove(line, line + strlen("default"), strlen(line + strlen("default")) + 1);
		else
			line = g_strndup(held, strcspn(held, "\n"));
	} else {
		line = readback_line(held, asked_words[0]);
		if (!line)
			return is_unset(asked_words);
	}
	held_words = split_words(line);
	for (guint i = 0; asked_words[i]; i++)
		if (!same_field(asked_words[i], held_words, i))
			return false;
	return true;
}

bool
readback_same(const char *file, const char *asked, const char *held)
{
	static const char *const byte_files[] = { "memory.min",       "memory.low",      "memory.high",     "memory.max",
		                                      "memory.swap.high", "memory.swap.max", "memory.zswap.max" };
	g_autofree char *text = g_strchomp(g_strdup(held));

	for (size_t i = 0; i < G_N_ELEMENTS(byte_files); i++)
		if (strcmp(file, byte_files[i]) == 0)
			return same_bytes(asked, text, (uint64_t)sysconf(_SC_PAGESIZE));
	if (fnmatch("hugetlb.*.max", file, 0) == 0)
		return same_bytes(asked, text, huge_unit(file));
	if (fnmatch("cpu.uclamp.*", file, 0) == 0)
		return same_percent(asked, text);
	if (strcmp(file, "cpuset.cpus.partition") == 0)
		return strcmp(asked, text) == 0;
	if (strncmp(file, "cpuset.", 7) == 0)
		return same_set(asked, text);
	return same_fields(asked, text);
}
