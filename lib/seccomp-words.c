/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The numbers behind the names that stand in a seccomp policy: errnos, constants, address families. */
#include "seccomp-words.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

/* What headers of a supported distribution may not have yet. */
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif
#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_GET_MDWE 66
#endif
#ifndef NETLINK_SOCK_DIAG
#define NETLINK_SOCK_DIAG 4
#endif
#ifndef AF_SMC
#define AF_SMC 43
#endif
#ifndef AF_XDP
#define AF_XDP 44
#endif

/* An array, not a pointer, so that the tables are read as they are in the file, and cost a start nothing. */
#define NAME_SIZE 32

struct word {
	char name[NAME_SIZE];
	uint32_t value;
};

/* Every name fits, its end included. */
#define ERRNO(name) G_STATIC_ASSERT(sizeof #name <= NAME_SIZE);
#define FAMILY(word, name) G_STATIC_ASSERT(sizeof #word <= NAME_SIZE && sizeof #name <= NAME_SIZE);
#define CONSTANT(name) G_STATIC_ASSERT(sizeof #name <= NAME_SIZE);
#include "seccomp-words.def"
#undef CONSTANT
#undef FAMILY
#undef ERRNO

/* As the kernel sees them in 32 bits: a negative one, AT_FDCWD, is for comparisons of 32 bits. */
#define ERRNO(name)
#define FAMILY(word, name) { #name, name },
#define CONSTANT(name) { #name, (uint32_t)name },
static const struct word constants[] = {
#include "seccomp-words.def"
};
#undef CONSTANT
#undef FAMILY
#undef ERRNO

#define ERRNO(name) { #name, name },
#define FAMILY(word, name)
#define CONSTANT(name)
static const struct word errnos[] = {
#include "seccomp-words.def"
};
#undef FAMILY
#undef ERRNO

#define ERRNO(name)
#define FAMILY(word, name) { #word, name },
static const struct word families[] = {
#include "seccomp-words.def"
};
#undef FAMILY
#undef CONSTANT
#undef ERRNO

static bool
word_find(const struct word *words, size_t n, const char *name, uint32_t *ret)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(words[i].name, name) == 0) {
			*ret = words[i].value;
			return true;
		}
	return false;
}

bool
seccomp_word_errno(const char *name, unsigned *ret_errno)
{
	return word_find(errnos, G_N_ELEMENTS(errnos), name, ret_errno);
}

bool
seccomp_word_constant(const char *name, uint64_t *ret_value)
{
	uint32_t value;

	if (!word_find(constants, G_N_ELEMENTS(constants), name, &value))
		return false;
	*ret_value = value;
	return true;
}

bool
seccomp_word_family(const char *name, uint64_t *ret_value)
{
	uint32_t value;

	if (!word_find(families, G_N_ELEMENTS(families), name, &value))
		return g_str_has_prefix(name, "AF_") && seccomp_word_constant(name, ret_value);
	*ret_value = value;
	return true;
}

const char *
seccomp_nth_errno(size_t i)
{
	return i < G_N_ELEMENTS(errnos) ? errnos[i].name : NULL;
}

const char *
seccomp_nth_constant(size_t i)
{
	return i < G_N_ELEMENTS(constants) ? constants[i].name : NULL;
}

const char *
seccomp_nth_family(size_t i)
{
	return i < G_N_ELEMENTS(families) ? families[i].name : NULL;
}
