/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * Id maps of a user namespace: checked, written from outside, and read back.
 *
 * Theory of operation: whoever has CAP_SETUID here writes the maps, and a plain user the one own id. Everything else is
 * written by the setuid programs newuidmap and newgidmap. What they answer is not believed, because the application may
 * have taken their exit status from us: what counts is what /proc/PID/uid_map holds afterwards.
 */
#include "idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "error.h"
#include "fd.h"
#include "host.h"
#include "idmap-helper.h"

/* What differs between users and groups. */
struct idmap_kind {
	const char *key, *file, *helper, *subid;
	unsigned cap;
};

static const struct idmap_kind kind_uid = { "uid-map", "uid_map", "newuidmap", "/etc/subuid", CAP_SETUID };
static const struct idmap_kind kind_gid = { "gid-map", "gid_map", "newgidmap", "/etc/subgid", CAP_SETGID };

static inline const struct value_map *
idmap_at(const GArray *map, guint i)
{
	return &g_array_index(map, struct value_map, i);
}

/* --- check and text ----------------------------------------------------------------------------------------------- */

static bool
idmap_overlap(uint32_t a, uint32_t a_count, uint32_t b, uint32_t b_count)
{
	return a < (uint64_t)b + b_count && b < (uint64_t)a + a_count;
}

static bool
idmap_check_line(const GArray *map, guint i, const char *key, GError **error)
{
	const struct value_map *line = idmap_at(map, i);

	if (line->count == 0)
		return throw_error(error, EINVAL, STAGE_IDENTITY, key, "%s: %u:%u:0 maps no id", key, line->inside,
		                   line->outside);
	if (line->count > UINT32_MAX - line->inside || line->count > UINT32_MAX - line->outside)
		return throw_error(error, EINVAL, STAGE_IDENTITY, key, "%s: %u:%u:%u goes beyond 4294967294, the highest id",
		                   key, line->inside, line->outside, line->count);
	for (guint j = 0; j < i; j++) {
		const struct value_map *other = idmap_at(map, j);
		bool inside = idmap_overlap(line->inside, line->count, other->inside, other->count);

		if (inside || idmap_overlap(line->outside, line->count, other->outside, other->count))
			return throw_error(error, EINVAL, STAGE_IDENTITY, key, "%s: %u:%u:%u and %u:%u:%u overlap %s", key,
			                   other->inside, other->outside, other->count, line->inside, line->outside, line->count,
			                   inside ? "inside" : "outside");
	}
	return true;
}

bool
idmap_check(const GArray *map, const char *key, GError **error)
{
	g_autofree char *text = NULL;

	if (!map || map->len == 0)
		return throw_error(error, EINVAL, STAGE_IDENTITY, key, "%s: the map is empty", key);
	if (map->len > IDMAP_LINES_MAX)
		return throw_error(error, EINVAL, STAGE_IDENTITY, key, "%s: %u lines, and the kernel takes %d", key, map->len,
		                   IDMAP_LINES_MAX);
	for (guint i = 0; i < map->len; i++)
		if (!idmap_check_line(map, i, key, error))
			return false;
	text = idmap_text(map);
	if (strlen(text) >= (size_t)sysconf(_SC_PAGESIZE))
		return throw_error(error, EINVAL, STAGE_IDENTITY, key,
		                   "%s: %u lines make %zu bytes, and the kernel takes less than %ld", key, map->len,
		                   strlen(text), sysconf(_SC_PAGESIZE));
	return true;
}

char *
idmap_text(const GArray *map)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < map->len; i++)
		g_string_append_printf(text, "%u %u %u\n", idmap_at(map, i)->inside, idmap_at(map, i)->outside,
		                       idmap_at(map, i)->count);
	return g_string_free(text, FALSE);
}

