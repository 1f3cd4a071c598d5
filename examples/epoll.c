/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Several boxes in one event loop: each has one fd that says when there is something to do for it. */
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <sbx.h>

#define BOXES 4

static sbx_box *
start(const sbx_spec *spec, int number, sbx_error **error)
{
	char script[64];
	const char *argv[] = { "sh", "-c", script, NULL };
	sbx_command command = { .size = sizeof command,
		                    .argv = argv,
		                    .stdio = { SBX_STDIO_NULL, SBX_STDIO_CAPTURE, SBX_STDIO_NULL } };
	sbx_box *box;

	snprintf(script, sizeof script, "sleep 0.%d; echo result %d; exit %d", BOXES - number, number, number);
	if (sbx_box_create(spec, &box, error) < 0)
		return NULL;
	if (sbx_box_start(box, &command, error) == 0)
		return box;
	sbx_box_free(box);
	return NULL;
}

static void
finish(sbx_box *box)
{
	sbx_report report = { .size = sizeof report };
	const void *output;
	size_t length;

	if (sbx_box_report(box, &report, NULL) == 0 && sbx_box_output(box, 1, &output, &length) == 0)
		printf("exit %d: %.*s", report.exit_code, (int)length, (const char *)output);
	sbx_box_free(box);
}

int
main(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	sbx_error *error = NULL;
	sbx_spec *spec = NULL;
	int running = 0;
	int failed;

	if (sbx_spec_new(&spec, "default", &error) == 0)
		for (; running < BOXES; running++) {
			event.data.ptr = start(spec, running, &error);
			if (!event.data.ptr)
				break;
			epoll_ctl(epoll, EPOLL_CTL_ADD, sbx_box_fd(event.data.ptr), &event);
		}
	failed = error != NULL;
	if (failed)
		fprintf(stderr, "epoll: %s %s\n", sbx_error_message(error), sbx_error_hint(error));
	while (running > 0 && epoll_wait(epoll, &event, 1, -1) == 1)
		if (sbx_box_dispatch(event.data.ptr, NULL) != 0) {
			finish(event.data.ptr);
			running--;
		}
	close(epoll);
	sbx_spec_free(spec);
	sbx_error_free(error);
	return failed;
}
