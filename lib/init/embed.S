/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* init's ELF file as bytes of the library. The path is relative to the build directory, where make runs. */
	.section .rodata.sbx_init, "a"
	.balign 16
	.globl sbx_init_start, sbx_init_end
	.hidden sbx_init_start, sbx_init_end
	.type sbx_init_start, %object
	.type sbx_init_end, %object
sbx_init_start:
	.incbin "lib/init/sbx-init"
sbx_init_end:
	.byte 0
	.size sbx_init_start, sbx_init_end - sbx_init_start

	.section .note.GNU-stack, "", %progbits
