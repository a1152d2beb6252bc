"""What the tests of the daemon ask of a running one: its roles, its pages, its state."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from courser import Courser, Daemon


def until(what: Callable[[], Any], timeout: float = 10, message: str = "condition") -> Any:
    """The first true value of `what`."""
    end = time.monotonic() + timeout
    while not (value := what()):
        if time.monotonic() > end:
            raise AssertionError(f"{message} not met in {timeout} s")
        time.sleep(0.02)
    return value


def waits(pid: int) -> bool:
    """Whether it is a worker that has been given no job yet: its events would be fd 6."""
    return not Path(f"/proc/{pid}/fd/6").is_symlink()


def roles(courser: Courser, name: str) -> list[int]:
    """Pids of the role (argv[0]) among this test process' copies of the executables; workers with a job."""
    return [pid for pid, line in courser.processes() if line.split(" ")[0] == name and not (name == "worker" and waits(pid))]


def waiting(courser: Courser) -> list[int]:
    """Pids of workers that wait for a job."""
    return [pid for pid, line in courser.processes() if line.split(" ")[0] == "worker" and waits(pid)]


def role(courser: Courser, name: str, timeout: float = 5) -> int:
    return until(lambda: roles(courser, name), timeout, f"a {name}")[0]


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def get(port: int, path: str, timeout: float = 5) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def metric(text: str, name: str) -> float | None:
    """The value of a sample, its name with labels as it is written."""
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else None


def job_directories(daemon: Daemon) -> list[str]:
    return sorted(entry.name for entry in (Path(daemon.state) / "jobs").iterdir())


def descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        todo += children.get(one, [])
    return found


def lines_of(job: Any, marker: str) -> list[str]:
    """Lines of the job's log that hold `marker` and are no command echo, without the timestamp."""
    return [line[32:] for line in job.text.splitlines() if marker in line and "$ " not in line]


def ended(job: Any, state: str = "success", timeout: float = 20) -> Any:
    job.wait(timeout)
    assert job.state == state, f"{job!r}\n{job.text}"
    return job
