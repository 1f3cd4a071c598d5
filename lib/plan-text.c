/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* A plan for people: each step as strace(1) would print it, read back from the very bytes that init gets. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "plan.h"
#include "plan-words.h"

/* One letter for each argument: d number, x hexadecimal, o octal, f directory fd, s string, F flags (the set in
 * `words`), S strings, w bytes with the length in the next argument, H open_how, A mount_attr, C capability sets, G ids
 * with their number in the argument before, P filter, L limit, m signal mask */
static const struct {
	int nr;
	const char *name;
	const char *args;
	const struct plan_word *words[6];
} calls[] = {
	{ SYS_capset, "capset", "-C", { NULL } },
	{ SYS_chdir, "chdir", "s", { NULL } },
	{ SYS_close, "close", "d", { NULL } },
	{ SYS_close_range, "close_range", "ddF", { [2] = plan_words_close_range } },
	{ SYS_dup3, "dup3", "dd", { NULL } },
	{ SYS_execve, "execve", "sSn", { NULL } },
	{ SYS_execveat, "execveat", "dsSnF", { [4] = plan_words_at } },
	{ SYS_fchdir, "fchdir", "d", { NULL } },
	{ SYS_fchown, "fchown", "ddd", { NULL } },
	{ SYS_fcntl, "fcntl", "dEd", { [1] = plan_words_fcntl } },
	{ SYS_fsconfig, "fsconfig", "dEssd", { [1] = plan_words_fsconfig } },
	{ SYS_fsmount, "fsmount", "d-F", { [2] = plan_words_mount_attr } },
	{ SYS_fsopen, "fsopen", "s", { NULL } },
	{ SYS_ioctl, "ioctl", "dEi", { [1] = plan_words_ioctl } },
	{ SYS_keyctl, "keyctl", "En", { [0] = plan_words_keyctl } },
	{ SYS_mkdirat, "mkdirat", "fso", { NULL } },
	{ SYS_mknodat, "mknodat", "fso", { NULL } },
	{ SYS_mount, "mount", "sssFs", { [3] = plan_words_mount } },
	{ SYS_mount_setattr, "mount_setattr", "fsFA", { [2] = plan_words_at } },
	{ SYS_move_mount, "move_mount", "fsfsF", { [4] = plan_words_move } },
	{ SYS_open_tree, "open_tree", "fsF", { [2] = plan_words_tree } },
	{ SYS_openat, "openat", "fsFo", { [2] = plan_words_open } },
	{ SYS_openat2, "openat2", "fsH", { NULL } },
	{ SYS_pivot_root, "pivot_root", "ss", { NULL } },
	{ SYS_prctl, "prctl", "Ep", { [0] = plan_words_prctl } },
	{ SYS_prlimit64, "prlimit", "-EL", { [1] = plan_words_rlimit } },
	{ SYS_sched_setscheduler, "sched_setscheduler", "-E", { [1] = plan_words_sched } },
	{ SYS_rt_sigprocmask, "sigprocmask", "-m", { NULL } },
	{ SYS_seccomp, "seccomp", "EFP", { [0] = plan_words_seccomp, [1] = plan_words_filter } },
	{ SYS_setgroups, "setgroups", "dG", { NULL } },
	{ SYS_sethostname, "sethostname", "s", { NULL } },
	{ SYS_setns, "setns", "dF", { [1] = plan_words_clone } },
	{ SYS_setpriority, "setpriority", "--d", { NULL } },
	{ SYS_setresgid, "setresgid", "ddd", { NULL } },
	{ SYS_setresuid, "setresuid", "ddd", { NULL } },
	{ SYS_setsid, "setsid", "", { NULL } },
	{ SYS_socket, "socket", "EF", { [0] = plan_words_family, [1] = plan_words_socket } },
	{ SYS_symlinkat, "symlinkat", "sfs", { NULL } },
	{ SYS_umask, "umask", "o", { NULL } },
	{ SYS_umount2, "umount2", "sF", { [1] = plan_words_umount } },
	{ SYS_unshare, "unshare", "F", { [0] = plan_words_clone } },
	{ SYS_write, "write", "dw", { NULL } },
};

/* The bytes behind a final pointer of the plan. */
static const void *
plan_bytes(const struct plan *plan, uint64_t address)
{
	return address ? plan->data->data + (address - plan->base - sizeof(struct wire_plan)) : NULL;
}

