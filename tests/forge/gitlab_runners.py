"""Runners as the coordinator knows them: tokens, managers, and the version of each queue that long polling watches."""

from __future__ import annotations

import datetime
import itertools
import os
import secrets
import select
import socket
import threading
from dataclasses import dataclass, field
from typing import Any

from tests.forge.httpd import Gone


def rfc3339(seconds_from_now: float) -> str:
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds_from_now)
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"


@dataclass
class Runner:
    """`version` is opaque: it changes whenever the runner should look for a job."""

    id: int
    token: str
    tags: frozenset[str] = frozenset()
    run_untagged: bool = True
    paused: bool = False
    legacy: bool = False
    expires_in: float | None = None
    expires_at: str | None = None
    registration: dict[str, Any] = field(default_factory=dict)
    managers: dict[str, dict[str, Any]] = field(default_factory=dict)
    version: str = field(default_factory=lambda: secrets.token_hex(16))

    def renew(self) -> None:
        """A new token, and its expiry where tokens expire."""
        self.token = ("glrtr-" if self.legacy else "glrt-t1_") + secrets.token_urlsafe(15)
        self.date()

    def date(self) -> None:
        self.expires_at = None if self.expires_in is None else rfc3339(self.expires_in)

    def takes(self, tags: frozenset[str]) -> bool:
        return not self.paused and tags <= self.tags and (bool(tags) or self.run_untagged)


class Runners:
    """The table of runners and those who wait for a change of one."""

    def __init__(self, lock: threading.Condition) -> None:
        self.lock = lock
        self.known: list[Runner] = []
        self.ids = itertools.count(1)
        self.waiters: dict[int, Runner] = {}

    def add(self, **how: Any) -> Runner:
        with self.lock:
            runner = Runner(next(self.ids), "", **how)
            runner.renew()
            self.known.append(runner)
        return runner

    def find(self, token: Any) -> Runner | None:
        return next((r for r in self.known if r.token == token), None)

    def tick(self, only: Runner | None = None) -> None:
        """A new queue version for one runner or all: whoever waits is woken."""
        with self.lock:
            for runner in self.known:
                if only is None or runner is only:
                    runner.version = secrets.token_hex(16)
            for fd, runner in self.waiters.items():
                if only is None or runner is only:
                    os.eventfd_write(fd, 1)

    def remove(self, runner: Runner) -> None:
        with self.lock:
            self.known.remove(runner)
            self.tick(runner)

    def wake(self) -> None:
        """Ends every wait (the coordinator closes)."""
        with self.lock:
            for fd in self.waiters:
                os.eventfd_write(fd, 1)

    def watch(self, runner: Runner, version: str, sock: socket.socket, seconds: float) -> bool:
        """Holds until the version changes (True) or the time is over (False); Gone when the client hangs up."""
        fd = os.eventfd(0, os.EFD_CLOEXEC)
        try:
            with self.lock:
                if runner.version != version:
                    return True
                self.waiters[fd] = runner
            poll = select.poll()
            poll.register(fd, select.POLLIN)
            poll.register(sock, select.POLLRDHUP)
            ready = poll.poll(seconds * 1000)
            if any(one != fd for one, _ in ready):
                raise Gone
            return bool(ready)
        finally:
            with self.lock:
                self.waiters.pop(fd, None)
            os.close(fd)
