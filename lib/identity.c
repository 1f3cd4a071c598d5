/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Who the payload is: ids inside and outside, groups, and the steps that make it so. */
#include "identity.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host.h"
#include "identity-caps.h"
#include "plan.h"

#define NOBODY 65534u
#define INIT_USER 65533u

/* --- decide --- */

static GArray *
map_from_spec(const sbx_spec *spec, const char *key)
{
	GArray *map = g_array_new(false, false, sizeof(struct value_map));

	for (guint i = 0; i < spec->entries->len; i++) {
		struct value_map line;

		if (g_str_equal(spec_at(spec, i)->name, key) && value_map(spec_at(spec, i)->value, &line))
			g_array_append_val(map, line);
	}
	return map;
}

static const struct value_map *
map_line_of(const GArray *map, uint32_t inside)
{
	for (guint i = 0; i < map->len; i++) {
		const struct value_map *line = &g_array_index(map, struct value_map, i);

		if (inside >= line->inside && inside - line->inside < line->count)
			return line;
	}
	return NULL;
}

/* The outside id of a single-line map: the own one for who may map no other, else an unprivileged one. */
static uint32_t
outside_id(uint32_t inside, uint32_t own, bool may_map)
{
	if (!may_map)
		return own;
	return inside == 0 ? NOBODY : inside;
}

static bool
complete_map(GArray *map, const char *key, uint32_t inside, uint32_t own, bool may_map, GError **error)
{
	struct value_map single = { inside, outside_id(inside, own, may_map), 1 };

	if (map->len == 0)
		g_array_append_val(map, single);
	if (!idmap_check(map, key, error))
		return false;
	if (!map_line_of(map, inside))
		return throw_error(error, EINVAL, STAGE_IDENTITY, key, "%s does not map %u, the payload's own id inside", key,
		                   inside);
	for (guint i = 0; (may_map || host_is_initial_user_ns()) && i < map->len; i++)
		if (g_array_index(map, struct value_map, i).outside == 0) {
			throw_error(error, EPERM, STAGE_IDENTITY, key, "%s would give the payload the host's id 0", key);
			return throw_hint(error, "real host root is share=user with user=0");
		}
	return true;
}

static bool
is_own_line(const GArray *map, uint32_t own)
{
	const struct value_map *line = &g_array_index(map, struct value_map, 0);

	return map->len == 1 && line->count == 1 && line->outside == own;
}

/* Who the payload is inside when nothing is said: itself for a plain user, nobody for root. */
static void
default_user(const sbx_spec *spec, const struct identity *identity, struct value_user *user)
{
	const struct spec_entry *asked = spec_entry(spec, "user");
	bool root = geteuid() == 0;

	if (asked && value_user(asked->value, user))
		return;
	user->uid = root ? NOBODY : geteuid();
	user->gid = root ? NOBODY : getegid();
	if (identity->map.uid->len)
		user->uid = g_array_index(identity->map.uid, struct value_map, 0).inside;
	if (identity->map.gid->len)
		user->gid = g_array_index(identity->map.gid, struct value_map, 0).inside;
}

/* Init, as seen inside: root where that is mapped and not the payload's, else another mapped id with a line of its
 * own. */
static uint32_t
builder_id(const struct identity *identity)
{
	if (map_line_of(identity->map.uid, 0) && identity->user.uid != 0)
		return 0;
	for (guint i = 0; identity->user.uid == 0 && i < identity->map.uid->len; i++) {
		uint32_t id = g_array_index(identity->map.uid, struct value_map, i).inside;

		if (id != 0 && identity->map.uid->len == 2)
			return id;
	}
	return identity->user.uid;
}

/*
 * In a pid namespace of its own init cannot be signalled by the payload. In the host's it can be stopped by a process
 * of the same user, and then nobody would see the owner die: it gets a user of its own.
 */
static void
add_builder_line(struct identity *identity)
{
	struct value_map line = { identity->user.uid == 0 ? 1 : 0, INIT_USER, 1 };

	if (identity->map.uid->len == 1 && !map_line_of(identity->map.uid, line.inside)) {
		line.outside -= g_array_index(identity->map.uid, struct value_map, 0).outside == INIT_USER;
		g_array_append_val(identity->map.uid, line);
	}
}

