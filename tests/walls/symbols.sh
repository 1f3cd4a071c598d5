#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The libsbx developers
#
# The border of the library: what sbx.h declares, what the map names and what the file exports are the same.
. "${0%/*}/tap"

header=$SBX_SRCDIR/include/sbx.h
library=$SBX_BUILDDIR/.libs/libsbx.so.0
CC=${SBX_CC:-cc}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# The preprocessor takes the comments away, so that an example in one is no declaration.
$CC -E -P "$header" | grep -oE '\bsbx_[a-z0-9_]+\(' | tr -d '(' | sort -u >"$work/declared"
grep -oE '^[[:space:]]*sbx_[a-z0-9_]+;' "$SBX_SRCDIR/lib/sbx.sym" | tr -d '\t ;' | sort >"$work/mapped"
nm -D --defined-only "$library" | awk '$2 != "A" { print $3 }' | sed 's/@.*//' | sort >"$work/exported"
nm -D --defined-only "$library" | awk '$2 != "A" && $3 !~ /@@SBX_0\.[0-9]+$/' >"$work/unversioned"

tap_ok "sbx.h declares something" "$([ "$(wc -l <"$work/declared")" -gt 30 ] || cat "$work/declared")"
tap_ok "the map names what sbx.h declares" "$(diff "$work/declared" "$work/mapped")"
tap_ok "the library exports what the map names" "$(diff "$work/mapped" "$work/exported")"
tap_ok "every exported symbol has a version" "$(cat "$work/unversioned")"
tap_is "the library's name is libsbx.so.0" \
	"$(readelf -dW "$library" | sed -n 's/.*(SONAME).*\[\(.*\)\].*/\1/p')" libsbx.so.0

# One entry is the toolchain's frame_dummy; a second one would be code of ours that runs when the host only loads us.
if nm -D "$library" | grep -q ' U __\(asan\|ubsan\|gcov\)'; then
	tap_skip "the library runs nothing when it is loaded" "this library has a sanitizer in it, which has constructors"
else
	tap_ok "the library runs nothing when it is loaded" "$(readelf -SW "$library" | sed 's/\[ */[/' |
		awk '$2 ~ /^\.(init|fini)_array$/ && strtonum_hex($6) > 8 { print }
			function strtonum_hex(s) { sub(/^0+/, "", s); return length(s) > 1 ? 99 : s + 0 }')"
fi
tap_ok "the library needs no executable stack and no text relocation" \
	"$(readelf -lW "$library" | grep -E '^ *GNU_STACK .* RWE'; readelf -dW "$library" | grep TEXTREL)"
tap_ok "the library does not load libseccomp or libbpf" "$(readelf -dW "$library" | grep -E 'NEEDED.*(seccomp|bpf)')"

version=$(sed -n 's/^#define SBX_VERSION_\(MAJOR\|MINOR\|PATCH\) //p' "$header" | paste -sd.)
tap_is "sbx.h and configure.ac name one version" "$version" \
	"$(sed -n 's/^AC_INIT(\[libsbx\], \[\(.*\)\])$/\1/p' "$SBX_SRCDIR/configure.ac")"

printf '#include <sbx.h>\nint main(void) { return sbx_version() == 0; }\n' >"$work/c.c"
cp "$work/c.c" "$work/c.cc"
tap_ok "sbx.h is C11, pedantically" "$($CC -std=c11 -Wall -Wextra -Werror -pedantic-errors -fsyntax-only \
	-I"$SBX_SRCDIR/include" "$work/c.c" 2>&1)"
if command -v "${CXX:=c++}" >/dev/null; then
	tap_ok "sbx.h is C++17" "$($CXX -std=c++17 -Wall -Wextra -Werror -pedantic-errors -fsyntax-only \
		-I"$SBX_SRCDIR/include" "$work/c.cc" 2>&1)"
else
	tap_skip "sbx.h is C++17" "no C++ compiler"
fi
tap_done
