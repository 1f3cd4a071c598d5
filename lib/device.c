/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * The device program: loaded, shared, and put on a cgroup.
 *
 * Theory of operation. One program stands on the box's own cgroup before the first task enters it. It is attached with
 * BPF_PROG_ATTACH and BPF_F_ALLOW_MULTI, so that those of the groups above still count, and changed with BPF_F_REPLACE:
 * one program leaves and the other comes in one step. It is not a bpf_link, since a link lives as long as somebody
 * holds its fd: the host's goes with the host's other fds when the host is killed, while the payload lives until init
 * has noticed; and init's would go before init's children do. What is attached this way lives as long as the cgroup,
 * and the payload lives no longer than that. It keeps no fd in the host busy, either.
 *
 * Boxes with equal rules share one loaded program: the verifier takes longer than everything else here. The shared ones
 * stand in a table without a lock. A slot's `refs` is its state: 0 nobody's, BUSY being filled or emptied, else the
 * number of users; whoever has counted itself in may read the rest. So a fork in another thread's worst moment costs
 * the child one slot and no deadlock. Programs of another process are never used, even where their fds were inherited:
 * a child may have closed all it knew nothing of. With the last box the last program goes; nothing is kept for a box
 * that may never come.
 */
#include "device.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "error.h"
#include "fd.h"

#define KEY "device"
#define SHARED_MAX 16
#define BUSY (-1)
#define LOAD_TRIES 5

struct device_program {
	int refs; /* atomic */
	pid_t owner;
	int fd;
	uint32_t id; /* the kernel's name of it: an fd can be closed and reused behind our back */
	void *rules;
	size_t size; /* in bytes */
};

static struct device_program shared[SHARED_MAX];

static int
bpf(int command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof *attr);
}

/* --- errors --- */

bool
device_is_refusal(const GError *error)
{
	return error->domain == SBX_ERROR && (error->code == EPERM || error->code == EACCES || error->code == ENOSYS);
}

/* A kernel without CONFIG_CGROUP_BPF answers EINVAL to everything, as it would to a bad program. */
static bool
kernel_has_no_filter(void)
{
	union bpf_attr attr = { .query = { .target_fd = UINT32_MAX, .attach_type = BPF_CGROUP_DEVICE } };

	return bpf(BPF_PROG_QUERY, &attr) < 0 && errno == EINVAL;
}

static bool
throw_bpf(GError **error, int code, const char *what, const char *path)
{
	if (code == EINVAL && kernel_has_no_filter())
		code = ENOSYS;
	errno = code;
	throw_errno(error, STAGE_CGROUP, KEY, "%s%s%s", what, path ? " " : "", path ? path : "");
	if (code == EPERM || code == EACCES)
		return throw_hint(error,
		                  "a device filter takes root, or CAP_BPF and CAP_NET_ADMIN, outside of any user namespace; "
		                  "?device runs without one");
	if (code == ENOSYS)
		return throw_hint(error, "this kernel has no device filter: it needs CONFIG_CGROUP_BPF");
	return false;
}

/* --- load --- */

static int
load(const GArray *rules)
{
	static const char license[] = "LGPL-2.1-or-later"; /* it calls nothing, so any will do */
	g_autoptr(GArray) program = device_rules_emit(rules);
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
		.insn_cnt = program->len,
		.insns = (uintptr_t)program->data,
		.license = (uintptr_t)license,
		.prog_name = "sbx_device",
	};
	int fd = -1;

	/* the verifier gives up when a signal is pending */
	for (int i = 0; i < LOAD_TRIES && fd < 0; i++)
		if ((fd = bpf(BPF_PROG_LOAD, &attr)) < 0 && errno != EAGAIN && errno != EINTR)
			break;
	return fd;
}

static bool
fill(struct device_program *program, const GArray *rules, GError **error)
{
	struct bpf_prog_info info = { 0 };
	union bpf_attr attr = { .info = { .info_len = sizeof info, .info = (uintptr_t)&info } };
	autofd fd = load(rules);

	if (fd < 0)
		return throw_bpf(error, errno, "load the device program", NULL);
	attr.info.bpf_fd = (uint32_t)fd;
	if (bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) < 0)
		return throw_bpf(error, errno, "look at the device program", NULL);
	program->owner = getpid();
	program->id = info.id;
	program->size = rules->len * sizeof(struct device_rule);
	program->rules = g_memdup2(rules->data, program->size);
	program->fd = fd_steal(&fd);
	return true;
}

