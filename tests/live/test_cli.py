# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The libsbx developers
"""sbx-run: exit statuses, reason lines, the errors of the command line, and what it prints about itself."""

import json
import os
import re
import subprocess
import time

import pytest

# What a value of each option must not be. test_bad_values_are_complete sees to it that no option is missing.
BAD = [
    ("--memory", "12x"), ("--memory", ""), ("--memory", "-1"), ("--memory", "1e3M"), ("--memory", "99999999999T"),
    ("--memory-high", "1Q"), ("--swap", "some"),
    ("--oom", "maybe"), ("--cpus", "0"), ("--cpus", "one"), ("--cpu-weight", "0"), ("--cpu-weight", "10001"),
    ("--cpuset", "a-b"), ("--pids", "many"), ("--io-max", "/ rbps=quick"), ("--io-weight", "20000"),
    ("--cgroup", "relative"), ("--timeout", "soon"), ("--timeout", "10x"), ("--timeout", "-1"), ("--grace", "-1s"),
    ("--root", "nowhere"), ("--bind", "/usr:relative"), ("--ro-bind", "/usr:/a/../b"), ("--tmpfs", "relative"),
    ("--tmpfs", "/tmp:big"), ("--overlay", "relative"), ("--file", "noequals"), ("--symlink", "nocolon"),
    ("--net", "internet"), ("--share", "everything"), ("--hostname", "-x"), ("--hostname", "a b"), ("--user", "root"),
    ("--uid-map", "1:2"), ("--gid-map", "a:b:c"), ("--seccomp", "lax"), ("--cap", "CAP_NOPE"), ("--device", "c 1"),
    ("--chdir", "relative"),
    ("--env", "NOEQUALS"), ("--rlimit", "nofile"), ("--rlimit", "nosuch=1"), ("--nice", "40"),
]

LATER = ["--timeline=x.svg", "--cpu-time=1", "--idle-timeout=1",
         "--output-max=1"]

MARK = ["--", "sh", "-c", "echo ran"]


def one_line(result):
    """The one line on stderr."""
    assert len(result.lines) == 1, result
    assert result.lines[0].startswith("sbx-run: "), result
    return result.lines[0]


# --- exit status ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [0, 1, 7, 124, 125, 126, 127, 137, 255])
def test_exit_status_is_the_payloads(run, code):
    result = run("--", "sh", "-c", f"exit {code}")
    assert (result.status, result.stdout, result.stderr) == (code, "", ""), result
    assert (result.report["outcome"], result.report["exit_code"]) == ("exited", code), result


@pytest.mark.parametrize("name, number", [("TERM", 15), ("KILL", 9), ("SEGV", 11), ("USR1", 10), ("HUP", 1)])
def test_exit_status_of_a_signal(run, name, number):
    result = run("--", "sh", "-c", f"kill -{name} $$; sleep 5")
    assert (result.status, result.stderr) == (128 + number, ""), result
    assert (result.report["outcome"], result.report["signal"]) == ("signaled", "SIG" + name), result


def test_output_goes_through(run):
    result = run("--", "sh", "-c", "echo out; echo err >&2; cat", input="in\n")
    assert (result.status, result.stdout, result.stderr) == (0, "out\nin\n", "err\n"), result


@pytest.mark.parametrize("command", ["no-such-program", "/no/such/program", "/etc/passwd/x"])
def test_not_found(run, command):
    result = run("--", command)
    assert result.status == 127, result
    assert command in one_line(result), result
    assert result.report["outcome"] == "setup-failed", result
    assert result.report["error"]["stage"] == "exec", result


@pytest.mark.parametrize("command", ["/etc/passwd", "/usr"])
def test_not_executable(run, command):
    result = run("--", command)
    assert result.status == 126, result
    assert command in one_line(result), result
    assert result.report["error"]["stage"] == "exec", result


def program_file(place, text, mode=0o755):
    file = place / "program"
    file.write_text(text, encoding="ascii")
    file.chmod(mode)
    return ["--ro-bind", f"{place}:/mnt", "--", "/mnt/program"]


def test_not_executable_without_a_format(run, place):
    result = run(*program_file(place, "echo ran\n"))
    assert (result.status, result.stdout) == (126, ""), result
    one_line(result)


