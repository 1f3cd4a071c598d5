/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* A transient scope of systemd's, with a keeper in it: shared by the boxes of this process, gone with the last of them. */
#include "scope.h"

void
scope_unref(struct scope *scope)
{
	(void)scope;
}
