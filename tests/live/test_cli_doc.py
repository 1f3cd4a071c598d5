# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The libsbx developers
"""The man pages hold every option, key and member, and the completion asks the program."""

import json
import re
import shutil
import subprocess

import pytest

from conftest import TREE, skip
from test_cli_run import MEMBERS

PAGES = ["sbx-run.1", "sbx-profile.5", "sbx-report.5", "sbx-cgroups.7", "sbx-seccomp.7", "sbx-security.7"]


@pytest.fixture
def keys(run):
    return json.loads(run("--list-keys=json", report=False).stdout)


def page(name):
    """The text of a man page without its macros."""
    text = (TREE / "doc" / name).read_text(encoding="ascii")
    text = re.sub(r"\\f.|\\(?=[-~e])", "", text)
    return re.sub(r'^\.(BR|BI|IB|RB|B|I|TP|EX) ?|"', "", text, flags=re.MULTILINE)


@pytest.mark.parametrize("name", PAGES)
def test_man_page_is_clean(name):
    if not shutil.which("groff"):
        skip("groff is not installed")
    done = subprocess.run(["groff", "-man", "-ww", "-Tutf8", TREE / "doc" / name], capture_output=True, text=True,
                          check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert len(done.stdout.splitlines()) > 50


def test_man_page_has_every_option(run, keys):
    text = page("sbx-run.1")
    options = {key["option"]: key["name"] for key in keys if key["option"]}
    assert [option for option in options if not re.search(rf"--{option}(?![-\w])", text)] == []
    assert [name for name in options.values() if not re.search(rf"\( ?{re.escape(name)} ?\)", text)] == []
    own = re.findall(r"(--[a-z-]+)", run("--help").stdout)
    assert [option for option in own if not re.search(rf"{option}(?![-\w])", text)] == []


def test_man_page_has_every_key(keys):
    text = page("sbx-profile.5")
    place = {}
    for line in text.splitlines():
        heading = re.match(r"\.SH \[(\w+)\]", line)
        if line.startswith(".SH"):
            group = heading[1] if heading else None
        for key in keys:
            if re.search(rf"(^|[ ,]){re.escape(key['name'])} ?=", line) and group:
                place.setdefault(key["name"], group)
    assert place == {key["name"]: key["group"] for key in keys}


def test_man_page_has_every_member():
    text = page("sbx-report.5")
    assert [member for member in MEMBERS if not re.search(rf"\b{member}\b", text)] == []


@pytest.mark.parametrize("words, replies", [
    (["--mem"], {"--memory", "--memory-high"}),
    (["--oom", ""], {"group", "one"}),
    (["--oom", "=", "g"], {"group"}),
    (["--memory", "1M", "--keep-env", "--prog"], {"--progress"}),
    (["-o", "cpuset"], {"cpuset.cpus=", "cpuset.mems=", "cpuset.cpus.partition="}),
    (["--ro-bind", "/us"], {"/usr"}),
    (["--memory", "1M", "ls", "/us"], {"/usr"}),
    (["--", "ls", "/us"], {"/usr"}),
    (["ls", "--mem"], set()),
])
def test_completion(program, words, replies):
    if not shutil.which("bash"):
        skip("bash is not installed")
    script = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sbx_run; printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", script, "bash", TREE / "doc" / "sbx-run.bash", program, *words],
                          capture_output=True, text=True, check=False, timeout=60)
    assert set(done.stdout.split()) == replies, done


# --- sbx-cgroups(7) --------------------------------------------------------------------------------------------------

PLACES = ["place", "delegate*", "leaf", "cgroupfs", "scope", "systemd"]


def thrown():
    """The sentences of the files that look for a place, with * for what is filled in."""
    for pattern in PLACES:
        for file in sorted((TREE / "lib").glob(f"{pattern}.c")):
            text = re.sub(r'"\s*\n\s*"', "", file.read_text(encoding="utf-8")).replace("G_GUINT64_FORMAT", "")
            text = re.sub(r'(?<!\\)" +"', "", text)
            for sentence in re.findall(r'throw_error\(\s*error, [^;"]*"((?:\\"|[^"])*)"', text):
                yield file.name, re.sub(r"%[0-9]*[a-z]?", "*", sentence.replace('\\"', '"'))


def explained():
    """The plain pieces of the sentences that the page quotes."""
    source = (TREE / "doc" / "sbx-cgroups.7").read_text(encoding="ascii")
    source = source[source.index(".SH ERRORS"):source.index(".SH WHAT IS DONE")]
    for line in re.findall(r"^\.TP\n(\.RB .*)", source, re.MULTILINE):
        line = re.sub(r"\\fI[A-Z]+\\fP|\.\.\.", "*", line[4:])
        line = line.replace('"', "").replace(r"\(dq", '"').replace(r"\(aq", "'").replace(r"\-", "-")
        for quoted in re.findall(r"\\\(lq ?(.*?) ?\\\(rq", line):
            yield [piece.strip() for piece in quoted.split("*") if len(piece.strip()) > 3]


# said where nothing is refused: the box goes without a group
NOT_REFUSED = {"* is systemd's, and nothing needs a cgroup"}


def test_every_refusal_of_a_place_is_explained():
    pieces = list(explained())
    assert len(pieces) > 20, pieces
    missing = [f"{name}: {sentence}" for name, sentence in thrown() if sentence not in NOT_REFUSED and
               not any(quoted and all(piece in sentence for piece in quoted) for quoted in pieces)]
    assert missing == []


def test_every_refusal_that_is_explained_exists():
    text = "".join(re.sub(r'"\s*\n\s*"', "", file.read_text(encoding="utf-8")).replace('\\"', '"')
                   for file in (TREE / "lib").glob("*.c"))
    assert [piece for quoted in explained() for piece in quoted if piece not in text] == []


def test_every_branch_is_drawn():
    page = (TREE / "doc" / "sbx-cgroups.7").read_text(encoding="ascii")
    drawing = page.split("cgroup.parent=auto\n")[1].split(".EE")[0]
    noted = set(re.findall(r'\bnote\(search, "(\w+)"', (TREE / "lib" / "place.c").read_text(encoding="utf-8")))
    assert noted == {"given", "subtree", "leaf", "scope"}
    assert noted - {"given"} == set(re.findall(r"\\fB(\w+)\\fP", drawing))
