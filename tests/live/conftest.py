# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The libsbx developers
"""What the live pytest files share: a way to run sbx-run, and the rule for skips.

SBX_RUN is the program (build/sbx-run when it is not set). A test that is marked `controllers` needs real cgroup v2
controllers; where it cannot run it says what is missing, and with SBX_MUST_WORK=1 that is a failure.
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

import pytest

sys.dont_write_bytecode = True  # the source tree may be read-only

TREE = pathlib.Path(__file__).resolve().parents[2]
CGROUP = pathlib.Path("/sys/fs/cgroup")
WANTED = ("cpu", "io", "memory", "pids")
LONG = 120  # seconds that nothing takes, not even in the VM


def pytest_configure(config):
    config.addinivalue_line("markers", "controllers: needs the cgroup v2 controllers cpu, io, memory and pids")


def missing_controllers():
    """Why controllers cannot be used here, or None."""
    try:
        present = (CGROUP / "cgroup.controllers").read_text(encoding="ascii").split()
    except OSError as error:
        return f"{CGROUP} is no cgroup v2 hierarchy ({error.strerror})"
    absent = [name for name in WANTED if name not in present]
    return f"cgroup v2 has no controller {', '.join(absent)}" if absent else None


def skip(reason):
    if os.environ.get("SBX_MUST_WORK") == "1":
        pytest.fail(f"skipped where everything must work: {reason}")
    pytest.skip(reason)


def pytest_runtest_setup(item):
    if item.get_closest_marker("controllers"):
        reason = missing_controllers()
        if reason:
            skip(reason)


class Result:
    """How one run of sbx-run ended."""

    def __init__(self, status, stdout, stderr, report):
        self.status = status
        self.stdout = stdout
        self.stderr = stderr
        self.report = report  # the JSON object, or None

    @property
    def lines(self):
        return self.stderr.splitlines()

    def __repr__(self):
        return f"<status {self.status}, stdout {self.stdout!r}, stderr {self.stderr!r}, report {self.report!r}>"


def default_signals():
    """A test harness may run with signals ignored (nohup, a shell's background job); the program must not see that."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture(scope="session")
def program():
    """The path of sbx-run."""
    path = pathlib.Path(os.environ.get("SBX_RUN", TREE / "build" / "sbx-run")).resolve()
    assert os.access(path, os.X_OK), f"SBX_RUN: {path} is not a program; build it first"
    return str(path)


@pytest.fixture
def place():
    """A directory that any user may enter, unlike tmp_path: the payload of root is not root."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="sbx-test."))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def run(program, tmp_path):
    """run("--memory", "1M", "--", "true", env={}, ...) → Result. A report is asked for unless report=False."""
    count = 0

    def run_once(*args, report=True, timeout=LONG, text=True, **kwargs):
        nonlocal count
        count += 1
        file = tmp_path / f"report-{count}.json"
        first = ["--report", str(file)] if report else []
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        if "input" in kwargs:
            del kwargs["stdin"]
        done = subprocess.run(
            [program, *first, *map(str, args)],
            stdout=kwargs.pop("stdout", subprocess.PIPE), stderr=kwargs.pop("stderr", subprocess.PIPE),
            text=text, errors="surrogateescape" if text else None, timeout=timeout, check=False,
            preexec_fn=default_signals, **kwargs)
        status = 128 - done.returncode if done.returncode < 0 else done.returncode
        content = file.read_text(encoding="utf-8") if file.exists() else ""
        return Result(status, done.stdout, done.stderr, json.loads(content) if content else None)

    return run_once


@pytest.fixture
def start(program):
    """start(...) → a Popen that has printed its first line, for tests that do something to a running box."""
    with contextlib.ExitStack() as stack:

        def start_once(*args, ready="ready", preexec_fn=default_signals, **kwargs):
            process = stack.enter_context(subprocess.Popen(
                [program, *map(str, args)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                text=True, preexec_fn=preexec_fn, **kwargs))
            stack.callback(process.kill)
            line = process.stdout.readline()
            assert line == ready + "\n", f"asked for {ready!r}, got {line!r}, stderr {process.stderr.read()!r}"
            return process

        yield start_once
