/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Policies found: the two that were compiled while we were built, and those in files. */
#include "seccomp-load.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/stat.h>

#include "error.h"
#include "fd.h"
#include "seccomp-builtin.h" /* made while we build, by seccomp-gen */
#include "seccomp-compile.h"

#define ACCEPTED "default, strict, none, or the path of a policy file, see sbx-seccomp(7)"

G_STATIC_ASSERT(G_N_ELEMENTS(default_filter) <= BPF_MAXINSNS);
G_STATIC_ASSERT(G_N_ELEMENTS(strict_filter) <= BPF_MAXINSNS);

const struct seccomp_program *
seccomp_builtin(const char *name)
{
	if (strcmp(name, "default") == 0)
		return &default_program;
	return strcmp(name, "strict") == 0 ? &strict_program : NULL;
}

const char *
seccomp_builtin_text(const char *name)
{
	if (strcmp(name, "default") == 0)
		return default_text;
	return strcmp(name, "strict") == 0 ? strict_text : NULL;
}

static struct seccomp_object *
object_new(const struct seccomp_program *program)
{
	size_t size = program->len * sizeof *program->filter;
	struct seccomp_object *object = g_atomic_rc_box_alloc0(sizeof *object + size);

	object->program = *program;
	memcpy(object->filter, program->filter, size);
	object->program.filter = object->filter;
	return object;
}

struct seccomp_object *
seccomp_object_ref(struct seccomp_object *object)
{
	return object ? g_atomic_rc_box_acquire(object) : NULL;
}

void
seccomp_object_unref(struct seccomp_object *object)
{
	if (object)
		g_atomic_rc_box_release(object);
}

struct seccomp_object *
seccomp_load_given(const struct sock_filter *filter, size_t len, GError **error)
{
	struct seccomp_program program = { .filter = filter, .len = (unsigned short)len, .given = true };

	if (!seccomp_check(filter, len, error))
		return NULL;
	for (size_t i = 0; i < len; i++) {
		uint32_t action = filter[i].k & SECCOMP_RET_ACTION_FULL;
		bool returns = filter[i].code == (BPF_RET | BPF_K), computed = filter[i].code == (BPF_RET | BPF_A);

		program.kills |= computed || (returns && action == SECCOMP_RET_KILL_PROCESS);
		program.logs |= computed || (returns && action == SECCOMP_RET_LOG);
	}
	return object_new(&program);
}

/* --- files ------------------------------------------------------------------------------------------------------- */

static char *
file_read(const char *path, GError **error)
{
	/* A FIFO would wait for a writer, a device might do anything: look first, open then, and look at what was
	 * opened. */
	g_autofree char *text = NULL;
	struct stat status;
	size_t length;
	autofd fd = -1;

	if (stat(path, &status) < 0) {
		throw_errno(error, STAGE_SPEC, "seccomp", "open %s", path);
		return NULL;
	}
	if (S_ISREG(status.st_mode) && (fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)) < 0) {
		throw_errno(error, STAGE_SPEC, "seccomp", "open %s", path);
		return NULL;
	}
	if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)) {
		throw_error(error, EINVAL, STAGE_SPEC, "seccomp", "%s is not a regular file", path);
		return NULL;
	}
	text = fd_read_all(fd, &length);
	if (!text) {
		throw_errno(error, STAGE_SPEC, "seccomp", "read %s", path);
		return NULL;
	}
	if (strlen(text) != length) {
		throw_error(error, EINVAL, STAGE_SPEC, "seccomp", "%s: a NUL byte at offset %zu", path, strlen(text));
		return NULL;
	}
	return g_steal_pointer(&text);
}

static bool
allows_something(const struct seccomp_policy *policy)
{
	bool allows = policy->rest == SECCOMP_RET_ALLOW || policy->rest == SECCOMP_RET_LOG;

	for (guint i = 0; i < policy->rules->len && !allows; i++) {
		uint32_t action = g_array_index(policy->rules, struct seccomp_rule, i).action;

		allows = action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG;
	}
	return allows;
}

static struct seccomp_object *
file_load(const char *path, GError **error)
{
	g_autofree char *text = file_read(path, error);
	g_autoptr(seccomp_policy_t) policy = NULL;
	g_autofree struct sock_filter *filter = NULL;
	struct seccomp_program program;

	if (!text)
		return NULL;
	policy = seccomp_policy_parse(path, text, seccomp_builtin_text, error);
	if (!policy)
		return NULL;
	if (!allows_something(policy)) {
		throw_error(error, EINVAL, STAGE_SPEC, "seccomp", "%s: allows no call", path);
		throw_hint(error, "begin with \"include default\", or name what the program needs");
		return NULL;
	}
	filter = seccomp_compile(policy, &program, error);
	return filter ? object_new(&program) : NULL;
}

bool
seccomp_find(const char *value, struct seccomp_object **ret, GError **error)
{
	struct seccomp_object *object;

	if (seccomp_builtin(value) || strcmp(value, "none") == 0) {
		*ret = NULL;
		return true;
	}
	if (!strchr(value, '/') && access(value, F_OK) != 0)
		return throw_error(error, EINVAL, STAGE_SPEC, "seccomp",
		                   "seccomp: \"%.80s\" is neither a policy nor a file; accepted: " ACCEPTED, value);
	object = file_load(value, error);
	if (!object)
		return false;
	*ret = object;
	return true;
}
