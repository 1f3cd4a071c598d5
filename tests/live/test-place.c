/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * Where a box's group may be made, on trees that these tests build: for the test VM without systemd (tests/vm/run), as root,
 * as a user, and as root of a user namespace. Each refusal's repair is carried out as its hint has it, and then works.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
#include "delegate.h"
#include "error.h"
#include "fd.h"
#include "live.h"
#include "place.h"
#include "report.h"

#define MOUNT "/sys/fs/cgroup"

static const char *const memory[] = { "memory", NULL };
static const char *const memory_keys[] = { "memory.max", NULL };

/* --- trees ------------------------------------------------------------------------------------------------------- */

static char *top; /* of this case: memory is offered in it and not passed on */

static char *
in_top(const char *name)
{
	return *name ? g_build_filename(top, name, NULL) : g_strdup(top);
}

static void
make_group(const char *name)
{
	g_autofree char *path = in_top(name);

	if (mkdir(path, 0755) < 0)
		g_error("mkdir %s: %s", path, g_strerror(errno));
}

static bool
has_group(const char *name)
{
	g_autofree char *path = in_top(name);

	return access(path, F_OK) == 0;
}

static char *
group_read(const char *name, const char *file)
{
	g_autofree char *path = g_build_filename(top, name, file, NULL);
	char *text = fd_read_file_at(AT_FDCWD, path);

	if (!text)
		g_error("read %s: %s", path, g_strerror(errno));
	return g_strchomp(text);
}

static void
group_write(const char *name, const char *file, const char *text)
{
	g_autofree char *path = g_build_filename(top, name, file, NULL);

	if (!fd_write_file_at(AT_FDCWD, path, text))
		g_error("write %s to %s: %s", text, path, g_strerror(errno));
}

static unsigned
group_count(const char *name, const char *file)
{
	g_autofree char *text = group_read(name, file);
	unsigned lines = *text ? 1 : 0;

	for (const char *at = text; *at; at++)
		lines += *at == '\n';
	return lines;
}

static void
enter(const char *name)
{
	group_write(name, "cgroup.procs", "0");
}

/* From now on `top` is all there is of the tree, as in a container: we are in it, and in a user namespace unless we are
 * root. */
static void
contain(void)
{
	bool root = geteuid() == 0;
	g_autofree char *uid_map = g_strdup_printf("0 %u 1", (unsigned)geteuid());
	g_autofree char *gid_map = g_strdup_printf("0 %u 1", (unsigned)getegid());

	enter("");
	if (unshare(CLONE_NEWNS | CLONE_NEWCGROUP | (root ? 0 : CLONE_NEWUSER)) < 0)
		g_error("unshare: %s", g_strerror(errno));
	if (!root && (!fd_write_file_at(AT_FDCWD, "/proc/self/setgroups", "deny") ||
	              !fd_write_file_at(AT_FDCWD, "/proc/self/uid_map", uid_map) ||
	              !fd_write_file_at(AT_FDCWD, "/proc/self/gid_map", gid_map)))
		g_error("maps: %s", g_strerror(errno));
	g_assert_cmpint(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), ==, 0);
	/* the kernel refuses one file system twice on one directory, and what a namespace above has mounted stays */
	g_assert_cmpint(mount("none", MOUNT, "tmpfs", 0, NULL), ==, 0);
	if (mount("none", MOUNT, "cgroup2", 0, NULL) < 0)
		g_error("mount cgroup2: %s", g_strerror(errno));
	g_free(top);
	top = g_strdup(MOUNT);
}

