/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The kernel's names of the flags and commands that plans use. */
#pragma once

#include <glib.h>
#include <stdint.h>

struct plan_word {
	uint64_t value;
	const char *name; /* NULL ends a list */
};

extern const struct plan_word plan_words_ambient[], plan_words_at[], plan_words_clone[], plan_words_close_range[],
	plan_words_family[], plan_words_fcntl[], plan_words_filter[], plan_words_fsconfig[], plan_words_ioctl[],
	plan_words_keyctl[], plan_words_mount[], plan_words_mount_attr[], plan_words_move[], plan_words_open[],
	plan_words_prctl[], plan_words_resolve[], plan_words_rlimit[], plan_words_sched[], plan_words_seccomp[],
	plan_words_socket[], plan_words_tree[], plan_words_umount[];

/* A|B|0x40 */
void plan_words_append(GString *text, const struct plan_word *words, uint64_t flags);
/* The one of that value. */
void plan_word_append(GString *text, const struct plan_word *words, uint64_t value);
const char *plan_errno_name(int code);