static bool
decide_groups(const sbx_spec *spec, struct identity *identity, GError **error)
{
	identity->groups = g_array_new(false, false, sizeof(uint32_t));
	g_array_append_val(identity->groups, identity->user.gid);
	for (guint i = 0; i < spec->entries->len; i++) {
		g_autoptr(GArray) more = NULL;

		if (!g_str_equal(spec_at(spec, i)->name, "groups") || !value_ids(spec_at(spec, i)->value, &more))
			continue;
		for (guint j = 0; j < more->len; j++) {
			uint32_t gid = g_array_index(more, uint32_t, j);

			if (identity->user_ns && !map_line_of(identity->map.gid, gid))
				return throw_error(error, EINVAL, STAGE_IDENTITY, "groups", "gid-map does not map the group %u", gid);
			g_array_append_val(identity->groups, gid);
		}
	}
	if (!identity->map.deny_setgroups)
		return true;
	/* user_namespaces(7): who writes the own single line gives up setgroups(2) */
	if (identity->groups->len > 1) {
		throw_error(error, EPERM, STAGE_IDENTITY, "groups", "a plain user can't set supplementary groups");
		return throw_hint(error, "give gid-map lines within /etc/subgid");
	}
	g_clear_pointer(&identity->groups, g_array_unref);
	return true;
}

static bool
refuse_same_user(const struct identity *identity, GError **error)
{
	throw_error(error, EPERM, STAGE_IDENTITY, "share",
	            "share=pid: init would run as user %u, as the payload does, which could stop it", identity->user.uid);
	return throw_hint(error, identity->user_ns
	                             ? "give uid-map lines with a second id, within /etc/subuid for a plain user"
	                             : "give another user, or leave user out of share");
}

static bool
decide_host_ids(const sbx_spec *spec, struct identity *ret, GError **error)
{
	if (ret->map.uid->len || ret->map.gid->len)
		return throw_error(error, EINVAL, STAGE_IDENTITY, ret->map.uid->len ? "uid-map" : "gid-map",
		                   "an id map needs a user namespace of the box's own: share has user");
	if (!host_is_privileged()) {
		throw_error(error, EPERM, STAGE_IDENTITY, "share",
		            "share=user: only root can make a box without a user namespace");
		return throw_hint(error, "leave user out of share");
	}
	default_user(spec, ret, &ret->user);
	ret->builder = (struct value_user){ 0, 0 };
	if (spec_share(spec) & SHARE_PID && ret->user.uid == 0)
		return refuse_same_user(ret, error);
	return identity_caps_decide(spec, ret, error) && decide_groups(spec, ret, error);
}

bool
identity_decide(const sbx_spec *spec, struct identity *ret, GError **error)
{
	/* also root of a container with a range of ids; not root of a user namespace with one */
	bool may_map =
		host_has_cap(CAP_SETUID) && host_has_cap(CAP_SETGID) && host_has_id(false, NOBODY) && host_has_id(true, NOBODY);
	uint32_t uid = geteuid(), gid = getegid();

	ret->map.uid = map_from_spec(spec, "uid-map");
	ret->map.gid = map_from_spec(spec, "gid-map");
	ret->user_ns = !(spec_share(spec) & SHARE_USER);
	if (!ret->user_ns)
		return decide_host_ids(spec, ret, error);
	default_user(spec, ret, &ret->user);
	if (!complete_map(ret->map.uid, "uid-map", ret->user.uid, uid, may_map, error) ||
	    !complete_map(ret->map.gid, "gid-map", ret->user.gid, gid, may_map, error))
		return false;
	if (spec_share(spec) & SHARE_PID && may_map)
		add_builder_line(ret);
	ret->host_maps = may_map || !is_own_line(ret->map.uid, uid) || !is_own_line(ret->map.gid, gid);
	ret->map.deny_setgroups = !may_map && is_own_line(ret->map.gid, gid);
	ret->builder.uid = builder_id(ret);
	ret->builder.gid = map_line_of(ret->map.gid, 0) ? 0 : ret->user.gid;
	if (spec_share(spec) & SHARE_PID && ret->builder.uid == ret->user.uid)
		return refuse_same_user(ret, error);
	return identity_caps_decide(spec, ret, error) && decide_groups(spec, ret, error);
}

