# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The libsbx developers
#
# The library, and init inside it.

core_sources = \
	lib/blockdev.c \
	lib/box-pause.c \
	lib/box-start.c \
	lib/box-stat.c \
	lib/box-update.c \
	lib/box-watch.c \
	lib/box.c \
	lib/cgroup-set.c \
	lib/cgroup-owner.c \
	lib/cgroup-stat.c \
	lib/cgroup.c \
	lib/cgroupfs.c \
	lib/delegate-dir.c \
	lib/delegate-full.c \
	lib/delegate.c \
	lib/dbus-stream.c \
	lib/dbus-value-write.c \
	lib/dbus-value.c \
	lib/dbus-wire.c \
	lib/dbus.c \
	lib/device-rules.c \
	lib/device.c \
	lib/enforce-delegate.c \
	lib/doctor-box.c \
	lib/doctor-cgroup.c \
	lib/doctor-host.c \
	lib/doctor-kernel.c \
	lib/doctor-security.c \
	lib/doctor-text.c \
	lib/doctor-user.c \
	lib/doctor.c \
	lib/enforce-device.c \
	lib/enforce.c \
	lib/environ.c \
	lib/error.c \
	lib/fd.c \
	lib/files-device.c \
	lib/files-root.c \
	lib/files-standard.c \
	lib/files-target.c \
	lib/files.c \
	lib/filter.c \
	lib/host.c \
	lib/identity-caps.c \
	lib/identity.c \
	lib/idmap-helper.c \
	lib/idmap.c \
	lib/image.c \
	lib/keeper.c \
	lib/key.c \
	lib/launch.c \
	lib/leaf.c \
	lib/mountinfo.c \
	lib/place-unit.c \
	lib/place.c \
	lib/namespaces.c \
	lib/plan-text.c \
	lib/plan-words.c \
	lib/plan.c \
	lib/process.c \
	lib/profile.c \
	lib/readback.c \
	lib/report-text.c \
	lib/report.c \
	lib/seccomp-check.c \
	lib/seccomp-compile.c \
	lib/seccomp-cond.c \
	lib/seccomp-emit.c \
	lib/seccomp-groups.c \
	lib/seccomp-load.c \
	lib/seccomp-names.c \
	lib/seccomp-policy.c \
	lib/seccomp-words.c \
	lib/seccomp.c \
	lib/scope.c \
	lib/spec-object.c \
	lib/spec.c \
	lib/sweep.c \
	lib/systemd-manager.c \
	lib/systemd.c \
	lib/value-device.c \
	lib/value-identity.c \
	lib/value-limit.c \
	lib/value-mount.c \
	lib/value-number.c \
	lib/value.c \
	lib/init/clone3.S \
	lib/init/embed.S

core_headers = \
	lib/blockdev.h \
	lib/box.h \
	lib/cgroup-owner.h \
	lib/cgroup-stat.h \
	lib/cgroup.h \
	lib/cgroupfs.h \
	lib/dbus-stream.h \
	lib/dbus-value.h \
	lib/dbus-wire.h \
	lib/dbus.h \
	lib/delegate-dir.h \
	lib/delegate.h \
	lib/device.h \
	lib/enforce-delegate.h \
	lib/doctor.h \
	lib/enforce-device.h \
	lib/enforce.h \
	lib/environ.h \
	lib/error.h \
	lib/fd.h \
	lib/files-parts.h \
	lib/files.h \
	lib/filter.h \
	lib/host.h \
	lib/identity-caps.h \
	lib/identity.h \
	lib/idmap-helper.h \
	lib/idmap.h \
	lib/image.h \
	lib/key.h \
	lib/keeper.h \
	lib/launch.h \
	lib/leaf.h \
	lib/mountinfo.h \
	lib/namespaces.h \
	lib/plan-words.h \
	lib/place-unit.h \
	lib/place.h \
	lib/plan.h \
	lib/process.h \
	lib/profile.h \
	lib/readback.h \
	lib/report.h \
	lib/seccomp-compile.h \
	lib/seccomp-emit.h \
	lib/seccomp-load.h \
	lib/seccomp-policy.h \
	lib/seccomp-program.h \
	lib/seccomp-words.def \
	lib/seccomp-words.h \
	lib/scope.h \
	lib/seccomp.h \
	lib/spec-parts.h \
	lib/spec.h \
	lib/sweep.h \
	lib/value-parts.h \
	lib/systemd-manager.h \
	lib/systemd.h \
	lib/value.h \
	lib/key.def

