# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The libsbx developers
"""sbx-run while a payload runs: signals, report, environment, directories, the live line, -v."""

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import time

import pytest

MEMBERS = {
    "outcome", "exit_code", "signal", "syscall", "setup_usec", "wall_usec", "cpu_user_usec", "cpu_system_usec",
    "throttled_usec", "memory_peak", "swap_peak", "pids_peak", "io_read_bytes", "io_write_bytes", "oom_kills",
    "pids_denied", "pressure", "limits", "error",
}
LOOP = "echo ready; while :; do sleep 0.05; done"

# --- signals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["INT", "TERM", "HUP", "QUIT", "USR1", "USR2"])
def test_signal_is_forwarded(start, name):
    process = start("--", "sh", "-c", f"trap 'echo got {name}; exit 9' {name}; {LOOP}")
    process.send_signal(getattr(signal, "SIG" + name))
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (9, f"got {name}\n", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_signal_ends_the_payload(start, number):
    process = start("--", "sh", "-c", f"echo ready; exec sleep 60")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (128 + number, "", "")


def test_second_interrupt_kills(start, tmp_path):
    report = tmp_path / "report"
    process = start("--report", report, "--", "sh", "-c", f"trap '' INT; {LOOP}")
    process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert (process.returncode, json.loads(report.read_text())["outcome"]) == (137, "killed")


def test_second_interrupt_after_a_second_is_forwarded(start):
    process = start("--", "sh", "-c", f"trap '' INT; trap 'exit 9' TERM; {LOOP}")
    process.send_signal(signal.SIGINT)
    time.sleep(1.1)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 9


def test_hangup_is_not_forwarded_under_nohup(start):
    process = start("--", "sh", "-c", f"trap 'exit 9' TERM; {LOOP}",
                    preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    process.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 9


def test_payload_gets_default_signals(run):
    result = run("--", "grep", "-E", "^Sig(Blk|Ign):", "/proc/self/status")
    assert result.stdout == "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n", result


def test_reader_of_stderr_may_go_away(program):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([program, "-v", "--report", "-", "--", "sh", "-c", "exit 3"], stderr=write, check=False,
                          timeout=60)
    os.close(write)
    assert done.returncode == 3


# --- report -----------------------------------------------------------------------------------------------------------


def test_report_has_every_member(run):
    report = run("--", "true").report
    assert MEMBERS - set(report) == set(), report
    assert set(report["pressure"] or {}) >= {"cpu", "memory", "io"}, report
    assert (report["outcome"], report["exit_code"], report["signal"], report["syscall"]) == ("exited", 0, None, None)
    assert report["setup_usec"] > 0 and report["wall_usec"] > 0, report
    assert report["error"] is None, report
    # no limit was asked, and one of two walls stands before the devices
    device, = report["limits"]
    assert (device["key"], device["asked"]) == ("device", "default") and device["applied"] in ("bpf", "nodes"), report


def test_report_has_every_member_when_the_launch_failed(run):
    result = run("--", "no-such-program")
    report = result.report
    assert MEMBERS - set(report) == set(), report
    assert (report["outcome"], report["exit_code"], report["signal"]) == ("setup-failed", None, None), report
    assert set(report["error"]) >= {"stage", "key", "errno", "message", "hint"}, report
    assert report["error"]["message"] in result.stderr, result


def test_report_says_null_for_what_was_not_measured(run):
    report = run("--", "true").report
    group = "/sys/fs/cgroup/cgroup.controllers"
    measured = open(group, encoding="ascii").read().split() if os.path.exists(group) else []
    for number, controller in [("memory_peak", "memory"), ("swap_peak", "memory"), ("oom_kills", "memory"),
                               ("pids_denied", "pids"), ("throttled_usec", "cpu")]:
        if controller not in measured:
            assert report[number] is None, (number, report)
    assert all(value is None or value >= 0 for value in report.values() if not isinstance(value, (str, dict, list)))


def test_report_on_stderr_comes_last(run):
    result = run("--timeout", "100ms", "--report", "-", "--", "sleep", "60", report=False)
    reason, _, text = result.stderr.partition("\n")
    assert reason.startswith("sbx-run: time limit: "), result
    assert json.loads(text)["outcome"] == "time-wall", result


def test_report_replaces_a_longer_file(run, tmp_path):
    file = tmp_path / "report"
    file.write_text("x" * 100000)
    run("--report", file, "--", "true", report=False)
    assert json.loads(file.read_text())["outcome"] == "exited"


def test_report_that_cannot_be_opened_runs_nothing(run):
    result = run("--report", "/no/such/report", "--", "echo", "ran", report=False)
    assert (result.status, result.stdout, len(result.lines)) == (125, "", 1), result
    assert result.stderr.startswith("sbx-run: --report: ") and "/no/such/report" in result.stderr, result


@pytest.mark.parametrize("own, status", [(0, 125), (3, 3)])
def test_report_that_cannot_be_written(run, own, status):
    result = run("--report", "/dev/full", "--", "sh", "-c", f"echo ran; exit {own}", report=False)
    assert (result.status, result.stdout, len(result.lines)) == (status, "ran\n", 1), result
    assert "/dev/full: No space left" in result.stderr, result


def test_report_does_not_follow_what_the_payload_made(run, place):
    place.chmod(0o777)
    victim = place / "victim"
    victim.write_text("precious")
    script = f"cd {place} && rm -f report && ln -s victim report && echo linked"
    result = run("--bind", place, "--report", place / "report", "--", "sh", "-c", script, report=False)
    assert (result.status, result.stdout) == (0, "linked\n"), result
    assert (place / "report").is_symlink() and victim.read_text() == "precious"


def test_best_effort_is_reported(run):
    strict = run("-o", "nosuch.max=1", "--", "echo", "ran")
    loose = run("-o", "?nosuch.max=1", "--", "echo", "ran")
    assert (strict.status, strict.stdout, len(strict.lines)) == (125, "", 1), strict
    assert "nosuch" in strict.stderr and strict.report["error"]["key"] == "nosuch.max", strict
    assert (loose.status, loose.stdout, loose.stderr) == (0, "ran\n", ""), loose
    limit, = [entry for entry in loose.report["limits"] if entry["key"] != "device"]
    assert (limit["key"], limit["asked"], limit["applied"]) == ("nosuch.max", "1", None), loose


# --- environment ------------------------------------------------------------------------------------------------------

CALLER = {
    "PATH": os.environ["PATH"], "HOME": "/root", "USER": "u", "LOGNAME": "l", "SHELL": "/bin/sh", "LANG": "C",
    "LC_ALL": "C", "LC_TIME": "C", "TERM": "dumb", "TZ": "UTC",
}
SECRET = {"API_TOKEN": "canary", "SBX_SECRET": "canary", "LCX": "canary", "PATHS": "canary", "SSH_AUTH_SOCK": "canary"}


def environment(run, *options, env=None):
    result = run(*options, "--", "cat", "/proc/self/environ", env={**CALLER, **SECRET} if env is None else env)
    assert result.status == 0, result
    return dict(pair.split("=", 1) for pair in result.stdout.split("\0") if pair)


def test_environment_is_the_known_names(run):
    assert environment(run) == CALLER


def test_environment_is_whole_with_keep_env(run):
    assert environment(run, "--keep-env") == {**CALLER, **SECRET}


def test_environment_adds_and_replaces(run):
    got = environment(run, "--env", "NEW=a=b", "--env", "HOME=/other", "-o", "env+=MORE=")
    assert got == {**CALLER, "NEW": "a=b", "HOME": "/other", "MORE": ""}


# --- directories ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options, cwd, inside", [
    ([], "/usr/share", "/usr/share"),
    (["--chdir", "/etc"], "/usr/share", "/etc"),
    (["--root", "empty", "--ro-bind", "/usr", "--symlink", "usr/bin:/bin", "--symlink", "usr/lib:/lib", "--symlink",
      "usr/lib64:/lib64"], "/etc", "/"),
])
def test_working_directory(run, options, cwd, inside):
    result = run(*options, "--", "/bin/pwd", cwd=cwd)
    assert (result.status, result.stdout, result.stderr) == (0, inside + "\n", ""), result