/* `work` in a child and a fresh tree, of which nothing is left. */
static void
in_tree(gconstpointer data)
{
	static unsigned count;
	g_autofree char *name = g_strdup_printf("place-%u", ++count);
	g_autofree char *command = NULL;
	void (*work)(void) = (void (*)(void))data;
	int status = 0;
	pid_t pid;

	top = g_build_filename(g_getenv("SBX_VM_CGROUP"), name, NULL);
	make_group("");
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		work();
		fflush(NULL);
		_exit(0);
	}
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	if (status) {
		g_test_message("the child ended with wait status %#x; what it said stands above", (unsigned)status);
		g_test_fail();
	}
	g_assert_cmpint(chmod(top, 0755), ==, 0);
	group_write("", "cgroup.kill", "1");
	command = g_strdup_printf("for i in $(seq 100); do find %s -depth -type d -exec rmdir {} + 2>/dev/null; "
	                          "[ -e %s ] || exit 0; sleep 0.1; done; exit 1",
	                          top, top);
	g_assert_cmpint(system(command), ==, 0);
	g_clear_pointer(&top, g_free);
}

/* --- places ------------------------------------------------------------------------------------------------------ */

/* What the tree decides for these keys; the trail as lines "BRANCH PATH" and "BRANCH PATH: REASON". */
struct found {
	struct place place;
	GError *error;
	char *trail;
};

static void
found_clear(struct found *found)
{
	place_clear(&found->place);
	g_clear_error(&found->error);
	g_free(found->trail);
}
typedef struct found found_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(found_t, found_clear)

static char *
trail_text(const GPtrArray *trail)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < trail->len; i++) {
		const struct report_place *place = g_ptr_array_index(trail, i);

		g_string_append_printf(text, "%s%s %s%s%s", i ? "\n" : "", place->branch, place->path ? place->path : "-",
		                       place->reason ? ": " : "", place->reason ? place->reason : "");
	}
	return g_string_free(text, FALSE);
}

static void
look(const char *parent, const char *self, const char *const *controllers, struct found *ret)
{
	g_autoptr(GPtrArray) trail = report_places_new();
	g_autoptr(sbx_spec) spec = live_spec_bare(SPEC("cgroup.parent", parent, "cgroup.self", self));

	*ret = (struct found){ .place = { .fd = -1 } };
	(void)place_find(spec, controllers, controllers ? memory_keys : NULL, trail, &ret->place, &ret->error);
	ret->trail = trail_text(trail);
	g_test_message("%s; %s | %s", ret->trail, ret->error ? ret->error->message : "found",
	               ret->error ? error_hint(ret->error) : "");
}

/* A place, and a group of it with a limit and a process works. */
static void
works(const char *parent, const char *self, const char *path, const char *trail)
{
	g_auto(found_t) found;
	g_autoptr(cgroup_t) cgroup = NULL;
	g_autofree char *applied = NULL;
	g_autoptr(GError) error = NULL;
	struct clone_args args = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD };
	int status = -1;
	long pid;

	look(parent, self, memory, &found);
	g_assert_no_error(found.error);
	g_assert_cmpstr(found.place.path, ==, path);
	if (trail)
		g_assert_cmpstr(found.trail, ==, trail);
	g_assert_null(found.place.through);
	(void)cgroup_new(found.place.fd, found.place.path, &cgroup, &error);
	g_assert_no_error(error);
	(void)cgroup_set(cgroup, "memory.max", "33554432", &applied, &error);
	g_assert_no_error(error);
	args.cgroup = (uint64_t)cgroup->fd;
	pid = syscall(SYS_clone3, &args, sizeof args);
	if (pid == 0)
		_exit(7);
	if (pid < 0)
		g_error("clone3 into %s: %s", cgroup->path, g_strerror(errno));
	g_assert_cmpint(waitpid((pid_t)pid, &status, 0), ==, pid);
	g_assert_cmpint(status, ==, 7 << 8);
	(void)cgroup_remove(cgroup, 5000, &error);
	g_assert_no_error(error);
}

static void
works_in(const char *parent, const char *self, const char *name)
{
	g_autofree char *path = in_top(name);

	works(parent, self, path, NULL);
}

/* No place: this errno, key and words. */
static void
refused(const char *parent, const char *self, int code, const char *key, const char *text, const char *hint)
{
	g_auto(found_t) found;

	look(parent, self, memory, &found);
	g_assert_error(found.error, SBX_ERROR, code);
	g_assert_cmpint(error_stage(found.error), ==, STAGE_CGROUP);
	g_assert_cmpstr(error_key(found.error), ==, key);
	live_contains(found.error->message, text);
	live_contains(error_hint(found.error), hint);
	/* the branch that failed last has said why */
	live_contains(found.trail, found.error->message);
}

