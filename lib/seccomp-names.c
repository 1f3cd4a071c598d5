/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* System calls by name and by number, from the tables that seccomp-names-gen made, and the nearest of a misspelt
 * word. */
#include "seccomp-words.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MOST 64 /* longer than any word there is */

/* Made while we build. Its names are arrays, not pointers, so that it is read as it is in the file, and costs a start
 * nothing. */
#include "seccomp-table.h"

G_STATIC_ASSERT(sizeof table[0].name <= WORD_MOST + 1);

uint32_t
seccomp_native_arch(void)
{
	return TABLE_ARCH;
}

bool
seccomp_native_x32(void)
{
	return TABLE_X32;
}

static int
row_compare(const void *name, const void *row)
{
	return strcmp(name, ((const struct row *)row)->name);
}

bool
seccomp_word_call(const char *name, int *ret_nr)
{
	const struct row *row = bsearch(name, table, G_N_ELEMENTS(table), sizeof *table, row_compare);

	if (row)
		*ret_nr = row->nr;
	return row;
}

const char *
seccomp_nth_call(size_t i)
{
	return i < G_N_ELEMENTS(table) ? table[i].name : NULL;
}

static const char *
row_name(const struct row *rows, size_t n, uint32_t nr)
{
	for (size_t i = 0; i < n; i++)
		if (rows[i].nr >= 0 && (uint32_t)rows[i].nr == nr)
			return rows[i].name;
	return NULL;
}

const char *
seccomp_word_name(uint32_t arch, uint32_t nr)
{
	if (arch == TABLE_ARCH && TABLE_X32 && nr != UINT32_MAX)
		nr &= ~SECCOMP_X32;
	if (arch == TABLE_ARCH)
		return row_name(table, G_N_ELEMENTS(table), nr);
	return arch == TABLE_BROTHER ? row_name(brother, G_N_ELEMENTS(brother), nr) : NULL;
}

/* Edit distance where two letters that changed places are one mistake; both are WORD_MOST long at most. */
static size_t
word_distance(const char *a, const char *b)
{
	size_t rows[3][WORD_MOST + 1];
	size_t length = strlen(b);

	for (size_t j = 0; j <= length; j++)
		rows[0][j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t *row = rows[i % 3], *above = rows[(i - 1) % 3], *before = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= length; j++) {
			row[j] = MIN(MIN(above[j], row[j - 1]) + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = MIN(row[j], before[j - 2] + 1);
		}
	}
	return rows[strlen(a) % 3][length];
}

const char *
seccomp_word_nearest(const char *word, const char *(*nth)(size_t))
{
	const char *nearest = NULL;
	const char *name;
	size_t length = strlen(word);
	size_t best = length / 3 + 1; /* a third of it may be wrong */

	if (length == 0 || length > WORD_MOST)
		return NULL;
	for (size_t i = 0; (name = nth(i)); i++) {
		size_t distance = strlen(name) > WORD_MOST ? best + 1 : word_distance(word, name);

		if (distance < best || (distance == best && !nearest && distance < length)) {
			best = distance;
			nearest = name;
		}
	}
	return nearest;
}
