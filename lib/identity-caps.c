/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * The capabilities that a payload keeps and those that init needs.
 *
 * Theory of operation. Init decides that the box ends with its owner, so nothing may stop it, freeze it or run in its
 * place; who only ends it ends the box, as the payload may anyway. In a pid namespace of its own no signal from inside
 * reaches it, and it is not dumpable, which the kernel lets nobody pass but the holder of CAP_SYS_PTRACE over its
 * memory. Where a payload keeps that one, init's image cannot be read, and then its memory belongs to the user
 * namespace around the box (image.h). What is left are the capabilities in `reaching`: refused, each where it reaches.
 * The others act on the payload's own processes, or on what the box's namespaces hold, or (where a user namespace lies
 * around the box) on nothing at all; sbx-profile(5) has the list. CAP_SYS_NICE can make init slow, and CAP_SYS_RESOURCE
 * (or the same user without it) can lower its limits, which ends the box at worst.
 */
#include "identity-caps.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host.h"
#include "plan.h"

#define CAP_BIT(cap) (1ull << (cap))

/* What makes init's world smaller than its powers. */
enum place {
	ANYWHERE = 1,
	HOST_PIDS = 2,   /* share=pid: init is a process among others */
	HOST_POWERS = 4, /* share=user: the kernel asks the host's own user namespace, and finds the capability */
	OWN_CGROUP = 8,  /* the caller's id is mapped: the box's control group belongs to the payload */
	OTHERS_MAP = 16, /* who is not the host's root writes init's maps, and can't while init is closed */
};

static const struct {
	unsigned cap;
	unsigned where;
	const char *why;
} reaching[] = {
	{ CAP_SYS_PTRACE, HOST_POWERS | OTHERS_MAP, "take over the box's init" },
	/* value_cap() says so before, without a spec */
	{ CAP_SYS_BOOT, ANYWHERE, "kill the box's init, which is all that it can do in a box" },
	{ CAP_KILL, HOST_PIDS, "stop the box's init by a signal" },
	{ CAP_SETUID, HOST_PIDS, "become the user of the box's init and stop it by a signal" },
	{ CAP_SYS_RESOURCE, HOST_PIDS, "have the box's init killed by a limit" },
	{ CAP_SYS_ADMIN, HOST_POWERS | OWN_CGROUP, "mount the control groups and freeze the box's init" },
	{ CAP_SYS_MODULE, HOST_POWERS, "change the kernel" },
	{ CAP_SYS_RAWIO, HOST_POWERS, "write to the kernel's memory" },
	{ CAP_PERFMON, HOST_POWERS, "look into every process, init's among them" }, /* Linux 6.13: mm_access() */
};

static unsigned
place_of(const sbx_spec *spec, const struct identity *identity)
{
	unsigned share = spec_share(spec), place = ANYWHERE;
	uint32_t own = geteuid();

	if (share & SHARE_PID)
		place |= HOST_PIDS;
	if (!identity->user_ns)
		place |= HOST_POWERS;
	if (identity->host_maps && !(own == 0 && host_is_initial_user_ns()))
		place |= OTHERS_MAP;
	for (guint i = 0; i < identity->map.uid->len; i++) {
		const struct value_map *line = &g_array_index(identity->map.uid, struct value_map, i);

		if (own >= line->outside && own - line->outside < line->count)
			place |= OWN_CGROUP;
	}
	return place;
}

static const char *
place_text(unsigned where)
{
	return where & HOST_PIDS     ? " with share=pid"
	       : where & HOST_POWERS ? " with share=user"
	       : where & OWN_CGROUP  ? " where the payload is the caller outside"
	       : where & OTHERS_MAP  ? " with id maps that init can't write itself"
	                             : "";
}

static bool
refuse_reaching(const struct identity *identity, unsigned place, GError **error)
{
	for (gsize i = 0; i < G_N_ELEMENTS(reaching); i++) {
		g_autofree char *name = NULL;
		unsigned where = reaching[i].where & place;

		if (!where || !(identity->caps & CAP_BIT(reaching[i].cap)))
			continue;
		name = value_cap_name(reaching[i].cap);
		throw_error(error, EPERM, STAGE_IDENTITY, "cap", "%s is refused%s: with it the payload could %s", name,
		            place_text(where), reaching[i].why);
		if (where & (HOST_PIDS | HOST_POWERS))
			throw_hint(error, "leave %s out of share", where & HOST_PIDS ? "pid" : "user");
		else if (where & OWN_CGROUP)
			throw_hint(error, "give uid-map lines that map other ids, within /etc/subuid");
		else if (where & OTHERS_MAP)
			throw_hint(error, "leave out uid-map and gid-map");
		return false;
	}
	return true;
}

