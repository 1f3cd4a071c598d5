/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The least a payload can do: no libc, no loader, one system call. */
#include "init/sys.h"

_Noreturn void _start(void);

_Noreturn void
_start(void)
{
	for (;;)
		sys1(__NR_exit_group, 0);
}
