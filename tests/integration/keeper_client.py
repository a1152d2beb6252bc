"""The worker's and the supervisor's ends of a keeper: the messages of executor/secrets.h over socket pairs."""

from __future__ import annotations

import array
import fcntl
import os
import select
import socket
import struct
import subprocess
import time
from pathlib import Path
from typing import Any

READ, LEAVE = 1, 2
VALUE, FAILED, NOTE, DONE, MASK = 64, 65, 66, 67, 68
REVOCABLE, GONE, HELLO = 128, 129, 130
CLASSES = {1: "config", 2: "external", 3: "system", 4: "missing"}
READ_FIELDS = ("name", "provider", "url", "space", "auth_name", "auth_path", "jwt", "role", "engine", "mount", "path",
               "field")
FIRST_FD = 3


class Message:
    """A message being read, field by field."""

    def __init__(self, data: bytes, fds: list[int]) -> None:
        self.type, = struct.unpack_from("=I", data)
        self.data, self.at, self.fds = data, 4, fds

    def u32(self) -> int:
        value, = struct.unpack_from("=I", self.data, self.at)
        self.at += 4
        return value

    def bytes(self) -> bytes:
        n = self.u32()
        self.at += n
        return self.data[self.at - n:self.at]

    def text(self) -> str:
        return self.bytes()[:-1].decode()

    def carried(self) -> bytes:
        """Bytes with "u32 fds" behind them: here, or in the memfd that came along."""
        value = self.bytes()
        if not self.u32():
            return value
        fd = self.fds.pop()
        with os.fdopen(fd, "rb") as file:
            file.seek(0)
            return file.read()


def receive(sock: socket.socket, timeout: float = 20) -> Message | None:
    sock.settimeout(timeout)
    data, ancillary, _, _ = sock.recvmsg(64 << 10, socket.CMSG_SPACE(32))
    fds = array.array("i")
    for _, _, payload in ancillary:
        fds.frombytes(payload[:len(payload) // fds.itemsize * fds.itemsize])
    return Message(data, list(fds)) if data else None


def quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


class Answer:
    """What a READ came to."""

    def __init__(self, message: Message, notes: list[str], masks: list[str]) -> None:
        self.name, self.notes, self.masks = message.text(), notes, masks
        self.value: bytes | None = None
        self.failure, self.text = "", ""
        if message.type == VALUE:
            self.value = message.carried()
        else:
            assert message.type == FAILED, message.type
            self.failure, self.text = CLASSES[message.u32()], message.text()


class Keeper:
    """One courser-keeper; `mode="revoke"` gives it records in place of a supervisor."""

    def __init__(self, build: Path, directory: Path, settings: dict[str, Any] | None = None,
                 records: str | None = None) -> None:
        self.audit_path = directory / "audit"
        self.worker, worker = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.supervisor, supervisor = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        lines = {"job": "4711", **(settings or {})}
        text = "".join(f"{key}={quoted(str(value))}\n" for key, value in lines.items())
        config, audit = os.memfd_create("settings"), os.open(self.audit_path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        os.write(config, text.encode())
        os.lseek(config, 0, os.SEEK_SET)
        self.address = str(directory / "ctl")
        later = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        later.bind(self.address)
        later.listen(1)
        fds = [worker.fileno(), supervisor.fileno(), config, audit, later.detach()]
        argv = ["keeper", "-"]
        if records is not None:
            fds[1] = os.memfd_create("records")
            os.write(fds[1], records.encode())
            os.lseek(fds[1], 0, os.SEEK_SET)
            argv.append("revoke")
        self.errors = directory / "errors"
        self.process = self.start(build, argv, fds)
        for end in (worker, supervisor):
            end.close()
        for fd in fds[2:]:
            os.close(fd)

    def start(self, build: Path, argv: list[str], fds: list[int]) -> subprocess.Popen:
        def place() -> None:
            high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 64) for fd in fds]  # above where they go, over none of them
            for i, fd in enumerate(high):
                os.dup2(fd, FIRST_FD + i, inheritable=True)
            os.closerange(FIRST_FD + len(fds), 1 << 16)

        env = {key: value for key, value in os.environ.items() if key.endswith("SAN_OPTIONS")}
        with open(self.errors, "ab") as log:
            return subprocess.Popen(argv, executable=build / "courser-keeper", preexec_fn=place, close_fds=False,
                                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log, env=env)

    def __enter__(self) -> Keeper:
        return self

    def __exit__(self, *_: object) -> None:
        self.worker.close()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.supervisor.close()

    # the worker's side

    def ask(self, **fields: str) -> None:
        data = struct.pack("=I", READ)
        for key in READ_FIELDS:
            text = fields.get(key, "").encode() + b"\0"
            data += struct.pack("=I", len(text)) + text
        self.worker.send(data)

    def answer(self, timeout: float = 20) -> Answer:
        notes: list[str] = []
        masks: list[str] = []
        while True:
            message = receive(self.worker, timeout)
            assert message, f"the keeper ended: {self.errors.read_text()}"
            if message.type == NOTE:
                notes.append(message.text())
            elif message.type == MASK:
                masks.append(message.carried().decode())
            else:
                return Answer(message, notes, masks)

    def read(self, **fields: str) -> Answer:
        self.ask(**fields)
        return self.answer()

    def leave(self) -> tuple[int, int, str]:
        """(revoked, failed, text); the keeper has ended afterwards."""
        self.worker.send(struct.pack("=I", LEAVE))
        return self.done()

    def done(self) -> tuple[int, int, str]:
        message = receive(self.worker)
        assert message and message.type == DONE, self.errors.read_text()
        result = message.u32(), message.u32(), message.text()
        self.process.wait(5)
        return result

    # the supervisor's side

    def come(self) -> None:
        """A supervisor of a later life."""
        self.supervisor.close()
        self.supervisor = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.supervisor.connect(self.address)

    def greeted(self) -> bool:
        """The first message said who it is: a pidfd of the keeper."""
        message = receive(self.supervisor)
        assert message and message.type == HELLO and len(message.fds) == 1
        with open(f"/proc/self/fdinfo/{message.fds[0]}") as info:
            shown = dict(line.split(":\t", 1) for line in info.read().splitlines())
        os.close(message.fds[0])
        return int(shown["Pid"]) == self.process.pid

    def records(self) -> dict[int, str]:
        """What a next keeper would need, as of now."""
        kept: dict[int, str] = {}
        while select.select([self.supervisor], [], [], 0)[0]:
            message = receive(self.supervisor)
            if not message:
                break
            number = message.u32()
            if message.type == REVOCABLE:
                kept[number] = message.bytes().decode()
            else:
                assert message.type == GONE
                kept.pop(number, None)
        return kept

    def audit(self) -> list[dict[str, str]]:
        """The audit's lines; no value in these tests needs quotes but addresses' texts."""
        found = []
        for line in self.audit_path.read_text().splitlines():
            found.append(dict(part.split("=", 1) for part in line.split(" ") if "=" in part))
        return found


def wait_for(condition, timeout: float = 8.0, what: str = "it") -> None:
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen within {timeout} s"
        time.sleep(0.05)
