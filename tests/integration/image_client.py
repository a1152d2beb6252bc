"""Speaks to courser-puller and courser-unpacker as a worker does (executor/image.h)."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from dataclasses import dataclass, field
from pathlib import Path

from sources_client import Role, contents, text, u32

PULL, UNPACK, TRIM, PROGRESS, PULLED, UNPACKED, TRIMMED, FAILED = 1, 2, 3, 64, 65, 66, 67, 68
FAULTS = ("config", "not_found", "platform", "auth", "unreachable", "damaged", "refused", "disk", "internal")
MAP_DIRECT, MAP_SINGLE = 0, 2
STORE_BASE, FETCHER = 1944649728, 1879048195  # the ids that runner/priv.h gives out


def memfd(data: bytes) -> int:
    fd = os.memfd_create("test")
    os.write(fd, data)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def store(path: Path) -> Path:
    for name, mode in (("blobs", 0o711), ("layers", 0o700), ("diffs", 0o755), ("images", 0o755), ("refs", 0o755)):
        (path / name).mkdir(parents=True, exist_ok=True)
        (path / name).chmod(mode)
        if os.geteuid() == 0:
            owner = FETCHER if name == "blobs" else STORE_BASE
            os.chown(path / name, owner, owner)
    (path / "lock").touch(0o644)
    return path


def key(name: str, platform: str = "") -> str:
    return hashlib.sha256(f"{platform}|{name}".encode()).hexdigest()


@dataclass
class Got:
    fault: str = "ok"
    text: str = ""
    private: bool = False
    record: bytes = b""
    progress: list[str] = field(default_factory=list)

    def values(self, name: str) -> list[str]:
        lines = [line.split("=", 1) for line in self.record.decode().splitlines()]
        return [json.loads(value) if value.startswith('"') else value for found, value in lines if found == name]


class Worker(Role):
    def __init__(self, name: str, args: list[str], extra: list[int]) -> None:
        super().__init__(name, args, extra)
        for fd in extra:
            os.close(fd)

    def outcome(self, done: int) -> tuple[Got, object]:
        got = Got()
        while True:
            kind, reader = self.receive()
            if kind == PROGRESS:
                got.progress.append(reader.text())
            elif kind == FAILED:
                got.fault, got.text = FAULTS[reader.u32()], reader.text()
                return got, None
            else:
                assert kind == done, kind
                return got, reader


class Puller(Worker):
    def __init__(self, path: Path, settings: str = "", http: str = "") -> None:
        directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        ids = f"{FETCHER}:{FETCHER}" if os.geteuid() == 0 else "-"
        super().__init__("puller", [ids], [directory, memfd(http.encode()), memfd(settings.encode())])

    def pull(self, name: str, platform: str = "", auth: str = "") -> Got:
        self.send(PULL, text(name) + text(platform) + text(auth) + text(""))
        got, reader = self.outcome(PULLED)
        if reader:
            got.private, got.record = bool(reader.u32()), contents(reader.fd())
        return got


def maps() -> bytes:
    """As root: the store's block, and the one who fetches blobs; else the user's own id alone."""
    if os.geteuid() == 0:
        rows, by = [(0, STORE_BASE, 65535), (65535, FETCHER, 1)], MAP_DIRECT
    else:
        rows, by = [(0, os.geteuid(), 1)], MAP_SINGLE
    packed = b"".join(struct.pack("=III", *row) for row in rows).ljust(48, b"\0")
    return struct.pack("=III", by, len(rows), len(rows)) + packed + packed


class Unpacker(Worker):
    def __init__(self, path: Path) -> None:
        directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        super().__init__("unpacker", [], [directory, memfd(maps())])

    def unpack(self, record: bytes, name: str = "x", private: bool = False) -> Got:
        fd = memfd(record)
        self.send(UNPACK, u32(private) + text(key(name)), [fd])
        os.close(fd)
        return self.outcome(UNPACKED)[0]

    def trim(self, size: int) -> tuple[int, int]:
        self.send(TRIM, struct.pack("=Q", size))
        _, reader = self.outcome(TRIMMED)
        return reader.u32(), reader.u64()