static void
append_quoted(GString *text, const char *bytes, size_t length)
{
	g_autofree char *shown = g_strndup(bytes, MIN(length, 80));
	g_autofree char *escaped = g_strescape(shown, NULL);

	g_string_append_printf(text, "\"%s\"%s", escaped, length > 80 ? "..." : "");
}

static void
append_slot(const struct plan *plan, GString *text, uint64_t slot)
{
	if (slot < plan->fds->len)
		g_string_append_printf(text, "fd%u", (unsigned)slot);
	else if (slot < WIRE_FDS_MAX)
		g_string_append(text, "init");
	else
		g_string_append_printf(text, "h%u", (unsigned)slot - WIRE_FDS_MAX);
}

static void
append_strings(const struct plan *plan, GString *text, uint64_t address)
{
	const char *at = plan_bytes(plan, address);

	g_string_append_c(text, '[');
	for (gsize i = 0;; i++) {
		uint64_t string;

		memcpy(&string, at + i * sizeof string, sizeof string);
		if (!string)
			break;
		g_string_append(text, i ? ", " : "");
		append_quoted(text, plan_bytes(plan, string), strlen(plan_bytes(plan, string)));
	}
	g_string_append_c(text, ']');
}

static void
append_ids(const struct plan *plan, GString *text, uint64_t n, uint64_t address)
{
	const uint32_t *ids = plan_bytes(plan, address);

	g_string_append_c(text, '[');
	for (uint64_t i = 0; i < n; i++)
		g_string_append_printf(text, "%s%u", i ? ", " : "", ids[i]);
	g_string_append_c(text, ']');
}

static void
append_caps(const struct plan *plan, GString *text, uint64_t address)
{
	const struct __user_cap_data_struct *data = plan_bytes(plan, address);
	uint64_t held = data[0].permitted | (uint64_t)data[1].permitted << 32;
	uint64_t inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;

	g_string_append_printf(text, "{permitted=effective=%#" G_GINT64_MODIFIER "x, inheritable=%#" G_GINT64_MODIFIER "x}",
	                       held, inheritable);
}

static void
append_structure(const struct plan *plan, GString *text, char kind, const uint64_t arg[6], int i)
{
	const void *at = plan_bytes(plan, arg[i]);

	if (kind == 'H') {
		const struct open_how *how = at;

		plan_words_append(text, plan_words_open, how->flags);
		g_string_append(text, ", ");
		plan_words_append(text, plan_words_resolve, how->resolve);
	} else if (kind == 'A') {
		plan_words_append(text, plan_words_mount_attr, ((const struct mount_attr *)at)->attr_set);
	} else if (kind == 'P') {
		g_string_append_printf(text, "{len=%u}", ((const struct sock_fprog *)at)->len);
	} else if (kind == 'L') {
		const uint64_t *limit = at;

		g_string_append_printf(text, "{%" G_GINT64_FORMAT ", %" G_GINT64_FORMAT "}", (gint64)limit[0],
		                       (gint64)limit[1]);
	} else if (kind == 'C') {
		append_caps(plan, text, arg[i]);
	} else if (kind == 'G') {
		append_ids(plan, text, arg[i - 1], arg[i]);
	} else if (kind == 'S') {
		append_strings(plan, text, arg[i]);
	} else if (kind == 'w') {
		append_quoted(text, at, arg[i + 1]);
	} else if (kind == 'm') {
		g_string_append(text, "SIG_SETMASK, []");
	} else if (kind == 'i') {
		g_string_append(text, "\"lo\" up");
	}
}

static void
append_argument(const struct plan *plan, GString *text, const struct wire_step *step, char kind,
                const struct plan_word *words, int i)
{
	uint64_t value = step->arg[i];

	if (step->slot_args & 1u << i)
		append_slot(plan, text, value);
	else if (kind == 'f' && value == PLAN_AT_CWD)
		g_string_append(text, "AT_FDCWD");
	else if (kind == 'F')
		plan_words_append(text, words, value);
	else if (kind == 'E')
		plan_word_append(text, words, value);
	else if (kind == 'p' && (int)step->arg[0] == PR_CAP_AMBIENT)
		plan_word_append(text, plan_words_ambient, value);
	else if (kind == 's' && value)
		append_quoted(text, plan_bytes(plan, value), strlen(plan_bytes(plan, value)));
	else if (kind == 's' || (kind == 'n' && !value))
		g_string_append(text, "NULL");
	else if (kind == 'n')
		g_string_append(text, "[environment]");
	else if (kind == 'o')
		g_string_append_printf(text, "0%o", (unsigned)value);
	else if (strchr("dfp", kind))
		g_string_append_printf(text, "%d", (int)value);
	else
		append_structure(plan, text, kind, step->arg, i);
}