/* For a message: on one line, and not all of 340. */
static char *
idmap_brief(const char *text)
{
	g_autofree char *line = g_strchomp(g_strdelimit(g_strdup(text), "\n", ','));
	size_t len = strlen(line);

	while (len && line[len - 1] == ',')
		line[--len] = '\0';
	return len > 100 ? g_strdup_printf("%.100s…", line) : g_steal_pointer(&line);
}

/* --- write and read back ------------------------------------------------------------------------------------------ */

static int
idmap_compare(gconstpointer a, gconstpointer b)
{
	const struct value_map *left = a, *right = b;

	return left->inside < right->inside ? -1 : left->inside > right->inside;
}

/* The kernel pads with blanks, and sorts from six lines on. */
static bool
idmap_equal(const GArray *map, const char *text)
{
	g_autoptr(GArray) asked = g_array_new(FALSE, FALSE, sizeof(struct value_map));
	g_autoptr(GArray) held = g_array_new(FALSE, FALSE, sizeof(struct value_map));
	struct value_map line;
	int len;

	for (; sscanf(text, "%u %u %u%n", &line.inside, &line.outside, &line.count, &len) == 3; text += len)
		g_array_append_val(held, line);
	if (text[strspn(text, " \n")] || held->len != map->len)
		return false;
	g_array_append_vals(asked, map->data, map->len);
	g_array_sort(asked, idmap_compare);
	g_array_sort(held, idmap_compare);
	return memcmp(asked->data, held->data, asked->len * sizeof(struct value_map)) == 0;
}

static bool
idmap_verify(int procfd, pid_t pid, const struct idmap_kind *kind, const GArray *map, const char *answer,
             GError **error)
{
	g_autofree char *held = fd_read_file_at(procfd, kind->file), *brief = NULL, *asked = NULL, *asked_brief = NULL;

	if (!held)
		return throw_errno(error, STAGE_IDENTITY, kind->key, "read back /proc/%d/%s", pid, kind->file);
	if (idmap_equal(map, held))
		return true;
	if (answer && *answer) {
		throw_error(error, EPERM, STAGE_IDENTITY, kind->key, "%s failed: %s", kind->helper, answer);
		if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
			throw_hint(error, "no_new_privs is set for this process, so %s, which is setuid, cannot work",
			           kind->helper);
		return false;
	}
	asked = idmap_text(map);
	asked_brief = idmap_brief(asked);
	brief = idmap_brief(held);
	return throw_error(error, EPERM, STAGE_IDENTITY, kind->key, "/proc/%d/%s holds \"%s\" where \"%s\" was asked", pid,
	                   kind->file, brief, asked_brief);
}

static bool
idmap_write_direct(int procfd, pid_t pid, const struct idmap_kind *kind, const GArray *map, GError **error)
{
	g_autofree char *text = idmap_text(map), *brief = idmap_brief(text);

	if (fd_write_file_at(procfd, kind->file, text))
		return true;
	throw_errno(error, STAGE_IDENTITY, kind->key, "write \"%s\" to /proc/%d/%s", brief, pid, kind->file);
	if (!host_has_cap(kind->cap))
		return throw_hint(error, "a plain user can map the one own id, with setgroups denied");
	return throw_hint(error,
	                  "the ids outside must be mapped in this user namespace; to map id 0 CAP_SETFCAP is needed");
}

