/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * The maker of the built-in seccomp programs: runs while libsbx is built, with the library's own parser and compiler,
 * and turns the policies it is given into C arrays, so that a launch pays no compiler.
 */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "seccomp-compile.h"

/* NAME of ".../NAME.policy". */
static char *
policy_name(const char *path)
{
	g_autofree char *base = g_path_get_basename(path);

	return g_strndup(base, strcspn(base, "."));
}

/* Comments are left out: nobody reads them there. */
static void
print_text(const char *name, const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	printf("static const char %s_text[] =\n", name);
	for (size_t i = 0; lines[i]; i++) {
		const char *line = *lines[i] == '#' ? "" : lines[i];

		/* No C compiler need take a string of any length. */
		printf("\t\"%s\\n\"\n", line);
	}
	printf(";\n\n");
}

static void
print_program(const char *name, const struct seccomp_program *program)
{
	printf("static const struct sock_filter %s_filter[] = {\n", name);
	for (size_t i = 0; i < program->len; i++)
		printf("\t{ 0x%02x, %u, %u, 0x%08x },\n", program->filter[i].code, program->filter[i].jt, program->filter[i].jf,
		       program->filter[i].k);
	printf("};\n\nstatic const struct seccomp_program %s_program = {\n\t.filter = %s_filter,\n\t.len = %u,\n", name,
	       name, program->len);
	printf("\t.kills = %d,\n\t.logs = %d,\n\t.log_rest = %d,\n\t.log_nr = {", program->kills, program->logs,
	       program->log_rest);
	for (size_t i = 0; i < G_N_ELEMENTS(program->log_nr); i++)
		printf(" 0x%x,", program->log_nr[i]);
	printf(" },\n};\n\n");
}

static bool
make(const char *path, GError **error)
{
	g_autofree char *name = policy_name(path);
	g_autofree char *text = NULL;
	g_autofree struct sock_filter *filter = NULL;
	g_autoptr(seccomp_policy_t) policy = NULL;
	struct seccomp_program program;

	if (!g_file_get_contents(path, &text, NULL, error))
		return false;
	policy = seccomp_policy_parse(path, text, NULL, error);
	if (!policy)
		return false;
	filter = seccomp_compile(policy, &program, error);
	if (!filter)
		return false;
	print_text(name, text);
	print_program(name, &program);
	return true;
}

int
main(int argc, char **argv)
{
	printf("/* Made by seccomp-gen. */\n\n");
	for (int i = 1; i < argc; i++) {
		g_autoptr(GError) error = NULL;

		if (!make(argv[i], &error)) {
			fprintf(stderr, "%s\n", error->message);
			return 1;
		}
	}
	return fflush(stdout) ? 1 : 0;
}