def test_working_directory_that_is_hidden_inside(run, place):
    result = run("--", "/bin/pwd", cwd=place)
    assert (result.status, result.stdout) == (0, "/\n"), result


def test_working_directory_that_was_asked_for_must_exist(run):
    result = run("--chdir", "/no/such/directory", "--", "pwd")
    assert (result.status, result.stdout, len(result.lines)) == (125, "", 1), result
    assert "/no/such/directory" in result.stderr, result


def test_bind_takes_a_relative_source(run, place):
    (place / "a:b").mkdir()
    (place / "a:b" / "file").write_text("text")
    with_target = run("--ro-bind", "file:/mnt/../mnt", "--", "true", cwd=place / "a:b")
    assert with_target.status == 125, with_target
    for cwd, value, file in [("a:b", ".:/mnt", "/mnt/file"), (".", "a\\:b:/mnt", "/mnt/file"),
                             ("a:b", "../a\\:b", f"{place}/a:b/file"), ("a:b", "file", f"{place}/a:b/file")]:
        for option in ["--ro-bind", "--bind"]:
            result = run(option, value, "--", "cat", file, cwd=place / cwd)
            assert (result.status, result.stdout, result.stderr) == (0, "text", ""), (cwd, value, result)
    dry = run("-o", "bind=file", "--dry-run", cwd=place / "a:b")
    assert (dry.status, dry.stderr) == (0, ""), dry


