"""Misbehaviour on demand: what a server does wrong, for which requests, how often."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.forge.httpd import Connection, Reply, Request


@dataclass
class Fault:
    """One way to misbehave.

    Without `status`, `body`, `redirect`, `close`, `garbage`, `endless` and `stall` the request is served as usual,
    after `delay` seconds. `processed` serves the request first and only then spoils the answer: the client cannot
    know that the server took it. `truncate=n` and `stall=n` send n bytes of the body, then close or fall silent.
    """

    method: str
    path: re.Pattern[str]
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | str | None = None
    times: int = 1
    delay: float = 0.0
    close: bool = False
    truncate: int | None = None
    stall: int | None = None
    endless: bool = False
    garbage: bool = False
    redirect: str | None = None
    processed: bool = False
    used: int = 0

    def matches(self, request: Request) -> bool:
        return self.used < self.times and self.method in ("*", request.method) and bool(self.path.search(request.path))


class FaultTable:
    """Faults in the order in which they were asked for; the first that matches is used up."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.faults: list[Fault] = []

    def add(self, method: str, path: str, **how) -> Fault:
        fault = Fault(method, re.compile(path), **how)
        with self.lock:
            self.faults.append(fault)
        return fault

    def take(self, request: Request) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if fault.matches(request):
                    fault.used += 1
                    return fault
        return None

    def clear(self) -> None:
        with self.lock:
            self.faults.clear()


def spoiled_reply(fault: Fault, usual: Reply | None) -> Reply:
    from tests.forge.httpd import Reply

    headers = dict(fault.headers)
    if fault.redirect:
        headers.setdefault("Location", fault.redirect)
    status = fault.status or (307 if fault.redirect else 200)
    if usual is not None and fault.status is None and not fault.redirect:
        status, headers = usual.status, {**usual.headers, **headers}
    body = fault.body.encode() if isinstance(fault.body, str) else fault.body
    if body is None:
        body = usual.body if usual is not None and fault.status is None else b""
    if body and not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = "application/json"
    return Reply(status, body if isinstance(body, bytes) else b"".join(body), headers)


def misbehave(fault: Fault, request: Request, conn: Connection,
              answer: Callable[[Request], Reply]) -> Reply | None:
    """The reply to send in the ordinary way, or None when the connection is to be closed now."""
    if fault.delay:
        time.sleep(fault.delay)
    replaced = fault.status is not None or fault.body is not None or fault.redirect is not None
    broken = fault.close or fault.garbage or fault.endless
    partly = fault.truncate is not None or fault.stall is not None
    usual = answer(request) if fault.processed or not (replaced or broken) else None
    if fault.garbage:
        request.status = 0
        conn.send(b"\x16\x03\x01 this is not HTTP\x00\xff\r\n\r\n" * 4)
        return None
    if fault.endless:
        send_endless(fault, request, conn)
        return None
    if fault.close and not replaced:
        request.status = 0
        return None
    reply = spoiled_reply(fault, usual) if replaced or partly or fault.headers else usual
    if partly:
        send_partly(fault, request, conn, reply)
        return None
    if fault.close:
        reply.headers["Connection"] = "close"
    return reply


def send_endless(fault: Fault, request: Request, conn: Connection) -> None:
    """A well-formed beginning and then bytes for as long as the client reads (at most 1 GiB)."""
    from tests.forge.httpd import Reply

    request.status = fault.status or 200
    conn.send(Reply(request.status, b"", {"Content-Type": "application/json", **fault.headers}).head(None))
    part = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    for _ in range(1 << 14):
        conn.send(part)


def send_partly(fault: Fault, request: Request, conn: Connection, reply: Reply) -> None:
    count = fault.truncate if fault.truncate is not None else fault.stall
    request.status = reply.status
    conn.send(reply.head(max(len(reply.body), count + 1)) + reply.body[:count])
    if fault.stall is not None:
        conn.wait()