/* --- subtree ----------------------------------------------------------------------------------------------------- */

static void
subtree(void)
{
	g_autofree char *trail = g_strdup_printf("subtree %s", top);
	g_autofree char *enabled = NULL;

	make_group("a");
	enter("a");
	works("auto", "never", top, trail);
	enabled = group_read("", "cgroup.subtree_control");
	g_assert_cmpstr(enabled, ==, "memory");
}

/* Nothing is wanted: the nearest where limits and numbers could be had, and nothing is changed. */
static void
subtree_unasked(void)
{
	g_auto(found_t) found;
	g_autofree char *enabled = NULL;

	make_group("a");
	enter("a");
	look("auto", "leaf", NULL, &found);
	g_assert_no_error(found.error);
	g_assert_cmpstr(found.place.path, ==, g_getenv("SBX_VM_CGROUP"));
	enabled = group_read("", "cgroup.subtree_control");
	g_assert_cmpstr(enabled, ==, "");
	g_assert_false(has_group("a/sbx-host"));
}

static void
drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 } };

	g_assert_cmpint(syscall(SYS_capset, &header, data), ==, 0);
}

/* No group has the controller, and the one that could pass it on is no place itself. */
static void
pass_down(void)
{
	g_autofree char *enabled = NULL;

	contain();
	make_group("b");
	make_group("b/c");
	enter("b/c");
	g_assert_cmpint(chmod(top, 0555), ==, 0);
	drop_capabilities();
	works("auto", "never", MOUNT "/b", "subtree " MOUNT "/b");
	enabled = group_read("", "cgroup.subtree_control");
	g_assert_cmpstr(enabled, ==, "memory");
}

/* Nothing is changed on the way to where it would not work after all. */
static void
pass_down_busy(void)
{
	g_autofree char *enabled = NULL;

	contain();
	make_group("b");
	enter("b");
	g_assert_cmpint(chmod(top, 0555), ==, 0);
	drop_capabilities();
	refused("auto", "never", ENOTSUP, "memory.max", "the memory controller is not passed on to " MOUNT "/b",
	        "write +memory into cgroup.subtree_control of the group above it");
	enabled = group_read("", "cgroup.subtree_control");
	g_assert_cmpstr(enabled, ==, "");
	group_write("", "cgroup.subtree_control", "+memory");
	/* now the hint is another one */
	refused("auto", "never", EBUSY, "memory.max", "no internal processes", "cgroup.self=leaf");
	works("auto", "leaf", MOUNT "/b", NULL);
}

/* Not above what was given to us, be it writable. */
static void
below(void)
{
	g_autofree char *unit = in_top("unit");
	g_autofree char *runner = in_top("unit/runner");
	const char *relative = unit + strlen(MOUNT "/");
	g_autofree char *path = NULL;
	g_autoptr(GError) error = NULL;
	autofd fd = -1;

	make_group("unit");
	make_group("unit/runner");
	enter("unit/runner");
	group_write("", "cgroup.subtree_control", "+memory");
	(void)delegate_find_below(relative, memory, memory_keys, &fd, &path, &error);
	g_assert_no_error(error);
	g_assert_cmpstr(path, ==, unit);
	group_write("unit", "cgroup.subtree_control", "-memory");
	enter("unit");
	g_clear_pointer(&path, g_free);
	fd_close(&fd);
	g_assert_false(delegate_find_below(relative, memory, memory_keys, &fd, &path, &error));
	g_assert_error(error, SBX_ERROR, EBUSY);
	g_clear_error(&error);
	/* and it would have been */
	(void)delegate_find_below("", memory, memory_keys, &fd, &path, &error);
	g_assert_no_error(error);
	g_assert_cmpstr(path, ==, top);
}

