# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The libsbx developers
"""Limits on a machine that systemd runs, from wherever a host may find itself there: no set-up, no rest.

For the test VM (tests/vm/run --login): it stops services and writes drop-ins. As root it starts sessions and services of
every kind, as a plain user those that he may start.
"""

import contextlib
import json
import os
import pathlib
import pwd
import re
import signal
import subprocess
import sys
import tempfile
import time

import pytest

from conftest import CGROUP, LONG, default_signals, skip

pytestmark = pytest.mark.controllers

ROOT = os.geteuid() == 0
USER = 1000
HOG = "head -c 5000m /dev/zero | tail"
OOM = re.compile(r"sbx-run: out of memory: the box reached memory\.max \((\d+) MiB\); \d+ process(es)? killed\n")
RUN = ["systemd-run", "--quiet", "--collect"]


@pytest.fixture(autouse=True, scope="module")
def systemd():
    if os.environ.get("SBX_VM") != "1":
        skip("it would change this machine: run it in the VM, make check-vm-6.12-systemd-root")
    if not pathlib.Path("/run/systemd/system").is_dir():
        skip("systemd did not boot this machine: tests/vm/run --login")


def service(*properties):
    """The start of a command that runs in a service of the system's."""
    return [*RUN, "--pipe", "--wait", *(f"--property={text}" for text in properties), "--"]


def login(user):
    """... in a session of a user who has just logged in, as sshd makes it."""
    return service("PAMName=login", f"User={pwd.getpwuid(user).pw_name}")


def of_user(*command):
    """... of the plain user's; he is us, or logs in for it."""
    return [*(login(USER) if ROOT else []), *command]


class Ended:
    """How one run of sbx-run ended, wherever it ran."""

    def __init__(self, done, report):
        self.status, self.stdout, self.stderr = done.returncode, done.stdout, done.stderr
        self.report = report

    @property
    def taken(self):
        found = [place for place in self.report["placement"] if place["taken"]]
        assert len(found) == 1 and self.report["placement"][-1] is found[0], self
        return found[0]

    def __repr__(self):
        return f"<status {self.status}, stdout {self.stdout!r}, stderr {self.stderr!r}, report {self.report!r}>"


@pytest.fixture(scope="module")
def folder():
    """Where reports go, whoever writes them."""
    with tempfile.TemporaryDirectory(prefix="sbx-test.") as path:
        os.chmod(path, 0o1777)
        yield pathlib.Path(path)


@pytest.fixture
def box(program, folder, request):
    """box(WHERE, OPTION...) → Ended; WHERE is the start of a command, see service()."""
    count = 0

    def run(where, *options, memory=30, payload=("sh", "-c", HOG)):
        nonlocal count
        count += 1
        file = folder / f"{abs(hash(request.node.name))}-{count}.json"
        limit = ["--memory", f"{memory}M"] if memory else []
        done = subprocess.run(
            [*where, program, "--report", str(file), *options, *limit, "--", *payload],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LONG, check=False,
            preexec_fn=default_signals)
        return Ended(done, json.loads(file.read_text(encoding="utf-8")) if file.exists() else None)

    return run


def assert_demo(ended, memory=30):
    match = OOM.fullmatch(ended.stderr)
    assert (ended.status, ended.stdout, match and match[1]) == (137, "", str(memory)), ended
    assert ended.report["outcome"] == "oom", ended
    assert [(entry["key"], entry["applied"]) for entry in ended.report["limits"] if entry["key"] == "memory.max"] == [
        ("memory.max", str(memory << 20))], ended


def left():
    """Groups, scopes and processes of ours."""
    found = []
    for path, names, _ in os.walk(CGROUP):
        found += [f"{path}/{name}" for name in names if name.startswith(("sbx.", "sbx-")) and name != "sbx-vm.service"
                  and name != "sbx-vm-login.service"]
    for process in pathlib.Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if process.name.isdecimal() and os.readlink(process / "exe").startswith("/memfd:sbx"):
                found.append(f"process {process.name}: {(process / 'cgroup').read_text(encoding='ascii')}")
    return found


