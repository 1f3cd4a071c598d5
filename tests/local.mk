# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The libsbx developers
#
# The tests: all of them speak TAP. unit needs nothing, live makes boxes, walls look at the tree and at what was built.

unit_tests = \
	tests/fuzz/fuzz-seccomp \
	tests/unit/test-cgroup \
	tests/unit/test-dbus \
	tests/unit/test-device \
	tests/unit/test-doctor \
	tests/unit/test-error \
	tests/unit/test-fd \
	tests/unit/test-host \
	tests/unit/test-idmap-write \
	tests/unit/test-idmap \
	tests/unit/test-init-listen \
	tests/unit/test-init-steps \
	tests/unit/test-init \
	tests/unit/test-keeper \
	tests/unit/test-key \
	tests/unit/test-place \
	tests/unit/test-plan \
	tests/unit/test-profile \
	tests/unit/test-report \
	tests/unit/test-seccomp-compile \
	tests/unit/test-seccomp-live \
	tests/unit/test-seccomp-policy \
	tests/unit/test-seccomp \
	tests/unit/test-spec-object \
	tests/unit/test-spec \
	tests/unit/test-sweep \
	tests/unit/test-value-parts \
	tests/unit/test-value

live_tests = \
	tests/live/test-caps \
	tests/live/test-cgroup-vm \
	tests/live/test-device \
	tests/live/test-doctor \
	tests/live/test-edges \
	tests/live/test-edges-host \
	tests/live/test-exec \
	tests/live/test-faults \
	tests/live/test-files \
	tests/live/test-host \
	tests/live/test-filter \
	tests/live/test-identity \
	tests/live/test-lifecycle \
	tests/live/test-limits \
	tests/live/test-mounts \
	tests/live/test-namespaces \
	tests/live/test-nested \
	tests/live/test-outcomes \
	tests/live/test-place \
	tests/live/test-pause \
	tests/live/test-process \
	tests/live/test-scope \
	tests/live/test-seccomp \
	tests/live/test-standard \
	tests/live/test-sweep \
	tests/live/test-stat \
	tests/live/test-through \
	tests/live/test-walls

hostile_tests = \
	tests/hostile/test-between \
	tests/hostile/test-hostile \
	tests/hostile/test-races

py_tests = \
	tests/live/test_cli.py \
	tests/live/test_cli_doc.py \
	tests/live/test_cli_doctor.py \
	tests/live/test_cli_limits.py \
	tests/live/test_cli_run.py \
	tests/live/test_cli_sweep.py \
	tests/live/test_container.py \
	tests/live/test_examples.py \
	tests/live/test_image.py \
	tests/live/test_programs.py \
	tests/live/test_systemd.py

walls = \
	tests/walls/consumer.sh \
	tests/walls/init-aarch64.sh \
	tests/walls/init.sh \
	tests/walls/keeper-aarch64.sh \
	tests/walls/keeper.sh \
	tests/walls/layers.sh \
	tests/walls/symbols.sh

test_support = \
	tests/unit/rows.h \
	tests/unit/seccomp-bpf.h \
	tests/unit/start.h \
	tests/live/life.h \
	tests/live/live.h \
	tests/live/life.c \
	tests/live/live.c \
	tests/hostile/special.h \
	tests/hostile/special-boxes.c

vm_files = \
	tests/vm/init \
	tests/vm/run \
	tests/vm/setup.bash \
	tests/vm/stream

golden_files = \
	tests/golden/command-root-fd.txt \
	tests/golden/command-root-settings.txt \
	tests/golden/command-root.txt \
	tests/golden/command-user.txt \
	tests/golden/root-best-effort.txt \
	tests/golden/root-default.txt \
	tests/golden/root-delegate.txt \
	tests/golden/root-device.txt \
	tests/golden/root-dir-overlay.txt \
	tests/golden/root-dir.txt \
	tests/golden/root-empty.txt \
	tests/golden/root-maps.txt \
	tests/golden/root-overlay.txt \
	tests/golden/root-real-root.txt \
	tests/golden/root-settings.txt \
	tests/golden/root-shares.txt \
	tests/golden/user-binds.txt \
	tests/golden/user-default.txt \
	tests/golden/user-delegate.txt \
	tests/golden/user-empty.txt

