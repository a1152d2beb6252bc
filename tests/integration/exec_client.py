"""What the tests of `courser exec` share: a state directory of the test's own, running jobs, the trace as lines."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from courser import Courser, Result

HEADER = re.compile(rb"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z [0-9a-f]{2}[OE][ +]")
COLOUR = re.compile(r"\x1b\[[0-9;]*[mK]")
# What a job about its output alone is run with.
BARE = {"FF_TIMESTAMPS": "false"}


def state(courser: Courser) -> Path:
    """Where the roles of root, which are other accounts, can reach it."""
    return courser.dir / "st" if courser.who == "root" else courser.path("st")


def execute(courser: Courser, payload: dict[str, Any] | bytes, *args: str, timeout: float = 50) -> Result:
    """One job; afterwards nothing of it is left in the state directory."""
    result = courser.exec(payload, "--state", str(state(courser)), *args, timeout=timeout)
    assert left(courser) == [], result.stderr
    return result


def left(courser: Courser) -> list[str]:
    jobs = state(courser) / "jobs"
    return sorted(os.listdir(jobs)) if jobs.exists() else []


def plain(text: str) -> str:
    """Without colours; what redraws a line is a line."""
    return COLOUR.sub("", text).replace("\r", "\n")


def lines(result: Result) -> list[str]:
    """The trace as lines without timestamps and colours."""
    whole = [line[32:] if HEADER.match(line) else line for line in result.trace.split(b"\n")]
    return plain(b"\n".join(whole).decode("utf-8", "replace")).split("\n")


def script_output(result: Result) -> list[str]:
    """What lies between the first command's echo and the runner's next word, without `$ ` lines."""
    text = lines(result)
    start = next(i for i, line in enumerate(text) if line.startswith("$ "))
    end = next(i for i, line in enumerate(text) if i > start and re.match("section_end|Running after|Time: ", line))
    return [line for line in text[start:end] if not line.startswith("$ ")]


class Running:
    """A job that runs while the test does something to it."""

    def __init__(self, courser: Courser, payload: dict[str, Any], *args: str) -> None:
        self.courser = courser
        courser.count += 1
        job = courser.write(f"job{courser.count}.json", json.dumps(payload))
        self.result = courser.path(f"result{courser.count}.json")
        self.trace = courser.dir / f"trace{courser.count}"
        with open(self.trace, "wb") as out:
            self.process = subprocess.Popen(
                [str(courser.binaries.courser), "exec", "--payload", str(job), "--result", str(self.result),
                 "--state", str(state(courser)), *args], stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.PIPE, cwd=courser.home(), env=courser.environment(), **courser.account())

    def text(self) -> str:
        return self.trace.read_text(errors="replace")

    def until(self, words: str, seconds: float = 20) -> None:
        wait(lambda: words in self.text() or self.process.poll() is not None, seconds)
        assert words in self.text(), f"{words!r} not in\n{self.text()}"

    def interrupt(self, number: int = signal.SIGINT) -> None:
        self.process.send_signal(number)

    def role(self, name: str) -> int:
        """The process of a role of this job."""
        found = [pid for pid, _ in self.courser.processes()
                 if os.readlink(f"/proc/{pid}/exe").endswith(f"/courser-{name}")]
        assert len(found) == 1, f"{name}: {found}"
        return found[0]

    def init(self) -> int:
        """The first process of this job's sandbox."""
        spawner = self.role("spawner")
        found = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and
                 parent(int(entry.name)) == spawner]
        assert len(found) == 1, f"init: {found}"
        return found[0]

    def end(self, seconds: float = 30) -> Result:
        _, stderr = self.process.communicate(timeout=seconds)
        parsed = json.loads(self.result.read_text()) if self.result.exists() else {}
        return Result(self.process.returncode, self.trace.read_bytes(), parsed, stderr.decode(errors="replace"))


def parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def wait(true: Callable[[], Any], seconds: float = 10) -> Any:
    """Until it is true; what it said."""
    end = time.monotonic() + seconds
    while not (said := true()) and time.monotonic() < end:
        time.sleep(0.02)
    return said
