"""What only a machine of its own shows: limits of cgroup v2, the kernel's end of a job out of memory, core handlers.

The program is tests/inside/vm.c, with the project's own runner/cgroup.c in it.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest
from machine import require
from tests.vm import machine as vm

BUILD = Path(os.environ.get("COURSER_BUILD") or Path(__file__).resolve().parents[2] / "build")
PROGRAM = BUILD / "tests/inside/run"
CASES = ("memory-ends-the-whole-job", "enough-memory-is-enough", "processes-are-counted", "processor-time-is-shared-out",
         "nobody-escapes-the-end", "only-a-limit-of-one-stops-the-handler")


@pytest.mark.timeout(90)
def test_in_a_machine_of_its_own(tmp_path: Path) -> None:
    """One test, because each would start the machine again in another worker."""
    if b"nobody-escapes-the-end" not in PROGRAM.read_bytes():
        pytest.skip("an instrumented build: its program knows no virtual machine")
    if platform.machine() != "x86_64":
        pytest.skip("the kernel of the virtual machine is one for x86-64")
    require(not vm.missing(), vm.missing())
    console = vm.boot(PROGRAM, tmp_path)
    lines = console.split("\n")
    assert "vm: done" in lines and lines[-1] == "" and any('vm: cgroup ""' in line for line in lines), console
    said = [line for line in lines if line.endswith(" ok") or " FAIL " in line]
    assert said == [f"vm: {case} ok" for case in CASES], console
