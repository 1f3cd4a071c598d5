/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The ELF files of init and of the keeper as bytes of the library. The paths are relative to the build directory, where
 * make runs. */
	.macro embed name, file
	.section .rodata.\name, "a"
	.balign 16
	.globl \name\()_start, \name\()_end
	.hidden \name\()_start, \name\()_end
	.type \name\()_start, %object
	.type \name\()_end, %object
\name\()_start:
	.incbin "\file"
\name\()_end:
	.byte 0
	.size \name\()_start, \name\()_end - \name\()_start
	.endm

	embed sbx_init, lib/init/sbx-init
	embed sbx_keeper, lib/init/sbx-keeper

	.section .note.GNU-stack, "", %progbits
