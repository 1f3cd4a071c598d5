/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The plan: the order of everything on one screen, and the list that it goes into. */
#include "plan.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fd.h"
#include "files.h"
#include "filter.h"
#include "namespaces.h"
#include "process.h"

static void plan_close_all(struct plan *plan);

/* --- THE order --- */

bool
plan_box(const sbx_spec *spec, int cgroup_fd, struct plan **ret_plan, GError **error)
{
	g_autoptr(plan_t) plan = plan_new(WIRE_BOX_BASE);
	g_autoptr(files_t) files = NULL;

	plan->cgroup_fd = cgroup_fd;
	if (!identity_decide(spec, &plan->identity, error) || !namespaces_decide(spec, plan, cgroup_fd, error) ||
	    !files_new(spec, plan, &files, error))
		return false;

	/* as the host's user, in the host's files */
	identity_plan_start(plan);
	process_plan_inherited(plan);
	files_plan_sources(files);
	namespaces_plan_enter(plan, spec);
	/* from here as the box's user */
	identity_plan_maps(plan);
	identity_plan_box(plan);
	/* in the box's files */
	if (!files_plan_root(files, error))
		return false;
	namespaces_plan_settings(plan, spec);
	/* nothing below may need a privilege or a handle */
	identity_plan_drop(plan);
	plan_close_all(plan);
	*ret_plan = g_steal_pointer(&plan);
	return true;
}

bool
plan_command(const sbx_spec *spec, const struct identity *identity, const sbx_command *command, const int stdio[3],
             bool listen, struct plan **ret_plan, GError **error)
{
	g_autoptr(plan_t) plan = plan_new(WIRE_COMMAND_BASE);

	listen = listen && filter_can_listen(spec);
	if (!process_plan_fds(plan, command, stdio, listen, error))
		return false;
	process_plan_limits(plan, spec);
	identity_plan_command(plan, identity);
	if (!process_plan_cwd(plan, spec, command, error) || !filter_plan(plan, spec, listen, error) ||
	    !process_plan_exec(plan, spec, command, error))
		return false;
	*ret_plan = g_steal_pointer(&plan);
	return true;
}

/* --- the list --- */

static void
note_free(struct plan_note *note)
{
	g_free(note->key);
	g_free(note->value);
	g_free(note->what);
	g_free(note);
}

static void
plan_fd_clear(struct plan_fd *given)
{
	if (given->owned)
		fd_close(&given->fd);
	g_free(given->what);
}

struct plan *
plan_new(uint64_t base)
{
	struct plan *plan = g_new0(struct plan, 1);

	plan->base = base;
	plan->data = g_byte_array_sized_new(8192);
	plan->steps = g_array_sized_new(false, true, sizeof(struct wire_step), 256);
	plan->step_note = g_array_sized_new(false, false, sizeof(unsigned), 256);
	plan->notes = g_ptr_array_new_with_free_func((GDestroyNotify)note_free);
	plan->dropped = g_ptr_array_new_with_free_func((GDestroyNotify)note_free);
	plan->fds = g_array_new(false, false, sizeof(struct plan_fd));
	g_array_set_clear_func(plan->fds, (GDestroyNotify)plan_fd_clear);
	plan->n_slots = WIRE_FDS_MAX; /* those below are for given fds, which may come at any time */
	plan->wait_at = WIRE_NEVER;
	plan->kill_fd = plan->delegate_slot = WIRE_NEVER;
	for (int ns = 0; ns < SPEC_NS_N; ns++)
		plan->join[ns] = -1;
	plan->join_net = -1;
	return plan;
}

void
plan_free(struct plan *plan)
{
	if (!plan)
		return;
	g_byte_array_unref(plan->data);
	g_array_unref(plan->steps);
	g_array_unref(plan->step_note);
	g_ptr_array_unref(plan->notes);
	g_ptr_array_unref(plan->dropped);
	g_array_unref(plan->fds);
	fd_close(&plan->join_net);
	identity_clear(&plan->identity);
	g_free(plan);
}

void
plan_for(struct plan *plan, enum stage stage, const struct spec_entry *entry, const char *format, ...)
{
	struct plan_note *note = g_new0(struct plan_note, 1);
	va_list args;

	va_start(args, format);
	note->what = g_strdup_vprintf(format, args);
	va_end(args);
	note->stage = stage;
	note->key = g_strdup(entry ? entry->name : "");
	note->value = g_strdup(entry ? entry->value : "");
	/* without its root or its filter a payload is not what was asked for, however softly */
	note->soft = entry && entry->best_effort && entry->key->type != KEY_ROOT && entry->key->type != KEY_SECCOMP;
	g_ptr_array_add(plan->notes, note);
}

void
plan_drop(struct plan *plan, const struct spec_entry *entry)
{
	struct plan_note *note = g_new0(struct plan_note, 1);

	note->key = g_strdup(entry->name);
	note->value = g_strdup(entry->value);
	g_ptr_array_add(plan->dropped, note);
}

/* What is too large is noted here and refused by plan_seal(): GLib would end the program at 4 GiB. */
static bool
plan_has_room(struct plan *plan, size_t more)
{
	plan->too_large = plan->too_large || more > WIRE_SIZE_MAX / 2 - plan->data->len;
	return !plan->too_large;
}