void
identity_clear(struct identity *identity)
{
	g_clear_pointer(&identity->map.uid, g_array_unref);
	g_clear_pointer(&identity->map.gid, g_array_unref);
	g_clear_pointer(&identity->groups, g_array_unref);
}

static uint32_t
id_outside(const GArray *map, uint32_t inside)
{
	const struct value_map *line = map_line_of(map, inside);

	return line->outside + (inside - line->inside);
}

void
identity_outside(const struct identity *identity, struct value_user *ret)
{
	*ret = identity->user;
	if (!identity->user_ns)
		return;
	ret->uid = id_outside(identity->map.uid, identity->user.uid);
	ret->gid = id_outside(identity->map.gid, identity->user.gid);
}

/* --- steps --- */

bool
identity_is_closed(const struct identity *identity)
{
	return identity->caps & (1ull << CAP_SYS_PTRACE);
}

/* The kernel takes a program that cannot be read for not dumpable: its files in /proc would be the host root's. */
void
identity_plan_start(struct plan *plan)
{
	if (!identity_is_closed(&plan->identity))
		return;
	plan_for(plan, STAGE_IDENTITY, NULL, "init's own files in /proc");
	plan_call(plan, SYS_prctl, 0, PR_SET_DUMPABLE, 1, 0, 0, 0);
}

void
identity_plan_maps(struct plan *plan)
{
	const struct identity *identity = &plan->identity;
	g_autofree char *uid = NULL;
	g_autofree char *gid = NULL;

	if (!identity->user_ns)
		return;
	if (identity->host_maps) {
		plan->wait_at = plan->steps->len;
		return;
	}
	uid = idmap_text(identity->map.uid);
	gid = idmap_text(identity->map.gid);
	plan_for(plan, STAGE_IDENTITY, NULL, "map the own user and group");
	plan_write_file(plan, "/proc/self/setgroups", "deny");
	plan_write_file(plan, "/proc/self/gid_map", gid);
	plan_write_file(plan, "/proc/self/uid_map", uid);
}

static void
plan_setgroups(struct plan *plan, const GArray *groups)
{
	if (groups)
		plan_call(plan, SYS_setgroups, 0, groups->len, plan_data(plan, groups->data, groups->len * sizeof(uint32_t)));
}

static void
plan_ids(struct plan *plan, const struct value_user *user)
{
	plan_call(plan, SYS_setresgid, 0, user->gid, user->gid, user->gid);
	plan_call(plan, SYS_setresuid, 0, user->uid, user->uid, user->uid);
}

void
identity_plan_box(struct plan *plan)
{
	const struct identity *identity = &plan->identity;

	plan_for(plan, STAGE_IDENTITY, NULL, "no privilege by exec");
	plan_call(plan, SYS_prctl, 0, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	plan_call(plan, SYS_prctl, 0, PR_SET_SECUREBITS, SECUREBITS, 0, 0, 0);
	plan_for(plan, STAGE_IDENTITY, NULL, "user %u:%u", identity->builder.uid, identity->builder.gid);
	plan_setgroups(plan, identity->groups);
	plan_ids(plan, &identity->builder);
	plan_call(plan, SYS_prctl, 0, PR_SET_DUMPABLE, 0, 0, 0, 0);
	plan_for(plan, STAGE_IDENTITY, NULL, "a session keyring of its own");
	plan_call(plan, SYS_keyctl, 0, KEYCTL_JOIN_SESSION_KEYRING, 0)->forgive = ENOSYS;
}

void
identity_plan_drop(struct plan *plan)
{
	identity_caps_plan_box(plan);
}

void
identity_plan_command(struct plan *plan, const struct identity *identity)
{
	plan_for(plan, STAGE_IDENTITY, NULL, "user %u:%u", identity->user.uid, identity->user.gid);
	plan_setgroups(plan, identity->groups);
	plan_ids(plan, &identity->user);
	/* it is still init's memory, and where fs.suid_dumpable is 1 a change of ids has opened it: proc(5) */
	plan_call(plan, SYS_prctl, 0, PR_SET_DUMPABLE, 0, 0, 0, 0);
	identity_caps_plan_command(plan, identity);
}
