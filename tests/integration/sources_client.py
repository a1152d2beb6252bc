"""Speaks to courser-fetcher and courser-packer as a worker does (executor/fetch.h, executor/pack.h)."""

from __future__ import annotations

import array
import fcntl
import os
import socket
import struct
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

FETCH_GET, FETCH_PROGRESS, FETCH_DONE, FETCH_FAILED = 1, 64, 65, 66
PACK_CHECKOUT, PACK_REMOVE, PACK_CLEAR, PACK_UNPACK, PACK_DONE, PACK_FAILED = 1, 2, 3, 4, 64, 65
FAULTS = ("ok", "config", "auth", "not_found", "network", "timeout", "protocol", "disk", "corrupt", "hostile",
          "cancelled", "internal")
NORMAL, ASK, REBUILD, OFFLINE = 0, 1, 2, 3
OTHERS, OWN, PUBLIC = 0, 1, 2
STORE, TREE = 0, 1


def build() -> Path:
    return Path(os.environ.get("COURSER_BUILD", "build")).resolve()


def text(value: str) -> bytes:
    data = value.encode() + b"\0"
    return struct.pack("=I", len(data)) + data


def u32(value: int) -> bytes:
    return struct.pack("=I", value)


class Reader:
    def __init__(self, data: bytes, fds: list[int]) -> None:
        self.data, self.at, self.fds = data, 0, fds

    def u32(self) -> int:
        self.at += 4
        return struct.unpack_from("=I", self.data, self.at - 4)[0]

    def u64(self) -> int:
        self.at += 8
        return struct.unpack_from("=Q", self.data, self.at - 8)[0]

    def text(self) -> str:
        size = self.u32()
        self.at += size
        return self.data[self.at - size:self.at - 1].decode("utf-8", "surrogateescape")

    def fd(self) -> int:
        return self.fds.pop(0)


starting = threading.Lock()


