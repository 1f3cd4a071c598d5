/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Plans inside init: checked, mapped, and carried out one system call after the other. */
#include "steps.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "listen.h"
#include "sys.h"

int slots[WIRE_SLOTS];
struct progress progress;
struct wire_record skipped[64];
unsigned n_skipped;

static void
skip(uint32_t phase, uint32_t id, uint32_t step, long error)
{
	if (n_skipped < sizeof skipped / sizeof *skipped)
		skipped[n_skipped++] = (struct wire_record){ WIRE_SKIPPED, phase, id, step, (int)error, 0 };
}

const struct wire_plan *
plan_map(int fd, uint64_t base, long *error)
{
	long size = sys3(__NR_lseek, fd, 0, SEEK_END);
	long got;
	const struct wire_plan *plan;

	*error = size < 0 ? -size : EPROTO;
	if (size < (long)sizeof *plan || size > (long)WIRE_SIZE_MAX)
		return NULL;
	got = sys6(__NR_mmap, base, size, PROT_READ, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0);
	if (got != (long)base) {
		*error = got < 0 ? -got : EEXIST;
		return NULL;
	}
	plan = (const struct wire_plan *)(uintptr_t)base;
	if (plan->magic != WIRE_MAGIC || plan->size != size || plan->steps % 8 || plan->steps < sizeof *plan ||
	    plan->steps > plan->size || plan->n_steps > WIRE_STEPS_MAX || plan->n_slots > WIRE_SLOTS ||
	    plan->n_fds > plan->n_slots || plan->n_fds > WIRE_FDS_MAX ||
	    plan->n_steps > (plan->size - plan->steps) / sizeof(struct wire_step) ||
	    (plan->kill_fd != WIRE_NEVER && plan->kill_fd >= plan->n_fds)) {
		sys2(__NR_munmap, base, size);
		return NULL;
	}
	return plan;
}

/* One system call. The result, or a negative errno. */
static long
step_run(const struct wire_step *step, uint32_t n_slots)
{
	long arg[6];
	long result;

	for (int i = 0; i < 6; i++) {
		arg[i] = (long)step->arg[i];
		if (!(step->slot_args & 1u << i))
			continue;
		if (step->arg[i] >= n_slots)
			return -EPROTO;
		arg[i] = slots[step->arg[i]];
	}
	if (step->out != WIRE_NO_SLOT && step->out >= n_slots)
		return -EPROTO;
	do
		result = sys_call(step->nr, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
	while (result == -EINTR);
	if (step->flags & WIRE_LISTEN && result >= 0)
		result = listen_give(step, (int)result);
	if (step->flags & WIRE_FULL && result >= 0 && result != arg[2])
		return -EIO;
	if (step->out != WIRE_NO_SLOT)
		slots[step->out] = result < 0 ? -1 : (int)result;
	return result;
}

/* The filter stands already: it lets this through by the word that the execve has. */
static bool
is_there(const struct wire_step *execve)
{
	return sys6(__NR_faccessat, AT_FDCWD, execve->arg[0], F_OK, 0, 0, execve->arg[5]) >= 0;
}

bool
steps_run(const struct wire_plan *plan, uint32_t phase, uint32_t id, uint32_t from, uint32_t to)
{
	const struct wire_step *steps = (const void *)((const char *)plan + plan->steps);
	int refused = 0;

	for (uint32_t i = from; i < to; i++) {
		long result;

		progress.step = i;
		result = step_run(&steps[i], plan->n_slots);
		if (result >= 0 || (steps[i].forgive && result == -(long)steps[i].forgive) || steps[i].flags & WIRE_ANY)
			continue;
		if (steps[i].flags & WIRE_SOFT) {
			skip(phase, id, i, -result);
			i += steps[i].group;
			continue;
		}
		if (steps[i].flags & WIRE_TRY && result == -EACCES && !is_there(&steps[i]))
			result = -ENOENT; /* a directory of PATH that may not be searched holds nothing */
		if (steps[i].flags & WIRE_TRY && (result == -ENOENT || result == -ENOTDIR || result == -EACCES)) {
			/* as execvp(3): the file that may not be run is the one to speak of */
			if (refused != EACCES)
				refused = (int)-result;
			if (i + 1 < to)
				continue;
			result = -refused;
		}
		progress.error = (int)-result;
		return false;
	}
	return true;
}

uint64_t
step_word(const struct wire_plan *plan, uint32_t step)
{
	const struct wire_step *steps = (const void *)((const char *)plan + plan->steps);

	return step < plan->n_steps ? steps[step].arg[5] : 0;
}

bool
step_is_exec(const struct wire_plan *plan, uint32_t step)
{
	const struct wire_step *steps = (const void *)((const char *)plan + plan->steps);

	return steps[step].nr == __NR_execve || steps[step].nr == __NR_execveat;
}