def test_not_executable_without_permission(run, place):
    result = run(*program_file(place, "#!/bin/sh\necho ran\n", 0o644))
    assert (result.status, result.stdout) == (126, ""), result
    one_line(result)


def test_executable_is_the_control(run, place):
    result = run(*program_file(place, "#!/bin/sh\necho ran\n"))
    assert (result.status, result.stdout, result.stderr) == (0, "ran\n", ""), result


def test_interpreter_not_found(run, place):
    result = run(*program_file(place, "#!/no/such/interpreter\n"))
    assert result.status == 127, result
    one_line(result)


# --- time -------------------------------------------------------------------------------------------------------------


def test_timeout(run):
    begin = time.monotonic()
    result = run("--timeout", "300ms", "--", "sleep", "60")
    elapsed = time.monotonic() - begin
    assert result.status == 124, result
    assert one_line(result) == "sbx-run: time limit: the box reached time.wall (300ms)", result
    assert result.report["outcome"] == "time-wall", result
    assert 0.3 <= elapsed < 30, elapsed


def test_timeout_not_reached(run):
    result = run("--timeout", "1m", "--", "true")
    assert (result.status, result.stderr, result.report["outcome"]) == (0, "", "exited"), result


def test_timeout_is_a_limit_even_when_the_payload_ends_well(run):
    result = run("--timeout", "1", "--grace", "30", "--",
                 "sh", "-c", "trap 'echo term; exit 0' TERM; while :; do sleep 0.05; done")
    assert (result.status, result.stdout) == (124, "term\n"), result
    assert one_line(result) == "sbx-run: time limit: the box reached time.wall (1s)", result


def test_grace_is_zero_unless_asked(run):
    result = run("--timeout", "1", "--", "sh", "-c", "trap 'sleep 20; echo late' TERM; while :; do sleep 0.05; done",
                 timeout=15)
    assert (result.status, result.stdout) == (124, ""), result


def test_grace_ends(run):
    begin = time.monotonic()
    result = run("--timeout", "200ms", "--grace", "300ms", "--",
                 "sh", "-c", "trap '' TERM; while :; do sleep 0.05; done")
    assert result.status == 124, result
    assert 0.5 <= time.monotonic() - begin < 30, result


# --- errors of the command line ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("option, value", BAD)
def test_bad_value(run, option, value):
    result = run(option, value, *MARK)
    assert (result.status, result.stdout) == (125, ""), result
    line = one_line(result)
    assert line.startswith(f"sbx-run: {option}: "), line
    assert f'"{value}"' in line, line
    assert "accepted: " in line, line


def test_bad_value_after_an_equals_sign(run):
    result = run("--memory=12x", *MARK)
    assert (result.status, result.stdout) == (125, ""), result
    assert one_line(result).startswith('sbx-run: --memory: "12x" is not '), result


def test_bad_values_are_complete(run):
    keys = json.loads(run("--list-keys=json", report=False).stdout)
    options = {"--" + key["option"] for key in keys if key["option"] and key["arg"]}
    assert options == {option for option, _ in BAD}


@pytest.mark.parametrize("pair, words", [
    ("nonsense", ["-o", '"nonsense"', "KEY=VALUE"]),
    ("=1", ["-o", '"=1"', "KEY=VALUE"]),
    ("hostnme=x", ["-o", "hostnme", "hostname"]),
    ("memroy.max=1M", ["memroy.max"]),
    ("memory.max=12x", ["-o memory.max: ", '"12x"', "accepted: "]),
    ("?memory.max=12x", ["-o ?memory.max: ", '"12x"', "accepted: "]),
    ("bind+=relative:x", ["-o bind+: ", "accepted: "]),
    ("time.cpu=1", ["-o", "time.cpu"]),
    ("cgroup.kill=1", ["-o", "cgroup.kill"]),
])
def test_bad_pair(run, pair, words):
    result = run("-o", pair, *MARK)
    assert (result.status, result.stdout) == (125, ""), result
    line = one_line(result)
    assert [word for word in words if word not in line] == [], line