def wait_until(true, seconds=20):
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


@pytest.fixture(autouse=True)
def nothing_left(systemd):
    """After every test nothing of ours may be there, and no unit has failed."""
    yield
    if not wait_until(lambda: not left(), 5):
        assert left() == []
    for manager in ([],) if ROOT else ([], ["--user"]):
        done = subprocess.run(["systemctl", *manager, "list-units", "--all", "--plain", "--no-legend", "sbx*.scope"],
                              capture_output=True, text=True, timeout=LONG, check=False)
        assert (done.returncode, done.stdout) == (0, ""), done


# --- where nothing has to be set up ----------------------------------------------------------------------------------

SELF_LEAF = ("-o", "cgroup.self=leaf")
USER_SCOPE = ["systemd-run", "--user", "--quiet", "--scope"]
USER_SERVICE = ["systemd-run", "--user", "--quiet", "--collect", "--pipe", "--wait"]

# Where the host is, the options, the branch that is taken.
SITUATIONS = {
    "session of the user": (of_user(), (), "scope"),
    "user scope": (of_user(*USER_SCOPE, "--"), (), "scope"),
    "user service": (of_user(*USER_SERVICE, "--"), (), "scope"),
    "delegated user scope": (of_user(*USER_SCOPE, "-pDelegate=yes", "--"), SELF_LEAF, "leaf"),
    "delegated user service": (of_user(*USER_SERVICE, "-pDelegate=yes", "--"), SELF_LEAF, "leaf"),
}
if ROOT:
    SITUATIONS |= {
        "session of root": ([], (), "scope"),
        "service": (service(), (), "scope"),
        "delegated service": (service("Delegate=yes"), SELF_LEAF, "leaf"),
        "delegated service of the user": (service(f"User={USER}", "Delegate=yes"), SELF_LEAF, "leaf"),
    }


@pytest.mark.parametrize("name", SITUATIONS)
def test_no_set_up(box, name):
    where, options, branch = SITUATIONS[name]
    ended = box(where, *options)
    assert_demo(ended)
    assert ended.taken["branch"] == branch, ended


def test_the_demo(box):
    """As it stands in the issue, the README and the man page."""
    ended = box([], memory=100)
    assert_demo(ended, 100)
    assert ended.taken["branch"] == "scope", ended


# --- many boxes of one process ---------------------------------------------------------------------------------------

# A host that makes N boxes and prints the group of each; then "free" ends one, the end of stdin ends it.
HOST = r"""
import ctypes, os, sys
sbx = ctypes.CDLL(sys.argv[1])
sbx.sbx_error_message.restype = ctypes.c_char_p
spec, error, boxes = ctypes.c_void_p(), ctypes.c_void_p(), []

def check(code):
    if code < 0:
        sys.exit(sbx.sbx_error_message(error).decode())

class Command(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("argv", ctypes.POINTER(ctypes.c_char_p)), ("rest", ctypes.c_size_t * 6)]

argv = (ctypes.c_char_p * 3)(b"sleep", b"1000", None)
command = Command(ctypes.sizeof(Command), argv)
check(sbx.sbx_spec_new(ctypes.byref(spec), b"default", ctypes.byref(error)))
check(sbx.sbx_spec_set(spec, b"memory.max", b"50M", ctypes.byref(error)))
for _ in range(int(sys.argv[2])):
    box = ctypes.c_void_p()
    check(sbx.sbx_box_create(spec, ctypes.byref(box), ctypes.byref(error)))
    check(sbx.sbx_box_start(box, ctypes.byref(command), ctypes.byref(error)))
    boxes.append(box)
    print(os.readlink(f"/proc/self/fd/{sbx.sbx_box_cgroup_fd(box)}"))
print("ready", flush=True)
for line in sys.stdin:
    sbx.sbx_box_free(boxes.pop())
    print(len(boxes), flush=True)
"""