# init: its own compiler flags and nobody else's. A sanitizer or a coverage counter in there would be a libc in there.
init_sources = \
	lib/init/init.c \
	lib/init/listen.c \
	lib/init/steps.c \
	lib/init/start.S \
	lib/init/clone3.S

init_headers = \
	lib/init/arch/aarch64.h \
	lib/init/arch/x86_64.h \
	lib/init/listen.h \
	lib/init/steps.h \
	lib/init/sys.h \
	lib/init/wire.h

INIT_CFLAGS = -std=gnu11 -Wall -Wextra -Os -ffreestanding -fno-stack-protector -fno-asynchronous-unwind-tables \
	-fno-unwind-tables -fno-pic -no-pie -static -nostdlib -nostartfiles -fcf-protection=none -fno-lto -fno-ident \
	-ffunction-sections -fdata-sections
init_link = -Wl,--gc-sections -Wl,--build-id=none -Wl,-z,noseparate-code -Wl,-z,norelro -Wl,-z,noexecstack \
	-Wl,-s
INIT_CFLAGS_x86_64 =
INIT_CFLAGS_aarch64 = -mno-outline-atomics -mbranch-protection=none
init_compile = $(INIT_CFLAGS) -I$(srcdir)/lib/init $(init_sources:%=$(srcdir)/%) $(init_link)

lib/init/sbx-init: $(init_sources) $(init_headers) Makefile
	$(AM_V_CC)$(MKDIR_P) $(@D) && $(CC) -o $@ $(INIT_CFLAGS_$(SBX_ARCH)) $(init_compile)

lib/init/sbx-init.aarch64: $(init_sources) $(init_headers) Makefile
	$(AM_V_CC)$(MKDIR_P) $(@D) && aarch64-linux-gnu-gcc -o $@ $(INIT_CFLAGS_aarch64) $(init_compile)

# The keeper, in the same manner.
keeper_sources = \
	lib/init/keeper.c \
	lib/init/start.S \
	lib/init/clone3.S

keeper_headers = \
	lib/init/arch/aarch64.h \
	lib/init/arch/x86_64.h \
	lib/init/born.h \
	lib/init/sys.h \
	lib/init/wire-keeper.h

keeper_compile = -D_GNU_SOURCE -DSBX_MAIN=keeper_main $(INIT_CFLAGS) -I$(srcdir)/lib/init $(keeper_sources:%=$(srcdir)/%) $(init_link)

lib/init/sbx-keeper: $(keeper_sources) $(keeper_headers) Makefile
	$(AM_V_CC)$(MKDIR_P) $(@D) && $(CC) -o $@ $(INIT_CFLAGS_$(SBX_ARCH)) $(keeper_compile)

lib/init/sbx-keeper.aarch64: $(keeper_sources) $(keeper_headers) Makefile
	$(AM_V_CC)$(MKDIR_P) $(@D) && aarch64-linux-gnu-gcc -o $@ $(INIT_CFLAGS_aarch64) $(keeper_compile)

lib/init/embed.lo: lib/init/sbx-init lib/init/sbx-keeper

# The names of system calls are asked of libseccomp, and the built-in seccomp policies are compiled, while we build: by two
# programs of the build machine, the second one made of the library's own sources.
seccomp_policies = $(srcdir)/lib/seccomp/default.policy $(srcdir)/lib/seccomp/strict.policy
seccomp_sources = lib/error.c lib/seccomp-compile.c lib/seccomp-cond.c lib/seccomp-emit.c lib/seccomp-groups.c \
	lib/seccomp-names.c lib/seccomp-policy.c lib/seccomp-words.c