uint64_t
plan_data(struct plan *plan, const void *bytes, size_t len)
{
	static const guint8 zeros[8];
	uint64_t address;

	if (!plan_has_room(plan, len + 8))
		return plan->base;
	g_byte_array_append(plan->data, zeros, (8 - plan->data->len % 8) % 8);
	address = plan->base + sizeof(struct wire_plan) + plan->data->len;
	g_byte_array_append(plan->data, bytes, (guint)len);
	return address;
}

uint64_t
plan_string(struct plan *plan, const char *text)
{
	uint64_t address = plan->base + sizeof(struct wire_plan) + plan->data->len;

	if (!plan_has_room(plan, strlen(text) + 1))
		return plan->base;
	g_byte_array_append(plan->data, (const guint8 *)text, (guint)strlen(text) + 1);
	return address;
}

unsigned
plan_fd(struct plan *plan, int fd, bool owned, const char *what)
{
	struct plan_fd given = { fd, owned, g_strdup(what) };

	g_array_append_val(plan->fds, given);
	return plan->fds->len - 1;
}

struct wire_step *
plan_step(struct plan *plan, int nr, unsigned slot_args, const uint64_t arg[6])
{
	struct wire_step step = { .nr = (uint16_t)nr, .out = WIRE_NO_SLOT, .slot_args = (uint8_t)slot_args };
	unsigned note = plan->notes->len - 1;
	const struct plan_note *why = g_ptr_array_index(plan->notes, note);

	step.flags = why->soft ? WIRE_SOFT : 0;
	memcpy(step.arg, arg, sizeof step.arg);
	g_array_append_val(plan->steps, step);
	g_array_append_val(plan->step_note, note);
	return &g_array_index(plan->steps, struct wire_step, plan->steps->len - 1);
}

unsigned
plan_keep(struct plan *plan, struct wire_step *step)
{
	step->out = (uint16_t)plan->n_slots;
	return plan->n_slots++;
}

void
plan_write_file(struct plan *plan, const char *path, const char *text)
{
	unsigned fd = plan_open(plan, SYS_openat, 0, PLAN_AT_CWD, plan_string(plan, path), O_WRONLY | O_CLOEXEC);

	plan_call(plan, SYS_write, 1, fd, plan_string(plan, text), strlen(text))->flags |= WIRE_FULL;
	plan_call(plan, SYS_close, 1, fd);
}

/* Init keeps its three fds, the one that kills, and between the given ones and the slots the one that tells of
 * children. */
static void
plan_close_all(struct plan *plan)
{
	plan_for(plan, STAGE_FILES, NULL, "close every handle");
	for (unsigned fd = 0; fd < plan->fds->len; fd++)
		if (fd != plan->kill_fd)
			plan_call(plan, SYS_close, 1, fd);
	plan_call(plan, SYS_close_range, 0, WIRE_FD_FIRST + plan->fds->len + 1, ~0u, 0);
}

/* --- out of it --- */

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* Linux 6.3 */
#endif

static int
memfd_new(void)
{
	int fd = memfd_create("sbx-plan", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

	return fd < 0 && errno == EINVAL ? memfd_create("sbx-plan", MFD_CLOEXEC | MFD_ALLOW_SEALING) : fd;
}

/* A best-effort wish stops at its first failure: half of it could be worse than nothing (a bind that is not
 * read-only). */
static void
group_soft_steps(const struct plan *plan, struct wire_step *steps)
{
	for (guint i = plan->steps->len; i-- > 0;) {
		bool same = i + 1 < plan->steps->len &&
		            g_array_index(plan->step_note, unsigned, i) == g_array_index(plan->step_note, unsigned, i + 1);

		if (steps[i].flags & WIRE_SOFT && same)
			steps[i].group = (uint8_t)MIN(255, steps[i + 1].group + 1);
	}
}

int
plan_seal(const struct plan *plan, GError **error)
{
	size_t data_size = sizeof(struct wire_plan) + (plan->data->len + 7u) / 8 * 8;
	struct wire_plan header = {
		.magic = WIRE_MAGIC,
		.size = (uint32_t)(data_size + plan->steps->len * sizeof(struct wire_step)),
		.steps = (uint32_t)data_size,
		.n_steps = plan->steps->len,
		.n_fds = plan->fds->len,
		.n_slots = plan->n_slots,
		.wait_at = plan->wait_at,
		.kill_fd = plan->kill_fd,
	};
	g_autofree char *whole = NULL;
	autofd fd = -1;

	if (plan->too_large || plan->steps->len > WIRE_STEPS_MAX || plan->n_slots > WIRE_SLOTS ||
	    plan->fds->len > WIRE_FDS_MAX) {
		throw_error(error, E2BIG, STAGE_SPEC, NULL, "the spec is too large: %u bytes, %u steps, %u handles, %u fds",
		            plan->data->len, plan->steps->len, plan->n_slots, plan->fds->len);
		return -1;
	}
	whole = g_malloc0(header.size);
	memcpy(whole, &header, sizeof header);
	memcpy(whole + sizeof header, plan->data->data, plan->data->len);
	memcpy(whole + data_size, plan->steps->data, plan->steps->len * sizeof(struct wire_step));
	group_soft_steps(plan, (struct wire_step *)(whole + data_size));
	fd = memfd_new();
	if (fd < 0 || !fd_write_whole(fd, whole, header.size) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		int code = errno;

		throw_errno(error, STAGE_CLONE, NULL, "memfd of %u bytes for the plan", header.size);
		if (code == EFBIG)
			throw_hint(error, "RLIMIT_FSIZE of this process is lower than that");
		return -1;
	}
	return fd_steal(&fd);
}
