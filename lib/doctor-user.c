/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Who we are, whether we may make user namespaces, and which ids we may map into them. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "doctor.h"
#include "fd.h"
#include "host.h"
#include "idmap-helper.h"
#include "idmap.h"

#define USERNS_SYSCTL "/proc/sys/kernel/unprivileged_userns_clone"
#define APPARMOR_SYSCTL "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"
#define MAX_USER_SYSCTL "/proc/sys/user/max_user_namespaces"

/* --- user namespaces --- */

static bool
box_refused(const struct doctor *doctor)
{
	return doctor->box_error && sbx_error_errno(doctor->box_error) == EPERM &&
	       strcmp(sbx_error_stage(doctor->box_error), "clone") == 0;
}

static void
say_user_namespaces(struct doctor *doctor)
{
	static const char name[] = "user.namespaces";
	int64_t max = -1, clone = 1;
	bool max_known = doctor_sysctl(MAX_USER_SYSCTL, &max);
	bool clone_known = doctor_sysctl(USERNS_SYSCTL, &clone);

	if (max_known && max == 0) {
		doctor_say(doctor, name, doctor_needed(doctor, false), "none may be made: user.max_user_namespaces is 0");
		doctor_repair(doctor, "sysctl -w user.max_user_namespaces=15000");
	} else if (clone_known && clone == 0 && !host_is_privileged()) {
		doctor_say(doctor, name, doctor_needed(doctor, false),
		           "only root may make one: kernel.unprivileged_userns_clone is 0");
		doctor_repair(doctor, "sysctl -w kernel.unprivileged_userns_clone=1");
	} else if (box_refused(doctor)) {
		doctor_say(doctor, name, DOCTOR_FAIL,
		           "making one is refused, and by no sysctl: by a seccomp filter or a security "
		           "module around this process, or because of a chroot");
		doctor_repair(doctor, "of a container: start it with --security-opt seccomp=unconfined, or with a policy that "
		                      "allows clone3 and unshare");
	} else if (!max_known) {
		doctor_say(doctor, name, doctor->box ? DOCTOR_OK : DOCTOR_UNKNOWN, "%s cannot be read", MAX_USER_SYSCTL);
		doctor_repair(doctor, "mount -t proc proc /proc");
	} else {
		doctor_say(doctor, name, DOCTOR_OK, "allowed: user.max_user_namespaces is %" G_GINT64_FORMAT "%s", max,
		           !clone_known ? ""
		           : clone      ? ", kernel.unprivileged_userns_clone is 1"
		                        : ", kernel.unprivileged_userns_clone is 0 and we are privileged");
	}
	doctor_lost(doctor, "every box that does not share=user, which takes root");
}

/* All the others that a box has. */
static void
say_limits(struct doctor *doctor)
{
	static const char *const names[] = { "mnt", "pid", "net", "ipc", "uts", "cgroup", "time" };
	g_autoptr(GString) none = g_string_new(NULL), repair = g_string_new("sysctl -w");
	int64_t least = INT64_MAX;

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *path = g_strdup_printf("/proc/sys/user/max_%s_namespaces", names[i]);
		int64_t max;

		if (!doctor_sysctl(path, &max))
			continue;
		least = MIN(least, max);
		if (max == 0) {
			g_string_append_printf(none, "%suser.max_%s_namespaces", none->len ? ", " : "", names[i]);
			g_string_append_printf(repair, " user.max_%s_namespaces=15000", names[i]);
		}
	}
	if (least == INT64_MAX)
		doctor_say(doctor, "user.limits", DOCTOR_UNKNOWN, "/proc/sys/user/max_*_namespaces cannot be read");
	else if (none->len == 0)
		doctor_say(doctor, "user.limits", DOCTOR_OK, "%" G_GINT64_FORMAT " or more namespaces of each other kind",
		           least);
	else
		doctor_say(doctor, "user.limits", doctor_needed(doctor, false), "0 in %s", none->str);
	doctor_lost(doctor, "boxes, unless share names what may not be made");
	doctor_repair(doctor, "%s", none->len ? repair->str : "mount -t proc proc /proc");
}