EXTRA_DIST += $(golden_files) $(py_tests) $(walls) tests/walls/style.sh tests/walls/tap tests/live/conftest.py \
	tests/check-vm tests/pytest-tap tests/run-tap tests/mutants/mutants tests/mutants/run $(vm_files)

AM_TESTS_ENVIRONMENT = $(test_environment)
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
SH_LOG_DRIVER = $(LOG_DRIVER)
SH_LOG_COMPILER = $(SHELL)
PY_LOG_DRIVER = $(LOG_DRIVER)
PY_LOG_COMPILER = $(PYTEST_PYTHON) $(srcdir)/tests/pytest-tap
TEST_EXTENSIONS = .sh .py
test_environment = \
	SBX_SRCDIR='$(abs_srcdir)' SBX_BUILDDIR='$(abs_builddir)' SBX_RUN='$(abs_builddir)/sbx-run$(EXEEXT)' \
	SBX_PYTHON='$(PYTEST_PYTHON)' SBX_CC='$(CC)' SBX_CLANG_FORMAT='$(CLANG_FORMAT)' \
	G_TEST_SRCDIR='$(abs_srcdir)' G_TEST_BUILDDIR='$(abs_builddir)' MAKE='$(MAKE)' PKG_CONFIG='$(PKG_CONFIG)'; \
	export SBX_SRCDIR SBX_BUILDDIR SBX_RUN SBX_PYTHON SBX_CC SBX_CLANG_FORMAT \
	G_TEST_SRCDIR G_TEST_BUILDDIR MAKE PKG_CONFIG;

if HOST_SIDE
check_PROGRAMS += $(unit_tests) $(live_tests) $(hostile_tests)
# A convenience library, so that a test takes of it what it uses.
check_LTLIBRARIES = tests/libsupport.la
tests_libsupport_la_SOURCES = $(test_support)
LDADD = tests/libsupport.la lib/libcore.la $(GLIB_LIBS)
# libseccomp is the reference; a test is run on the machine that builds.
tests_unit_test_seccomp_compile_CPPFLAGS = $(AM_CPPFLAGS) $(SECCOMP_FOR_BUILD_CFLAGS)
tests_unit_test_seccomp_compile_LDADD = $(LDADD) $(SECCOMP_FOR_BUILD_LIBS)
tests_hostile_test_hostile_SOURCES = \
	tests/hostile/hostile.h \
	tests/hostile/rows.h \
	tests/hostile/hostile.c \
	tests/hostile/rows-call.c \
	tests/hostile/rows-file.c \
	tests/hostile/rows-init.c \
	tests/hostile/rows-net.c \
	tests/hostile/rows-self.c \
	tests/hostile/test-hostile.c
# GLib's D-Bus is the reference of ours
tests_unit_test_dbus_CPPFLAGS = $(AM_CPPFLAGS) $(GIO_CFLAGS)
tests_unit_test_dbus_LDADD = $(LDADD) $(GIO_LIBS)
# whose boxes are all cloned by a keeper
tests_live_test_through_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=place_find
# libbpf is the reference of what the library does by bpf(2)
tests_unit_test_device_LDADD = $(LDADD) $(BPF_LIBS)
tests_live_test_device_LDADD = $(LDADD) $(BPF_LIBS)
# the table of sbx-run is tested as well, and what the library says is read as anybody would
tests_unit_test_doctor_SOURCES = tests/unit/test-doctor.c tools/doctor.c tools/line.c
tests_unit_test_doctor_LDADD = $(LDADD) $(JANSSON_LIBS)
tests_live_test_doctor_LDADD = $(LDADD) $(JANSSON_LIBS)
TESTS += $(unit_tests) $(live_tests) $(hostile_tests) $(py_tests) $(walls)
endif

