# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The libsbx developers
"""sbx-run --doctor: its two forms, its exit status, and repairs: each is provoked, said, carried out, and then all is well.

What changes the machine is done in the VM only; what changes mounts is done in a mount namespace of its own.
"""

import json
import os
import pathlib
import pty
import re
import shlex
import subprocess

import pytest
from conftest import TREE, missing_controllers

VM = os.environ.get("SBX_VM") == "1"
CMDLINE = pathlib.Path("/proc/cmdline").read_text(encoding="ascii").split()
USER = "setpriv --reuid=1000 --regid=1000 --clear-groups "


def real_root():
    """Root, and not only of a user namespace."""
    return os.geteuid() == 0 and pathlib.Path("/proc/self/uid_map").read_text(encoding="ascii").split() == [
        "0", "0", "4294967295"]


@pytest.fixture
def doctor(program):
    """doctor() → the JSON object of one run, whose status agrees with it."""

    def ask():
        done = subprocess.run([program, "--doctor=json"], capture_output=True, text=True, check=False, timeout=60)
        answer = json.loads(done.stdout)
        assert (done.returncode, done.stderr) == (0 if answer["ok"] else 1, ""), done
        return answer

    return ask


def by_name(answer):
    return {check["name"]: check for check in answer["checks"]}


# --- its forms --------------------------------------------------------------------------------------------------------


def test_json(doctor):
    answer = doctor()
    checks = by_name(answer)
    assert set(answer) == {"ok", "summary", "kernel", "checks"}
    assert answer["kernel"] == os.uname().release
    assert answer["ok"] == (checks["box"]["status"] == "ok" and checks["limits"]["status"] == "ok")
    assert len(checks) == len(answer["checks"])


def test_is_ok_where_controllers_are(doctor):
    """On a cgroup v2 host with a group of our own all is well; on a hybrid one it is said what is bound to version 1, and how
    to change that."""
    answer = doctor()
    checks = by_name(answer)
    if missing_controllers() is None and os.environ.get("SBX_VM_CGROUP"):
        assert answer["ok"], answer
        assert checks["cgroup.layout"]["found"].startswith("unified: "), checks["cgroup.layout"]
    elif "bound to a cgroup v1 hierarchy" in checks["cgroup.memory"]["found"]:
        assert not answer["ok"], answer
        assert checks["cgroup.layout"]["found"].split(":")[0] in ("hybrid", "legacy"), checks["cgroup.layout"]
        for name in ("cgroup.layout", "cgroup.memory", "limits"):
            assert checks[name]["status"] == "fail", checks[name]
            assert "systemd.unified_cgroup_hierarchy=1" in checks[name]["repair"], checks[name]
    else:
        pytest.skip("neither a cgroup v2 host with a group for this test nor a hybrid one")


def table_of(program, **env):
    return subprocess.run([program, "--doctor"], capture_output=True, text=True, check=False, timeout=60,
                          env={**os.environ, **env})


def test_table_says_what_the_json_says(program, doctor):
    answer = doctor()
    done = table_of(program)
    assert (done.returncode, done.stderr) == (0 if answer["ok"] else 1, ""), done
    words = " ".join(done.stdout.split())
    marks = {"ok": "ok", "warn": "--", "fail": "!!", "unknown": "??"}
    for check in answer["checks"]:
        short = check["name"].removeprefix(check["group"] + ".")
        assert f"{marks[check['status']]} {short} {' '.join(check['found'].split())}" in words, check
        for member in ("lost", "repair"):
            assert not check[member] or f"{member}: {' '.join(check[member].split())}" in words, check
    assert done.stdout.endswith("\n" + answer["summary"] + "\n"), done.stdout
    assert [line for line in done.stdout.splitlines() if len(line) > 100 and "repair: " not in line] == []
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize("env, coloured", [
    ({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({"TERM": ""}, False),
    ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "xterm", "NO_COLOR": ""}, True),
])
def test_colour_on_a_terminal(program, env, coloured):
    ours, theirs = pty.openpty()
    base = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    with subprocess.Popen([program, "--doctor"], stdout=theirs, env={**base, **env}) as process:
        os.close(theirs)
        output = b""
        try:
            while chunk := os.read(ours, 4096):
                output += chunk
        except OSError:  # EIO: the other end is closed
            pass
    os.close(ours)
    assert process.returncode in (0, 1), output
    assert (b"\x1b[32mok\x1b[0m" in output) == coloured, output
    assert b"clone3" in output


