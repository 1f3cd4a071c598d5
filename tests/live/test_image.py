# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The libsbx developers
"""Init as a file: a sealed memfd, and what takes its place where vm.memfd_noexec=2 forbids that."""

import os
import pathlib
import subprocess

import pytest

from conftest import skip

SYSCTL = pathlib.Path("/proc/sys/vm/memfd_noexec")
PLACES = "/dev/shm /run /tmp /var/tmp"


@pytest.fixture
def without_memfd(program):
    """A function that runs shell text as pid 1 of a pid namespace whose memfds can't be executed."""
    if os.geteuid() != 0 or pathlib.Path("/proc/self/uid_map").read_text(encoding="ascii").split()[2] != "4294967295":
        pytest.skip("vm.memfd_noexec is root's to set")
    if not SYSCTL.exists():
        pytest.skip("this kernel has no vm.memfd_noexec (Linux 6.3)")
    if subprocess.run(["unshare", "--version"], capture_output=True, check=False).returncode != 0:
        skip("unshare is missing")

    def run(text):
        script = f'set -e; echo 2 >{SYSCTL}; test "$(cat {SYSCTL})" = 2; {text}'
        return subprocess.run(["unshare", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c", script, "sh", program],
                              capture_output=True, text=True, check=False, timeout=120)

    return run


def test_unnamed_file_takes_the_place_of_the_memfd(without_memfd):
    done = without_memfd('exec "$1" -- echo ran')
    assert (done.returncode, done.stdout, done.stderr) == (0, "ran\n", "")


def test_nothing_to_execute_is_an_error_that_names_what_was_tried(without_memfd):
    done = without_memfd(f'exec 3<"$1"; for d in {PLACES}; do mount -t tmpfs -o noexec none $d; done; '
                         'exec /proc/self/fd/3 -- echo ran')
    if done.returncode == 0:
        pytest.skip("the installed sbx-init took its place")
    assert done.stdout == "", done
    assert done.returncode == 125, done
    for word in ("memfd", "/dev/shm", "sbx-init", "vm.memfd_noexec"):
        assert word in done.stderr, (word, done.stderr)
    assert len(done.stderr.splitlines()) == 1, done.stderr
