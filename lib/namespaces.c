/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Which namespaces the box gets of its own, which it shares or joins, and what is set in them. */
#include "namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "fd.h"
#include "host.h"
#include "plan.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

static bool
has_offsets(const sbx_spec *spec)
{
	return spec_entry(spec, "time.monotonic") || spec_entry(spec, "time.boottime");
}

const struct spec_entry *
namespaces_delegate(const sbx_spec *spec)
{
	const struct spec_entry *entry = spec_entry(spec, "cgroup.delegate");
	bool yes = false;

	return entry && value_bool(entry->value, &yes) && yes ? entry : NULL;
}

/* A wish that contradicts another must not be dropped in silence. */
static bool
refuse_contradictions(const sbx_spec *spec, unsigned share, GError **error)
{
	if (share & SHARE_UTS && spec_entry(spec, "hostname"))
		return throw_error(error, EINVAL, STAGE_NAMESPACE, "hostname",
		                   "hostname would change the host's name: share has uts");
	if (share & SHARE_TIME && has_offsets(spec))
		return throw_error(error, EINVAL, STAGE_NAMESPACE, "time.monotonic",
		                   "time offsets need a time namespace of the box's own: share has time");
	if (!(share & SHARE_TIME) && has_offsets(spec) && !host_has_time_ns())
		return throw_error(error, ENOTSUP, STAGE_NAMESPACE, "time.monotonic", "this kernel has no time namespaces");
	if ((share & SHARE_CGROUP || spec->join[SPEC_NS_CGROUP] >= 0) && namespaces_delegate(spec)) {
		throw_error(error, EINVAL, STAGE_NAMESPACE, "cgroup.delegate",
		            "cgroup.delegate needs a cgroup namespace of the box's own: share has cgroup, or one is joined");
		return throw_hint(error, "leave out share=cgroup: the payload's part is the root of what it sees");
	}
	for (enum spec_ns ns = 0; ns < SPEC_NS_N; ns++)
		if (spec->join[ns] >= 0 && (ns == SPEC_NS_USER || ns == SPEC_NS_PID || ns == SPEC_NS_TIME))
			return throw_error(
				error, ENOTSUP, STAGE_NAMESPACE, spec_ns_name(ns),
				"joining a %s namespace is not supported by this version; accepted: net, ipc, uts, cgroup",
				spec_ns_name(ns));
	return true;
}

