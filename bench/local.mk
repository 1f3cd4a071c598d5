# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The libsbx developers
#
# Benchmarks: built and run by `make bench` only, never a test.

EXTRA_DIST += bench/README.md bench/true.c

if HOST_SIDE
EXTRA_PROGRAMS = bench/hosts bench/seccomp
bench_seccomp_SOURCES = bench/seccomp.c
bench_seccomp_LDADD = lib/libcore.la $(GLIB_LIBS)
bench_hosts_SOURCES = bench/hosts.c
bench_hosts_LDADD = lib/libcore.la $(GLIB_LIBS)
CLEANFILES += bench/true bench/hosts$(EXEEXT) bench/seccomp$(EXEEXT)

bench/true: $(srcdir)/bench/true.c Makefile
	$(AM_V_CC)$(MKDIR_P) $(@D) && $(CC) -o $@ $(INIT_CFLAGS_$(SBX_ARCH)) $(INIT_CFLAGS) -iquote $(srcdir)/lib \
		$(srcdir)/bench/true.c $(init_link)

BENCH_ROUNDS = 200

bench: bench/hosts$(EXEEXT) bench/seccomp$(EXEEXT) bench/true
	bench/hosts$(EXEEXT) bench/true $(BENCH_ROUNDS)
	bench/seccomp$(EXEEXT)
endif

.PHONY: bench
