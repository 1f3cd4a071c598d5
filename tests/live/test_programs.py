# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The libsbx developers
"""Real programs run unchanged under the default policy: a compiler, Python's own tests, a package's configure and check.

SBX_SOURCES is where the sources of packages are kept; they are fetched with apt where they are not there yet.
"""

import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import tempfile

import pytest

from conftest import skip

PYTHON = "/usr/bin/python3"  # the distribution's, for which there is a package of tests
PYTHON_TESTS = ["test_json", "test_threading", "test_subprocess", "test_socket"]
PACKAGE = "hello"
# What a whole range of ids makes of a box of root's: programs that test for a refused setuid() want EPERM, and an id that
# is not mapped at all is EINVAL.
RANGE = ["--uid-map", "0:200000:65536", "--gid-map", "0:200000:65536", "--user", "1000:1000"]


@pytest.fixture
def work():
    """A directory that the payload may write to, whoever it is."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="sbx-programs.", dir="/var/tmp"))
    path.chmod(0o777)
    yield path
    shutil.rmtree(path)


def outside(*args, cwd=None, timeout=300):
    # as inside: what a make around this test says to the makes below it is not for them
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TERM") if name in os.environ}
    return subprocess.run(args, cwd=cwd, env=kept, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", timeout=timeout, check=False)


# --- a compiler ---

C = '#include <math.h>\n#include <stdio.h>\nint main(int n, char **v) { return printf("%.0f %s\\n", pow(2, n), v[1]) < 0; }\n'
CXX = "#include <iostream>\n#include <thread>\nint main() { std::thread t([] { std::cout << 42 << std::endl; }); t.join(); }\n"


@pytest.mark.parametrize("compiler, name, text, said", [("gcc", "a.c", C, "4 x\n"), ("g++", "a.cc", CXX, "42\n")], ids=["c", "c++"])
@pytest.mark.parametrize("where", ["tmp", "bind", "tmpfs"])
def test_compiler(run, work, where, compiler, name, text, said):
    if not shutil.which(compiler):
        skip(f"{compiler} is not installed")
    (work / name).write_text(text, encoding="ascii")
    (work / name).chmod(0o644)
    script = f"{compiler} -O2 -Wall -g -o a {work}/{name} -lm -pthread && ./a x"
    place = {"tmp": ["--chdir", "/tmp", "--ro-bind", work],
             "bind": ["--chdir", work, "--bind", work],
             "tmpfs": ["--chdir", "/tmp/w", "--tmpfs", "/tmp/w", "--ro-bind", work]}[where]
    done = run(*place, "--", "sh", "-c", script)
    assert (done.status, done.stdout, done.stderr) == (0, said, ""), done
    assert done.report["outcome"] == "exited"


# --- Python's own tests ---

def has_python_tests(path=PYTHON):
    if not os.access(path, os.X_OK):
        return False
    return outside(path, "-c", "import test.test_socket, test.test_json").returncode == 0


def test_python(run):
    """All four as they are, with threads, processes, sockets, signals and temporary files."""
    if not has_python_tests():
        skip(f"{PYTHON} has no test package (Debian: libpython3.11-testsuite, named after the version)")
    options, left_out = RANGE, []
    if os.geteuid() != 0:
        # one id is all that a plain user's box has, see RANGE
        options, left_out = [], ["-i", "test_user", "-i", "test_group"]
    done = run(*options, "--timeout", "250s", "--", PYTHON, "-m", "test", "-j2", "-u", "none", *left_out, *PYTHON_TESTS,
               timeout=280, stderr=subprocess.STDOUT)
    if done.status != 0:
        failed = re.findall(r"^ {4}(test_\w+)$", done.stdout, re.MULTILINE)
        # test_socket may wait for ever on a machine with half a vsock
        control = outside(PYTHON, "-m", "test", "-u", "none", "-i", "*VSOCK*", *failed)
        pytest.fail(f"inside: {done.stdout[-4000:]}\noutside, status {control.returncode}: {control.stdout[-2000:]}")
    assert len(re.findall(r"\btest_\w+ passed", done.stdout)) == len(PYTHON_TESTS), done.stdout
    assert "SUCCESS" in done.stdout, done.stdout


def test_python_says_when_it_fails(run):
    """The control: what the policy refuses fails its test."""
    if not has_python_tests():
        skip(f"{PYTHON} has no test package")
    done = run("--rlimit", "nofile=3", "--", PYTHON, "-m", "test", "test_json", stderr=subprocess.STDOUT)
    assert done.status != 0, done


# --- a package's configure, make and make check ---

def cache():
    home = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(os.environ.get("SBX_SOURCES") or pathlib.Path(home) / "libsbx" / "sources")


def apt_mirror():
    """Where this machine's apt gets its packages, as "URI SUITE COMPONENT", or None."""
    if not shutil.which("apt-get"):
        return None
    targets = outside("apt-get", "indextargets", "--format", "$(ORIGIN) $(COMPONENT) $(REPO_URI) $(CODENAME)",
                      "Created-By: Packages").stdout
    for line in targets.splitlines():
        words = line.split()
        if len(words) == 4 and words[0] in ("Debian", "Ubuntu") and words[1] == "main":
            return f"{words[2]} {words[3]} main"
    return None


