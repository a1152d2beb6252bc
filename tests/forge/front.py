"""A front before a real server on loopback: counts requests, misbehaves on demand, adds TLS."""

from __future__ import annotations

import http.client
from typing import Any

from tests.forge.faults import Fault
from tests.forge.httpd import Httpd, Reply, Request, tls_context

HOP = frozenset({"connection", "transfer-encoding", "content-length", "keep-alive", "date", "expect"})


class Front:
    """Passes every request on to `port`, except those that `fail_next` spoils. Of OpenBao: `Front(bao.port)`."""

    def __init__(self, port: int, *, cert: str | None = None, key: str | None = None,
                 client_ca: str | None = None) -> None:
        self.target = port
        self.httpd = Httpd(self.answer, 0, tls_context(cert, key, client_ca) if cert and key else None)

    def __enter__(self) -> Front:
        return self

    def __exit__(self, *_: object) -> None:
        self.httpd.close()

    @property
    def url(self) -> str:
        return self.httpd.origin

    def requests(self, method: str | None = None, path: str | None = None) -> list[Request]:
        return self.httpd.requests(method, path)

    def fail_next(self, method: str, path: str, **how: Any) -> Fault:
        return self.httpd.faults.add(method, path, **how)

    def answer(self, request: Request) -> Reply:
        conn = http.client.HTTPConnection("127.0.0.1", self.target, timeout=30)
        try:
            headers = {name: value for name, value in request.headers.items() if name not in HOP}
            conn.request(request.method, request.target, request.body or None, headers)
            got = conn.getresponse()
            kept = {name: value for name, value in got.getheaders() if name.lower() not in HOP}
            return Reply(got.status, got.read(), kept)
        finally:
            conn.close()
