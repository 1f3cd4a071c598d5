# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The libsbx developers
#
# sbx-run.

run_sources = \
	tools/doctor.c \
	tools/line.c \
	tools/options.c \
	tools/progress.c \
	tools/sbx-run.c \
	tools/switches.c \
	tools/verdict.c \
	tools/doctor.h \
	tools/line.h \
	tools/options.h \
	tools/progress.h \
	tools/switches.h \
	tools/verdict.h

if HOST_SIDE
# Linked with the library's objects: one shared library less to load, which is a good part of its start-up, and a program in
# the build directory that is no libtool wrapper (which would change the payload's environment).
bin_PROGRAMS += sbx-run
sbx_run_SOURCES = $(run_sources)
sbx_run_LDADD = lib/libcore.la $(GLIB_LIBS) $(JANSSON_LIBS)
endif