# The payload of many live tests. Static, so that it runs in an empty root; its own flags, since no sanitizer links statically.
tests/live/probe: tests/live/probe.c
	$(AM_V_CC)$(MKDIR_P) $(@D) && $(CC) -std=gnu11 -O1 -Wall -Wextra -D_GNU_SOURCE -static -o $@ $(srcdir)/tests/live/probe.c

# The same for what needs a capability.
tests/live/cap-probe: tests/live/cap-probe.c
	$(AM_V_CC)$(MKDIR_P) $(@D) && $(CC) -std=gnu11 -O1 -Wall -Wextra -D_GNU_SOURCE -static -o $@ \
		$(srcdir)/tests/live/cap-probe.c

check_SCRIPTS = tests/live/probe tests/live/cap-probe
CLEANFILES += tests/live/probe tests/live/cap-probe
EXTRA_DIST += tests/live/probe.c tests/live/cap-probe.c

# The payload of the hostile suite, static for the same reasons.
hostile_probe = tests/hostile/probe.c tests/hostile/probe-call.c tests/hostile/probe-file.c tests/hostile/probe-init.c \
	tests/hostile/probe-net.c tests/hostile/probe-self.c

tests/hostile/probe: $(hostile_probe) tests/hostile/probe.h
	$(AM_V_CC)$(MKDIR_P) $(@D) && $(CC) -std=gnu11 -O1 -Wall -Wextra -D_GNU_SOURCE -static -pthread -o $@ \
		$(hostile_probe:%=$(srcdir)/%)

check_SCRIPTS += tests/hostile/probe
CLEANFILES += tests/hostile/probe
EXTRA_DIST += $(hostile_probe) tests/hostile/probe.h

# The payload of test-races and test-between, static too.
tests/hostile/special: tests/hostile/special.c lib/init/wire.h
	$(AM_V_CC)$(MKDIR_P) $(@D) && $(CC) -std=gnu11 -O1 -Wall -Wextra -D_GNU_SOURCE -static -o $@ $(srcdir)/tests/hostile/special.c

check_SCRIPTS += tests/hostile/special
CLEANFILES += tests/hostile/special
EXTRA_DIST += tests/hostile/special.c

check_some = $(MAKE) $(AM_MAKEFLAGS) check

check-unit:
	$(check_some) TESTS='$(unit_tests)'

check-live:
	$(check_some) TESTS='$(live_tests) $(py_tests)'

check-hostile:
	$(check_some) TESTS='$(hostile_tests)'

check-walls:
	$(check_some) TESTS='$(walls)'

check-style:
	$(check_some) check_PROGRAMS= TESTS=tests/walls/style.sh

check-init-aarch64:
	$(check_some) check_PROGRAMS= TESTS=tests/walls/init-aarch64.sh

# The plans and texts that tests compare with, written anew; git diff shows what that changed.
golden:
	UPDATE_GOLDEN=1 $(check_some) TESTS='$(unit_tests)'

# The live tests where memory, pids, cpu and io can be limited, under three privileges on the oldest and the newest kernel.
# Not all in every run, since the VM is ten times slower: what does not depend on both, the kernel and the user, runs for root
# on one kernel and for a user on the other; what takes a minute and depends on neither runs natively, or once. With systemd as
# PID 1 only what depends on that runs: as root, who starts sessions and services of every kind, on one kernel, and as a user who
# has just logged in on the other. The targets of vm_more are there to be run by hand.
vm_native = tests/live/test_cli_doc.py tests/live/test_cli.py tests/live/test_cli_run.py tests/live/test_examples.py \
	tests/live/test_programs.py tests/live/test-edges-host tests/live/test-seccomp
