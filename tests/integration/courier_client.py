"""The supervisor's end of a courier: the messages of runner/courier.h over a socket pair, and jobs' journals."""

from __future__ import annotations

import os
import select
import socket
import struct
import time
from pathlib import Path
from typing import Any

MSG_MAX = (60 << 10) + 4
# name: (type, fields in order); u32, u64, str, fd as in the table of runner/courier.c
LAYOUTS = {
    "REGISTRATION": (1, "idx:u32 name:str url:str token:str system_id:str shell:str token_obtained:u64 "
                        "token_expires:u64 ca_file:str cert_file:str key_file:str proxy:str no_proxy:str limit:u32 "
                        "request_concurrency:u32 check_interval_ms:u32 unhealthy_limit:u32 unhealthy_interval_s:u32 "
                        "final_retries:u32 connection_age_s:u32 strict:u32 rotate:u32 forge:str labels:str ephemeral:u32"),
    "FORGET": (2, "idx:u32"),
    "CAPACITY": (3, "slots:u32 seen:u64"),
    "DRAIN": (4, "on:u32"),
    "JOB_READY": (5, "cookie:u64 go:u32 debug_trace:u32 why:str log:fd events:fd doorbell:fd"),
    "ADOPT": (6, "cookie:u64 idx:u32 job_id:u64 token:str reasons:str debug_trace:u32 accepted:u32 log:fd events:fd doorbell:fd"),
    "ONESHOT": (7, "cookie:u64 verb:str url:str token:str system_id:str shell:str ca_file:str cert_file:str "
                   "key_file:str proxy:str no_proxy:str description:str tags:str maintenance_note:str "
                   "access_level:str run_untagged:u32 locked:u32 paused:u32 maximum_timeout:u32 forge:str labels:str ephemeral:u32"),
    "JOB": (32, "cookie:u64 idx:u32 job_id:u64 project_id:u64 project_path:str token:str reasons:str "
                "protected_ref:u32 from_fork:u32 timeout_s:u32 debug_trace:u32 payload:fd"),
    "ACCEPTED": (33, "cookie:u64"),
    "DROPPED": (34, "cookie:u64 why:str"),
    "CANCEL": (35, "cookie:u64 graceful:u32"),
    "REPORTED": (36, "cookie:u64 ok:u32 text:str"),
    "TOKEN": (37, "idx:u32 token:str obtained:u64 expires:u64"),
    "HEALTH": (38, "idx:u32 ok:u32 text:str"),
    "STAT": (39, "name:str labels:str value:u64"),
    "RESULT": (40, "cookie:u64 ok:u32 status:u32 id:u64 expires:u64 token:str text:str ephemeral:u32"),
}
FIELDS = {name: [part.split(":") for part in spec.split()] for name, (_, spec) in LAYOUTS.items()}
NAMES = {number: name for name, (number, _) in LAYOUTS.items()}
SYSTEM_ID = "r_0123456789Ab"


def pack(name: str, values: dict[str, Any]) -> tuple[bytes, list[int]]:
    out, fds = [struct.pack("=I", LAYOUTS[name][0])], []
    unknown = set(values) - {key for key, _ in FIELDS[name]}
    assert not unknown, f"{name} has no {unknown}"
    for key, kind in FIELDS[name]:
        if kind == "str":
            data = str(values.get(key, "")).encode() + b"\0"
            out.append(struct.pack("=I", len(data)) + data)
        elif kind == "fd":
            fd = values.get(key, -1)
            out.append(struct.pack("=I", fd >= 0))
            fds += [fd] if fd >= 0 else []
        else:
            out.append(struct.pack("=I" if kind == "u32" else "=Q", int(values.get(key, 0))))
    return b"".join(out), fds


def unpack(data: bytes, fds: list[int]) -> tuple[str, dict[str, Any]]:
    name, at, got = NAMES[struct.unpack_from("=I", data)[0]], 4, {}
    fds = list(fds)
    for key, kind in FIELDS[name]:
        size = 8 if kind == "u64" else 4
        value = struct.unpack_from("=Q" if kind == "u64" else "=I", data, at)[0]
        at += size
        if kind == "str":
            value, at = data[at:at + value - 1].decode(), at + value
        elif kind == "fd":
            value = fds.pop(0) if value else -1
        got[key] = value
    assert at == len(data) and not fds, f"{name}: left over"
    return name, got