class Role:
    """A role process on the other end of a socket. extra: fds that it gets as 4, 5 …"""

    def __init__(self, name: str, args: list[str], extra: list[int], cwd: Path | None = None) -> None:
        self.sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        wanted = [theirs.fileno(), *extra]
        with starting:
            self.start(name, args, wanted, cwd)
        theirs.close()

    def start(self, name: str, args: list[str], wanted: list[int], cwd: Path | None) -> None:
        moved = [fcntl.fcntl(fd, fcntl.F_DUPFD, 64) for fd in wanted]  # above where they go, over none of ours

        def place() -> None:
            for i, fd in enumerate(moved):
                os.dup2(fd, 3 + i)
            os.closerange(3 + len(moved), 1 << 16)

        self.process = subprocess.Popen([build() / f"courser-{name}", *args], close_fds=False, preexec_fn=place, cwd=cwd,
                                        env={k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")},
                                        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for fd in moved:
            os.close(fd)

    def send(self, kind: int, body: bytes, fds: list[int] | None = None) -> None:
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.sock.sendmsg([struct.pack("=I", kind) + body], ancillary)

    def receive(self, timeout: float = 60) -> tuple[int, Reader]:
        self.sock.settimeout(timeout)
        data, ancillary, _, _ = self.sock.recvmsg(1 << 16, socket.CMSG_SPACE(32))
        if not data:
            self.sock.close()
            raise EOFError(f"role ended {self.process.wait(10)}: {self.process.stderr.read().decode()}")
        fds = array.array("i")
        for _, _, payload in ancillary:
            fds.frombytes(payload[:len(payload) - len(payload) % 4])
        return struct.unpack_from("=I", data)[0], Reader(data[4:], list(fds))

    def close(self) -> int:
        self.sock.close()
        try:
            return self.process.wait(10)
        finally:
            self.process.kill()
            self.process.stderr.close()

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass
class Fetched:
    fault: str = "ok"
    text: str = ""
    requests: int = 0
    hit: bool = False
    bytes: int = 0
    engine: str = ""
    note: str = ""
    sha: str = ""
    ref: str = ""
    refs: bytes = b""
    store: int = -1
    progress: list[str] = field(default_factory=list)


def contents(fd: int) -> bytes:
    with os.fdopen(fd, "rb") as f:
        f.seek(0)
        return f.read()


class Fetcher(Role):
    def __init__(self, mirror: Path, settings: str = "") -> None:
        mirror.mkdir(parents=True, exist_ok=True)
        directory = os.open(mirror, os.O_RDONLY | os.O_DIRECTORY)
        memfd = os.memfd_create("settings")
        os.write(memfd, settings.encode())
        super().__init__("fetcher", ["-"], [directory, memfd])
        os.close(directory)
        os.close(memfd)

    def ask(self, url: str, sha: str, refspecs: list[str] | None = None, token: str = "", own: int = OWN,
            force: int = NORMAL, timeout_s: int = 60, object_format: str = "sha1", ref: str = "", want: int = STORE) -> None:
        specs = ["+refs/heads/main:refs/remotes/origin/main"] if refspecs is None else refspecs
        self.send(FETCH_GET, u32(own) + u32(force) + u32(20) + u32(timeout_s) + u32(want) + text(url) + text("gitlab-ci-token") +
                  text(token) + text(sha) + text(object_format) + text(ref) + u32(len(specs)) + b"".join(map(text, specs)))

    def answer(self) -> Fetched:
        got = Fetched()
        while True:
            kind, r = self.receive()
            if kind == FETCH_PROGRESS:
                got.progress.append(r.text())
                continue
            if kind == FETCH_FAILED:
                got.fault, got.text = FAULTS[r.u32()], r.text()
                return got
            assert kind == FETCH_DONE
            got.requests, got.hit, got.bytes, got.engine, got.note = r.u32(), bool(r.u32()), r.u64(), r.text(), r.text()
            got.sha, got.ref = r.text(), r.text()
            got.refs = contents(r.fd()) if r.u32() else b""
            got.store = r.fd() if r.u32() else -1
            return got

    def get(self, *args, **kw) -> Fetched:
        self.ask(*args, **kw)
        return self.answer()


def fetch(mirror: Path, *args, settings: str = "", **kw) -> Fetched:
    with Fetcher(mirror, settings) as f:
        return f.get(*args, **kw)


@dataclass
class Packed:
    fault: str = "ok"
    text: str = ""
    head: str = ""
    files: int = 0
    modules: list[str] = field(default_factory=list)


class Packer(Role):
    def __init__(self) -> None:
        super().__init__("packer", ["-", "here"], [])

    def answer(self) -> Packed:
        kind, r = self.receive()
        if kind == PACK_FAILED:
            return Packed(FAULTS[r.u32()], r.text())
        assert kind == PACK_DONE
        got = Packed(head=r.text(), files=r.u32())
        if r.u32():
            got.modules = contents(r.fd()).decode().splitlines()
        return got

    def checkout(self, tree: Path, mirror: Path, sha: str, refs: bytes, *, fresh: bool = True, files: bool = True,
                 modules: bool = False, url: str = "http://host/group/project.git", clean: str = "", parent: str = "",
                 name: str = "", worktree: str = "", store: int = -1, branch: str = "",
                 include: str = "", sparse: str = "") -> Packed:
        memfd = os.memfd_create("refs")
        os.write(memfd, refs)
        alternates = str(mirror / "objects") if store < 0 else ""
        self.send(PACK_CHECKOUT, u32(fresh) + u32(files) + u32(modules) + text(str(tree)) + text(parent) +
                  text(name) + text(worktree) + text(alternates) + text(sha) + text(url) + text(clean) +
                  text(branch) + text(include) + text(sparse) + u32(1) +
                  u32(store >= 0), [memfd, *([store] if store >= 0 else [])])
        os.close(memfd)
        return self.answer()

    def remove(self, path: Path) -> Packed:
        self.send(PACK_REMOVE, text(str(path)))
        return self.answer()

    def unpack(self, path: Path, tree: int) -> Packed:
        self.send(PACK_UNPACK, text(str(path)), [tree])
        return self.answer()

    def clear(self, path: Path, mode: int = 0o755) -> Packed:
        self.send(PACK_CLEAR, text(str(path)) + u32(mode))
        return self.answer()


def wait_for(what, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)