/* --- leaf -------------------------------------------------------------------------------------------------------- */

static pid_t
sleeper(void)
{
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	g_assert_cmpint(pid, >, 0);
	return pid;
}

static void *
thread(void *data)
{
	for (;;)
		pause();
	return data;
}

static void
busy(void)
{
	contain();
	refused("auto", "never", EBUSY, "memory.max",
	        MOUNT " has processes of its own, so it cannot enable memory for its children", "cgroup.self=leaf");
	g_assert_false(has_group("sbx-host"));
	works("auto", "leaf", MOUNT,
	      "subtree " MOUNT ": " MOUNT " has processes of its own, so it cannot enable memory for its children (the "
	      "kernel's \"no internal processes\" rule)\nleaf " MOUNT);
	/* from now on it is a plain subtree */
	works("auto", "never", MOUNT, "subtree " MOUNT);
}

/* What the hint of a named group says: by hand. */
static void
busy_given(void)
{
	g_autofree char *pids = NULL;

	contain();
	(void)sleeper();
	refused(MOUNT, "never", EBUSY, "memory.max", "no internal processes", "mkdir " MOUNT "/host");
	make_group("host");
	pids = group_read("", "cgroup.procs");
	for (char *pid = strtok(pids, "\n"); pid; pid = strtok(NULL, "\n"))
		group_write("host", "cgroup.procs", pid);
	works(MOUNT, "never", MOUNT, "given " MOUNT);
}

static void
leaf_all(void)
{
	pthread_t other;

	contain();
	(void)sleeper();
	(void)sleeper();
	g_assert_cmpint(pthread_create(&other, NULL, thread, NULL), ==, 0);
	works("auto", "leaf", MOUNT, NULL);
	g_assert_cmpuint(group_count("", "cgroup.procs"), ==, 0);
	g_assert_cmpuint(group_count("sbx-host", "cgroup.procs"), ==, 3);
	g_assert_cmpuint(group_count("sbx-host", "cgroup.threads"), ==, 4);
	/* somebody comes in later: once more, and into the same leaf */
	group_write("", "cgroup.subtree_control", "-memory");
	enter("");
	refused("auto", "never", EBUSY, "memory.max", "no internal processes", "cgroup.self=leaf");
	works("auto", "leaf", MOUNT, NULL);
	g_assert_cmpuint(group_count("sbx-host", "cgroup.procs"), ==, 3);
}

/* Processes that fork all the time are moved too; where they are too many, nobody is. */
static void
leaf_forks(void)
{
	g_auto(found_t) found;

	contain();
	for (int i = 0; i < 4; i++) {
		pid_t pid = fork();

		for (; pid == 0; g_usleep(500)) {
			pid_t child = fork();

			if (child == 0)
				_exit(0);
			(void)waitpid(child, NULL, 0);
		}
	}
	look("auto", "leaf", memory, &found);
	g_assert_no_error(found.error);
	g_assert_cmpuint(group_count("", "cgroup.procs"), ==, 0);
}

static void
leaf_hoppers(void)
{
	g_auto(found_t) found;
	g_autofree char *own = NULL;

	contain();
	for (int i = 0; i < 8; i++)
		if (fork() == 0)
			for (;;)
				if (fork() > 0)
					_exit(0);
	look("auto", "leaf", memory, &found);
	if (!found.error) {
		g_assert_cmpuint(group_count("", "cgroup.procs"), ==, 0);
		return;
	}
	g_assert_error(found.error, SBX_ERROR, EAGAIN);
	live_contains(found.error->message, "multiply faster than they can be moved");
	/* this one is back where it was, whatever those that outrun everybody do */
	own = fd_read_file_at(AT_FDCWD, "/proc/self/cgroup");
	g_assert_cmpstr(own, ==, "0::/\n");
}

static void *
leaf_once(void *data)
{
	g_auto(found_t) found;

	(void)data;
	look("auto", "leaf", memory, &found);
	g_assert_no_error(found.error);
	g_assert_cmpstr(found.place.path, ==, MOUNT);
	return NULL;
}

