#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The libsbx developers
#
# What init must be: small, static, without a libc. init-aarch64.sh sources it for the other architecture, keeper.sh and
# keeper-aarch64.sh for the keeper.
. "${0%/*}/tap"

init=${init:-$SBX_BUILDDIR/lib/init/sbx-init}
subject=${subject:-init}
runner=${runner-}
tools=${tools-}

max_bytes=${max_bytes:-6144}
size=$(wc -c <"$init")
tap_ok "$subject has less than $max_bytes bytes" "$([ "$size" -lt $max_bytes ] || echo "$init has $size bytes")"
tap_ok "$subject needs no symbol" "$(${tools}nm -u "$init" 2>/dev/null; ${tools}readelf --dyn-syms -W "$init" | grep ' UND ')"

segments=$(${tools}readelf -lW "$init")
tap_ok "$subject is a fixed-address executable" "$(${tools}readelf -hW "$init" | grep -q 'Type: *EXEC ' || ${tools}readelf -hW "$init")"
tap_ok "$subject has segments to look at" "$(echo "$segments" | grep -q ' LOAD ' || echo "$segments")"
tap_ok "$subject has no interpreter and no dynamic section" "$(echo "$segments" | grep -E '^ *(INTERP|DYNAMIC)')"
tap_ok "$subject has no memory that is writable and executable" "$(echo "$segments" | grep -E '^ *(LOAD|GNU_STACK) .* RWE')"
tap_ok "$subject says that its stack is not executable" "$(echo "$segments" | grep -q '^ *GNU_STACK .* RW ' || echo "$segments")"

# The whole of what runs without a socket: init sees that fd 0 is none, and gives up with a status, not with a signal.
if [ -n "$runner" ] && ! command -v "$runner" >/dev/null; then
	tap_skip "$subject without a control socket exits with a status" "no $runner"
else
	# shellcheck disable=SC2086
	timeout 20 $runner "$init" </dev/null >/dev/null 2>&1
	status=$?
	tap_ok "$subject without a control socket exits with a status" \
		"$([ $status -gt 0 ] && [ $status -lt 124 ] || echo "status $status")"
fi

# The library carries these very bytes.
if [ -z "$runner" ]; then
	library=$SBX_BUILDDIR/.libs/libsbx.so.0
	tap_ok "the library carries this $subject" "$(python3 - "$init" "$library" <<-'END' 2>&1
		import sys
		init, library = (open(path, "rb").read() for path in sys.argv[1:3])
		if init not in library:
		    print(f"{sys.argv[2]} ({len(library)} bytes) does not hold the {len(init)} bytes of {sys.argv[1]}")
	END
	)"
fi
tap_done
