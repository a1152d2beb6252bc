"""`make demo`: what it shows, and that it leaves nothing, to its end and interrupted."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
JOBS = ("build", "unit-test", "security-scan", "package", "deploy")
PR_SET_CHILD_SUBREAPER = 36


def children() -> set[int]:
    """Processes whose parent is this one: also what a child of it has left behind, see `place`."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid():
            found.add(int(stat.parent.name))
    return found


def left_behind(before: set[int]) -> set[int]:
    """Who is there that was not before. Those that have ended and nobody waited for are reaped, and those that are
    about to end may."""
    deadline = time.monotonic() + 2
    while left := children() - before:
        for pid in left:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
    return left


@pytest.fixture
def place() -> Iterator[Path]:
    """Where the demo puts its files: empty at the end, with no process left and the accounts as before."""
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    before, accounts = children(), {entry.pw_name for entry in pwd.getpwall()}
    with tempfile.TemporaryDirectory(prefix="cd-", dir="/tmp") as directory:
        os.chmod(directory, 0o755)
        yield Path(directory)
        left = left_behind(before)
        assert not left, [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in left]
        assert os.listdir(directory) == []
    assert libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) == 0
    assert {entry.pw_name for entry in pwd.getpwall()} == accounts


def start(place: Path) -> subprocess.Popen:
    env = {**os.environ, "BUILD": os.environ.get("COURSER_BUILD") or str(ROOT / "build"), "TMPDIR": str(place),
           "COURSER_TEST_TMP": str(place)}
    return subprocess.Popen([str(ROOT / "contrib" / "demo" / "run")], env=env, stdin=subprocess.DEVNULL, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)


@pytest.mark.timeout(120)
def test_demo_shows_the_main_job(place: Path) -> None:
    demo = start(place)
    output, _ = demo.communicate(timeout=110)
    assert demo.returncode == 0, output
    for job in JOBS:
        assert re.search(rf"^ *{job} \| \$ ", output, re.MULTILINE), f"no log of {job}:\n{output}"
        times = r"(?: +\d+\.\d{3}s){4}"
        assert re.search(rf"^ *{job} +success{times} +\d+\.\d\d %$", output, re.MULTILINE), output
    assert "deploy | the password, printed by mistake: [MASKED]\n" in output
    assert "deploy | stored, sha256 " in output
    assert "60 checks, 0 failed" in output
    assert output.endswith("Nothing is left behind.\n")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("moment", ["Getting OpenBao", "On loopback", "build | $ make"])
def test_interrupted_demo_leaves_nothing(place: Path, moment: str) -> None:
    demo = start(place)
    output = ""
    while moment not in output:
        line = demo.stdout.readline()
        assert line, output
        output += line
    os.killpg(demo.pid, signal.SIGINT)
    rest, _ = demo.communicate(timeout=60)
    assert demo.returncode not in (0, None), output + rest
    assert " had to end a process" not in rest
    if moment != "Getting OpenBao":
        assert rest.endswith("Interrupted; nothing is left behind.\n") and demo.returncode == 130, output + rest