@pytest.fixture
def host():
    """host(N) → a process with N boxes, and their groups."""
    library = pathlib.Path(os.environ.get("SBX_BUILDDIR", "."), "libsbx.so")
    if not library.exists():
        skip(f"no {library}: a build without shared libraries")
    with contextlib.ExitStack() as stack:

        def start(number):
            process = stack.enter_context(subprocess.Popen(
                [sys.executable, "-c", HOST, str(library), str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, text=True, preexec_fn=default_signals))
            stack.callback(process.kill)
            groups = []
            for line in process.stdout:
                if line == "ready\n":
                    return process, groups
                groups.append(line.strip())
            raise AssertionError(process.stderr.read())

        yield start


def unit_of(group):
    """The scope that a group stands in."""
    scopes = [part for part in group.split("/") if part.endswith(".scope")]
    assert scopes, group
    return scopes[-1]


def systemctl(*words):
    return subprocess.run(["systemctl", *([] if ROOT else ["--user"]), *words], capture_output=True, text=True,
                          timeout=LONG, check=False)


def test_boxes_share_a_scope_that_goes_with_the_last(host):
    process, groups = host(3)
    unit = unit_of(groups[0])
    assert len(groups) == 3 and {unit_of(group) for group in groups} == {unit}, groups
    shown = systemctl("show", "-PDelegate", "-PActiveState", unit).stdout.split()
    assert shown == ["yes", "active"], (unit, shown)
    for number in (2, 1):
        process.stdin.write("free\n")
        process.stdin.flush()
        assert process.stdout.readline() == f"{number}\n", process.stderr.read()
        assert systemctl("is-active", unit).stdout == "active\n", unit
        assert [pathlib.Path(group).exists() for group in groups] == [number > at for at in range(3)], groups
    process.stdin.write("free\n")
    process.stdin.flush()
    assert process.stdout.readline() == "0\n"
    assert wait_until(lambda: systemctl("is-active", unit).stdout == "inactive\n"), unit
    assert process.poll() is None
    process.stdin.close()
    assert process.wait(LONG) == 0, process.stderr.read()


def test_a_killed_host_takes_scope_and_boxes_along(host):
    process, groups = host(2)
    unit = unit_of(groups[0])
    assert systemctl("is-active", unit).stdout == "active\n", unit
    os.kill(process.pid, signal.SIGKILL)
    process.wait(LONG)
    assert wait_until(lambda: systemctl("is-active", unit).stdout == "inactive\n"), (unit, left())
    assert wait_until(lambda: left() == []), left()


def test_stopping_the_scope_ends_the_box(program, folder):
    file = folder / "stopped.json"
    with subprocess.Popen([program, "--report", file, "--memory", "30M", "--", "sh", "-c", "echo ready; sleep 1000"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          preexec_fn=default_signals) as process:
        assert process.stdout.readline() == "ready\n"
        scopes = [line.split()[0] for line in systemctl(
            "list-units", "--plain", "--no-legend", "--type=scope", "sbx*").stdout.splitlines()]
        assert len(scopes) == 1, scopes
        stopped = systemctl("stop", *scopes)
        assert (stopped.returncode, stopped.stderr) == (0, ""), stopped
        output, errors = process.communicate(timeout=LONG)
    report = json.loads(file.read_text(encoding="utf-8"))
    assert (process.returncode, output) == (143, ""), (process.returncode, errors, report)
    assert (report["outcome"], report["signal"]) == ("signaled", "SIGTERM"), (errors, report)
    assert len(errors.splitlines()) <= 1, errors


# --- refusals, and their repairs -------------------------------------------------------------------------------------

def assert_refused(ended, sentence):
    """One sentence; what its hint has in the pattern's groups."""
    match = re.fullmatch(sentence, ended.stderr)
    assert (ended.status, ended.stdout, ended.stderr.count("\n")) == (125, "", 1) and match, ended
    assert ended.report["outcome"] == "setup-failed", ended
    # a place that was found may be full
    taken = [place for place in ended.report["placement"] if place["taken"]]
    assert not taken or "no group can be made" in ended.stderr, ended
    assert all(place["taken"] or place["reason"] for place in ended.report["placement"]), ended
    return match.groups()


def shell(command):
    done = subprocess.run(["sh", "-ec", command], capture_output=True, text=True, timeout=LONG, check=False)
    assert done.returncode == 0, done


BUSY = (r"sbx-run: memory\.max: (/sys/fs/cgroup/\S+) has processes of its own, so it cannot enable memory for its "
        r"children \(the kernel's \"no internal processes\" rule\); (cgroup\.self=leaf) lets the library move them to a "
        r"group below it; (cgroup\.parent=systemd) takes another place\n")


@pytest.mark.parametrize("name", ["user scope", "system's service"])
def test_a_delegated_unit_that_is_full(box, name):
    where = of_user(*USER_SCOPE, "-pDelegate=yes", "--") if name == "user scope" else service("Delegate=yes")
    if name == "system's service" and not ROOT:
        pytest.skip("for root")
    group, leaf, scope = assert_refused(box(where), BUSY)
    for repair, branch in ((leaf, "leaf"), (scope, "scope")):
        ended = box(where, "-o", repair)
        assert_demo(ended)
        assert ended.taken["branch"] == branch, (group, ended)


@pytest.fixture
def no_manager():
    """The user has logged out, and his manager is gone."""
    if not ROOT:
        pytest.skip("for root, who stops the manager")
    shell(f"systemctl stop user@{USER}.service user-runtime-dir@{USER}.service")
    yield
    shell(f"loginctl disable-linger {USER}")


def test_no_user_manager(box, no_manager):
    where = service(f"User={USER}")
    repair, = assert_refused(box(where), (
        r"sbx-run: cgroup\.parent: no part of the cgroup tree is this user's: /sys/fs/cgroup/\S+ is in no unit with "
        r"Delegate=yes, and user 1000 has no manager of his own; Delegate=yes in the unit that starts this program, "
        r"with cgroup\.self=leaf; or as root: "
        r"(loginctl enable-linger 1000)\n"))
    delegated = box(service(f"User={USER}", "Delegate=yes"), *SELF_LEAF)
    assert_demo(delegated)
    shell(repair)
    assert wait_until(lambda: pathlib.Path(f"/run/user/{USER}/systemd/private").exists())
    ended = box(where)
    assert_demo(ended)
    assert ended.taken["branch"] == "scope", ended


@pytest.mark.parametrize("away", ["bus", "systemd/private"])
def test_one_of_the_two_sockets_is_enough(box, away):
    """The manager's own socket is asked first, the bus where that is missing."""
    runtime = pathlib.Path(f"/run/user/{USER}")
    if ROOT:
        ready = subprocess.run(login(USER) + ["true"], check=False, timeout=LONG)
        assert ready.returncode == 0
        shell(f"loginctl enable-linger {USER}")
        assert wait_until((runtime / "systemd/private").exists)
    (runtime / away).rename(runtime / "away")
    try:
        ended = box(of_user())
        neither = None
        if ROOT:
            other = {"bus": "systemd/private", "systemd/private": "bus"}[away]
            (runtime / other).rename(runtime / "other")
            neither = box(service(f"User={USER}"))
            (runtime / "other").rename(runtime / other)
    finally:
        (runtime / "away").rename(runtime / away)
        if ROOT:
            shell(f"loginctl disable-linger {USER}")
    assert_demo(ended)
    assert ended.taken["branch"] == "scope", ended
    if neither:
        assert_refused(neither, r"sbx-run: cgroup\.parent: systemd's user manager of uid 1000 can't be asked \(.*\); run "
                                r"`loginctl enable-linger 1000` as root, which starts it, or log in by a session\n")


def test_io_is_not_passed_on_to_a_user(box):
    disk = os.environ.get("SBX_VM_DISK")
    if not disk:
        skip("no disk of the VM's")
    options = ("-o", f"io.max={disk} wbps=1M")
    sentence = (r"sbx-run: io\.max: the io controller is not passed on to /sys/fs/cgroup/user\.slice/\S+: systemd gives it "
                r"only \"cpu memory pids\"; as root: systemctl edit user@\.service, \[Service\] (Delegate=[a-z ]+); then "
                r"(systemctl restart user@1000\.service), which ends that user's sessions\n")
    line, restart = assert_refused(box(of_user(), *options), sentence)
    if not ROOT:
        return
    folder = "/run/systemd/system/user@.service.d"
    # "systemctl edit" without its editor
    shell(f"mkdir {folder}; printf '[Service]\\n{line}\\n' >{folder}/override.conf; systemctl daemon-reload; {restart}")
    try:
        ended = box(of_user(), *options)
    finally:
        shell(f"rm -r {folder}; systemctl daemon-reload; systemctl stop user@{USER}.service")
    assert_demo(ended)
    assert [entry["applied"] is None for entry in ended.report["limits"] if entry["key"] == "io.max"] == [False], ended


@pytest.fixture
def group():
    """An empty group of ours in the tree, outside of every unit."""
    if not ROOT:
        pytest.skip("for root, who makes a group")
    path = CGROUP / "test-systemd"
    path.mkdir()
    yield path
    for child in path.iterdir():
        if child.is_dir():
            child.rmdir()
    path.rmdir()


@pytest.mark.parametrize("file, sentence", [
    ("cgroup.max.depth", r"it would be at depth 1 below (\S+), whose cgroup\.max\.depth is 0"),
    ("cgroup.max.descendants", r"(\S+) has 0 groups below it, and its cgroup\.max\.descendants is 0"),
])
def test_full(box, group, file, sentence):
    options = ("-o", f"cgroup.parent={group}")
    (group / file).write_text("0", encoding="ascii")
    where, repair = assert_refused(box([], *options), (
        rf"sbx-run: cgroup\.parent: no group can be made in {group}: {sentence}; raise it: (echo 1 >\S+), or remove groups "
        r"that nobody needs\n"))
    assert where == str(group)
    shell(repair)
    ended = box([], *options)
    assert_demo(ended)
    assert (ended.taken["branch"], ended.taken["path"]) == ("given", str(group)), ended


def test_threaded(box, group):
    (group / "threads").mkdir()
    (group / "threads" / "cgroup.type").write_text("threaded", encoding="ascii")
    word = r"sbx-run: cgroup\.parent: {} is of cgroup type \"{}\".*; name a group of type \"domain\" as cgroup\.parent.*\n"
    assert_refused(box([], "-o", f"cgroup.parent={group}/threads"), word.format(f"{group}/threads", "threaded"))
    assert_refused(box([], "-o", f"cgroup.parent={group}"), word.format(group, "domain threaded"))
    (group / "threads").rmdir()  # "or remove the threaded groups below"
    assert_demo(box([], "-o", f"cgroup.parent={group}"))


# --- what a plain user can say of his groups ---------------------------------------------------------------------------

MARK = """
import os, sys
with open("/proc/self/cgroup") as own:
    group = "/sys/fs/cgroup" + own.read().strip()[3:]
os.setxattr(group, "user.delegate", b"1")
print(group, flush=True)
sys.stdin.read()
"""


def test_a_mark_of_the_user_s_is_nothing_to_root(box):
    """He owns his groups and may set it; root's limits would be where he can take processes out of them."""
    if not ROOT:
        pytest.skip("for root, who is started in a group of the user's")
    with subprocess.Popen(of_user("systemd-run", "--user", "--scope", "--quiet", sys.executable, "-c", MARK),
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as user:
        group = user.stdout.readline().strip()
        assert os.stat(group).st_uid == USER and os.getxattr(group, "user.delegate") == b"1", group
        ended = box(["sh", "-c", f'echo $$ >{group}/cgroup.procs && exec "$@"', "sh"])
        user.stdin.close()
    assert_demo(ended)
    assert ended.taken["branch"] == "scope", ended
    assert ended.report["placement"][0]["path"] == group, ended