/* A new user namespace gives them all; without one nobody has more than the caller. */
static bool
refuse_missing(const struct identity *identity, GError **error)
{
	uint64_t wanted =
		identity->caps | CAP_BIT(CAP_SETUID) | CAP_BIT(CAP_SETGID) | CAP_BIT(CAP_SETPCAP) | CAP_BIT(CAP_KILL);

	for (unsigned cap = 0; cap < 64; cap++) {
		bool kept = identity->caps & CAP_BIT(cap);
		g_autofree char *name = NULL;

		if (!(wanted & CAP_BIT(cap)))
			continue;
		name = value_cap_name(cap);
		if (cap > host_last_cap())
			return throw_error(error, ENOTSUP, STAGE_IDENTITY, "cap", "this kernel has no %s", name);
		if (identity->user_ns || host_has_cap(cap))
			continue;
		throw_error(error, EPERM, STAGE_IDENTITY, kept ? "cap" : "share", "this process has no %s to give to the %s",
		            name, kept ? "payload" : "box's init");
		return throw_hint(error, "leave user out of share, or keep %s in this process's bounding set", name);
	}
	return true;
}

bool
identity_caps_decide(const sbx_spec *spec, struct identity *identity, GError **error)
{
	for (guint i = 0; i < spec->entries->len; i++) {
		uint64_t mask;

		if (g_str_equal(spec_at(spec, i)->name, "cap") && value_cap(spec_at(spec, i)->value, &mask))
			identity->caps |= mask;
	}
	return refuse_reaching(identity, place_of(spec, identity), error) && refuse_missing(identity, error);
}

/* --- steps --- */

static void
plan_capset(struct plan *plan, uint64_t held, uint64_t inheritable)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = {
		{ (uint32_t)held, (uint32_t)held, (uint32_t)inheritable },
		{ (uint32_t)(held >> 32), (uint32_t)(held >> 32), (uint32_t)(inheritable >> 32) },
	};

	plan_call(plan, SYS_capset, 0, plan_data(plan, &header, sizeof header), plan_data(plan, data, sizeof data));
}

/* What init needs to make payloads and to signal them. Resource limits and niceness matter only without a user
 * namespace. */
static uint64_t
builder_caps(const struct identity *identity)
{
	uint64_t caps =
		CAP_BIT(CAP_SETUID) | CAP_BIT(CAP_SETGID) | CAP_BIT(CAP_SETPCAP) | CAP_BIT(CAP_KILL) | identity->caps;

	for (unsigned cap = 0; !identity->user_ns && cap <= CAP_SYS_RESOURCE; cap++)
		if ((cap == CAP_SYS_RESOURCE || cap == CAP_SYS_NICE) && host_has_cap(cap))
			caps |= CAP_BIT(cap);
	return caps;
}

void
identity_caps_plan_box(struct plan *plan)
{
	const struct identity *identity = &plan->identity;

	plan_for(plan, STAGE_IDENTITY, NULL, "bounding set");
	for (unsigned cap = 0; cap <= host_last_cap(); cap++)
		if (!(identity->caps & CAP_BIT(cap)))
			plan_call(plan, SYS_prctl, 0, PR_CAPBSET_DROP, cap, 0, 0, 0);
	plan_for(plan, STAGE_IDENTITY, NULL, "init keeps what payloads need");
	plan_call(plan, SYS_prctl, 0, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	plan_capset(plan, builder_caps(identity), 0);
}

void
identity_caps_plan_command(struct plan *plan, const struct identity *identity)
{
	if (identity->caps) {
		plan_for(plan, STAGE_IDENTITY, NULL, "kept capabilities");
		plan_capset(plan, identity->caps | CAP_BIT(CAP_SETPCAP), identity->caps);
		for (unsigned cap = 0; cap < 64; cap++)
			if (identity->caps & CAP_BIT(cap))
				plan_call(plan, SYS_prctl, 0, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0);
	}
	plan_for(plan, STAGE_IDENTITY, NULL, "drop capabilities");
	plan_call(plan, SYS_prctl, 0, PR_SET_SECUREBITS, SECUREBITS_FINAL, 0, 0, 0);
	plan_capset(plan, identity->caps, identity->caps);
}