static bool
decide_net(const sbx_spec *spec, struct plan *plan, unsigned *share, GError **error)
{
	const char *net = spec_text(spec, "net");
	struct statfs fs;

	if (g_str_equal(net, "host"))
		*share |= SHARE_NET;
	if (net[0] != '/')
		return true;
	plan->join_net = open(net, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (plan->join_net < 0 || fstatfs(plan->join_net, &fs) < 0)
		return throw_errno(error, STAGE_NAMESPACE, "net", "open the network namespace %s", net);
	/* only of a namespace file is the ioctl's number this question */
	if (fs.f_type != NSFS_MAGIC || ioctl(plan->join_net, NS_GET_NSTYPE) != CLONE_NEWNET)
		return throw_error(error, EINVAL, STAGE_NAMESPACE, "net", "%s is not a network namespace", net);
	plan->join[SPEC_NS_NET] = plan->join_net;
	return true;
}

/* In the host's pid namespace init's end is not the end of the others: the cgroup has to end them. */
static bool
plan_kill_fd(struct plan *plan, int cgroup_fd, GError **error)
{
	int fd;

	if (cgroup_fd == PLAN_ANY_CGROUP)
		return true;
	if (cgroup_fd == PLAN_NO_CGROUP)
		return throw_error(error, ENOTSUP, STAGE_NAMESPACE, "share",
		                   "share=pid needs a cgroup of the box's own, or nothing could end all of its processes");
	fd = openat(cgroup_fd, "cgroup.kill", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return throw_errno(error, STAGE_CGROUP, "share", "open cgroup.kill");
	plan->kill_fd = plan_fd(plan, fd, true, "cgroup.kill");
	return true;
}

/* The way into the leaf, opened by the host: what it may write there, init need not. */
static bool
decide_delegate(const sbx_spec *spec, struct plan *plan, int cgroup_fd, GError **error)
{
	const struct spec_entry *entry = namespaces_delegate(spec);
	int fd = -1;

	if (!entry)
		return true;
	if (cgroup_fd >= 0)
		fd = openat(cgroup_fd, NAMESPACES_LEAF "/cgroup.procs", O_WRONLY | O_CLOEXEC);
	if (fd >= 0 || cgroup_fd == PLAN_ANY_CGROUP) {
		plan->delegate_slot = plan_fd(plan, fd, true, NAMESPACES_LEAF "/cgroup.procs");
		return true;
	}
	if (entry->best_effort) {
		plan_drop(plan, entry);
		return true;
	}
	return cgroup_fd >= 0 ? throw_errno(error, STAGE_CGROUP, entry->name, "open " NAMESPACES_LEAF "/cgroup.procs")
	                      : throw_error(error, ENOTSUP, STAGE_CGROUP, entry->name,
	                                    "cgroup.delegate needs a cgroup of the box's own");
}

bool
namespaces_decide(const sbx_spec *spec, struct plan *plan, int cgroup_fd, GError **error)
{
	static const struct {
		unsigned share;
		enum spec_ns ns;
		uint64_t flag;
	} kinds[] = {
		{ SHARE_PID, SPEC_NS_PID, CLONE_NEWPID },          { SHARE_IPC, SPEC_NS_IPC, CLONE_NEWIPC },
		{ SHARE_UTS, SPEC_NS_UTS, CLONE_NEWUTS },          { SHARE_NET, SPEC_NS_NET, CLONE_NEWNET },
		{ SHARE_CGROUP, SPEC_NS_CGROUP, CLONE_NEWCGROUP }, { SHARE_TIME, SPEC_NS_TIME, CLONE_NEWTIME },
	};
	unsigned share = spec_share(spec);

	if (!refuse_contradictions(spec, share, error))
		return false;
	memcpy(plan->join, spec->join, sizeof plan->join);
	if (!decide_net(spec, plan, &share, error))
		return false;
	plan->namespaces = CLONE_NEWNS | (plan->identity.user_ns ? CLONE_NEWUSER : 0);
	for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++)
		if (!(share & kinds[i].share) && plan->join[kinds[i].ns] < 0)
			plan->namespaces |= kinds[i].flag;
	if (!host_has_time_ns())
		plan->namespaces &= ~(uint64_t)CLONE_NEWTIME;
	return decide_delegate(spec, plan, cgroup_fd, error) &&
	       (plan->namespaces & CLONE_NEWPID || plan_kill_fd(plan, cgroup_fd, error));
}

bool
namespaces_own_net(const struct plan *plan)
{
	return plan->namespaces & CLONE_NEWNET;
}

static void
plan_offsets(struct plan *plan, const sbx_spec *spec)
{
	static const char *const clocks[] = { "monotonic", "boottime" };

	for (int i = 0; i < 2; i++) {
		g_autofree char *key = g_strconcat("time.", clocks[i], NULL);
		const struct spec_entry *entry = spec_entry(spec, key);
		g_autofree char *line = NULL;
		int64_t seconds;

		if (!entry || !value_offset(entry->value, &seconds))
			continue;
		line = g_strdup_printf("%s %" G_GINT64_FORMAT " 0\n", clocks[i], seconds);
		plan_for(plan, STAGE_NAMESPACE, entry, "clock offset %s", key);
		plan_write_file(plan, "/proc/self/timens_offsets", line);
	}
}

void
namespaces_plan_enter(struct plan *plan, const sbx_spec *spec)
{
	uint64_t late = plan->namespaces & (CLONE_NEWCGROUP | CLONE_NEWTIME);
	unsigned fd;

	if (!late)
		return;
	plan_for(plan, STAGE_NAMESPACE, NULL, "namespaces of its own");
	plan_call(plan, SYS_unshare, 0, late);
	if (plan->delegate_slot != WIRE_NEVER) {
		/* the group that is the namespace's root from now on can offer controllers only when no process is in it */
		plan_for(plan, STAGE_CGROUP, namespaces_delegate(spec), "move init to " NAMESPACES_LEAF);
		plan_call(plan, SYS_write, 1, plan->delegate_slot, plan_string(plan, "0"), 1)->flags |= WIRE_FULL;
	}
	if (!(late & CLONE_NEWTIME))
		return;
	plan_offsets(plan, spec);
	/* unshare() is for children only, and a payload that shares our memory until its exec could not move */
	plan_for(plan, STAGE_NAMESPACE, NULL, "time namespace");
	fd = plan_open(plan, SYS_openat, 0, PLAN_AT_CWD, plan_string(plan, "/proc/self/ns/time_for_children"),
	               O_RDONLY | O_CLOEXEC);
	plan_call(plan, SYS_setns, 1, fd, CLONE_NEWTIME);
	plan_call(plan, SYS_close, 1, fd);
}

static void
plan_loopback(struct plan *plan)
{
	struct ifreq request = { .ifr_flags = IFF_UP | IFF_RUNNING };
	unsigned fd;

	memcpy(request.ifr_name, "lo", 3);
	plan_for(plan, STAGE_NETWORK, NULL, "loopback up");
	fd = plan_open(plan, SYS_socket, 0, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	plan_call(plan, SYS_ioctl, 1, fd, SIOCSIFFLAGS, plan_data(plan, &request, sizeof request));
	plan_call(plan, SYS_close, 1, fd);
}

void
namespaces_plan_settings(struct plan *plan, const sbx_spec *spec)
{
	const struct spec_entry *hostname = spec_entry(spec, "hostname");

	if (hostname) {
		plan_for(plan, STAGE_NAMESPACE, hostname, "hostname %s", hostname->value);
		plan_call(plan, SYS_sethostname, 0, plan_string(plan, hostname->value), strlen(hostname->value));
	}
	if (namespaces_own_net(plan))
		plan_loopback(plan);
}