@pytest.mark.parametrize("option", ["--no-such-option", "-Z", "--memory-hi=1M", *LATER])
def test_unknown_option(run, option):
    result = run(option, *MARK)
    assert (result.status, result.stdout) == (125, ""), result
    assert option.split("=")[0] in one_line(result), result


@pytest.mark.parametrize("option", ["--memory", "-o", "--report"])
def test_missing_value(run, option):
    result = run(option, report=False)
    assert result.status == 125, result
    assert option in one_line(result), result


@pytest.mark.parametrize("args", [["--dry-run=no"], ["--verbose=x"], ["--help="], ["--version=1"], ["--progress=x"],
                                  ["-v", "--dry-run=no"], ["--report", "-", "--dry-run=no"],
                                  ["-o", "nice=1", "--dry-run=no"], ["-vo", "nice=1", "--dry-run=no"],
                                  ["--list-keys=json", "--dry-run=no"], ["--list-keys", "--dry-run=no"],
                                  ["--list-keys", "json", "--dry-run=no"], ["--net=host", "--dry-run=no"],
                                  ["--no-such-option", "--dry-run=no"]])
def test_value_of_a_switch(run, args):
    result = run(*args, *MARK, report=False)
    assert (result.status, result.stdout) == (125, ""), result
    assert one_line(result) == f'sbx-run: {args[-1].split("=")[0]} takes no value: "{args[-1]}"', result


def test_what_looks_like_the_value_of_a_switch(run):
    """A value of another option, or an argument of the command."""
    result = run("--hostname", "--dry-run=no", *MARK)
    assert one_line(result).startswith('sbx-run: --hostname: "--dry-run=no" is not '), result
    result = run("-o", "--dry-run=no", *MARK)
    assert one_line(result).startswith("sbx-run: -o"), result
    for dashes in [["--"], []]:
        result = run(*dashes, "echo", "--dry-run=no", "--help=x")
        assert (result.status, result.stdout) == (0, "--dry-run=no --help=x\n"), result


def test_no_command(run):
    for args in [(), ("--",), ("--memory", "1M")]:
        result = run(*args)
        assert (result.status, result.stdout) == (125, ""), result
        assert "no command" in one_line(result), result


def test_a_bad_value_is_one_harmless_line(run):
    result = run("--memory", "1\n2\x1b[31m", *MARK)
    assert (result.status, result.stdout) == (125, ""), result
    assert "\x1b" not in one_line(result), result


# --- where the options end --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["--bind=/", "--", "--help", "-v"])
def test_command_that_looks_like_an_option(run, command):
    result = run("--", command)
    assert (result.status, result.stdout) == (127, ""), result
    assert command in one_line(result), result


@pytest.mark.parametrize("dashes", [["--"], []])
def test_arguments_are_verbatim(run, dashes):
    arguments = ["--memory", "1", "--", "", "a b", "$HOME", "*", "-v", "--help", "\xe9\n", "--bind=/"]
    result = run(*dashes, "printf", "[%s]", *arguments)
    assert (result.status, result.stderr) == (0, ""), result
    assert result.stdout == "".join(f"[{argument}]" for argument in arguments), result


def test_options_apply_in_order(run):
    result = run("--hostname", "first", "-o", "hostname=second", "--hostname", "third", "--", "uname", "-n")
    assert (result.status, result.stdout) == (0, "third\n"), result


# --- profiles ---------------------------------------------------------------------------------------------------------


def test_profile_stands_where_it_stands(run, place):
    (place / "p").write_text("[namespaces]\nhostname=profile\n[process]\nenv=FROM=profile\n", encoding="ascii")
    command = ["--", "sh", "-c", "uname -n; echo $FROM"]
    last = run("--hostname", "option", "--profile", place / "p", *command)
    first = run("--profile", "p", "--hostname", "option", *command, cwd=place)
    assert (last.status, last.stdout) == (0, "profile\nprofile\n"), last
    assert (first.status, first.stdout) == (0, "option\nprofile\n"), first


def test_profile_error_names_file_and_line(run, place):
    (place / "p").write_text("[namespaces]\n# a comment\nhostname=-x\n", encoding="ascii")
    result = run("--profile", place / "p", *MARK)
    assert (result.status, result.stdout) == (125, ""), result
    line = one_line(result)
    assert line.startswith("sbx-run: --profile: ") and f"{place}/p:3: " in line, line


