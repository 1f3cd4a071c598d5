# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The libsbx developers
"""The programs of examples/ do what they say."""

import json
import os
import pathlib
import subprocess

import pytest

from conftest import LONG

BUILD = pathlib.Path(os.environ.get("SBX_BUILDDIR", "."))


@pytest.fixture
def example():
    """example("judge", "42\n", "cat", input=...) → the finished process."""

    def run(name, *args, **kwargs):
        program = BUILD / "examples" / name
        if not program.exists():
            pytest.skip(f"no {program}: for a build tree")
        kwargs.setdefault("input", "")
        return subprocess.run([program, *args], capture_output=True, text=True, timeout=LONG, check=False, **kwargs)

    return run


def test_hello(example):
    done = example("hello")
    line, _, report = done.stdout.partition("\n")
    assert (done.returncode, done.stderr) == (0, ""), done
    assert line.startswith("hello, I am uid ") and line.endswith(" of box"), line
    assert json.loads(report)["outcome"] == "exited", report


@pytest.mark.parametrize("answer, program, expected", [
    ("42\n", ("cat",), "accepted"),
    ("43\n", ("cat",), "wrong answer"),
    ("", ("sh", "-c", "exit 1"), "runtime error"),
    ("", ("sh", "-c", "kill -SEGV $$"), "runtime error"),
    ("", ("sleep", "100"), "time limit exceeded"),
    ("", ("cat", "/dev/zero"), "output limit exceeded"),
])
def test_judge(example, answer, program, expected):
    done = example("judge", answer, *program, input="42\n")
    assert (done.returncode, done.stderr) == (0, ""), done
    assert done.stdout.split(",")[0] == expected, done


def test_judge_error(example):
    done = example("judge", "", "/no/such/program")
    assert done.returncode == 1, done
    assert "/no/such/program" in done.stderr, done


def test_epoll(example):
    done = example("epoll")
    assert (done.returncode, done.stderr) == (0, ""), done
    assert sorted(done.stdout.splitlines()) == [f"exit {n}: result {n}" for n in range(4)], done