/* Ubuntu's: a user namespace can be made, but gives no capability, unless a profile of the program says "userns". */
static void
say_apparmor(struct doctor *doctor)
{
	g_autofree char *profile = fd_read_file_at(AT_FDCWD, "/proc/self/attr/current");
	g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
	int64_t restricted = 0;
	bool known = doctor_sysctl(APPARMOR_SYSCTL, &restricted);

	if (profile)
		g_strchomp(profile);
	if (!known)
		doctor_say(doctor, "user.apparmor", DOCTOR_OK, "AppArmor does not restrict user namespaces on this kernel");
	else if (restricted == 0 || host_is_privileged() || doctor->box)
		doctor_say(doctor, "user.apparmor", DOCTOR_OK, "kernel.apparmor_restrict_unprivileged_userns is %d%s",
		           (int)restricted, restricted == 0 ? "" : ", and does not hold us");
	else
		doctor_say(doctor, "user.apparmor", DOCTOR_FAIL,
		           "kernel.apparmor_restrict_unprivileged_userns is 1, and the profile of %s is \"%s\"",
		           program ? program : "this program", profile ? profile : "unknown");
	doctor_lost(doctor, "every box of a plain user: its user namespace has no capability");
	doctor_repair(doctor,
	              "printf 'abi <abi/4.0>,\\ninclude <tunables/global>\\nprofile sbx \"%s\" flags=(unconfined) {\\n  "
	              "userns,\\n}\\n' >/etc/apparmor.d/sbx && apparmor_parser -r /etc/apparmor.d/sbx",
	              program ? program : "/usr/bin/sbx-run");
}

/* The kernel makes no user namespace for a process whose root directory is none of a mount. A chroot on a mount point
 * can't be told from none. */
static void
say_chroot(struct doctor *doctor)
{
	struct statx root;
	bool known =
		statx(AT_FDCWD, "/", 0, STATX_BASIC_STATS, &root) == 0 && root.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT;
	bool chrooted = known && !(root.stx_attributes & STATX_ATTR_MOUNT_ROOT);

	if (!known)
		doctor_say(doctor, "user.chroot", doctor->box ? DOCTOR_OK : DOCTOR_UNKNOWN,
		           "whether this is a chroot cannot be seen");
	else
		doctor_say(doctor, "user.chroot", doctor_needed(doctor, !chrooted), "%s",
		           chrooted ? "this is a chroot, where the kernel makes no user namespace" : "no chroot is seen");
	doctor_lost(doctor, "every box that does not share=user, which takes root");
	doctor_repair(doctor,
	              "instead of chroot DIR: unshare -m, mount --rbind DIR DIR, cd DIR, pivot_root . ., umount -l .");
}

/* --- ids --- */

static char *
user_name(void)
{
	g_autofree char *buffer = g_malloc(16384);
	struct passwd entry, *user = NULL;

	return getpwuid_r(getuid(), &entry, buffer, 16384, &user) == 0 && user ? g_strdup(user->pw_name) : NULL;
}

static void
say_subid(struct doctor *doctor, bool group, const char *user)
{
	const char *path = group ? "/etc/subgid" : "/etc/subuid";
	g_autofree char *text = fd_read_file_at(AT_FDCWD, path);
	g_autofree char *number = g_strdup_printf("%u", getuid());
	struct value_map range;
	uint32_t first = doctor_free_subid(text ? text : "");
	bool granted = text && idmap_subid(text, user, getuid(), &range);
	const char *name = group ? "user.subgid" : "user.subuid";

	if (granted)
		doctor_say(doctor, name, DOCTOR_OK, "%s grants %s %u ids from %u", path, user ? user : number, range.count,
		           range.outside);
	else if (host_is_privileged())
		doctor_say(doctor, name, DOCTOR_OK, "%s grants %s nothing, and root needs no grant", path,
		           user ? user : number);
	else
		doctor_say(doctor, name, DOCTOR_WARN, "%s grants %s nothing%s%s", path, user ? user : number, text ? "" : ": ",
		           text ? "" : g_strerror(errno));
	doctor_lost(doctor, "%s of more than the own id", group ? "gid-map" : "uid-map");
	if (first == 0)
		doctor_repair(doctor, "no 65536 ids are left above 100000 in %s: take some back", path);
	else if (user)
		doctor_repair(doctor, "usermod --add-sub%cids %u-%u %s", group ? 'g' : 'u', first, first + 65535, user);
	else
		doctor_repair(doctor, "echo %u:%u:65536 >>%s", getuid(), first, path);
}

