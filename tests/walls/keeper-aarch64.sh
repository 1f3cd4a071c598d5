#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The libsbx developers
#
# The keeper for aarch64, cross-compiled, as init-aarch64.sh has it.
wall=${0%/*}
export tools=aarch64-linux-gnu-
export runner=qemu-aarch64
export init="$SBX_BUILDDIR/lib/init/sbx-keeper.aarch64" subject=keeper max_bytes=4096

if ! command -v ${tools}gcc >/dev/null; then
	. "$wall/tap"
	tap_skip "the keeper for aarch64" "no ${tools}gcc"
	tap_done
fi
if ! build_log=$(MAKEFLAGS='' MFLAGS='' ${MAKE:-make} -C "$SBX_BUILDDIR" lib/init/sbx-keeper.aarch64 2>&1); then
	. "$wall/tap"
	tap_ok "the keeper for aarch64 compiles" "$build_log"
	tap_done
fi
. "$wall/init.sh"
