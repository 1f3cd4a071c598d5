#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The libsbx developers
#
# What style.md asks of every file, as far as a program can see it.
. "${0%/*}/tap"
cd "$SBX_SRCDIR" || exit 1

# Every text file that is ours; a release tarball has no git, and nothing to leave out but what configure made.
ours() {
	if [ -e .git ] && command -v git >/dev/null; then
		git -c safe.directory='*' ls-files --cached --others --exclude-standard
	else
		find . -type f | sed 's|^\./||' | grep -vE '^(build|autom4te\.cache|m4/l)|Makefile\.in$|(^|/)(configure|aclocal\.m4)~?$'
	fi | grep -v '/\.git' | while read -r ours_file; do
		[ ! -f "$ours_file" ] || echo "$ours_file"
	done
}
files=$(ours)
c_files=$(echo "$files" | grep -E '\.(c|h)$')
code=$(echo "$c_files" | grep -E '^(lib|tools)/')

each() {
	echo "$files" | tr '\n' '\0' | xargs -0 "$@"
}

long_functions() {
	# shellcheck disable=SC2086
	awk '
		FNR == 1 { open = 0 }
		/^[a-z_].*\(/ { name = $0 }
		/^{/ { open = FNR }
		/^}/ {
			if (open && FNR - open - 1 > 60) print FILENAME ":" open ": " FNR - open - 1 " lines: " name
			open = 0
		}' $code
}

# clang-format breaks code, and leaves comments as they are. A tab goes to the next multiple of 4.
long_comments() {
	# shellcheck disable=SC2086
	for long_file in $code $(echo "$c_files" | grep '^include/'); do
		expand -t 4 "$long_file" | awk -v file="$long_file" '
			length > 120 && (open || /\/[*\/]/) { print file ":" FNR ": " length " columns" }
			/\/\*/ { open = 1 }
			/\*\// { open = 0 }'
	done
}

without_spdx() {
	echo "$files" | grep -vE '^(COPYING|README\.md|.*\.(golden|plan|txt|json|svg|csv))$|^tests/golden/' |
		while read -r spdx_file; do
			head -n 5 "$spdx_file" | grep -q 'SPDX-License-Identifier: LGPL-2\.1-or-later' &&
				head -n 5 "$spdx_file" | grep -q 'SPDX-FileCopyrightText: The libsbx developers' ||
				echo "$spdx_file"
		done
}

format() {
	# shellcheck disable=SC2086
	$clang_format --dry-run --Werror $c_files 2>&1 | grep -E '(error|warning):' | head -n 40
}

tap_ok "there are files to look at" "$([ "$(echo "$code" | wc -l)" -gt 20 ] || echo "$files")"
tap_ok "two SPDX lines in every file" "$(without_spdx)"
tap_ok "no blanks at the end of a line" "$(each grep -nE '[[:blank:]]+$' | grep -vE '^(COPYING|tests/golden/)')"
tap_ok "every file ends with a newline" "$(each -n 1 sh -c '[ -z "$(tail -c 1 "$1")" ] || echo "$1"' sh)"
# shellcheck disable=SC2086
tap_ok "files of lib/ and tools/ have at most 400 lines" \
	"$(wc -l $code | awk '$2 != "total" && $1 > 400 { print $2 ": " $1 " lines" }')"
tap_ok "functions of lib/ and tools/ have at most 60 lines" "$(long_functions)"
tap_ok "comments of lib/, tools/ and include/ have at most 120 columns" "$(long_comments)"
# shellcheck disable=SC2086
tap_ok "no goto, and nothing left to do" "$(grep -nwE 'goto|TODO|FIXME|XXX' $c_files)"
# shellcheck disable=SC2086
tap_ok "sbx.h has no bool and no type of GLib" "$(grep -nE '\bbool\b|\bG[A-Z][a-z]+\b' include/sbx.h |
	grep -vE '^[0-9]+:[[:blank:]]*(/?\*|//)')"
# shellcheck disable=SC2086
tap_ok "the library does not print, exit or abort" \
	"$(grep -nE '\b(printf|fprintf|puts|perror|exit|_exit|abort|g_(print|printerr|message|warning|critical|error|assert|log))\(' \
		lib/*.c | grep -vE '^lib/seccomp(-names)?-gen\.c:')"

clang_format=${SBX_CLANG_FORMAT:-no}
if [ "$clang_format" = no ]; then
	tap_skip "the format is clang-format's" "no clang-format"
elif ! $clang_format --version | grep -q 'version 14\.'; then
	tap_skip "the format is clang-format's" "$clang_format is not version 14, and other versions format otherwise"
else
	tap_ok "the format is clang-format's (make format)" "$(format)"
fi

# Not those that are written for busybox: shellcheck knows that shell since 0.10.
scripts=$(echo "$files" | while read -r script; do
	head -n 1 "$script" | grep -qE '^#!.*\b(ba|da)?sh$' &&
		! grep -q 'shellcheck shell=busybox' "$script" && echo "$script"
done)
if command -v shellcheck >/dev/null; then
	# shellcheck disable=SC2086
	tap_ok "shellcheck has nothing to say" "$(shellcheck -S warning -e SC2034,SC2054,SC2154,SC3045 $scripts 2>&1)"
else
	tap_skip "shellcheck has nothing to say" "no shellcheck"
fi
tap_done