def fetch(folder):
    """Get the package's source with apt, in folders of our own: the machine's lists and sources stay as they are. An error's
    text must not name the mirror, which may hold a password."""
    mirror = apt_mirror()
    if mirror is None:
        return "no apt that knows a mirror of Debian or Ubuntu"
    with tempfile.TemporaryDirectory(prefix="sbx-sources.") as name:
        place = pathlib.Path(name)
        for part in ("lists/partial", "archives/partial"):
            (place / part).mkdir(parents=True)
        ring = pathlib.Path("/usr/share/keyrings/debian-archive-keyring.gpg")
        signed = f"[signed-by={ring}] " if ring.exists() else ""
        (place / "sources.list").write_text(f"deb-src {signed}{mirror}\n", encoding="utf-8")
        options = {"Dir::Etc::sourcelist": place / "sources.list", "Dir::Etc::sourceparts": "/dev/null",
                   "Dir::State::Lists": place / "lists", "Dir::Cache": place, "Dir::Etc::preferencesparts": "/dev/null",
                   "APT::Sandbox::User": "root", "APT::Update::Error-Mode": "any", "Acquire::Retries": "2"}
        words = ["apt-get", "-qq", *(word for key, value in options.items() for word in ("-o", f"{key}={value}"))]
        for command in (["update"], ["source", "--download-only", PACKAGE]):
            done = outside(*words, *command, cwd=place)
            if done.returncode != 0:
                return "apt-get " + re.sub(r"\w+://\S+", "(mirror)", " ".join(done.stdout.split()))[-200:]
        folder.mkdir(parents=True, exist_ok=True)
        for file in place.glob(f"{PACKAGE}_*.orig.tar.*[!c]"):
            shutil.copy(file, folder / (file.name + ".new"))
            (folder / (file.name + ".new")).rename(folder / file.name)
    return None


@pytest.fixture
def source(work):
    """A function that unpacks the package into a new folder of the work directory."""
    folder = cache()
    reason = None if list(folder.glob(f"{PACKAGE}_*.orig.tar.*")) else fetch(folder)
    archives = sorted(folder.glob(f"{PACKAGE}_*.orig.tar.*"))
    if not archives:
        skip(f"the source of {PACKAGE} is not in {folder}, and cannot be fetched: {reason}")

    def unpack(name):
        with tarfile.open(archives[-1]) as archive:
            archive.extractall(work / name, filter="tar") if hasattr(tarfile, "tar_filter") else archive.extractall(work / name)
        top, = (work / name).iterdir()
        if os.geteuid() == 0:
            for path in [work / name, top, *top.rglob("*")]:
                os.chown(path, 65534, 65534, follow_symlinks=False)  # who root's payload is
        return top

    return unpack


def counts(text):
    """The summary of automake's test suite."""
    return {name: int(n) for name, n in re.findall(r"^# ([A-Z]+): +(\d+)$", text, re.MULTILINE)}


def test_autotools_package(run, source):
    script = "./configure -q && make -s -j2 && make -s check && ./hello"
    if not shutil.which("make") or not shutil.which("gcc"):
        skip("make or gcc is not installed")
    inside, control = source("inside"), source("control")
    done = run("--bind", inside, "--chdir", inside, "--timeout", "250s", "--", "sh", "-c", script, timeout=280,
               stderr=subprocess.STDOUT)
    plain = outside("sh", "-c", script, cwd=control)
    assert (done.status, plain.returncode) == (0, 0), (done.stdout[-3000:], plain.stdout[-3000:])
    assert counts(done.stdout) == counts(plain.stdout), (done.stdout[-3000:], plain.stdout[-3000:])
    assert counts(done.stdout)["PASS"] >= 4, done.stdout[-3000:]
    assert counts(done.stdout)["FAIL"] == 0, done.stdout[-3000:]
    assert done.stdout.rstrip().endswith("Hello, world!"), done.stdout[-300:]
