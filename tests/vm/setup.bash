# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The libsbx developers
# shellcheck shell=bash disable=SC2016,SC2154 # apt has a $() of its own; run sets the other variables
#
# What the VM is made of: packages, kernels and the initramfs. Sourced by tests/vm/run, which sets here (this directory), cache and die().
#
# The cache:
#   kernels/NAME/        one kernel: version (uname -r), vmlinux, modules/ (an unpacked /lib/modules/VERSION). There or not there, never half.
#   initramfs-NAME-HASH  busybox, modules and init of that kernel, for one version of these scripts.
#   accel                boot id of this machine, then kvm or tcg: whether KVM works here.
#   lock                 held while something is added.

# What the initramfs loads, in that order, each after what it depends on.
setup_modules='virtio_pci virtio_console 9pnet_virtio 9p overlay'
# What init uses of busybox before and after the switch to the host's tree.
setup_applets='sh cat chmod chown cp cut grep hostname insmod ip ln mkdir mkfifo mkswap mount setsid sleep switch_root sync swapon umount uname'

# The Debian packages that are missing here, one a line.
setup_missing() {
	local pair
	for pair in qemu-system-x86_64:qemu-system-x86 busybox:busybox-static depmod:kmod cpio:cpio xz:xz-utils zstd:zstd mke2fs:e2fsprogs perl:perl-base; do
		command -v "${pair%%:*}" >/dev/null || echo "${pair#*:}"
	done
	# The other busybox package is linked to libc, which the initramfs does not have.
	if command -v busybox >/dev/null && LC_ALL=C ldd "$(command -v busybox)" >/dev/null 2>&1; then
		echo busybox-static
	fi
}

setup_packages() {
	local missing
	mapfile -t missing < <(setup_missing)
	[ ${#missing[@]} -gt 0 ] || return 0
	[ "$(id -u)" = 0 ] || die "missing packages: ${missing[*]} (root can run tests/vm/run --setup)"
	echo "tests/vm/run: installing ${missing[*]}" >&2
	export DEBIAN_FRONTEND=noninteractive
	if ! apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$tmp/apt.log" 2>&1; then
		{
			apt-get update -qq &&
				apt-get install -y -qq --no-install-recommends "${missing[@]}"
		} >"$tmp/apt.log" 2>&1 || die "apt-get install ${missing[*]}: $(tail -n 3 "$tmp/apt.log")"
	fi
}

# The Debian release that kernel $1 comes from.
setup_suite() {
	case $1 in
	6.1) echo bookworm ;;
	6.12) echo bookworm-backports ;;
	*) die "no kernel $1: there are 6.1 and 6.12" ;;
	esac
}

# Get kernel $1 into the cache. apt works in folders of its own, so this needs no root and leaves the machine's package lists alone; only the
# mirror is taken from the machine's configuration.
setup_fetch() (
	suite=$(setup_suite "$1")
	work=$cache/fetch
	rm -rf "$work"
	mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/new"
	trap 'rm -rf "$work"' EXIT
	mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | head -n 1)
	[ -n "$mirror" ] || die "no kernel $1 in $cache, and apt knows no Debian mirror (apt-get update may help)"
	echo "tests/vm/run: fetching kernel $1" >&2
	signed_by=
	if [ -e /usr/share/keyrings/debian-archive-keyring.gpg ]; then
		signed_by="[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
	fi
	echo "deb $signed_by $mirror $suite main" >"$work/sources.list"
	options=(-qq -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null -o "Dir::State::Lists=$work/lists"
		-o "Dir::Cache=$work" -o APT::Sandbox::User=root -o Dir::Etc::preferencesparts=/dev/null -o APT::Update::Error-Mode=any)
	if ! {
		apt-get "${options[@]}" update &&
			package=$(apt-cache "${options[@]}" depends linux-image-amd64 | sed -n 's/^ *Depends: \(linux-image-[^ ]*\)$/\1/p' | head -n 1) &&
			cd "$work" && apt-get "${options[@]}" download "$package" && dpkg -x "$work/$package"_*.deb "$work/deb"
	} >"$work/log" 2>&1; then
		# The message must not name the mirror, which may hold a password.
		die "cannot fetch kernel $1: $(tail -n 2 "$work/log" | sed "s|[a-z]*://[^ ]*|(mirror)|g; s|'[^']*'|(mirror)|g")"
	fi
	version=${package#linux-image-}
	setup_unpack "$work/deb/boot/vmlinuz-$version" "$work/new/vmlinux"
	depmod -b "$work/deb" "$version"
	mv "$work/deb/lib/modules/$version" "$work/new/modules"
	echo "$version" >"$work/new/version"
	mkdir -p "$cache/kernels"
	mv "$work/new" "$cache/kernels/$1"
)