vm_systemd = tests/live/test_systemd.py tests/live/test-scope
vm_container = tests/live/test_container.py
vm_twice = tests/live/test-cgroup-vm tests/live/test-exec tests/live/test-lifecycle tests/live/test-limits \
	tests/live/test-nested tests/live/test-outcomes tests/live/test-pause tests/live/test-place tests/live/test-process \
	tests/live/test-stat tests/live/test-sweep tests/live/test-through tests/live/test-walls tests/hostile/test-between
vm_once = tests/live/test-caps tests/live/test-host tests/live/test_cli_doctor.py tests/live/test_cli_limits.py \
	tests/live/test_cli_sweep.py tests/live/test_image.py tests/hostile/test-hostile tests/hostile/test-races
vm_always = $(filter-out $(vm_native) $(vm_twice) $(vm_once) $(vm_systemd) $(vm_container),$(live_tests) $(hostile_tests) $(py_tests))
vm_6_1_root = $(vm_always) $(vm_twice) $(vm_container) tests/hostile/test-hostile tests/live/test-host
vm_6_12_root = $(vm_always) $(vm_container) tests/hostile/test-races tests/live/test-caps tests/live/test_cli_doctor.py \
	tests/live/test_image.py
vm_6_1_user = $(vm_always)
vm_6_12_user = $(vm_always) $(vm_twice) tests/live/test_cli_limits.py tests/live/test_cli_sweep.py
vm_6_12_userns = $(vm_always)
vm_6_1_userns = tests/live/test-files tests/live/test-identity tests/live/test-mounts tests/live/test-namespaces \
	tests/live/test-standard
vm_6_1_systemd_root = $(vm_systemd)
vm_6_12_systemd_root = $(vm_systemd)
vm_6_1_systemd_user = $(vm_systemd)
vm_6_12_systemd_user = $(vm_systemd)
vm_runs = 6.1-root 6.1-user 6.1-userns 6.1-systemd-user 6.12-root 6.12-user 6.12-userns 6.12-systemd-root
vm_more = 6.1-systemd-root 6.12-systemd-user

check-vm: $(vm_runs:%=check-vm-%)

$(vm_runs:%=check-vm-%) $(vm_more:%=check-vm-%): check-vm-%: all-am $(check_PROGRAMS) $(check_SCRIPTS)
	@$(test_environment) $(srcdir)/tests/check-vm $* $(vm_$(subst .,_,$(subst -,_,$*)))

# The host side with sanitizers, in a build directory of its own. init never has them.
ASAN_CFLAGS = -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined

asan_tests = $(unit_tests) $(live_tests) tests/hostile/test-hostile $(filter-out tests/live/test_programs.py,$(py_tests))

asan/Makefile: $(top_srcdir)/configure
	$(MKDIR_P) asan
	cd asan && $(abs_srcdir)/configure --quiet --disable-shared CC='$(CC)' CFLAGS='$(ASAN_CFLAGS)' \
		CC_FOR_BUILD='$(CC_FOR_BUILD)' PYTEST_PYTHON='$(PYTEST_PYTHON)'

check-asan: asan/Makefile
	$(MAKE) -C asan $(AM_MAKEFLAGS) check TESTS='$(asan_tests)'

distclean-local:
	rm -rf asan mutants

# Is a missing protection noticed? One at a time is taken out of a copy of the tree; tests/mutants/run says how.
check-mutants check-mutants-fast:
	$(test_environment) $(srcdir)/tests/mutants/run $(patsubst check-mutants%,%,$(@:%-fast=% --fast)) $(MUTANTS)

format:
	cd $(srcdir) && $(CLANG_FORMAT) -i include/*.h lib/*.[ch] lib/init/*.[ch] lib/init/arch/*.h tools/*.[ch] tests/*/*.[ch]

.PHONY: check-unit check-live check-hostile check-walls check-style check-init-aarch64 golden check-vm $(vm_runs:%=check-vm-%) \
	$(vm_more:%=check-vm-%) \
	check-asan check-mutants check-mutants-fast format