static void
say_helper(struct doctor *doctor, bool group)
{
	const char *program = group ? "newgidmap" : "newuidmap";
	const char *name = group ? "user.newgidmap" : "user.newuidmap";
	g_autofree char *path = idmap_helper_find(program);
	struct statvfs fs;
	struct stat st;
	bool set, caps, nosuid;

	if (!path) {
		doctor_say(doctor, name, host_is_privileged() ? DOCTOR_OK : DOCTOR_WARN,
		           "%s is not in /usr/bin or /usr/local/bin%s", program,
		           host_is_privileged() ? ", and root needs none" : "");
		doctor_lost(doctor, "%s of more than the own id", group ? "gid-map" : "uid-map");
		doctor_repair(doctor,
		              "apt-get install uidmap (Debian, Ubuntu), dnf install shadow-utils (Fedora), pacman -S shadow "
		              "(Arch), apk add shadow-uidmap (Alpine)");
		return;
	}
	set = stat(path, &st) == 0 && st.st_mode & S_ISUID && st.st_uid == 0;
	caps = getxattr(path, "security.capability", NULL, 0) > 0;
	nosuid = statvfs(path, &fs) == 0 && fs.f_flag & ST_NOSUID;
	if (host_is_privileged())
		doctor_say(doctor, name, DOCTOR_OK, "%s, and root needs none", path);
	else if (!set && !caps)
		doctor_say(doctor, name, DOCTOR_WARN, "%s is neither setuid root nor has it file capabilities", path);
	else if (nosuid)
		doctor_say(doctor, name, DOCTOR_WARN, "%s is on a file system mounted nosuid", path);
	else if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		doctor_say(doctor, name, DOCTOR_WARN, "%s is %s, and this process has no_new_privs", path,
		           set ? "setuid root" : "with file capabilities");
	else
		doctor_say(doctor, name, DOCTOR_OK, "%s, %s", path, set ? "setuid root" : "with file capabilities");
	doctor_lost(doctor, "%s of more than the own id", group ? "gid-map" : "uid-map");
	if (!set && !caps)
		doctor_repair(doctor, "chown root %s && chmod u+s %s", path, path);
	else if (nosuid)
		doctor_repair(doctor, "mount that file system without nosuid");
	else
		doctor_repair(doctor, "start the host without no_new_privs: under systemd NoNewPrivileges=no in its unit, in a "
		                      "container without --security-opt no-new-privileges");
}

static void
say_capabilities(struct doctor *doctor)
{
	doctor_say(doctor, "user.capabilities", DOCTOR_OK, "uid %u, %s CAP_SYS_ADMIN, %s user namespace", geteuid(),
	           host_is_privileged() ? "with" : "without",
	           host_is_initial_user_ns() ? "in the initial" : "not in the initial");
}

void
doctor_user(struct doctor *doctor)
{
	g_autofree char *user = user_name();

	say_capabilities(doctor);
	say_user_namespaces(doctor);
	say_limits(doctor);
	say_apparmor(doctor);
	say_chroot(doctor);
	say_subid(doctor, false, user);
	say_subid(doctor, true, user);
	say_helper(doctor, false);
	say_helper(doctor, true);
}