static void
leaf_together(void)
{
	pid_t pids[4];
	pthread_t threads[4];

	contain();
	for (size_t i = 0; i < G_N_ELEMENTS(pids); i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			leaf_once(NULL);
			_exit(0);
		}
	}
	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		g_assert_cmpint(pthread_create(&threads[i], NULL, leaf_once, NULL), ==, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		g_assert_cmpint(pthread_join(threads[i], NULL), ==, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(pids); i++) {
		int status = -1;

		g_assert_cmpint(waitpid(pids[i], &status, 0), ==, pids[i]);
		g_assert_cmpint(status, ==, 0);
	}
	g_assert_cmpuint(group_count("", "cgroup.procs"), ==, 0);
}

/* A process that has no number here can't be moved: then all others are moved back. */
static void
leaf_undone(void)
{
	int ready[2], moved[2], status = -1;
	pid_t pid;

	contain();
	g_assert_cmpint(pipe(ready) + pipe(moved), ==, 0);
	g_assert_cmpint(unshare(CLONE_NEWPID), ==, 0);
	pid = fork();
	if (pid == 0) {
		char byte = 0;

		(void)sleeper();
		refused("auto", "leaf", EBUSY, "cgroup.self",
		        "holds processes of another pid namespace (1), which can't be moved from here",
		        "move them from outside");
		/* this one, its child, and the one outside */
		g_assert_cmpuint(group_count("", "cgroup.procs"), ==, 3);
		g_assert_false(has_group("sbx-host"));
		g_assert_cmpint(write(ready[1], &byte, 1), ==, 1);
		g_assert_cmpint(read(moved[0], &byte, 1), ==, 1);
		works("auto", "leaf", MOUNT, NULL);
		fflush(NULL);
		_exit(0);
	}
	close(ready[1]); /* else a child that has failed would be waited for */
	g_assert_cmpint(read(ready[0], &status, 1), ==, 1);
	make_group("out");
	enter("out");
	g_assert_cmpint(write(moved[1], &status, 1), ==, 1);
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_cmpint(status, ==, 0);
}

/* --- types ------------------------------------------------------------------------------------------------------- */

static void
threaded(void)
{
	g_autofree char *thread_group = in_top("t");
	g_autofree char *invalid = in_top("t/i");
	g_autofree char *wanted = g_strdup_printf("remove the threaded groups below %s", top);

	make_group("t");
	make_group("t/i");
	group_write("t", "cgroup.type", "threaded");
	refused(thread_group, "never", ENOTSUP, "cgroup.parent", "is of cgroup type \"threaded\"",
	        "stays so until it is removed and made anew");
	refused(invalid, "never", ENOTSUP, "cgroup.parent", "is of cgroup type \"domain invalid\"",
	        "outside of the threaded subtree");
	refused(top, "never", ENOTSUP, "cgroup.parent", "is of cgroup type \"domain threaded\"", wanted);
	/* from inside we walk out of it */
	g_assert_cmpint(rmdir(invalid), ==, 0);
	enter("t");
	works("auto", "never", g_getenv("SBX_VM_CGROUP"), NULL);
	group_write("..", "runner/cgroup.procs", "0");
	g_assert_cmpint(rmdir(thread_group), ==, 0);
	works_in(top, "never", "");
	make_group("t");
	works_in(thread_group, "never", "t");
}

/* Threaded by its own controllers: the kernel allows cpu and pids above processes, at this price. */
static void
threaded_by_control(void)
{
	g_autofree char *wanted = g_strdup("the controllers from its cgroup.subtree_control");

	group_write("..", "cgroup.subtree_control", "+pids");
	contain();
	group_write("", "cgroup.subtree_control", "+pids");
	refused("auto", "leaf", ENOTSUP, "cgroup.parent", "is of cgroup type \"domain threaded\"", wanted);
	group_write("", "cgroup.subtree_control", "-pids");
	works("auto", "leaf", MOUNT, NULL);
}