def test_tilde_is_a_name_like_any_other(run, place):
    result = run("--ro-bind", "~:/mnt", "--", "echo", "ran", cwd=place, env={**CALLER, "HOME": "/usr"})
    assert (result.status, result.stdout, len(result.lines)) == (125, "", 1), result
    assert f"{place}/~" in result.stderr, result


def test_root_is_empty(run):
    result = run("--root", "empty", "--", "/bin/sh")
    assert result.status == 127, result


def test_root_is_a_relative_directory(run, place):
    for name in ["usr", "proc", "dev", "tmp"]:
        (place / "tree" / name).mkdir(parents=True)
    for name in ["bin", "lib", "lib64"]:
        (place / "tree" / name).symlink_to("usr/" + name)
    result = run("--root", "./tree", "--ro-bind", "/usr", "--", "/bin/ls", "-d", "/usr", "/etc", cwd=place)
    assert (result.status, result.stdout) == (2, "/usr\n"), result


# --- on a terminal ----------------------------------------------------------------------------------------------------


def on_terminal(program, *args, columns=100):
    """Run with stderr on a terminal → (status, what was written there)."""
    primary, secondary = pty.openpty()
    fcntl.ioctl(secondary, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen([program, *args], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=secondary)
    os.close(secondary)
    text = b""
    while True:
        try:
            part = os.read(primary, 4096)
        except OSError:  # EIO: nobody has it open any more
            break
        if not part:
            break
        text += part
    os.close(primary)
    return process.wait(timeout=60), text.decode()


def test_progress_is_one_line_that_goes_away(program):
    status, text = on_terminal(program, "--progress", "--", "sleep", "1.3")
    frames = text.split("\r\x1b[K")
    assert status == 0 and frames[0] == "" and frames[-1] == "", (status, text)
    minutes, seconds = frames[-2].split()[-1].split(":")
    assert 5 <= len(frames) - 2 <= 10 * (60 * int(minutes) + float(seconds)) + 2, text
    assert "\n" not in text and "00:00." in frames[1] and "00:01." in text, text


def test_progress_fits_the_terminal(program):
    _, text = on_terminal(program, "--progress", "--", "sleep", "0.3", columns=6)
    assert max(len(frame) for frame in text.split("\r\x1b[K")) == 5, text


def test_progress_goes_before_the_reason(program):
    status, text = on_terminal(program, "--progress", "--timeout", "300ms", "--", "sleep", "60")
    assert status == 124, (status, text)
    assert text.endswith("\r\x1b[Ksbx-run: time limit: the box reached time.wall (300ms)\r\n"), text


def test_progress_needs_a_terminal(run):
    result = run("--progress", "--", "sleep", "0.3")
    assert (result.status, result.stdout, result.stderr) == (0, "", ""), result


def test_verbose_sums_up(run):
    for option in ["-v", "--verbose"]:
        result = run(option, "--", "sh", "-c", "exit 3")
        assert result.status == 3, result
        assert [line.split(" ")[0] for line in result.lines] == ["sbx-run:"] * 2, result
        assert re.match(r"sbx-run: set up in \d+\.\d+ ms, cgroup (/|none)", result.lines[0]), result
        assert re.match(r"sbx-run: exited with 3, \d+\.\d+ s elapsed", result.lines[1]), result