def test_profile_not_found(run):
    result = run("--profile", "/no/such/profile", *MARK)
    assert (result.status, result.stdout) == (125, ""), result
    assert "/no/such/profile" in one_line(result), result


def test_profile_built_in(run):
    control = run(*MARK)
    empty = run("--profile", "empty", *MARK)
    assert (control.status, control.stdout) == (0, "ran\n"), control
    assert (empty.status, empty.stdout) == (127, ""), empty
    build = run("--profile", "build", *MARK)
    assert (build.status, build.stdout) == (0, "ran\n"), build
    late = run("--hostname", "x", "--profile", "build", *MARK)
    assert (late.status, late.stdout) == (125, ""), late
    assert '"build"' in one_line(late), late


# --- what it prints about itself --------------------------------------------------------------------------------------


def test_version(run):
    result = run("--version")
    assert result.status == 0 and re.fullmatch(r"sbx-run \d+\.\d+\.\d+\n", result.stdout), result


def test_list_keys(run):
    keys = json.loads(run("--list-keys=json", report=False).stdout)
    assert all(set(key) >= {"name", "type", "group", "option", "arg", "default", "list", "doc"} for key in keys), keys
    result = run("--list-keys")
    assert (result.status, result.stderr) == (0, ""), result
    rows = {line.split()[0]: line for line in result.stdout.splitlines() if line and not line.startswith("[")}
    assert list(rows) == [key["name"] for key in keys], rows
    for key in keys:
        assert key["doc"] in rows[key["name"]], rows[key["name"]]
        assert ("--" + key["option"] if key["option"] else "-o " + key["name"]) in rows[key["name"]], rows[key["name"]]
    assert run("--list-keys=xml").status == 125


def test_help(run):
    result = run("--help")
    assert (result.status, result.stderr) == (0, ""), result
    keys = json.loads(run("--list-keys=json", report=False).stdout)
    own = ["profile", "report", "progress", "dry-run", "sweep", "list-keys", "doctor", "version", "help"]
    for option in own + [key["option"] for key in keys if key["option"]]:
        assert re.search(rf"^  (-\w, )?--{option}\b", result.stdout, re.MULTILINE), option
    assert [option for option in LATER if option.split("=")[0] + " " in result.stdout] == []
    assert max(map(len, result.stdout.splitlines())) <= 120


def test_dry_run(run, place):
    place.chmod(0o777)
    control = run("--bind", place, "--", "touch", place / "control")
    result = run("--dry-run", "--bind", place, "--", "touch", place / "dry")
    assert control.status == 0 and (place / "control").exists(), control
    assert (result.status, result.stderr) == (0, ""), result
    assert not (place / "dry").exists()
    assert "move_mount(" in result.stdout and str(place) in result.stdout, result
    assert run("--dry-run").status == 0


def test_output_that_cannot_be_written(run):
    for option in ["--dry-run", "--help", "--list-keys", "--list-keys=json", "--version"]:
        with open("/dev/full", "wb") as full:
            result = run(option, stdout=full)
        assert result.status == 125, (option, result)
        assert "No space left" in one_line(result), (option, result)


# --- standard streams -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fd, redirection", [(0, "<&-"), (1, ">&-"), (2, "2>&-")])
def test_closed_stream_becomes_dev_null(program, fd, redirection):
    script = f'exec "$0" -- sh -c "test /proc/self/fd/{fd} -ef /dev/null && exit 42" {redirection}'
    done = subprocess.run(["sh", "-c", script, program], capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (42, b"", b""), done


def test_no_other_fd_goes_in(program):
    read, write = os.pipe()
    os.set_inheritable(write, True)
    script = f"test -e /proc/$$/fd/{write} && echo {write} is open; echo done"
    outside, inside = (
        subprocess.run([*before, "sh", "-c", script], close_fds=False, capture_output=True, text=True, check=False,
                       timeout=60)
        for before in ([], [program, "--"]))
    os.close(read)
    os.close(write)
    assert outside.stdout == f"{write} is open\ndone\n", outside
    assert inside.stdout == "done\n", inside
