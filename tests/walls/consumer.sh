#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The libsbx developers
#
# A user of the installed library: make install, pkg-config, compile, run; shared and static.
. "${0%/*}/tap"

CC=${SBX_CC:-cc}
PKG_CONFIG=${PKG_CONFIG:-pkg-config}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# MAKEFLAGS: this make is not part of the one that runs us, whose job slots it cannot use.
install_log=$(MAKEFLAGS='' MFLAGS='' ${MAKE:-make} -C "$SBX_BUILDDIR" install DESTDIR="$work/root" 2>&1) && install_log=
tap_ok "make install DESTDIR works" "$install_log"

pc=$(find "$work/root" -name sbx.pc)
if [ -z "$pc" ]; then
	tap_ok "sbx.pc is installed" "$(find "$work/root")"
	tap_done
fi
export PKG_CONFIG_SYSROOT_DIR=
PKG_CONFIG_PATH=${pc%/*}${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
export PKG_CONFIG_PATH
variable() {
	$PKG_CONFIG --variable="$1" sbx
}
libdir=$work/root$(variable libdir)

cat >"$work/consumer.c" <<'END'
#include <sbx.h>
#include <stdio.h>
#include <stdlib.h>

int
main(void)
{
	sbx_spec *spec;
	char *value;

	if (sbx_spec_new(&spec, NULL, NULL) < 0 || sbx_spec_set(spec, "memory.max", "100M", NULL) < 0 ||
	    sbx_spec_get(spec, "memory.max", &value) < 0)
		return 1;
	printf("%u.%u.%u %s\n", sbx_version() >> 16, sbx_version() >> 8 & 255, sbx_version() & 255, value);
	free(value);
	sbx_spec_free(spec);
	return 0;
}
END
wanted="$($PKG_CONFIG --modversion sbx) 100M"

# What pkg-config says names the prefix; put the root that we installed into before it.
under_root() {
	sed "s|-\([IL]\)$(variable "$1")|-\1$work/root$(variable "$1")|g"
}
cflags=$($PKG_CONFIG --cflags sbx | under_root includedir)
[ -n "$cflags" ] || cflags=-I$work/root$(variable includedir)
# shellcheck disable=SC2086
build() {
	build_out=$1
	shift
	$CC -Wall -Wextra -Werror $cflags -o "$build_out" "$work/consumer.c" "$@" 2>&1
}

libs=$($PKG_CONFIG --libs sbx | under_root libdir)
case $libs in *-L*) ;; *) libs="-L$libdir $libs" ;; esac
# shellcheck disable=SC2086
tap_ok "a consumer links with the shared library" "$(build "$work/shared" $libs)"
tap_is "the shared consumer runs" "$(LD_LIBRARY_PATH=$libdir "$work/shared" 2>&1)" "$wanted"
tap_ok "the shared consumer needs libsbx.so.0" \
	"$(readelf -dW "$work/shared" | grep -q 'NEEDED.*\[libsbx\.so\.0\]' || readelf -dW "$work/shared")"

if [ -f "$libdir/libsbx.a" ]; then
	static=$($PKG_CONFIG --static --libs sbx | sed "s|-lsbx|$libdir/libsbx.a|")
	# shellcheck disable=SC2086
	tap_ok "a consumer links with the static library" "$(build "$work/static" $static)"
	tap_is "the static consumer runs" "$("$work/static" 2>&1)" "$wanted"
	tap_ok "the static consumer does not need libsbx.so.0" "$(readelf -dW "$work/static" | grep libsbx)"
	tap_ok "the static library has no global name but sbx_..." \
		"$(nm -g --defined-only "$libdir/libsbx.a" | awk 'NF == 3 && $3 !~ /^sbx_/')"
else
	tap_skip "a consumer links with the static library" "built with --disable-static"
fi

init=$(find "$work/root" -path '*/libsbx/sbx-init')
tap_ok "init is installed and executable" "$([ -x "$init" ] || find "$work/root")"
tap_ok "the installed init is the one that was built" "$(cmp "$init" "$SBX_BUILDDIR/lib/init/sbx-init" 2>&1)"
keeper=$(find "$work/root" -path '*/libsbx/sbx-keeper')
tap_ok "the keeper is installed and executable" "$([ -x "$keeper" ] || find "$work/root")"
tap_ok "the installed keeper is the one that was built" "$(cmp "$keeper" "$SBX_BUILDDIR/lib/init/sbx-keeper" 2>&1)"
run=$work/root$(variable exec_prefix)/bin/sbx-run
tap_ok "sbx-run is installed, and says its version" \
	"$("$run" --version 2>&1 | grep -qF "$($PKG_CONFIG --modversion sbx)" || "$run" --version 2>&1)"

# What was installed names no file of the tree that it was built from.
tap_ok "nothing installed points into the build tree" "$(grep -rl --include='*.pc' --include='*.la' \
	-e "$SBX_BUILDDIR" -e "$SBX_SRCDIR" "$work/root"; readelf -dW "$libdir/libsbx.so.0" "$run" | grep -E 'R(UN)?PATH')"
tap_done
