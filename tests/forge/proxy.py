"""A forward proxy on loopback: CONNECT and absolute-form requests, with a password if wanted."""

from __future__ import annotations

import base64
import http.client
import selectors
import socket
import threading
from typing import NoReturn
from urllib.parse import urlsplit

from tests.forge.front import HOP
from tests.forge.httpd import Gone, Httpd, Reply, Request


def pump(one: socket.socket, other: socket.socket) -> None:
    """Bytes in both directions until either side ends."""
    with selectors.DefaultSelector() as ready:
        ready.register(one, selectors.EVENT_READ, other)
        ready.register(other, selectors.EVENT_READ, one)
        while True:
            for key, _ in ready.select():
                data = key.fileobj.recv(1 << 16)
                if not data:
                    return
                key.data.sendall(data)


class Proxy:
    """`url` is what a client is configured with; `connected` lists what was asked for as host:port."""

    def __init__(self, user: str | None = None, password: str = "") -> None:
        self.credentials = None
        self.user, self.password = user, password
        if user is not None:
            self.credentials = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self.connected: list[str] = []
        self.lock = threading.Lock()
        self.httpd = Httpd(self.answer)

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.httpd.close()

    @property
    def url(self) -> str:
        login = f"{self.user}:{self.password}@" if self.user is not None else ""
        return f"http://{login}{self.httpd.host}:{self.httpd.port}"

    def answer(self, request: Request) -> Reply:
        if self.credentials and request.header("proxy-authorization") != self.credentials:
            return Reply.text(407, "who are you\n", {"Proxy-Authenticate": 'Basic realm="proxy"'})
        if request.method == "CONNECT":
            self.tunnel(request)
        parts = urlsplit(request.target)
        if parts.scheme != "http":
            return Reply.text(400, "not an absolute address\n")
        self.note(parts.netloc)
        return self.forward(request, parts.netloc, request.target.split(parts.netloc, 1)[1] or "/")

    def note(self, where: str) -> None:
        with self.lock:
            self.connected.append(where)

    def tunnel(self, request: Request) -> NoReturn:
        host, _, port = request.target.rpartition(":")
        self.note(request.target)
        with socket.create_connection((host, int(port)), 10) as far:
            far.settimeout(None)
            far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            request.status = 200
            request.sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            try:
                pump(request.sock, far)
            except OSError:
                pass
        raise Gone

    @staticmethod
    def forward(request: Request, where: str, target: str) -> Reply:
        conn = http.client.HTTPConnection(where, timeout=90)
        try:
            headers = {name: value for name, value in request.headers.items()
                       if name not in HOP and not name.startswith("proxy-")}
            conn.request(request.method, target, request.body or None, headers)
            got = conn.getresponse()
            return Reply(got.status, got.read(), {n: v for n, v in got.getheaders() if n.lower() not in HOP})
        finally:
            conn.close()
