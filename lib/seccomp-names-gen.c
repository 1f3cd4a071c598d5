/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * The maker of the table of system calls: runs while libsbx is built, and asks libseccomp for every name of every
 * architecture, so that the library needs no libseccomp. A name that only other architectures have is listed as well: a
 * policy that mentions it is for several machines, and not misspelt.
 */
#include <linux/audit.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NR_MOST 1024 /* beyond every call there is */
#define ARM_PRIVATE 0xf0000
#define NAMES_MOST 2048
#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

struct arch {
	const char *name;
	uint32_t scmp, audit, brother_scmp, brother_audit;
	bool x32;
};

static const struct arch archs[] = {
	{ "x86_64", SCMP_ARCH_X86_64, AUDIT_ARCH_X86_64, SCMP_ARCH_X86, AUDIT_ARCH_I386, true },
	{ "aarch64", SCMP_ARCH_AARCH64, AUDIT_ARCH_AARCH64, SCMP_ARCH_ARM, AUDIT_ARCH_ARM, false },
};

/* Whose names are known at all. */
static const uint32_t others[] = { SCMP_ARCH_X86,     SCMP_ARCH_X86_64, SCMP_ARCH_X32,  SCMP_ARCH_ARM,
	                               SCMP_ARCH_AARCH64, SCMP_ARCH_MIPS64, SCMP_ARCH_MIPS, SCMP_ARCH_PPC64,
	                               SCMP_ARCH_PPC,     SCMP_ARCH_S390X,  SCMP_ARCH_S390, SCMP_ARCH_RISCV64 };

/* Calls that an old libseccomp does not know yet: from 424 on, a number is the same on every architecture. */
static const struct {
	const char *name;
	int nr;
} newer[] = {
	{ "memfd_secret", 447 },      { "process_mrelease", 448 },
	{ "futex_waitv", 449 },       { "set_mempolicy_home_node", 450 },
	{ "cachestat", 451 },         { "fchmodat2", 452 },
	{ "map_shadow_stack", 453 },  { "futex_wake", 454 },
	{ "futex_wait", 455 },        { "futex_requeue", 456 },
	{ "statmount", 457 },         { "listmount", 458 },
	{ "lsm_get_self_attr", 459 }, { "lsm_set_self_attr", 460 },
	{ "lsm_list_modules", 461 },  { "mseal", 462 },
	{ "setxattrat", 463 },        { "getxattrat", 464 },
	{ "listxattrat", 465 },       { "removexattrat", 466 },
	{ "open_tree_attr", 467 },    { "file_getattr", 468 },
	{ "file_setattr", 469 },      { "listns", 470 },
};

/* Older numbers, of x86-64 alone: what the kernel's own trampolines call. */
static const struct {
	const char *name;
	int nr;
} newer_x86_64[] = {
	{ "uretprobe", 335 },
	{ "uprobe", 336 },
};

static const char *names[NAMES_MOST];
static size_t n_names;

static void
name_add(const char *name)
{
	for (size_t i = 0; i < n_names; i++)
		if (strcmp(names[i], name) == 0)
			return;
	if (n_names == NAMES_MOST) {
		fprintf(stderr, "seccomp-names-gen: more than %d names\n", NAMES_MOST);
		exit(1);
	}
	names[n_names++] = name;
}

static void
names_of(uint32_t scmp, uint32_t first, uint32_t end)
{
	for (uint32_t nr = first; nr < end; nr++) {
		char *name = seccomp_syscall_resolve_num_arch(scmp, (int)nr);

		if (name)
			name_add(name);
	}
}

static int
newer_number(uint32_t scmp, const char *name)
{
	for (size_t i = 0; scmp == SCMP_ARCH_X86_64 && i < N_OF(newer_x86_64); i++)
		if (strcmp(newer_x86_64[i].name, name) == 0)
			return newer_x86_64[i].nr;
	for (size_t i = 0; i < N_OF(newer); i++)
		if (strcmp(newer[i].name, name) == 0)
			return newer[i].nr;
	return -1;
}

/* -1: this architecture has no such call. */
static int
number_of(uint32_t scmp, const char *name)
{
	int known = seccomp_syscall_resolve_name_arch(scmp, name);
	int given = newer_number(scmp, name);

	if (known >= 0 && given >= 0 && known != given) {
		fprintf(stderr, "seccomp-names-gen: %s is %d here, %d to libseccomp\n", name, given, known);
		exit(1);
	}
	return known >= 0 ? known : given;
}

static int
compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
print_brother(uint32_t scmp, uint32_t first, uint32_t end)
{
	for (uint32_t nr = first; nr < end; nr++) {
		char *name = seccomp_syscall_resolve_num_arch(scmp, (int)nr);

		for (size_t i = 0; !name && i < N_OF(newer); i++)
			if ((uint32_t)newer[i].nr == nr)
				name = (char *)newer[i].name;
		if (name)
			printf("\t{ \"%s\", %u },\n", name, nr);
	}
}

static size_t
name_size(void)
{
	size_t size = 0;

	for (size_t i = 0; i < n_names; i++)
		if (size < strlen(names[i]) + 1)
			size = strlen(names[i]) + 1;
	return size;
}

static int
print_table(const struct arch *arch)
{
	for (size_t i = 0; i < N_OF(newer); i++)
		name_add(newer[i].name);
	for (size_t i = 0; i < N_OF(newer_x86_64); i++)
		name_add(newer_x86_64[i].name);
	for (size_t i = 0; i < N_OF(others); i++)
		names_of(others[i], 0, NR_MOST);
	names_of(SCMP_ARCH_X32, 0x40000000u, 0x40000000u + NR_MOST);
	names_of(SCMP_ARCH_MIPS, 4000, 4000 + NR_MOST);
	names_of(SCMP_ARCH_MIPS64, 5000, 5000 + NR_MOST);
	names_of(SCMP_ARCH_ARM, ARM_PRIVATE, ARM_PRIVATE + 16);
	qsort(names, n_names, sizeof *names, compare);

	printf("/* Made by seccomp-names-gen for %s, with libseccomp %u.%u.%u. */\n", arch->name, seccomp_version()->major,
	       seccomp_version()->minor, seccomp_version()->micro);
	printf("#define TABLE_ARCH 0x%08xU\n#define TABLE_BROTHER 0x%08xU\n#define TABLE_X32 %d\n\n", arch->audit,
	       arch->brother_audit, arch->x32);
	printf("static const struct row {\n\tchar name[%zu];\n\tint nr;\n} table[] = {\n", name_size());
	for (size_t i = 0; i < n_names; i++)
		printf("\t{ \"%s\", %d },\n", names[i], number_of(arch->scmp, names[i]));
	printf("};\n\nstatic const struct row brother[] = {\n");
	print_brother(arch->brother_scmp, 0, NR_MOST);
	if (arch->brother_scmp == SCMP_ARCH_ARM)
		print_brother(arch->brother_scmp, ARM_PRIVATE, ARM_PRIVATE + 16);
	printf("};\n");
	return fflush(stdout) ? 1 : 0;
}

int
main(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < N_OF(archs); i++)
		if (!strcmp(argv[1], archs[i].name))
			return print_table(&archs[i]);
	fprintf(stderr, "usage: seccomp-names-gen x86_64 | aarch64\n");
	return 2;
}
