#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The libsbx developers
#
# Who may include whom: design.md's rooms. Arrows point down; the rooms of layer 1 do not know one another.
. "${0%/*}/tap"
cd "$SBX_SRCDIR" || exit 1

# LAYER ROOM FILE...; a file that stands in no line has no place in lib/.
rooms='
3 life      report report-text enforce enforce-delegate enforce-device image launch run
3 life      box box-pause box-start box-stat box-update box-watch
3 doctor    doctor doctor-box doctor-cgroup doctor-host doctor-kernel doctor-security doctor-text doctor-user
3 life      place place-unit scope keeper
2 plan      plan plan-text plan-words identity identity-caps stdio environ namespaces process filter
2 files     files files-parts files-device files-root files-standard files-target
1 cgroup    cgroup cgroup-owner cgroup-set cgroup-stat sweep blockdev readback
1 delegate  delegate delegate-dir delegate-full leaf
1 systemd   systemd systemd-manager dbus dbus-stream dbus-value dbus-value-write dbus-wire
1 device    device device-rules
1 seccomp   seccomp
0 policy    seccomp-program seccomp-words seccomp-names seccomp-groups seccomp-table seccomp-policy seccomp-cond
0 policy    seccomp-compile seccomp-emit seccomp-load seccomp-builtin seccomp-check seccomp-gen seccomp-names-gen
1 idmap     idmap idmap-helper
0 words     error fd key value value-parts value-number value-limit value-mount value-identity value-device
0 words     spec spec-parts spec-object profile
0 host      host mountinfo cgroupfs
'

# FILE:INCLUDED for each #include "..." of the files.
includes() {
	for inc_file in "$@"; do
		[ -f "$inc_file" ] && sed -n "s|^[ \t]*#[ \t]*include[ \t]*\"\([^\"]*\)\".*|$inc_file:\1|p" "$inc_file"
	done
}

# FILE:INCLUDED for each #include <...>.
system_includes() {
	for inc_file in "$@"; do
		[ -f "$inc_file" ] && sed -n "s|^[ \t]*#[ \t]*include[ \t]*<\([^>]*\)>.*|$inc_file:\1|p" "$inc_file"
	done
}

check_lib() {
	includes lib/*.c lib/*.h | ROOMS=$rooms awk -F: '
	BEGIN {
		n = split(ENVIRON["ROOMS"], line, "\n")
		for (i = 1; i <= n; i++) {
			m = split(line[i], word, " ")
			for (j = 3; j <= m; j++) {
				layer[word[j]] = word[1]
				room[word[j]] = word[2]
			}
		}
	}
	function noun(path) {
		sub(/^.*\//, "", path)
		sub(/\.[^.]*$/, "", path)
		return path
	}
	$2 == "seccomp-words.def" { if ($1 != "lib/seccomp-words.c") print $1 " includes " $2 "; only seccomp-words.c does"; next }
	$2 == "sbx.h" { next }
	$2 == "key.def" { if ($1 != "lib/key.c") print $1 " includes key.def; only key.c does"; next }
	$2 ~ /^init\// {
		if ($2 !~ /^init\/(wire|wire-keeper|sys|born)\.h$/) print $1 " includes " $2
		else if (layer[noun($1)] < 2) print $1 " of layer " layer[noun($1)] " includes " $2
		next
	}
	{
		from = noun($1); to = noun($2)
		if (!(to in layer)) print $1 " includes " $2 ", which has no room"
		else if (layer[to] > layer[from]) print $1 " (layer " layer[from] ") includes " $2 " (layer " layer[to] ")"
		else if (layer[from] == 1 && layer[to] == 1 && room[from] != room[to])
			print $1 " and " $2 " are strangers"
	}'
}

check_rooms() {
	for room_file in lib/*.c lib/*.h; do
		room_noun=${room_file##*/}
		room_noun=${room_noun%.*}
		echo "$rooms" | tr -s ' ' '\n' | grep -qx "$room_noun" ||
			echo "$room_file has no room"
	done
}

check_listed() {
	for listed_file in lib/*.c lib/*.h tools/*.c tools/*.h tests/unit/*.c tests/live/*.c tests/live/*.py \
		tests/hostile/*.c tests/walls/*.sh; do
		[ -f "$listed_file" ] || continue
		grep -qE "(^|[[:space:]])(${listed_file}|${listed_file%.c})([[:space:]]|\$)" ./*/local.mk ||
			echo "$listed_file is not in the build"
	done
}

tap_ok "every file of lib/ has a room" "$(check_rooms)"
tap_ok "includes in lib/ point down" "$(check_lib)"
tap_ok "init includes only its own files" \
	"$(includes lib/init/*.[chS] lib/init/arch/* | while IFS=: read -r file header; do
		[ -f "lib/init/$header" ] || echo "$file includes $header"
	done)"
tap_ok "sbx-run includes only sbx.h and key.def of ours" "$(includes tools/*.[ch] |
	while IFS=: read -r file header; do
		[ "$header" = sbx.h ] || [ "$header" = key.def ] || [ -f "tools/$header" ] || echo "$file includes $header"
	done)"
tap_ok "sbx-run includes no library but GLib, and jansson to read what the doctor says" "$(system_includes tools/*.[ch] |
	grep -E ':(seccomp|jansson|sys/capability|bpf/.*|gio/.*)(\.h)?$' | grep -v '^tools/doctor\.c:jansson\.h$')"
tap_ok "sbx.h includes only stddef.h and stdint.h" \
	"$(system_includes include/sbx.h | grep -vE ':(stddef|stdint)\.h$'; includes include/sbx.h)"
tap_ok "libseccomp is used during the build only" \
	"$(system_includes lib/*.[ch] tools/*.[ch] | grep ':seccomp\.h$' | grep -v '^lib/seccomp-names-gen\.c:')"
tap_ok "every source file is in the build" "$(check_listed)"
tap_done