/* --- share --- */

/* One more user, if there is one already. */
static bool
enter(struct device_program *program)
{
	for (;;) {
		int refs = g_atomic_int_get(&program->refs);

		if (refs <= 0)
			return false;
		if (g_atomic_int_compare_and_exchange(&program->refs, refs, refs + 1))
			return true;
	}
}

static bool
fits(const struct device_program *program, const GArray *rules)
{
	return program->owner == getpid() && program->size == rules->len * sizeof(struct device_rule) &&
	       memcmp(program->rules, rules->data, program->size) == 0;
}

static bool
is_shared(const struct device_program *program)
{
	return program >= shared && program < shared + SHARED_MAX;
}

bool
device_program_get(const GArray *rules, struct device_program **ret_program, GError **error)
{
	struct device_program *program = NULL;

	for (int i = 0; i < SHARED_MAX; i++) {
		if (!enter(&shared[i]))
			continue;
		if (fits(&shared[i], rules)) {
			*ret_program = &shared[i];
			return true;
		}
		device_program_put(&shared[i]);
	}
	for (int i = 0; i < SHARED_MAX && !program; i++)
		if (g_atomic_int_compare_and_exchange(&shared[i].refs, 0, BUSY))
			program = &shared[i];
	if (!program)
		program = g_new0(struct device_program, 1);
	if (!fill(program, rules, error)) {
		if (is_shared(program))
			g_atomic_int_set(&program->refs, 0);
		else
			g_free(program);
		return false;
	}
	g_atomic_int_set(&program->refs, 1);
	*ret_program = program;
	return true;
}

void
device_program_put(struct device_program *program)
{
	int refs;

	if (!program)
		return;
	do
		refs = g_atomic_int_get(&program->refs);
	while (!g_atomic_int_compare_and_exchange(&program->refs, refs, refs > 1 ? refs - 1 : BUSY));
	if (refs > 1)
		return;
	fd_close(&program->fd);
	g_clear_pointer(&program->rules, g_free);
	if (is_shared(program))
		g_atomic_int_set(&program->refs, 0);
	else
		g_free(program);
}

/* --- put on a cgroup --- */

/* How many programs are on this very group, and one of them; -1 and errno. */
static int
query(int cgroup_fd, uint32_t *ret_id)
{
	uint32_t ids[2] = { 0 };
	union bpf_attr attr = { .query = { .target_fd = (uint32_t)cgroup_fd,
		                               .attach_type = BPF_CGROUP_DEVICE,
		                               .prog_ids = (uintptr_t)ids,
		                               .prog_cnt = G_N_ELEMENTS(ids) } };

	/* ENOSPC: there are more than that, and their number is told */
	if (bpf(BPF_PROG_QUERY, &attr) < 0 && errno != ENOSPC)
		return -1;
	*ret_id = ids[0];
	return (int)attr.query.prog_cnt;
}

bool
device_attach(int cgroup_fd, const char *path, const struct device_program *program, const struct device_program *old,
              GError **error)
{
	union bpf_attr attr = { .target_fd = (uint32_t)cgroup_fd,
		                    .attach_bpf_fd = (uint32_t)program->fd,
		                    .attach_type = BPF_CGROUP_DEVICE,
		                    .attach_flags = BPF_F_ALLOW_MULTI };
	uint32_t id = 0;
	int n;

	if (old) {
		attr.attach_flags |= BPF_F_REPLACE;
		attr.replace_bpf_fd = (uint32_t)old->fd;
	}
	if (old != program && bpf(BPF_PROG_ATTACH, &attr) < 0)
		return throw_bpf(error, errno, "attach the device program to", path);
	n = query(cgroup_fd, &id);
	if (n < 0)
		return throw_bpf(error, errno, "query the device program of", path);
	if (n == 1 && id == program->id)
		return true;
	/* somebody else's is there: an update that fails has changed nothing */
	if (old && old != program) {
		attr.attach_bpf_fd = (uint32_t)old->fd;
		attr.replace_bpf_fd = (uint32_t)program->fd;
		bpf(BPF_PROG_ATTACH, &attr);
	}
	return throw_error(error, EBUSY, STAGE_CGROUP, KEY,
	                   "%s has %d device programs, the first with id %u; expected one, id %u", path, n, id,
	                   program->id);
}

bool
device_is_attached(int cgroup_fd)
{
	uint32_t id;

	return query(cgroup_fd, &id) > 0;
}
