# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The libsbx developers
"""sbx-run and its limits, on real cgroup v2 controllers: what is said about them and what the report holds."""

import json
import os
import pathlib
import re

import pytest

from test_cli_run import on_terminal

pytestmark = pytest.mark.controllers

MIB = 1024 * 1024
HOG = "head -c 5000m /dev/zero | tail"
OOM = re.compile(r"sbx-run: out of memory: the box reached memory\.max \((\S+ MiB)\); (\d+) process(es)? killed")


def limit(result, key):
    found = [entry for entry in result.report["limits"] if entry["key"] == key]
    assert len(found) == 1, (key, result)
    return found[0]["applied"]


def test_out_of_memory(run):
    result = run("--memory", "100M", "--", "sh", "-c", HOG)
    assert (result.status, result.stdout, len(result.lines)) == (137, "", 1), result
    match = OOM.fullmatch(result.lines[0])
    assert match and match[1] == "100 MiB" and int(match[2]) == result.report["oom_kills"] > 0, result
    assert result.report["outcome"] == "oom", result
    assert 50 * MIB < result.report["memory_peak"] <= 100 * MIB, result


@pytest.mark.parametrize("end", ["; exit 0", ""])
def test_out_of_memory_that_a_shell_swallows(run, end):
    for _ in range(4):  # the kernel may take the shell as well when tail is slow to die
        result = run("--memory", "50M", "--oom", "one", "--", "sh", "-c", f"{HOG}; echo survived{end}")
        reason, = [line for line in result.lines if line != "Killed"]  # that one is the shell's own
        assert (result.status, OOM.fullmatch(reason)[1], result.report["outcome"]) == (137, "50 MiB", "oom"), result
        if result.report["oom_kills"] == 1:
            break
    assert result.stdout == "survived\n", result


def test_enough_memory_is_the_control(run):
    result = run("--memory", "100M", "--", "sh", "-c", "head -c 20m /dev/zero | tail | wc -c")
    assert (result.status, result.stdout.strip(), result.stderr) == (0, str(20 * MIB), ""), result
    assert (result.report["outcome"], result.report["oom_kills"]) == ("exited", 0), result


def test_memory_implies_no_swap_and_a_group_kill(run):
    result = run("--memory", "64M", "--", "true")
    assert limit(result, "memory.max") == str(64 * MIB), result
    assert (limit(result, "memory.swap.max"), limit(result, "memory.oom.group")) == ("0", "1"), result
    asked = run("--memory", "64M", "--swap", "8M", "--oom", "one", "--", "true")
    assert (limit(asked, "memory.swap.max"), limit(asked, "memory.oom.group")) == (str(8 * MIB), "0"), asked


@pytest.mark.parametrize("option, value, key, applied", [
    ("--memory-high", "32M", "memory.high", str(32 * MIB)),
    ("--cpus", "1.5", "cpu.max", "150000 100000"),
    ("--cpu-weight", "50", "cpu.weight", "50"),
    ("--pids", "20", "pids.max", "21"),
    ("--cpuset", "0", "cpuset.cpus", "0"),
])
def test_limit_is_applied(run, option, value, key, applied):
    result = run(option, value, "--", "true")
    assert (result.status, result.stderr) == (0, ""), result
    assert limit(result, key) in (applied, value), result


def test_pids_stop_a_fork_bomb(run):
    result = run("--pids", "8", "--timeout", "60", "--", "sh", "-c",
                 "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 2 & done; wait")
    assert result.status not in (0, 124), result
    assert result.report["pids_denied"] > 0 and result.report["pids_peak"] <= 8, result


def test_cpus_throttle(run):
    busy = "i=0; while [ $i -lt 10000 ]; do i=$((i+1)); done"
    control = run("--", "sh", "-c", busy)
    result = run("--cpus", "0.2", "--", "sh", "-c", busy)
    assert (control.status, result.status) == (0, 0), (control, result)
    assert result.report["throttled_usec"] > 0, result
    assert result.report["wall_usec"] > control.report["wall_usec"], (control, result)


def test_numbers_are_measured(run):
    report = run("--", "sh", "-c", "true & wait").report
    for number in ["cpu_user_usec", "cpu_system_usec", "memory_peak", "oom_kills", "pids_denied"]:
        assert isinstance(report[number], int), (number, report)


def test_verbose_names_the_cgroup_and_it_goes(run):
    result = run("-v", "--memory", "64M", "--", "true")
    path = re.search(r"cgroup (/\S+)", result.lines[0])
    assert path, result
    assert not os.path.exists(path[1]), path[1]
    assert "memory at most" in result.lines[1], result


def test_cgroup_is_where_it_was_asked_for(run):
    own = pathlib.Path("/proc/self/cgroup").read_text(encoding="ascii").split("::")[-1].strip()
    for parent in [own.rsplit("/", 1)[0] or "/", own]:
        result = run("-v", "--cgroup", f"/sys/fs/cgroup{parent}".rstrip("/"), "--", "true")
        if result.status == 0:
            break
    assert re.search(rf"cgroup /sys/fs/cgroup{re.escape(parent.rstrip('/'))}/sbx\.", result.lines[0]), result


def test_report_on_stderr_with_an_oom(run):
    result = run("--memory", "20M", "--report", "-", "--", "sh", "-c", HOG, report=False)
    reason, _, text = result.stderr.partition("\n")
    assert OOM.fullmatch(reason) and json.loads(text)["outcome"] == "oom", result


def test_progress_shows_memory_against_its_cap(program):
    status, text = on_terminal(program, "--progress", "--memory", "64M", "--", "sleep", "2")
    frames = text.split("\r\x1b[K")
    assert status == 0, text
    wanted = re.compile(r"\[#[#-]{19}\] memory [\d.]+ \S+ of 64 MiB  cpu +\d+%  pids 1  00:0\d\.\d")
    assert [frame for frame in frames if wanted.fullmatch(frame)] != [], text
