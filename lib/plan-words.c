/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The kernel's names of the flags and commands that plans use. */
#include "plan-words.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif
#ifndef MNT_DETACH
#define MNT_DETACH 2
#endif

#define WORD(name)  \
	{               \
		name, #name \
	}
#define END     \
	{           \
		0, NULL \
	}

const struct plan_word plan_words_ambient[] = {
	WORD(PR_CAP_AMBIENT_RAISE),
	WORD(PR_CAP_AMBIENT_CLEAR_ALL),
	END,
};

const struct plan_word plan_words_at[] = {
	WORD(AT_EMPTY_PATH),
	WORD(AT_RECURSIVE),
	END,
};

const struct plan_word plan_words_clone[] = {
	WORD(CLONE_NEWNS),     WORD(CLONE_NEWUSER), WORD(CLONE_NEWPID),
	WORD(CLONE_NEWNET),    WORD(CLONE_NEWIPC),  WORD(CLONE_NEWUTS),
	WORD(CLONE_NEWCGROUP), WORD(CLONE_NEWTIME), END,
};

const struct plan_word plan_words_close_range[] = {
	WORD(CLOSE_RANGE_CLOEXEC),
	END,
};

const struct plan_word plan_words_family[] = {
	WORD(AF_INET),
	END,
};

const struct plan_word plan_words_fcntl[] = {
	WORD(F_DUPFD_CLOEXEC),
	END,
};

const struct plan_word plan_words_fsconfig[] = {
	WORD(FSCONFIG_SET_FLAG),
	WORD(FSCONFIG_SET_STRING),
	WORD(FSCONFIG_CMD_CREATE),
	END,
};

const struct plan_word plan_words_ioctl[] = {
	WORD(SIOCSIFFLAGS),
	END,
};

const struct plan_word plan_words_keyctl[] = {
	WORD(KEYCTL_JOIN_SESSION_KEYRING),
	END,
};

const struct plan_word plan_words_mount[] = {
	WORD(MS_RDONLY), WORD(MS_NOSUID), WORD(MS_NODEV), WORD(MS_NOEXEC), WORD(MS_REC), WORD(MS_PRIVATE), END,
};

const struct plan_word plan_words_mount_attr[] = {
	WORD(MOUNT_ATTR_RDONLY), WORD(MOUNT_ATTR_NOSUID), WORD(MOUNT_ATTR_NODEV), WORD(MOUNT_ATTR_NOEXEC), END,
};

const struct plan_word plan_words_move[] = {
	WORD(MOVE_MOUNT_F_EMPTY_PATH),
	WORD(MOVE_MOUNT_T_EMPTY_PATH),
	END,
};

const struct plan_word plan_words_open[] = {
	WORD(O_WRONLY),  WORD(O_CREAT), WORD(O_TRUNC), WORD(O_DIRECTORY), WORD(O_NONBLOCK), WORD(O_NOFOLLOW),
	WORD(O_CLOEXEC), WORD(O_PATH),  END,
};

const struct plan_word plan_words_prctl[] = {
	WORD(PR_SET_DUMPABLE),     WORD(PR_CAPBSET_DROP), WORD(PR_SET_SECUREBITS),
	WORD(PR_SET_NO_NEW_PRIVS), WORD(PR_CAP_AMBIENT),  END,
};

const struct plan_word plan_words_resolve[] = {
	WORD(RESOLVE_NO_MAGICLINKS), WORD(RESOLVE_NO_SYMLINKS), WORD(RESOLVE_BENEATH), WORD(RESOLVE_IN_ROOT), END,
};

const struct plan_word plan_words_rlimit[] = {
	WORD(RLIMIT_CPU),
	WORD(RLIMIT_FSIZE),
	WORD(RLIMIT_DATA),
	WORD(RLIMIT_STACK),
	WORD(RLIMIT_CORE),
	WORD(RLIMIT_RSS),
	WORD(RLIMIT_NPROC),
	WORD(RLIMIT_NOFILE),
	WORD(RLIMIT_MEMLOCK),
	WORD(RLIMIT_AS),
	WORD(RLIMIT_LOCKS),
	WORD(RLIMIT_SIGPENDING),
	WORD(RLIMIT_MSGQUEUE),
	WORD(RLIMIT_NICE),
	WORD(RLIMIT_RTPRIO),
	WORD(RLIMIT_RTTIME),
	END,
};

const struct plan_word plan_words_sched[] = { WORD(SCHED_OTHER), END };

const struct plan_word plan_words_seccomp[] = {
	WORD(SECCOMP_SET_MODE_FILTER),
	END,
};

const struct plan_word plan_words_filter[] = { WORD(SECCOMP_FILTER_FLAG_NEW_LISTENER), END };

const struct plan_word plan_words_socket[] = {
	WORD(SOCK_DGRAM),
	WORD(SOCK_CLOEXEC),
	END,
};

const struct plan_word plan_words_tree[] = {
	WORD(OPEN_TREE_CLONE), WORD(OPEN_TREE_CLOEXEC), WORD(AT_EMPTY_PATH), WORD(AT_RECURSIVE), END,
};

const struct plan_word plan_words_umount[] = {
	WORD(MNT_DETACH),
	END,
};

void
plan_words_append(GString *text, const struct plan_word *words, uint64_t flags)
{
	const char *separator = "";

	for (; words->name; words++) {
		if (!words->value || (flags & words->value) != words->value)
			continue;
		g_string_append_printf(text, "%s%s", separator, words->name);
		separator = "|";
		flags &= ~words->value;
	}
	if (flags || !*separator)
		g_string_append_printf(text, "%s%#" G_GINT64_MODIFIER "x", separator, flags);
}

void
plan_word_append(GString *text, const struct plan_word *words, uint64_t value)
{
	for (; words->name; words++)
		if (words->value == value) {
			g_string_append(text, words->name);
			return;
		}
	g_string_append_printf(text, "%" G_GUINT64_FORMAT, value);
}

const char *
plan_errno_name(int code)
{
	return strerrorname_np(code);
}
