/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * What a launch costs a small host and a huge one.
 *
 * Theory of operation. One child of this program per size touches so much memory, then makes one box for each byte on its
 * stdin and answers with the time. The parent asks them in turn, so that whatever else the machine does hits all alike.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sbx.h>

#define SIZES_MAX 16
#define WARM_UP 10

struct host {
	unsigned long mib;
	pid_t pid;
	int ask, answer;
	uint64_t *nsec;
};

static _Noreturn void
fail(const char *what)
{
	fprintf(stderr, "bench/hosts: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* --- a host --- */

static uint64_t
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void
touch(unsigned long mib)
{
	size_t size = (size_t)mib << 20;
	volatile char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		fail("mmap");
	/* small pages: the most page tables that a fork would have to copy */
	madvise((void *)memory, size, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < size; i += 4096)
		memory[i] = 1;
}

static int
be_host(unsigned long mib, const char *payload)
{
	static const char *const argv[] = { "true", NULL };
	sbx_command command = { .size = sizeof command,
		                    .argv = argv,
		                    .stdio = { SBX_STDIO_NULL, SBX_STDIO_NULL, SBX_STDIO_NULL } };
	sbx_error *error = NULL;
	sbx_spec *spec;
	char byte;

	command.exec_fd = open(payload, O_RDONLY | O_CLOEXEC);
	if (command.exec_fd < 0)
		fail(payload);
	touch(mib);
	if (sbx_spec_new(&spec, "default", &error) < 0)
		fail(sbx_error_message(error));
	while (read(STDIN_FILENO, &byte, 1) == 1) {
		sbx_report report = { .size = sizeof report };
		uint64_t begin = now(), nsec;

		if (sbx_run(spec, &command, &report, &error) < 0)
			fail(sbx_error_message(error));
		nsec = now() - begin;
		if (report.outcome != SBX_OUTCOME_EXITED || report.exit_code != 0)
			fail("the payload did not exit with 0");
		if (write(STDOUT_FILENO, &nsec, sizeof nsec) != sizeof nsec)
			fail("answer");
	}
	sbx_spec_free(spec);
	return 0;
}

/* --- the one that asks --- */

static void
start(struct host *host, const char *program, const char *payload)
{
	char size[32];
	int ask[2], answer[2];

	if (pipe2(ask, O_CLOEXEC) < 0 || pipe2(answer, O_CLOEXEC) < 0)
		fail("pipe");
	snprintf(size, sizeof size, "%lu", host->mib);
	host->pid = fork();
	if (host->pid < 0)
		fail("fork");
	if (host->pid == 0) {
		dup2(ask[0], STDIN_FILENO);
		dup2(answer[1], STDOUT_FILENO);
		execl(program, program, "--host", size, payload, (char *)NULL);
		fail(program);
	}
	close(ask[0]);
	close(answer[1]);
	host->ask = ask[1];
	host->answer = answer[0];
}

static uint64_t
launch(const struct host *host)
{
	uint64_t nsec;

	if (write(host->ask, "", 1) != 1 || read(host->answer, &nsec, sizeof nsec) != sizeof nsec)
		fail("a host has gone");
	return nsec;
}

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void
print(struct host *hosts, int n, unsigned rounds)
{
	printf("%10s %10s %10s %10s %8s\n", "host MiB", "median us", "min us", "p90 us", "ratio");
	for (int i = 0; i < n; i++) {
		const uint64_t *nsec = hosts[i].nsec;

		qsort(hosts[i].nsec, rounds, sizeof *nsec, compare);
		printf("%10lu %10.0f %10.0f %10.0f %8.2f\n", hosts[i].mib, (double)nsec[rounds / 2] / 1000,
		       (double)nsec[0] / 1000, (double)nsec[rounds * 9 / 10] / 1000,
		       (double)nsec[rounds / 2] / (double)hosts[0].nsec[rounds / 2]);
	}
}

int
main(int argc, char **argv)
{
	struct host hosts[SIZES_MAX] = { { .mib = 2 }, { .mib = 256 }, { .mib = 4096 } };
	unsigned rounds;
	int n = 3;

	if (argc == 4 && strcmp(argv[1], "--host") == 0)
		return be_host(strtoul(argv[2], NULL, 10), argv[3]);
	if (argc < 3 || argc > 3 + SIZES_MAX || !(rounds = (unsigned)strtoul(argv[2], NULL, 10))) {
		fprintf(stderr, "usage: hosts PAYLOAD ROUNDS [MIB...]\n");
		return 2;
	}
	for (int i = 3; i < argc; i++)
		hosts[i - 3].mib = strtoul(argv[i], NULL, 10);
	if (argc > 3)
		n = argc - 3;
	for (int i = 0; i < n; i++) {
		start(&hosts[i], argv[0], argv[1]);
		hosts[i].nsec = calloc(rounds, sizeof *hosts[i].nsec);
		if (!hosts[i].nsec)
			fail("memory");
		for (unsigned j = 0; j < WARM_UP; j++)
			launch(&hosts[i]);
	}
	for (unsigned round = 0; round < rounds; round++)
		for (int i = 0; i < n; i++) {
			struct host *host = &hosts[((unsigned)i + round) % (unsigned)n];

			host->nsec[round] = launch(host);
		}
	for (int i = 0; i < n; i++) {
		close(hosts[i].ask);
		waitpid(hosts[i].pid, NULL, 0);
	}
	print(hosts, n, rounds);
	for (int i = 0; i < n; i++)
		free(hosts[i].nsec);
	return 0;
}
