# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The libsbx developers
#
# Examples: compiled by `make check` and run by tests/live/test_examples.py.

EXTRA_DIST += examples/nested.policy

if HOST_SIDE
# Linked as sbx-run is, so that what stands in the build directory is the program itself.
check_PROGRAMS += examples/epoll examples/hello examples/judge
examples_epoll_LDADD = lib/libcore.la $(GLIB_LIBS)
examples_hello_LDADD = lib/libcore.la $(GLIB_LIBS)
examples_judge_LDADD = lib/libcore.la $(GLIB_LIBS)
endif