/* --- limits of the tree ------------------------------------------------------------------------------------------ */

static void
create_fails(const char *parent, const char *message, const char *hint)
{
	g_autoptr(sbx_spec) spec = live_spec_bare(SPEC("cgroup.parent", parent, "memory.max", "64M"));
	sbx_error *error = NULL;
	sbx_box *box = NULL;

	g_assert_cmpint(sbx_box_create(spec, &box, &error), ==, -EAGAIN);
	g_assert_cmpstr(sbx_error_message(error), ==, message);
	g_assert_cmpstr(sbx_error_hint(error), ==, hint);
	sbx_error_free(error);
}

static void
create_works(const char *parent)
{
	g_autoptr(live_t) live = live_run(SPEC("cgroup.parent", parent, "memory.max", "64M"), "echo works");

	live_says(live, "works\n");
}

static void
depth(void)
{
	g_autofree char *place = in_top("a");
	g_autofree char *message =
		g_strdup_printf("no group can be made in %s: it would be at depth 2 below %s, whose cgroup.max.depth is 1",
	                    place, top);
	g_autofree char *hint =
		g_strdup_printf("raise it: echo 2 >%s/cgroup.max.depth, or remove groups that nobody needs", top);

	make_group("a");
	create_works(place);
	group_write("", "cgroup.max.depth", "1");
	create_fails(place, message, hint);
	group_write("", "cgroup.max.depth", "2");
	create_works(place);
}

static void
descendants(void)
{
	g_autofree char *place = in_top("a");
	g_autofree char *message = g_strdup_printf("no group can be made in %s: %s has 2 groups below it, and its "
	                                           "cgroup.max.descendants is 2",
	                                           place, top);
	g_autofree char *hint =
		g_strdup_printf("raise it: echo 3 >%s/cgroup.max.descendants, or remove groups that nobody needs", top);

	make_group("a");
	make_group("b");
	group_write("", "cgroup.max.descendants", "2");
	create_fails(place, message, hint);
	group_write("", "cgroup.max.descendants", "3");
	create_works(place);
	/* the other repair */
	group_write("", "cgroup.max.descendants", "2");
	g_free(place);
	place = in_top("b");
	g_assert_cmpint(rmdir(place), ==, 0);
	g_free(place);
	place = in_top("a");
	create_works(place);
}

/* The leaf can't be made, and that limit stands where it can't be raised from inside. */
static void
descendants_contained(void)
{
	g_autofree char *path = g_build_filename(top, "cgroup.max.descendants", NULL);
	autofd outside = open(path, O_WRONLY | O_CLOEXEC);
	autofd inside = -1;

	g_assert_cmpint(write(outside, "0", 1), ==, 1);
	contain();
	refused("auto", "leaf", EAGAIN, "cgroup.parent",
	        "no group can be made in " MOUNT ": " MOUNT " has 0 groups below it, and its cgroup.max.descendants is 0",
	        "raise it from outside of this container");
	inside = open(MOUNT "/cgroup.max.descendants", O_WRONLY | O_CLOEXEC);
	g_assert_cmpint(write(inside, "9", 1), ==, -1);
	g_assert_cmpint(errno, ==, EPERM);
	g_assert_cmpint(write(outside, "9", 1), ==, 1);
	works("auto", "leaf", MOUNT, NULL);
}

/* --- mounts ------------------------------------------------------------------------------------------------------ */

static void
read_only(void)
{
	contain();
	g_assert_cmpint(mount(NULL, MOUNT, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), ==, 0);
	refused("auto", "leaf", EROFS, "cgroup.parent", "cgroup2 is mounted read-only here", "mount -o remount,bind,rw");
	refused(MOUNT, "never", EROFS, "cgroup.parent", "cgroup2 is mounted read-only here", "mount -o remount,bind,rw");
	g_assert_cmpint(system("mount -o remount,bind,rw " MOUNT), ==, 0);
	works("auto", "leaf", MOUNT, NULL);
}

