/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* One seccomp program, and what must be known about it beside its instructions. */
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

struct seccomp_program {
	const struct sock_filter *filter;
	unsigned short len;
	bool given;          /* precompiled by the caller: taken as it is */
	bool kills, logs;    /* has RET_KILL_PROCESS / RET_LOG results (foreign architectures count as kills) */
	uint32_t log_nr[32]; /* bit nr%32 of log_nr[nr/32]: this native call, 0..1023, may be logged; every other notified
	                      * call is a kill */
	bool log_rest;       /* a native call >= 1024 is logged */
};
