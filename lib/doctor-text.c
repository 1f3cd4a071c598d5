/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The texts of the kernel and of /etc that the doctor reads. All pure but the last. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "doctor.h"
#include "fd.h"

#define SUBID_COUNT 65536u
#define SUBID_FIRST 100000u /* where shadow's tools begin: login.defs(5) */

char *
doctor_field(const char *status, const char *name)
{
	size_t length = strlen(name);

	for (const char *line = status; *line != '\0';) {
		size_t end = strcspn(line, "\n");

		if (end > length && memcmp(line, name, length) == 0 && line[length] == ':') {
			g_autofree char *value = g_strndup(line + length + 1, end - length - 1);

			return g_strdup(g_strstrip(value));
		}
		line += end + (line[end] == '\n');
	}
	return NULL;
}

bool
doctor_number(const char *text, int64_t *ret)
{
	g_autofree char *word = text ? g_strstrip(g_strdup(text)) : NULL;
	gint64 number;

	if (!word || !g_ascii_string_to_signed(word, 10, INT64_MIN, INT64_MAX, &number, NULL))
		return false;
	*ret = number;
	return true;
}

bool
doctor_has_parameter(const char *cmdline, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = cmdline; *at != '\0';) {
		size_t end = strcspn(at, " \n");

		if (end == length && memcmp(at, word, length) == 0)
			return true;
		at += end + strspn(at + end, " \n");
	}
	return false;
}

uint32_t
doctor_free_subid(const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	uint64_t first = SUBID_FIRST;

	/* Each move is to the end of a range, so there are no more of them than lines. */
	for (guint tries = g_strv_length(lines) + 1; tries > 0; tries--) {
		bool moved = false;

		for (char **line = lines; *line; line++) {
			g_auto(GStrv) fields = g_strsplit(*line, ":", -1);
			int64_t start, count;

			if (g_strv_length(fields) != 3 || !doctor_number(fields[1], &start) || !doctor_number(fields[2], &count))
				continue;
			if (start < 0 || count <= 0 || start > UINT32_MAX || count > UINT32_MAX)
				continue;
			if ((uint64_t)start < first + SUBID_COUNT && first < (uint64_t)start + (uint64_t)count) {
				first = (uint64_t)start + (uint64_t)count;
				moved = true;
			}
		}
		if (!moved)
			return first + SUBID_COUNT < UINT32_MAX ? (uint32_t)first : 0;
	}
	return 0;
}

const char *
doctor_layout_name(bool v2, bool v1)
{
	return v2 ? v1 ? "hybrid" : "unified" : v1 ? "legacy" : "none";
}

bool
doctor_is_v1_controllers(const char *options)
{
	static const char *const controllers[] = {
		"cpu",     "cpuacct",  "cpuset",  "blkio", "memory",     "devices", "freezer",
		"net_cls", "net_prio", "hugetlb", "pids",  "perf_event", "rdma",    "misc",
	};
	g_auto(GStrv) words = g_strsplit(options, ",", -1);

	for (size_t i = 0; i < G_N_ELEMENTS(controllers); i++)
		if (g_strv_contains((const char *const *)words, controllers[i]))
			return true;
	return false;
}

bool
doctor_sysctl(const char *path, int64_t *ret)
{
	g_autofree char *text = fd_read_file_at(AT_FDCWD, path);

	return doctor_number(text, ret);
}