def test_every_name_is_documented(doctor):
    file = TREE / "doc" / "sbx-run.1"
    if not file.exists():
        pytest.skip("the pages are not in what the VM is given")
    page = file.read_text(encoding="utf-8")
    listed = re.findall(r"[a-z]+\.[a-z0-9_.]+|box|limits", " ".join(
        re.findall(r'^\.B "(.*)"$', page[page.index(".SH DOCTOR"):page.index(".SH SIGNALS")], re.MULTILINE)))
    assert sorted(listed) == sorted(by_name(doctor()))


def test_bad_format(program):
    done = subprocess.run([program, "--doctor=xml"], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (125, ""), done
    assert '--doctor: "xml" is not a format' in done.stderr, done


def test_output_that_cannot_be_written(program):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([program, "--doctor"], stdout=full, stderr=subprocess.PIPE, check=False, timeout=60)
    assert done.returncode == 125 and b"No space left" in done.stderr, done


def test_leaves_nothing(doctor):
    def groups():
        return sorted(str(path) for path in pathlib.Path("/sys/fs/cgroup").rglob(f"sbx.{os.getpid()}*"))

    def mounts():
        return pathlib.Path("/proc/self/mounts").read_text(encoding="utf-8")

    before = groups(), mounts()
    doctor()
    assert (groups(), mounts()) == before


# --- repairs ----------------------------------------------------------------------------------------------------------


class Shell:
    """A shell of root in a mount and a pid namespace of its own (vm.memfd_noexec is the latter's), in which one thing
    after another is done."""

    def __init__(self, program):
        self.program = program
        self.process = subprocess.Popen(["unshare", "-m", "-p", "-f", "--mount-proc", "sh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)

    def do(self, command):
        """Its status and output; the shell's limits and directory stay changed."""
        self.process.stdin.write(f'{command}\nstatus=$?; echo; echo "shell-done $status"\n')
        self.process.stdin.flush()
        lines = []
        for line in self.process.stdout:
            if line.startswith("shell-done "):
                return int(line.split()[1]), "".join(lines).rstrip("\n")
            lines.append(line)
        raise AssertionError(f"{command}: the shell has ended: {lines}")

    def well(self, command):
        status, output = self.do(command)
        assert status == 0, (command, status, output)
        return output

    def ask(self, name, before=""):
        status, output = self.do(f"{before}{shlex.quote(self.program)} --doctor=json")
        answer = json.loads(output)
        assert status == (0 if answer["ok"] else 1), output
        return answer, by_name(answer)[name]


@pytest.fixture
def shell(program):
    if not real_root():
        pytest.skip("only root of the machine can break it")
    made = Shell(program)
    yield made
    made.process.stdin.close()
    made.process.wait(timeout=60)
    made.process.stdout.close()


# What is done, as whom the doctor is asked, the check, its status, what is found, and whether the box still works.
ANYWHERE = [
    ("ulimit -S -n 24", "", "host.rlimits", None, "RLIMIT_NOFILE 24", None),
    ("mount -t tmpfs tmpfs /dev/shm && ulimit -S -f 1", "", "host.rlimits", "fail", "RLIMIT_FSIZE", False),
]
IN_VM = [
    ("sysctl -qw user.max_user_namespaces=0", "", "user.namespaces", "fail", "user.max_user_namespaces is 0", False),
    ("sysctl -qw user.max_uts_namespaces=0 user.max_ipc_namespaces=0", "", "user.limits", "fail",
     "0 in user.max_ipc_namespaces, user.max_uts_namespaces", False),
    ("sysctl -qw kernel.unprivileged_userns_clone=0", USER, "user.namespaces", "fail",
     "kernel.unprivileged_userns_clone is 0", False),
    ("sysctl -qw vm.memfd_noexec=2", "", "kernel.memfd", "warn", "vm.memfd_noexec is 2", True),
    ("chmod u-s /usr/bin/newuidmap", USER, "user.newuidmap", "warn", "neither setuid root nor", True),
    ("chmod u-s /usr/bin/newgidmap", USER, "user.newgidmap", "warn", "neither setuid root nor", True),
    ("sed -i '/^\\(1000\\|cloudsdk\\):/d' /etc/subuid", USER, "user.subuid", "warn", "nothing", True),
    ("sed -i '/^\\(1000\\|cloudsdk\\):/d' /etc/subgid", USER, "user.subgid", "warn", "nothing", True),
    ("mount -o remount,bind,ro /sys/fs/cgroup", "", "cgroup.layout", "fail", "read-only", True),
    ("umount -l /sys/fs/cgroup", "", "cgroup.layout", "fail", "none: no cgroup is mounted", True),
]


def repair(shell, provoke, who, name, status, found, box):
    answer, check = shell.ask(name, who)
    assert check["status"] == "ok" or who, check  # the control, as far as it can be had
    shell.well(provoke)
    answer, check = shell.ask(name, who)
    assert status is None or check["status"] == status, check
    assert check["status"] != "ok" and found in check["found"] and check["lost"] and check["repair"], check
    assert box is None or (by_name(answer)["box"]["status"] == "ok") == box, answer
    shell.well(check["repair"])
    answer, check = shell.ask(name, who)
    assert (check["status"], check["repair"]) == ("ok", None), check
    assert by_name(answer)["box"]["status"] == "ok", answer


@pytest.mark.parametrize("row", ANYWHERE, ids=lambda row: row[0])
def test_repair(shell, row):
    repair(shell, *row)


@pytest.mark.parametrize("row", IN_VM, ids=lambda row: row[0])
def test_repair_of_the_machine(shell, row):
    if not VM:
        pytest.skip("it would change this machine")
    sysctl = re.search(r"-qw ([a-z_.]*)=", row[0])
    if sysctl and not pathlib.Path("/proc/sys", sysctl[1].replace(".", "/")).exists():
        pytest.skip(f"this kernel has no {sysctl[1]}")
    repair(shell, *row)


def test_no_helper(shell):
    """The repair takes a network; that the program is back is what it comes to."""
    shell.well("mount --bind /dev/null /usr/bin/newuidmap")
    _, check = shell.ask("user.newuidmap", USER)
    assert (check["status"], check["found"]) == ("warn", "newuidmap is not in /usr/bin or /usr/local/bin"), check
    assert "apt-get install uidmap" in check["repair"], check
    shell.well("umount /usr/bin/newuidmap")
    assert shell.ask("user.newuidmap", USER)[1]["status"] == "ok"


def test_no_new_privs(shell):
    _, check = shell.ask("user.newuidmap", USER + "--no-new-privs ")
    assert check["status"] == "warn" and "no_new_privs" in check["found"] and "no_new_privs" in check["repair"], check
    assert shell.ask("user.newuidmap", USER)[1]["status"] == "ok"


def test_masked_proc(shell):
    shell.well("mount --bind /dev/null /proc/version")
    answer, check = shell.ask("security.proc")
    assert check["status"] == "fail" and "unmask=ALL" in check["repair"], check
    assert by_name(answer)["box"]["status"] == "fail", answer
    shell.well("umount /proc/version")
    assert shell.ask("security.proc")[1]["status"] == "ok"


def test_chroot(shell, place):
    """A directory with the machine's own in it, first as a chroot, then as the doctor says."""
    root = place / "root"
    shell.well(f"mkdir {root}; for d in /*; do [ -L $d ] && cp -P $d {root}/ || {{ [ -d $d ] && "
               f"mkdir {root}$d && mount --rbind $d {root}$d; }}; done; [ -d {root}/proc/self ]")
    answer, check = shell.ask("user.chroot", f"chroot {root} ")
    assert check["status"] == "fail" and "pivot_root" in check["repair"], check
    assert by_name(answer)["box"]["status"] == "fail", answer
    words = check["repair"].removeprefix("instead of chroot DIR: ").replace("DIR", str(root)).split(", ")
    assert words.pop(0) == "unshare -m"  # that is done
    shell.well(" && ".join(words))
    answer, check = shell.ask("user.chroot")
    assert check["status"] == "ok" and by_name(answer)["box"]["status"] == "ok", answer


# Run in a VM that was booted with such a parameter these fail in the same way; without it they are the control.
@pytest.mark.parametrize("word, name, status, found", [
    ("psi=0", "host.pressure", "warn", "psi=0"),
    ("cgroup_disable=memory", "cgroup.memory", "fail", "not enabled"),
    ("cgroup_disable=pids", "cgroup.pids", "fail", "not enabled"),
])
def test_boot_parameter(doctor, word, name, status, found):
    if not VM:
        pytest.skip("this machine was booted by others")
    check = by_name(doctor())[name]
    if word in CMDLINE:
        assert check["status"] == status and found in check["found"], check
        assert check["repair"] == f"boot without {word}", check
    else:
        assert check["status"] == "ok", check