/* A new cgroup namespace with the mount of the old one: our group is not in it. */
static void
outside(void)
{
	g_auto(found_t) found;

	contain();
	make_group("in");
	enter("in");
	g_assert_cmpint(unshare(CLONE_NEWCGROUP), ==, 0);
	look("auto", "never", NULL, &found);
	g_assert_error(found.error, SBX_ERROR, ENOENT);
	live_contains(found.error->message, "the host's own cgroup lies outside of the cgroup v2 mount " MOUNT);
	live_contains(error_hint(found.error), "mount cgroup2 once more, on another directory: mount -t cgroup2 none DIR");
	g_assert_cmpint(system("mkdir -p /tmp/again && mount -t cgroup2 none /tmp/again"), ==, 0);
	found_clear(&found);
	look("auto", "never", NULL, &found);
	g_assert_no_error(found.error);
	g_assert_cmpstr(found.place.path, ==, "/tmp/again");
}

static void
no_mount(void)
{
	g_auto(found_t) found;

	contain();
	g_assert_cmpint(mount("none", MOUNT, "tmpfs", 0, NULL), ==, 0);
	look("auto", "never", memory, &found);
	g_assert_error(found.error, SBX_ERROR, ENOENT);
	g_assert_cmpstr(found.error->message, ==, "no cgroup v2 mount on this host");
	g_assert_cmpstr(error_hint(found.error), ==,
	                "mount -t cgroup2 none " MOUNT "; in a box: cgroup.delegate=yes of that box");
	g_assert_cmpint(mkdir("/tmp/v1", 0755), ==, 0);
	/* a hierarchy of v1: the machine's root only may mount one */
	if (mount("none", "/tmp/v1", "cgroup", 0, "none,name=sbx-test") == 0) {
		found_clear(&found);
		look("auto", "never", memory, &found);
		g_assert_cmpstr(found.error->message, ==, "no cgroup v2 mount on this host, only cgroup v1 (/tmp/v1)");
		live_contains(error_hint(found.error), "systemd.unified_cgroup_hierarchy=1");
		g_assert_cmpint(umount("/tmp/v1"), ==, 0);
	}
	g_assert_cmpint(rmdir("/tmp/v1"), ==, 0);
	g_assert_cmpint(system("mount -t cgroup2 none " MOUNT), ==, 0);
	works("auto", "leaf", MOUNT, NULL);
}

/* --- given ------------------------------------------------------------------------------------------------------- */

static void
given(void)
{
	g_autofree char *path = in_top("g");
	g_autofree char *trail = g_strdup_printf("given %s", path);
	g_autofree char *hint = g_strdup_printf("mkdir %s", path);

	refused(path, "never", ENOENT, "cgroup.parent", "No such file or directory", hint);
	make_group("g");
	works(path, "never", path, trail);
}

/* Best-effort limits are tried for first, and then not: each branch stands in the report once. */
static void
trail_once(void)
{
	g_autofree char *path = in_top("g");
	g_autoptr(live_t) live = NULL;
	const char *at;
	unsigned count = 0;

	make_group("g");
	live = live_run(SPEC("cgroup.parent", path, "memory.max", "64M", "?nosuch.max", "1"), "echo works");
	live_says(live, "works\n");
	g_test_message("%s", live->json);
	for (at = live->json; (at = strstr(at, "\"branch\"")); at++)
		count++;
	g_assert_cmpuint(count, ==, 2);
	live_contains(live->json, "nosuch");
	g_clear_pointer(&live, live_free);
	live =
		live_run(SPEC("cgroup.parent", "/sys/fs/cgroup/nosuch", "memory.max", "64M", "?pids.max", "9"), "echo works");
	live_failed(live, "cgroup", ENOENT, "nosuch");
	count = 0;
	for (at = live->json; (at = strstr(at, "\"branch\"")); at++)
		count++;
	g_assert_cmpuint(count, <=, 1);
}

