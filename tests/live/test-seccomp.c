/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Policies from files in real boxes, and the strict policy under real programs. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>

#include "live.h"

#define SCRIPT                                                                                                    \
	"trap 'echo caught' USR1 USR2; kill -CONT $$ && echo allowed; kill -USR2 $$ || echo refused; kill -USR1 $$; " \
	"echo alive"

/* One call, three fates by its argument; each has the others as its control. */
static void
test_conditions(void)
{
	autodir dir = live_dir();
	g_autofree char *refuses = live_file(dir, "refuses", "include default\ndeny EPERM kill if arg1:32 == SIGUSR2\n");
	g_autofree char *kills = live_file(dir, "kills",
	                                   "include default\ndeny EPERM kill if arg1:32 == SIGUSR2\n"
	                                   "kill kill if arg1:32 == SIGUSR1 # and nothing else\n");
	g_autoptr(live_t) control = live_run(NO_SPEC, SCRIPT);
	g_autoptr(live_t) refused = live_run(SPEC("seccomp", refuses), SCRIPT " 2>/dev/null");
	g_autoptr(live_t) killed = live_run(SPEC("seccomp", kills), SCRIPT);

	live_says(control, "allowed\ncaught\ncaught\nalive\n");
	live_says(refused, "allowed\nrefused\ncaught\nalive\n");
	g_assert_cmpint(killed->outcome, ==, SBX_OUTCOME_SYSCALL);
	live_contains(killed->out, "allowed\nrefused\n");
	live_lacks(killed->out, "alive");
}

/* The errno that the policy says, and a call of a group. */
static void
test_errno(void)
{
	autodir dir = live_dir();
	g_autofree char *policy = live_file(dir, "p", "include default\ndeny EXDEV uname\ndeny EROFS mkdir mkdirat\n");
	g_autofree char *group = live_file(dir, "g", "default allow\ndeny EPERM @network\n");
	const char *python = "import socket\ntry: socket.socket(); print('made')\nexcept OSError as e: print(e.errno)";
	g_autoptr(live_t) control = live_run(NO_SPEC, "uname >/dev/null && mkdir /tmp/d");
	g_autoptr(live_t) refused = live_run(SPEC("seccomp", policy), "uname; mkdir /tmp/d");
	g_autofree char *found = g_find_program_in_path("python3");

	live_ok(control);
	live_contains(refused->err, "Invalid cross-device link");
	live_contains(refused->err, "Read-only file system");
	if (found) {
		g_autoptr(live_t) made = live_argv(NO_SPEC, ARGV("/usr/bin/env", "python3", "-c", python));
		g_autoptr(live_t) none = live_argv(SPEC("seccomp", group), ARGV("/usr/bin/env", "python3", "-c", python));

		live_says(made, "made\n");
		live_says(none, "1\n");
	}
}

/* A program of the caller's: everything, but for one call. */
static void
test_given(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 63 /* uname of x86-64; aarch64's is 160 */, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 160, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EXDEV),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { G_N_ELEMENTS(filter), filter };
	const char *const argv[] = { "uname", NULL };
	sbx_command command = { .size = sizeof command,
		                    .argv = argv,
		                    .stdio = { SBX_STDIO_NULL, SBX_STDIO_CAPTURE, SBX_STDIO_CAPTURE } };
	g_autoptr(sbx_spec) spec = live_spec_new(NO_SPEC);
	g_autoptr(live_t) before = live_spec(spec, &command);
	g_autoptr(live_t) after = NULL;

#ifndef __x86_64__
	filter[1].k = 160;
#else
	filter[2].k = 63;
#endif
	live_ok(before);
	g_assert_cmpint(sbx_spec_seccomp(spec, &program, NULL), ==, 0);
	after = live_spec(spec, &command);
	live_contains(after->err, "Invalid cross-device link");
}

/* --- strict ------------------------------------------------------------------------------------------------------ */

static const struct strict {
	const char *name, *compiler, *suffix, *source;
} programs[] = {
	{ "c", "gcc", ".c",
	  "#include <stdio.h>\n#include <stdlib.h>\nint main(void) { char *p = malloc(1 << 24); FILE *f = tmpfile();\n"
	  "int n; p[5] = 1; if (scanf(\"%d\", &n) != 1) n = 0; printf(\"%d\\n\", n + p[5]); return !f; }\n" },
	{ "c++", "g++", ".cc",
	  "#include <iostream>\n#include <fstream>\n#include <thread>\n#include <vector>\n"
	  "int main() { int n = 0; std::vector<int> v(1000000, 1); std::ifstream f(\"/proc/self/status\"); std::string s; f >> s;\n"
	  "std::cin >> n; std::thread t([&] { n += v[999999]; }); t.join(); std::cout << n << std::endl; return s != \"Name:\"; }\n" },
};

static void
test_strict_compiled(const void *data)
{
	const struct strict *program = data;
	g_autofree char *found = g_find_program_in_path(program->compiler);
	g_autofree char *name = g_strconcat("source", program->suffix, NULL);
	autodir dir = live_dir();
	g_autofree char *source = live_file(dir, name, program->source), *out = live_path(dir, "out");
	const char *const compile[] = { program->compiler, "-O1", "-pthread", "-o", out, source, NULL };
	g_autofree char *script = g_strdup_printf("echo 41 >/tmp/in; exec %s </tmp/in", out);
	int status;

	if (!found) {
		live_skip(program->compiler);
		return;
	}
	g_assert_true(
		g_spawn_sync(NULL, (char **)compile, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status, NULL));
	g_assert_cmpint(status, ==, 0);
	{
		g_autoptr(live_t) r = live_run(SPEC("seccomp", "strict"), script);

		live_says(r, "42\n");
	}
}

static void
test_strict_python(void)
{
	g_autofree char *found = g_find_program_in_path("python3");
	g_autoptr(live_t) r = NULL;

	if (!found) {
		live_skip("python3");
		return;
	}
	r = live_argv(
		SPEC("seccomp", "strict"),
		ARGV("/usr/bin/env", "python3", "-c",
	         "import threading, json, tempfile, os\nt = threading.Thread(target=lambda: None); t.start(); t.join()\n"
	         "f = tempfile.TemporaryFile(); f.write(b'x'); print(1)"));
	live_says(r, "1\n");
}

/* What strict ends, and the default does not. */
static void
test_strict_kills(void)
{
	static const char *const scripts[] = { "/bin/true; echo alive", "(:); echo alive", "echo $(echo alive)" };

	for (size_t i = 0; i < G_N_ELEMENTS(scripts); i++) {
		g_autoptr(live_t) control = live_run(NO_SPEC, scripts[i]);
		g_autoptr(live_t) killed = live_run(SPEC("seccomp", "strict"), scripts[i]);

		live_says(control, "alive\n");
		g_assert_cmpint(killed->outcome, ==, SBX_OUTCOME_SYSCALL);
		live_lacks(killed->out, "alive");
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/seccomp/file/conditions", test_conditions);
	g_test_add_func("/seccomp/file/errno", test_errno);
	g_test_add_func("/seccomp/given", test_given);
	for (size_t i = 0; i < G_N_ELEMENTS(programs); i++) {
		g_autofree char *path = g_strdup_printf("/seccomp/strict/%s", programs[i].name);

		g_test_add_data_func(path, &programs[i], test_strict_compiled);
	}
	g_test_add_func("/seccomp/strict/python", test_strict_python);
	g_test_add_func("/seccomp/strict/kills", test_strict_kills);
	return g_test_run();
}