class Journal:
    """A job's log and events, as a worker writes them."""

    def __init__(self, directory: Path, bell: bool = True) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        append = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self.log = os.open(directory / "log", append, 0o600)
        self.events = os.open(directory / "events", append, 0o600)
        self.doorbell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK) if bell else -1
        self.event("journal version=1 job=1")

    def ring(self) -> None:
        if self.doorbell >= 0:
            os.eventfd_write(self.doorbell, 1)

    def write(self, data: bytes | str) -> None:
        os.write(self.log, data.encode() if isinstance(data, str) else data)
        self.ring()

    def event(self, text: str) -> None:
        size = os.fstat(self.log).st_size
        os.write(self.events, f"t={int(time.time() * 1e6)} off={size} ev={text}\n".encode())
        self.ring()

    def end(self, state: str = "success", reason: str = '""', code: int = 0) -> None:
        self.event(f"verdict state={state} reason={reason} exit={code} fault=none text=x")
        self.event("end")

    def fds(self) -> dict[str, int]:
        return {"log": self.log, "events": self.events, "doorbell": self.doorbell}


class Courier:
    """A running courier."""

    def __init__(self, directory: Path, *more: Path, ids: str = "-") -> None:
        build = Path(os.environ.get("COURSER_BUILD") or Path(__file__).resolve().parents[2] / "build")
        self.directory = directory
        self.sanitized = b"__asan_init" in (build / "courser-courier").read_bytes()
        self.ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.posix_spawn(build / "courser-courier", ["courier", ids, *map(str, (directory, *more))], {},
                                  file_actions=[(os.POSIX_SPAWN_DUP2, theirs.fileno(), 3)])
        theirs.close()
        self.seen: list[tuple[str, dict[str, Any]]] = []
        self.kept: list[tuple[str, dict[str, Any]]] = []
        self.status: int | None = None

    def __enter__(self) -> Courier:
        return self

    def __exit__(self, *_: object) -> None:
        self.ours.close()
        self.end()

    def end(self) -> int:
        if self.status is None:
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.status

    def send(self, name: str, /, **values: Any) -> None:
        data, fds = pack(name, values)
        socket.send_fds(self.ours, [data], fds)

    def receive(self, timeout: float) -> tuple[str, dict[str, Any]] | None:
        if not select.select([self.ours], [], [], max(timeout, 0))[0]:
            return None
        data, fds, _, _ = socket.recv_fds(self.ours, MSG_MAX, 8)
        assert data, "the courier is gone"
        return unpack(data, fds)

    def wait(self, name: str, /, timeout: float = 10, **where: Any) -> dict[str, Any]:
        """The next message of that name whose fields are as given; others are kept for later waits."""
        def fits(message: tuple[str, dict[str, Any]]) -> bool:
            return message[0] == name and all(message[1][key] == value for key, value in where.items())

        for message in self.kept:
            if fits(message):
                self.kept.remove(message)
                return message[1]
        end = time.monotonic() + timeout
        while (message := self.receive(end - time.monotonic())) is not None:
            self.seen.append(message)
            if fits(message):
                return message[1]
            self.kept.append(message)
        raise AssertionError(f"no {name} {where} in {timeout} s; came: {self.seen[-20:]}")

    def none(self, name: str, seconds: float) -> None:
        """No message of that name for so long."""
        end = time.monotonic() + seconds
        while (message := self.receive(end - time.monotonic())) is not None:
            self.kept.append(message)
        found = [message for message in self.kept if message[0] == name]
        assert not found, found

    def register(self, url: str, token: str, slots: int = 4, **how: Any) -> None:
        how = {"idx": 1, "name": "test", "system_id": SYSTEM_ID, "shell": "bash", "check_interval_ms": 200, **how}
        self.send("REGISTRATION", url=url, token=token, **how)
        self.send("CAPACITY", slots=slots)

    def take(self, timeout: float = 10, **ready: Any) -> tuple[dict[str, Any], Journal]:
        """The next job, accepted; its journal is ours to write."""
        job = self.wait("JOB", timeout)
        journal = Journal(self.directory / str(job["cookie"]))
        self.send("JOB_READY", cookie=job["cookie"], go=1, **{"debug_trace": job["debug_trace"], **ready},
                  **journal.fds())
        self.wait("ACCEPTED", cookie=job["cookie"])
        return job, journal
