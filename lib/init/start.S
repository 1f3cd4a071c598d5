/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The entry point: an aligned stack, then init_main(), which does not return. */

	.text
	.globl	_start
	.type	_start, %function
_start:
#if defined(__x86_64__)
	xor	%ebp, %ebp
	and	$-16, %rsp
	call	init_main
	ud2
#elif defined(__aarch64__)
	mov	x29, #0
	mov	x30, #0
	bl	init_main
	brk	#0
#endif
	.size	_start, . - _start
	.section .note.GNU-stack, "", %progbits