/* A box that nothing is wanted of does not move its host. */
static void
self_untouched(void)
{
	g_autoptr(live_t) live = NULL;
	g_autofree char *own = NULL;

	contain();
	live = live_run(SPEC("cgroup.self", "leaf"), "echo works");
	live_says(live, "works\n");
	own = fd_read_file_at(AT_FDCWD, "/proc/self/cgroup");
	g_assert_cmpstr(own, ==, "0::/\n");
	g_clear_pointer(&live, live_free);
	live = live_run(SPEC("memory.max", "64M"), "echo works");
	live_failed(live, "cgroup", EBUSY, "no internal processes");
	live_contains(live->hint, "cgroup.self=leaf");
	g_clear_pointer(&live, live_free);
	live = live_run(SPEC("memory.max", "64M", "cgroup.self", "leaf"), "echo works");
	live_says(live, "works\n");
	g_free(own);
	own = fd_read_file_at(AT_FDCWD, "/proc/self/cgroup");
	g_assert_cmpstr(own, ==, "0::/sbx-host\n");
}

static void
assert_enabled(const char *name, const char *expected)
{
	g_autofree char *enabled = group_read(name, "cgroup.subtree_control");

	g_assert_cmpstr(enabled, ==, expected);
}

/* A box that lives is given a limit of a controller that nobody wanted when it was made. */
static void
test_update(void)
{
	g_autofree char *parent = in_top("g");
	sbx_spec *spec = NULL;
	sbx_box *box = NULL;
	sbx_error *error = NULL;
	char *json;
	sbx_report report = { .size = sizeof report };

	make_group("g");
	g_assert_cmpint(sbx_spec_new(&spec, "default", NULL), ==, 0);
	g_assert_cmpint(sbx_spec_set(spec, "memory.max", "64M", NULL), ==, 0);
	g_assert_cmpint(sbx_spec_set(spec, "cgroup.parent", parent, NULL), ==, 0);
	if (sbx_box_create(spec, &box, &error) < 0)
		g_error("%s", sbx_error_message(error));
	assert_enabled("g", "memory");
	if (sbx_box_update(box, "pids.max", "10", &error) < 0)
		g_error("%s (%s)", sbx_error_message(error), sbx_error_hint(error));
	assert_enabled("g", "memory pids");
	g_assert_cmpint(sbx_box_report(box, &report, NULL), ==, 0);
	json = sbx_report_json(&report);
	live_contains(json, "\"pids.max\"");
	free(json);
	/* the control: what no controller has is still refused */
	g_assert_cmpint(sbx_box_update(box, "pids.no_such_file", "10", &error), <, 0);
	sbx_error_free(error);
	sbx_box_free(box);
	sbx_spec_free(spec);
}

static const struct {
	const char *name;
	void (*work)(void);
} cases[] = {
	{ "update", test_update },
	{ "subtree", subtree },
	{ "subtree/unasked", subtree_unasked },
	{ "pass-down", pass_down },
	{ "pass-down/busy", pass_down_busy },
	{ "below", below },
	{ "busy", busy },
	{ "busy/given", busy_given },
	{ "leaf/all", leaf_all },
	{ "leaf/forks", leaf_forks },
	{ "leaf/hoppers", leaf_hoppers },
	{ "leaf/together", leaf_together },
	{ "leaf/undone", leaf_undone },
	{ "leaf/untouched", self_untouched },
	{ "threaded", threaded },
	{ "threaded/by-control", threaded_by_control },
	{ "full/depth", depth },
	{ "full/descendants", descendants },
	{ "full/contained", descendants_contained },
	{ "mount/read-only", read_only },
	{ "mount/outside", outside },
	{ "mount/none", no_mount },
	{ "given", given },
	{ "trail", trail_once },
};

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	if (!g_getenv("SBX_VM_CGROUP")) {
		puts("1..0 # SKIP needs the test VM: tests/vm/run -- tests/live/test-place");
		return g_strcmp0(g_getenv("SBX_MUST_WORK"), "1") == 0;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *path = g_strdup_printf("/place/%s", cases[i].name);

		g_test_add_data_func(path, (gconstpointer)cases[i].work, in_tree);
	}
	return g_test_run();
}