# Write the ELF kernel in the bzImage $1 to $2: qemu starts it directly (PVH), which saves the guest the slow decompression. The header says
# where the payload is (Documentation/arch/x86/boot.rst); its last four bytes are not compressed data but its size.
setup_unpack() {
	local sectors offset length unpack
	sectors=$(od -An -tu1 -j $((0x1f1)) -N 1 "$1")
	offset=$(od -An -tu4 -j $((0x248)) -N 4 "$1")
	length=$(od -An -tu4 -j $((0x24c)) -N 4 "$1")
	for unpack in zstd xz; do
		# head closes the pipe early
		if { tail -c "+$(((sectors + 1) * 512 + offset + 1))" "$1" || true; } | head -c $((length - 4)) | $unpack -dc >"$2" 2>/dev/null &&
			[ "$(head -c 4 "$2")" = $'\x7fELF' ]; then
			return
		fi
	done
	cp "$1" "$2"
}

# The initramfs of kernel $1, built if it is not in the cache. Sets initramfs.
setup_initramfs() {
	local kernel=$cache/kernels/$1 root=$tmp/initramfs-$1 depmod=$tmp/depmod-$1 hash module how file applet
	hash=$(cat "$here/init" "$here/setup.bash" "$(command -v busybox)" "$kernel/version" | sha256sum)
	initramfs=$cache/initramfs-$1-${hash:0:16}
	[ ! -e "$initramfs" ] || return 0
	mkdir -p "$root"/{bin,dev,lower,kept,modules,newroot,proc,sbx,sys,upper} "$depmod/lib/modules"
	cp "$(command -v busybox)" "$root/bin/busybox"
	for applet in $setup_applets; do
		ln -s busybox "$root/bin/$applet"
	done
	install -m 755 "$here/init" "$root/init"
	ln -s "$kernel/modules" "$depmod/lib/modules/$(cat "$kernel/version")"
	for module in $setup_modules; do
		modprobe -d "$depmod" -S "$(cat "$kernel/version")" --show-depends "$module"
	done | while read -r how file _; do
		module=$(basename "${file%.xz}")
		if [ "$how" != insmod ] || [ -e "$root/modules/$module" ]; then
			continue
		fi
		case $file in
		*.xz) xz -dc "$file" >"$root/modules/$module" ;;
		*) cp "$file" "$root/modules/$module" ;;
		esac
		echo "$module" >>"$root/modules/order"
	done
	[ -e "$root/modules/9p.ko" ] || die "kernel $1 has no 9p module"
	(cd "$root" && find . -print0 | cpio -0 -o -H newc --quiet -R 0:0) >"$initramfs.$$"
	mv "$initramfs.$$" "$initramfs"
	find "$cache" -maxdepth 1 -name 'initramfs-*' -mtime +7 -delete
}

# Everything that kernel $1 needs to start.
setup_kernel() {
	local missing lock
	mapfile -t missing < <(setup_missing)
	[ ${#missing[@]} -eq 0 ] || die "missing packages: ${missing[*]} (run tests/vm/run --setup)"
	setup_suite "$1" >/dev/null
	mkdir -p "$cache" 2>/dev/null || true
	if [ -w "$cache" ]; then
		exec {lock}>"$cache/lock"
		flock "$lock"
	fi
	if [ ! -e "$cache/kernels/$1" ]; then
		setup_fetch "$1"
	fi
	setup_initramfs "$1"
	[ -z "${lock-}" ] || exec {lock}>&-
}
