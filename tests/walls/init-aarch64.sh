#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The libsbx developers
#
# init for aarch64, cross-compiled. What needs a kernel of that kind (namespaces, clone3 into a cgroup) cannot run under
# qemu's user mode; that it starts, and gives up with a status where it has no socket, can.
wall=${0%/*}
export tools=aarch64-linux-gnu-
export runner=qemu-aarch64
export init="$SBX_BUILDDIR/lib/init/sbx-init.aarch64"

if ! command -v ${tools}gcc >/dev/null; then
	. "$wall/tap"
	tap_skip "init for aarch64" "no ${tools}gcc"
	tap_done
fi
if ! build_log=$(MAKEFLAGS='' MFLAGS='' ${MAKE:-make} -C "$SBX_BUILDDIR" lib/init/sbx-init.aarch64 2>&1); then
	. "$wall/tap"
	tap_ok "init for aarch64 compiles" "$build_log"
	tap_done
fi
. "$wall/init.sh"