seccomp_headers = include/sbx.h lib/error.h lib/seccomp-compile.h lib/seccomp-emit.h lib/seccomp-policy.h \
	lib/seccomp-program.h lib/seccomp-words.def lib/seccomp-words.h
build_compile = $(CC_FOR_BUILD) -std=gnu11 -Wall -Wextra -O1 -D_GNU_SOURCE $(CFLAGS_FOR_BUILD)

lib/seccomp-names-gen: lib/seccomp-names-gen.c Makefile
	$(AM_V_CC)$(MKDIR_P) $(@D) && $(build_compile) $(SECCOMP_FOR_BUILD_CFLAGS) -o $@ \
		$(srcdir)/lib/seccomp-names-gen.c $(SECCOMP_FOR_BUILD_LIBS)

lib/seccomp-table.h: lib/seccomp-names-gen
	$(AM_V_GEN)lib/seccomp-names-gen $(SBX_ARCH) >$@.tmp && mv -f $@.tmp $@

lib/seccomp-gen: lib/seccomp-gen.c $(seccomp_sources) $(seccomp_headers) lib/seccomp-table.h
	$(AM_V_CC)$(build_compile) $(GLIB_FOR_BUILD_CFLAGS) -I$(srcdir)/include -iquote $(srcdir)/lib -iquote lib -o $@ \
		$(srcdir)/lib/seccomp-gen.c $(seccomp_sources:%=$(srcdir)/%) $(GLIB_FOR_BUILD_LIBS)

lib/seccomp-builtin.h: lib/seccomp-gen $(seccomp_policies)
	$(AM_V_GEN)lib/seccomp-gen $(seccomp_policies) >$@.tmp && mv -f $@.tmp $@

lib/seccomp-names.lo: lib/seccomp-table.h
lib/seccomp-load.lo: lib/seccomp-builtin.h

sbxlibexec_SCRIPTS = lib/init/sbx-init lib/init/sbx-keeper
CLEANFILES += lib/init/sbx-init lib/init/sbx-init.aarch64 lib/init/sbx-keeper lib/init/sbx-keeper.aarch64 \
	lib/seccomp-names-gen lib/seccomp-gen lib/seccomp-table.h \
	lib/seccomp-builtin.h
EXTRA_DIST += lib/sbx.sym lib/seccomp-gen.c lib/seccomp-names-gen.c lib/seccomp/default.policy \
	lib/seccomp/strict.policy $(init_sources) $(init_headers) $(keeper_sources) $(keeper_headers)

if HOST_SIDE
include_HEADERS += include/sbx.h
pkgconfig_DATA += sbx.pc

# Everything once, for the library, for sbx-run and for the tests, which look behind sbx.h.
noinst_LTLIBRARIES += lib/libcore.la
lib_libcore_la_SOURCES = $(core_sources) $(core_headers)
lib_libcore_la_LIBADD = $(GLIB_LIBS) $(CAP_LIBS) $(JANSSON_LIBS)

lib_LTLIBRARIES += libsbx.la
libsbx_la_SOURCES =
libsbx_la_LIBADD = lib/libcore.la
libsbx_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 -no-undefined -Wl,--version-script=$(srcdir)/lib/sbx.sym
libsbx_la_DEPENDENCIES = lib/libcore.la lib/sbx.sym

# An archive has no symbol map: without this, fd_close and key_find would be names in every program that links with it.
install-exec-hook:
	cd "$(DESTDIR)$(libdir)" && if test -f libsbx.a; then \
		$(CC) $(CFLAGS) -r -nostdlib -o sbx.o -Wl,--whole-archive libsbx.a -Wl,--no-whole-archive && \
		$(OBJCOPY) --localize-hidden sbx.o && rm -f libsbx.a && \
		$(AR) rc libsbx.a sbx.o && $(RANLIB) libsbx.a && rm -f sbx.o; fi
endif