/* By what grant? The helper would say "not allowed"; the administrator wants to know which line is missing. */
static bool
idmap_check_grant(const struct idmap_kind *kind, const GArray *map, uint32_t own, GError **error)
{
	g_autofree char *text = fd_read_file_at(AT_FDCWD, kind->subid);
	char buffer[4096];
	struct passwd entry, *user = NULL;
	uid_t uid = getuid();
	g_autofree char *name = NULL;

	if (!text && errno != ENOENT)
		return throw_errno(error, STAGE_IDENTITY, kind->key, "read %s", kind->subid);
	if (getpwuid_r(uid, &entry, buffer, sizeof buffer, &user) == 0 && user)
		name = g_strdup(user->pw_name);
	for (guint i = 0; i < map->len; i++) {
		const struct value_map *line = idmap_at(map, i);

		if (line->count == 1 && line->outside == own)
			continue;
		if (text && idmap_subid_covers(text, name, uid, line))
			continue;
		throw_error(error, EPERM, STAGE_IDENTITY, kind->key, "%s does not grant the ids %u to %u to uid %u",
		            kind->subid, line->outside, line->outside + line->count - 1, uid);
		if (!name)
			return throw_hint(error, "add \"%u:%u:%u\" to %s", uid, line->outside, line->count, kind->subid);
		return throw_hint(error, "add \"%s:%u:%u\" to %s", name, line->outside, line->count, kind->subid);
	}
	return true;
}

static bool
idmap_write_helper(pid_t pid, const struct idmap_kind *kind, const GArray *map, char **ret_answer, GError **error)
{
	g_autofree char *path = idmap_helper_find(kind->helper);
	g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);

	if (!path) {
		throw_error(error, ENOENT, STAGE_IDENTITY, kind->key, "there is no %s, which maps other ids for a plain user",
		            kind->helper);
		return throw_hint(error, "install uidmap (newuidmap, newgidmap)");
	}
	g_ptr_array_add(argv, g_strdup(path));
	g_ptr_array_add(argv, g_strdup_printf("%d", pid));
	for (guint i = 0; i < map->len; i++) {
		g_ptr_array_add(argv, g_strdup_printf("%u", idmap_at(map, i)->inside));
		g_ptr_array_add(argv, g_strdup_printf("%u", idmap_at(map, i)->outside));
		g_ptr_array_add(argv, g_strdup_printf("%u", idmap_at(map, i)->count));
	}
	g_ptr_array_add(argv, NULL);
	*ret_answer = idmap_helper_run((char *const *)argv->pdata);
	if (!*ret_answer)
		return throw_errno(error, STAGE_IDENTITY, kind->key, "run %s", path);
	return true;
}

static bool
idmap_write_kind(int procfd, pid_t pid, const struct idmap_kind *kind, const GArray *map, uint32_t own, GError **error)
{
	g_autofree char *answer = NULL;
	bool one_own = map->len == 1 && idmap_at(map, 0)->count == 1 && idmap_at(map, 0)->outside == own;

	if (one_own || host_has_cap(kind->cap)) {
		if (!idmap_write_direct(procfd, pid, kind, map, error))
			return false;
	} else if (!idmap_check_grant(kind, map, own, error) || !idmap_write_helper(pid, kind, map, &answer, error)) {
		return false;
	}
	return idmap_verify(procfd, pid, kind, map, answer, error);
}

bool
idmap_write(pid_t pid, int pidfd, const struct idmap *map, GError **error)
{
	g_autofree char *proc = g_strdup_printf("/proc/%d", pid);
	autofd procfd = -1;

	if (!idmap_check(map->uid, kind_uid.key, error) || !idmap_check(map->gid, kind_gid.key, error))
		return false;
	procfd = open(proc, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (procfd < 0)
		return throw_errno(error, STAGE_IDENTITY, NULL, "open %s", proc);
	/* a host that ignores SIGCHLD reaps nobody: a child that died may have left its number to a stranger */
	if (syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0) < 0)
		return throw_errno(error, STAGE_IDENTITY, NULL, "signal 0 to process %d", pid);
	if (map->deny_setgroups && !fd_write_file_at(procfd, "setgroups", "deny"))
		return throw_errno(error, STAGE_IDENTITY, kind_gid.key, "write \"deny\" to %s/setgroups", proc);
	/* The uid map last: whoever sees it, sees the rest in place. */
	return idmap_write_kind(procfd, pid, &kind_gid, map->gid, getegid(), error) &&
	       idmap_write_kind(procfd, pid, &kind_uid, map->uid, geteuid(), error);
}
