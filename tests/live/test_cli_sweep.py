# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The libsbx developers
"""sbx-run --sweep: what it removes, what it says, and that a box whose sbx-run lives is left alone."""

import os
import pathlib
import signal
import subprocess
import time

import pytest

from conftest import skip

DEADLINE = 60


def base():
    """The cgroup v2 directory in which this process may make groups, or None."""
    if "SBX_VM_CGROUP" in os.environ:
        return pathlib.Path(os.environ["SBX_VM_CGROUP"])
    lines = pathlib.Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    own = [line[3:] for line in lines if line.startswith("0::/")]
    for mount in ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"]:
        path = pathlib.Path(mount + own[0]) if own else pathlib.Path("/nonexistent")
        if (path / "cgroup.controllers").exists():
            return path
    return None


@pytest.fixture
def parent():
    """A group of this test's own: others may be at work on this machine."""
    above = base()
    path = above / f"cli-sweep.{os.getpid()}" if above else None
    try:
        if not path:
            raise FileNotFoundError("no cgroup v2 hierarchy")
        path.mkdir()
    except OSError as error:
        skip(f"a cgroup v2 group that this user may write ({error})")
    yield path
    (path / "cgroup.kill").write_text("1", encoding="ascii")
    for _ in range(100):
        for group in [*path.rglob("*/"), path]:
            if group.is_dir():
                try:
                    group.rmdir()
                except OSError:
                    pass
        if not path.exists():
            return
        time.sleep(0.05)
    assert not path.exists(), list(path.iterdir())


def groups(parent):
    return sorted(path.name for path in parent.iterdir() if path.name.startswith("sbx."))


def dead(parent, number):
    """A group as a process has left it that is gone."""
    gone = subprocess.Popen(["true"])
    gone.wait()
    path = parent / f"sbx.{gone.pid}.1.{number}"
    path.mkdir()
    return path


def sweep(run, parent, *args):
    result = run(*args, "--cgroup", parent, "--sweep", report=False)
    assert (result.status, result.stderr) == (0, ""), result
    return result.stdout


def test_nothing(run, parent):
    assert sweep(run, parent) == "removed 0 groups of processes that are gone\n"


def test_dead(run, parent):
    dead(parent, 0)
    assert sweep(run, parent) == "removed 1 group of processes that are gone\n"
    paths = [dead(parent, number) for number in (1, 2)]
    lines = sweep(run, parent, "-v").splitlines()
    assert lines[-1] == "removed 2 groups of processes that are gone", lines
    assert sorted(lines[:-1]) == sorted(f"removed {path}" for path in paths), lines
    assert groups(parent) == []


def test_names_of_others(run, parent):
    """Who may make groups chooses their names: no escape sequence of theirs reaches the terminal."""
    above = parent / "a\033]0;b\007\u009bc\u00e9"
    above.mkdir()
    dead(above, 0)
    lines = sweep(run, parent, "-v").splitlines()
    assert len(lines) == 2 and f"{parent}/a?]0;b???c\u00e9/sbx." in lines[0], lines


def test_killed_and_alive(run, start, parent):
    living = start("--cgroup", parent, "--", "sh", "-c", "echo ready; exec sleep 300")
    killed = start("--cgroup", parent, "--", "sh", "-c", "echo ready; exec sleep 300")
    assert len(groups(parent)) == 2
    killed.send_signal(signal.SIGKILL)
    killed.wait(DEADLINE)
    assert killed.stdout.read() == ""  # its payload has ended
    left = [name for name in groups(parent) if name.startswith(f"sbx.{killed.pid}.")]
    assert len(left) == 1, groups(parent)  # the control
    assert sweep(run, parent, "-v").splitlines()[0] == f"removed {parent}/{left[0]}"
    assert [name.split(".")[1] for name in groups(parent)] == [str(living.pid)]
    assert living.poll() is None
    living.terminate()
    assert living.wait(DEADLINE) == 128 + signal.SIGTERM
    assert groups(parent) == []


def test_the_next_launch_sweeps(run, parent):
    left = dead(parent, 7)
    result = run("--cgroup", parent, "--", "true")
    assert result.status == 0, result
    assert not left.exists()


@pytest.mark.parametrize("args, words", [
    (["--sweep", "/sys/fs/cgroup"], "--sweep: runs no command"),
    (["--cgroup", "/sys/fs/cgroup/../x", "--sweep"], "--cgroup: "),
    (["--cgroup", "/nosuch-group", "--sweep"], "nosuch-group: No such file or directory"),
])
def test_refused(run, args, words):
    result = run(*args, report=False)
    assert (result.status, result.stdout, len(result.lines)) == (125, "", 1), result
    assert words in result.lines[0], result
