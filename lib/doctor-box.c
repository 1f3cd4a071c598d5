/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Two boxes, made as everybody's are: the default one, in which a program is run as well, and one with limits. */
#include <string.h>

#include "doctor.h"
#include "error.h"
#include "fd.h"
#include "image.h"

/* Init is a program that is there wherever a box is: without its plan it ends at once. */
static int
run_something(sbx_box *box, sbx_error **error)
{
	static const char *const argv[] = { "sbx-doctor", NULL }, *const envp[] = { NULL };
	GError *failure = NULL;
	/* closed: a file that everybody may execute, also the nobody that runs what root starts */
	autofd image = image_open(IMAGE_INIT, true, NULL);
	sbx_command command = {
		.size = sizeof command,
		.argv = argv,
		.envp = envp,
		.cwd = "/",
		.stdio = { SBX_STDIO_NULL, SBX_STDIO_NULL, SBX_STDIO_NULL },
	};

	if (image < 0)
		image = image_open(IMAGE_INIT, false, &failure);
	command.exec_fd = image;
	return image < 0 ? error_return(failure, error) : sbx_box_start(box, &command, error);
}

static void
try_box(struct doctor *doctor)
{
	sbx_spec *spec = NULL;
	int result = sbx_spec_new(&spec, "default", &doctor->box_error);

	if (result == 0)
		result = sbx_box_create(spec, &doctor->box, &doctor->box_error);
	if (result == 0)
		result = run_something(doctor->box, &doctor->box_error);
	if (result < 0) {
		sbx_box_free(doctor->box);
		doctor->box = NULL;
	}
	sbx_spec_free(spec);
}

static void
try_limits(struct doctor *doctor)
{
	/* cpu: where it is there, which a best-effort key finds out */
	static const char *const wishes[][2] = { { "memory.max", "64M" }, { "pids.max", "64" }, { "?cpu.max", "1" } };
	sbx_spec *spec = NULL;
	int result = sbx_spec_new(&spec, "default", &doctor->limits_error);

	for (size_t i = 0; result == 0 && i < G_N_ELEMENTS(wishes); i++)
		result = sbx_spec_set(spec, wishes[i][0], wishes[i][1], &doctor->limits_error);
	if (result == 0)
		sbx_box_create(spec, &doctor->limits, &doctor->limits_error);
	sbx_spec_free(spec);
}

void
doctor_try(struct doctor *doctor)
{
	try_box(doctor);
	try_limits(doctor);
}

static void
say_box(struct doctor *doctor, const char *name, const sbx_box *box, const sbx_error *error, const char *well)
{
	const char *key = sbx_error_key(error), *message = sbx_error_message(error);
	bool named = *key == '\0' || strstr(message, key);

	if (box)
		doctor_say(doctor, name, DOCTOR_OK, "%s", well);
	else
		doctor_say(doctor, name, DOCTOR_FAIL, "%s%s%s", named ? "" : key, named ? "" : ": ", message);
	doctor_repair(doctor, "%s", sbx_error_hint(error));
}

void
doctor_live(struct doctor *doctor)
{
	bool cpu = doctor->limits && faccessat(sbx_box_cgroup_fd(doctor->limits), "cpu.max", F_OK, 0) == 0;

	say_box(doctor, "box", doctor->box, doctor->box_error, "a default box was made, and a program ran in it");
	doctor_lost(doctor, "everything");
	say_box(doctor, "limits", doctor->limits, doctor->limits_error,
	        cpu ? "a box with memory.max, pids.max and cpu.max was made"
	            : "a box with memory.max and pids.max was made");
	doctor_lost(doctor, "limits of memory and processes, and their numbers in the report");
}
