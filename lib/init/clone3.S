/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* sys_clone3_call(args, size, call, arg): the child starts on its own stack and never comes back. */

	.text
	.globl	sys_clone3_call
	.hidden	sys_clone3_call
	.type	sys_clone3_call, %function
sys_clone3_call:
	.cfi_startproc
#if defined(__x86_64__)
	endbr64
	mov	%rdx, %r8
	mov	%rcx, %r9
	mov	$435, %eax
	syscall
	test	%rax, %rax
	jz	1f
	ret
1:	.cfi_undefined rip
	xor	%ebp, %ebp
	mov	%r9, %rdi
	call	*%r8
	ud2
#elif defined(__aarch64__)
	mov	x8, #435
	svc	#0
	cbz	x0, 1f
	ret
1:	.cfi_undefined x30
	mov	x29, #0
	mov	x30, #0
	mov	x0, x3
	blr	x2
	brk	#0
#endif
	.cfi_endproc
	.size	sys_clone3_call, . - sys_clone3_call
	.section .note.GNU-stack, "", %progbits
