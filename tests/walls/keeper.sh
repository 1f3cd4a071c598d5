#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The libsbx developers
#
# The keeper must be what init must be, and smaller.
export init="$SBX_BUILDDIR/lib/init/sbx-keeper" subject=keeper max_bytes=4096
. "${0%/*}/init.sh"
