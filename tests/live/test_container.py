# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The libsbx developers
"""sbx-run inside a container of crun, with the capabilities that Docker and podman give, and /sys/fs/cgroup as they mount it.

A container's first process sits in the root of its cgroup namespace, which is no root of the tree: the "no internal
processes" rule holds there.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from conftest import CGROUP, LONG, skip

pytestmark = pytest.mark.controllers

HOG = "head -c 5000m /dev/zero | tail"
OOM = r"sbx-run: out of memory: the box reached memory\.max \(30 MiB\); \d+ process(es)? killed"
CAPS = [f"CAP_{name}" for name in (
    "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "NET_BIND_SERVICE", "NET_RAW",
    "SYS_CHROOT", "MKNOD", "AUDIT_WRITE", "SETFCAP")]
SHOWN = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "etc", "opt", "work")
NAMESPACES = ("pid", "ipc", "uts", "mount", "network")


def mounts(bundle, program, cgroup):
    """The container's mounts; its root is a directory of ours with the host's programs in it."""
    nosuid = ["nosuid", "noexec", "nodev"]
    shown = [f"/{name}" for name in SHOWN if pathlib.Path("/", name).is_dir()]
    here = str(pathlib.Path(program).parent)
    if not here.startswith(("/usr/", "/opt/", "/work/")):
        shown.append(here)
    yield from ({"destination": path, "type": "bind", "source": path, "options": ["rbind", "ro"]} for path in shown)
    yield {"destination": "/proc", "type": "proc", "source": "proc", "options": nosuid}
    yield {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]}
    yield {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": [*nosuid, "ro"]}
    if cgroup:
        yield {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
               "options": [*nosuid, "relatime", cgroup]}
    yield {"destination": "/out", "type": "bind", "source": str(bundle / "out"), "options": ["rbind", "rw"]}


def config(bundle, program, script, cgroup, namespace, user):
    caps = CAPS if user == 0 else []
    return {
        "ociVersion": "1.0.2",
        "hostname": "container",
        "root": {"path": "rootfs"},
        "mounts": list(mounts(bundle, program, cgroup)),
        "process": {
            "user": {"uid": user, "gid": user}, "cwd": "/", "args": ["/bin/sh", "-c", script], "noNewPrivileges": True,
            "env": ["PATH=/usr/bin:/bin"],
            "capabilities": {name: caps for name in ("bounding", "permitted", "effective")},
        },
        "linux": {
            "cgroupsPath": f"/{bundle.name}",
            "namespaces": [{"type": name} for name in (*NAMESPACES, *(["cgroup"] if namespace else []))],
        },
    }


@pytest.fixture
def container(program, place):
    """container(SCRIPT, cgroup="ro") → the finished process and the reports it has written to /out, in order."""
    if not shutil.which("crun"):
        skip("crun is not installed")
    if os.geteuid() != 0:
        skip("not root: crun needs a group for the container")
    (place / "rootfs" / "tmp").mkdir(parents=True)
    (place / "out").mkdir()
    (place / "out").chmod(0o777)

    def run(script, cgroup="ro", namespace=True, user=0):
        script = script.replace("sbx-run", program)
        wanted = config(place, program, script, cgroup, namespace, user)
        (place / "config.json").write_text(json.dumps(wanted), encoding="utf-8")
        done = subprocess.run(
            ["crun", "--cgroup-manager=cgroupfs", f"--root={place}/state", "run", place.name], cwd=place,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LONG, check=False)
        reports = [json.loads(file.read_text(encoding="utf-8")) for file in sorted((place / "out").iterdir())]
        return done, reports

    yield run
    left = [str(path) for path in CGROUP.glob(f"{place.name}*")]
    assert left == [], "groups of the container, and of what ran in it"


def demo(number, *options):
    return f"sbx-run --report /out/{number}.json {' '.join(options)} --memory 30M -- sh -c '{HOG}'"


def taken(report):
    return [(place["branch"], place["path"]) for place in report["placement"] if place["taken"]]


def test_control(container):
    done, reports = container("sbx-run --report /out/1.json -- cat /proc/self/cgroup; cat /proc/self/cgroup")
    assert (done.returncode, done.stderr) == (0, ""), done
    assert done.stdout == "0::/\n0::/\n", done
    assert reports[0]["outcome"] == "exited", reports


BUSY = (r"sbx-run: memory\.max: /sys/fs/cgroup has processes of its own, so it cannot enable memory for its children "
        r"\(the kernel's \"no internal processes\" rule\); .*\bcgroup\.self=leaf\b.*\n")
READ_ONLY = (r"sbx-run: cgroup\.parent: cgroup2 is mounted read-only here: no group can be made in /sys/fs/cgroup\S*; "
             r"mount it read-write: .*\n")


def assert_demo(done, report, branch):
    assert (done.returncode, done.stdout, bool(re.fullmatch(f"({OOM}\n)+", done.stderr))) == (137, "", True), done
    assert report["outcome"] == "oom", report
    assert [place for place, _ in taken(report)] == [branch], report


def assert_refused(done, report, sentence):
    assert (done.returncode, done.stdout) == (125, "") and re.fullmatch(sentence, done.stderr), done
    assert report["outcome"] == "setup-failed" and not taken(report), report
    assert all(place["reason"] for place in report["placement"]), report


def test_read_only_cgroupfs_is_refused_and_a_writable_one_repairs_it(container):
    done, reports = container(demo(1), cgroup="ro")
    assert_refused(done, reports[0], READ_ONLY)
    done, reports = container(demo(1, "-o cgroup.self=leaf"), cgroup="rw")
    assert_demo(done, reports[0], "leaf")


def test_the_first_process_stands_in_the_way_and_a_leaf_repairs_it(container):
    done, reports = container(demo(1), cgroup="rw")
    assert_refused(done, reports[0], BUSY)
    # once somebody has made room, nobody else has to
    done, reports = container(f"{demo(1, '-o cgroup.self=leaf')}; {demo(2)}", cgroup="rw")
    assert_demo(done, reports[0], "leaf")
    assert_demo(done, reports[1], "subtree")
    assert taken(reports[1]) == [("subtree", "/sys/fs/cgroup")], reports


def test_the_hosts_namespace(container):
    """docker run --cgroupns=host: the whole tree is shown, read-only."""
    done, reports = container(demo(1), cgroup="ro", namespace=False)
    assert_refused(done, reports[0], READ_ONLY)


def test_no_cgroupfs_at_all(container):
    done, reports = container(demo(1), cgroup=None)
    assert_refused(done, reports[0], r"sbx-run: memory\.max: .*cgroup.*; .*\n")


def test_a_container_of_a_plain_user_in_it(container):
    """docker run --user 1000: the group is root's."""
    done, reports = container(demo(1, "-o cgroup.self=leaf"), cgroup="rw", user=1000)
    assert_refused(done, reports[0], r"sbx-run: cgroup\.parent: the cgroup /sys/fs/cgroup cannot be written by this user: "
                                     r"Permission denied; .*\n")
