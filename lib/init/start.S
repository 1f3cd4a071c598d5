/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The entry point: an aligned stack, then init_main() or what the program calls it, which does not return. */

#ifndef SBX_MAIN
#define SBX_MAIN init_main
#endif

	.text
	.globl	_start
	.type	_start, %function
_start:
#if defined(__x86_64__)
	xor	%ebp, %ebp
	and	$-16, %rsp
	call	SBX_MAIN
	ud2
#elif defined(__aarch64__)
	mov	x29, #0
	mov	x30, #0
	bl	SBX_MAIN
	brk	#0
#endif
	.size	_start, . - _start
	.section .note.GNU-stack, "", %progbits