char *
plan_step_text(const struct plan *plan, uint32_t index)
{
	const struct wire_step *step = &g_array_index(plan->steps, struct wire_step, index);
	GString *text = g_string_new(NULL);
	const char *separator = "";

	for (gsize call = 0; call < G_N_ELEMENTS(calls); call++) {
		if (calls[call].nr != step->nr)
			continue;
		g_string_append_printf(text, "%s(", calls[call].name);
		for (int i = 0; calls[call].args[i]; i++) {
			if (calls[call].args[i] == '-' || (step->nr == SYS_openat && i == 3 && !(step->arg[2] & O_CREAT)))
				continue;
			g_string_append(text, separator);
			append_argument(plan, text, step, calls[call].args[i], calls[call].words[i], i);
			separator = ", ";
		}
		g_string_append_c(text, ')');
		return g_string_free(text, false);
	}
	g_string_append_printf(text, "syscall %u", step->nr);
	return g_string_free(text, false);
}

static void
append_remarks(GString *text, const struct wire_step *step)
{
	if (step->flags & WIRE_SOFT)
		g_string_append(text, "  # best effort");
	if (step->flags & WIRE_ANY)
		g_string_append(text, "  # or not");
	if (step->flags & WIRE_TRY)
		g_string_append(text, "  # or the next");
	if (step->forgive)
		g_string_append_printf(text, "  # or %s", plan_errno_name(step->forgive));
}

char *
plan_text(const struct plan *plan)
{
	GString *text = g_string_new(NULL);
	unsigned last = UINT_MAX;

	for (guint i = 0; i < plan->fds->len; i++)
		g_string_append_printf(text, "fd%u: %s\n", i, g_array_index(plan->fds, struct plan_fd, i).what);
	for (guint i = 0; i < plan->steps->len; i++) {
		const struct wire_step *step = &g_array_index(plan->steps, struct wire_step, i);
		unsigned number = g_array_index(plan->step_note, unsigned, i);
		const struct plan_note *note = g_ptr_array_index(plan->notes, number);
		g_autofree char *call = plan_step_text(plan, i);

		if (i == plan->wait_at)
			g_string_append(text, "# identity: the host writes the id maps\n");
		if (number != last)
			g_string_append_printf(text, "# %s: %s\n", stage_name(note->stage), note->what);
		last = number;
		g_string_append_printf(text, "    %s", call);
		if (step->out != WIRE_NO_SLOT) {
			g_string_append(text, " = ");
			append_slot(plan, text, step->out);
		}
		append_remarks(text, step);
		g_string_append_c(text, '\n');
	}
	return g_string_free(text, false);
}

/* --- what went wrong --- */

bool
plan_throw(const struct plan *plan, uint32_t step, int code, GError **error)
{
	const struct plan_note *note;
	g_autofree char *call = NULL;

	if (step >= plan->steps->len)
		return throw_error(error, EPROTO, STAGE_WAIT, NULL, "init spoke of step %u of %u", step, plan->steps->len);
	note = g_ptr_array_index(plan->notes, g_array_index(plan->step_note, unsigned, step));
	if (note->stage == STAGE_EXEC)
		return throw_error(error, code, STAGE_EXEC, NULL, "%s: %s", note->what, g_strerror(code));
	call = plan_step_text(plan, step);
	throw_error(error, code, note->stage, note->key, "%s: %s: %s", note->what, call, g_strerror(code));
	if (note->stage == STAGE_FILES && code == EPERM && g_str_equal(note->what, "mount proc"))
		throw_hint(error,
		           "something is mounted over parts of /proc here (a container?), so the kernel gives no new one");
	else if (note->stage == STAGE_FILES && code == ENOENT &&
	         g_array_index(plan->steps, struct wire_step, step).nr == SYS_openat2)
		throw_hint(error, "mount points are made in a tmpfs or an overlay of the box, never in the host's own tree");
	else if (g_str_equal(note->key, "overlay") && code == EINVAL)
		throw_hint(error, "an overlay can't lie over a directory with other mounts below it in a user namespace");
	else if (note->stage == STAGE_FILES && code == EACCES && geteuid() == 0)
		throw_hint(error,
		           "root's box runs as an unprivileged user, who may not go there; share=user with user=0 keeps root");
	else if (note->stage == STAGE_FILES && code == ELOOP)
		throw_hint(error, "symbolic links are not followed on the way to a mount point of an untrusted root directory");
	return false;
}
