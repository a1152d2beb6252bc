"""The supervisor's end of a recorder: the messages of runner/recorder.h over a socket pair."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import time
from pathlib import Path

PHASES = 8
TIMED = (1 << (PHASES + 1)) - 1


def text(value: str) -> bytes:
    data = value.encode() + b"\0"
    return struct.pack("=I", len(data)) + data


class Recorder:
    """A running recorder with an address of its own."""

    def __init__(self, directory: Path, serve: bool = True) -> None:
        build = Path(os.environ.get("COURSER_BUILD") or Path(__file__).resolve().parents[2] / "build")
        self.directory = directory
        self.ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        self.port = listener.getsockname()[1]
        folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        actions = [(os.POSIX_SPAWN_DUP2, theirs.fileno(), 103), (os.POSIX_SPAWN_DUP2, folder, 104),
                   (os.POSIX_SPAWN_DUP2, listener.fileno(), 105), (os.POSIX_SPAWN_DUP2, 103, 3),
                   (os.POSIX_SPAWN_DUP2, 104, 4)]
        actions += [(os.POSIX_SPAWN_DUP2, 105, 5)] if serve else [(os.POSIX_SPAWN_OPEN, 5, "/dev/null", os.O_RDONLY, 0),
                                                                  (os.POSIX_SPAWN_CLOSE, 5)]
        actions += [(os.POSIX_SPAWN_CLOSE, number) for number in (103, 104, 105)]
        env = {key: value for key, value in os.environ.items() if key.startswith(("ASAN_", "UBSAN_", "LSAN_"))}
        self.pid = os.posix_spawn(build / "courser-recorder", ["recorder", "-"], env, file_actions=actions)
        theirs.close()
        listener.close()
        os.close(folder)
        self.status: int | None = None

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> int:
        """Closes the socket; the exit status."""
        self.ours.close()
        if self.status is None:
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.status

    def started(self) -> None:
        self.ours.send(struct.pack("=I", 1) + text("r") + struct.pack("=QQ", 1, 2))

    def ended(self, name: str, state: str = "success", fault: str = "none", ms: int = 1500, timed: int = TIMED) -> None:
        self.ours.send(struct.pack("=I", 2) + text(name) + text("r") + text("group/project")
                       + struct.pack("=QQQ", 1, 2, int(time.time() * 1e6)) + text(state) + text("") + text(fault)
                       + struct.pack("=II", 0, timed) + struct.pack(f"={PHASES + 1}Q", *[ms] * (PHASES + 1)))

    def gauge(self, name: str, labels: str, value: float) -> None:
        self.ours.send(struct.pack("=I", 3) + text(name) + text(labels) + struct.pack("=Id", 8, value))

    def count(self, name: str, labels: str, value: int) -> None:
        self.ours.send(struct.pack("=I", 4) + text(name) + text(labels) + struct.pack("=Q", value))

    def ready(self, ready: bool, why: str = "") -> None:
        self.ours.send(struct.pack("=II", 5, ready) + text(why))

    def curl(self, path: str, *options: str) -> tuple[int, str, str]:
        """Status, content type and body."""
        done = subprocess.run(["curl", "-sS", "--max-time", "10", "-w", "\n%{http_code} %{content_type}", *options,
                               f"http://127.0.0.1:{self.port}{path}"], capture_output=True, text=True, check=True)
        body, _, last = done.stdout.rpartition("\n")
        status, _, kind = last.partition(" ")
        return int(status), kind, body

    def metrics(self, wanted: str = "", timeout: float = 5) -> str:
        """The page, once `wanted` is a line of it."""
        end = time.monotonic() + timeout
        while True:
            page = self.curl("/metrics")[2]
            if not wanted or wanted in page.splitlines():
                return page
            assert time.monotonic() < end, f"{wanted!r} is not in:\n{page}"
            time.sleep(0.05)
