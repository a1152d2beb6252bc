"""A small strict HTTP/1.1 server: a thread a connection, keep-alive, TCP_NODELAY, TLS.

Not `http.server`: that one needs 0.3 ms for the headers of a request alone, forgives what a client must not
do, and cannot send the broken answers that the tests want.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from tests.forge.faults import Fault, FaultTable, misbehave

REASONS = {
    100: "Continue", 200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 301: "Moved Permanently",
    302: "Found", 307: "Temporary Redirect", 308: "Permanent Redirect", 400: "Bad Request", 401: "Unauthorized",
    403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    407: "Proxy Authentication Required", 409: "Conflict", 411: "Length Required",
    412: "Precondition Failed", 413: "Payload Too Large", 416: "Range Not Satisfiable", 429: "Too Many Requests",
    500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable",
    504: "Gateway Timeout",
}
MAX_HEADER = 64 << 10
MAX_BODY = 1 << 30
TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")


class Malformed(Exception):
    """The client broke HTTP itself; the text says how."""


class Gone(Exception):
    """The client closed the connection."""


@dataclass
class Request:
    """One request as it was received; `time` (monotonic) is when its last byte was there."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""
    time: float = 0.0
    began: float = 0.0
    connection: int = 0
    status: int | None = None
    done: bool = False
    fault: Fault | None = None
    sock: socket.socket | None = field(default=None, repr=False)

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return {k: v[-1] for k, v in parse_qs(urlsplit(self.target).query, keep_blank_values=True).items()}

    def json(self) -> object:
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        return self.headers.get(name.lower())

    @property
    def offset(self) -> int | None:
        """Start of the Content-Range of a trace patch."""
        value = self.headers.get("content-range", "")
        return int(value.split("-")[0]) if value[:1].isdigit() else None


@dataclass
class Reply:
    """An answer; `body` may be an iterator of chunks, then it is sent with chunked transfer encoding."""

    status: int = 200
    body: bytes | Iterable[bytes] = b""
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, status: int, value: object, headers: dict[str, str] | None = None) -> Reply:
        return cls(status, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})

    @classmethod
    def text(cls, status: int, text: str, headers: dict[str, str] | None = None) -> Reply:
        return cls(status, text.encode(), {"Content-Type": "text/plain", **(headers or {})})

    def head(self, length: int | None) -> bytes:
        lines = [f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Unknown')}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if self.status not in (204, 304) and self.status >= 200:
            lines.append("Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Connection:
    """The bytes of one client."""

    def __init__(self, sock: socket.socket, number: int) -> None:
        self.sock = sock
        self.number = number
        self.pending = b""

    def fill(self) -> None:
        try:
            data = self.sock.recv(1 << 18)
        except (OSError, ssl.SSLError) as error:
            raise Gone from error
        if not data:
            raise Gone
        self.pending += data

    def line(self) -> bytes:
        while b"\n" not in self.pending:
            if len(self.pending) > MAX_HEADER:
                raise Malformed("header too long")
            self.fill()
        line, self.pending = self.pending.split(b"\n", 1)
        if not line.endswith(b"\r"):
            raise Malformed("line without CR")
        return line[:-1]

    def take(self, count: int) -> bytes:
        if count <= len(self.pending):
            data, self.pending = self.pending[:count], self.pending[count:]
            return data
        parts, have = [self.pending], len(self.pending)
        self.pending = b""
        while have < count:
            self.fill()
            parts.append(self.pending[: count - have])
            have += len(parts[-1])
            self.pending = self.pending[len(parts[-1]) :]
        return b"".join(parts)

    def send(self, data: bytes) -> None:
        try:
            self.sock.sendall(data)
        except (OSError, ssl.SSLError) as error:
            raise Gone from error

    def wait(self) -> None:
        """Until the client closes."""
        while True:
            self.fill()
            self.pending = b""


def read_head(conn: Connection) -> Request:
    words = conn.line().split(b" ")
    began = time.monotonic()
    tunnel = words[0] == b"CONNECT"  # to a proxy; Python's own client still says HTTP/1.0 then
    versions = (b"HTTP/1.1", b"HTTP/1.0") if tunnel else (b"HTTP/1.1",)
    if len(words) != 3 or words[2] not in versions or not TOKEN.match(words[0]):
        raise Malformed(f"request line {b' '.join(words)[:80]!r}")
    headers: dict[str, str] = {}
    while line := conn.line():
        name, colon, value = line.partition(b":")
        if not colon or not TOKEN.match(name):
            raise Malformed(f"header line {line[:80]!r}")
        key = name.decode().lower()
        if key in headers:
            raise Malformed(f"header {key} twice")
        headers[key] = value.strip().decode("latin-1")
    if "host" not in headers and not tunnel:
        raise Malformed("no Host header")
    return Request(words[0].decode(), words[1].decode("latin-1"), headers, began=began, connection=conn.number)


def read_chunks(conn: Connection) -> bytes:
    parts, size = [], 0
    while True:
        text = conn.line().split(b";")[0].strip()
        if not re.fullmatch(rb"[0-9a-fA-F]{1,16}", text):
            raise Malformed(f"chunk size {text[:20]!r}")
        count = int(text, 16)
        size += count
        if size > MAX_BODY:
            raise Malformed("body too long")
        if count == 0:
            break
        parts.append(conn.take(count))
        if conn.take(2) != b"\r\n":
            raise Malformed("chunk without end")
    while conn.line():
        pass
    return b"".join(parts)


def read_request(conn: Connection) -> Request:
    request = read_head(conn)
    if "100-continue" in request.headers.get("expect", "").lower():
        conn.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    length = request.headers.get("content-length")
    if request.headers.get("transfer-encoding", "").lower() == "chunked":
        if length is not None:
            raise Malformed("Content-Length and Transfer-Encoding")
        request.body = read_chunks(conn)
    elif length is not None:
        if not length.isdigit() or int(length) > MAX_BODY:
            raise Malformed(f"Content-Length {length}")
        request.body = conn.take(int(length))
    request.time = time.monotonic()
    request.sock = conn.sock
    return request


def chunked(body: Iterable[bytes]) -> Iterator[bytes]:
    for part in body:
        if part:
            yield b"%x\r\n%b\r\n" % (len(part), part)
    yield b"0\r\n\r\n"


def send_reply(conn: Connection, reply: Reply, with_body: bool = True) -> None:
    if isinstance(reply.body, bytes):
        body = reply.body if with_body and reply.status not in (204, 304) else b""
        conn.send(reply.head(len(reply.body)) + body)
        return
    conn.send(reply.head(None))
    for part in chunked(reply.body):
        conn.send(part)


class Httpd:
    """Serves `answer(request) -> Reply` on loopback until `close`."""

    def __init__(self, answer: Callable[[Request], Reply], port: int = 0, tls: ssl.SSLContext | None = None,
                 host: str = "127.0.0.1") -> None:
        self.answer = answer
        self.faults = FaultTable()
        self.log: list[Request] = []
        self.malformed: list[str] = []
        self.crashes: list[str] = []
        self.closing = threading.Event()
        self.tls = tls
        self.lock = threading.Lock()
        self.open: dict[int, socket.socket] = {}
        self.accepted = 0
        self.host, self.port = host, port
        self.up()

    @property
    def origin(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"

    @property
    def connections(self) -> int:
        """How many connections were ever accepted."""
        return self.accepted

    def requests(self, method: str | None = None, path: str | None = None) -> list[Request]:
        """What was received so far, in order; `path` is a regular expression searched in the path."""
        pattern = re.compile(path or "")
        with self.lock:
            known = list(self.log)
        return [r for r in known if (method is None or r.method == method) and pattern.search(r.path)]

    def up(self) -> None:
        """Listens (again, on the same port as before)."""
        self.listener = socket.create_server((self.host, self.port), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.accept, args=(self.listener,), daemon=True, name=f"httpd-{self.port}")
        self.thread.start()

    def down(self) -> None:
        """As a server that is stopped: open connections are cut, new ones refused, until `up`."""
        with self.lock:
            socks = list(self.open.values())
        for sock in [self.listener, *socks]:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.listener.close()
        self.thread.join(5)

    def settle(self, path: str = "", patience: float = 2.0) -> bool:
        """Until every request that came and matches `path` was answered; False when that takes too long."""
        end = time.monotonic() + patience
        while not all(r.done or r.status == 0 for r in self.requests(path=path)):
            if time.monotonic() > end:
                return False
            time.sleep(0.005)
        return True

    def accept(self, listener: socket.socket) -> None:
        while not self.closing.is_set():
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with self.lock:
                if self.closing.is_set():
                    sock.close()
                    return
                self.accepted += 1
                number = self.accepted
                self.open[number] = sock
            threading.Thread(target=self.serve, args=(sock, number), daemon=True, name=f"http-{number}").start()

    def serve(self, sock: socket.socket, number: int) -> None:
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                sock.settimeout(10)
                sock = self.tls.wrap_socket(sock, server_side=True)
                sock.settimeout(None)
                with self.lock:
                    self.open[number] = sock
            conn = Connection(sock, number)
            while not self.closing.is_set() and self.serve_one(conn):
                pass
        except (Gone, OSError):
            pass
        except Malformed as error:
            self.malformed.append(str(error))
        finally:
            with self.lock:
                self.open.pop(number, None)
            sock.close()

    def serve_one(self, conn: Connection) -> bool:
        request = read_request(conn)
        with self.lock:
            self.log.append(request)
        request.fault = self.faults.take(request)
        if request.fault is not None:
            reply = misbehave(request.fault, request, conn, self.safe_answer)
            if reply is None:
                return False
        else:
            reply = self.safe_answer(request)
        request.status = reply.status
        send_reply(conn, reply, request.method != "HEAD")
        request.done = True
        return request.headers.get("connection", "").lower() != "close" and \
            reply.headers.get("Connection", "").lower() != "close"

    def safe_answer(self, request: Request) -> Reply:
        try:
            return self.answer(request)
        except Gone:
            raise
        except Exception as error:  # a fault of the fake itself must not pass for a fault of the client
            self.crashes.append(f"{request.method} {request.path}: {error!r}")
            return Reply.json(500, {"message": "500 Internal Server Error"})

    def close(self) -> None:
        self.closing.set()
        self.down()


def tls_context(cert: str, key: str, client_ca: str | None = None) -> ssl.SSLContext:
    """A server context; with client_ca a client certificate signed by it is demanded."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(cert, key)
    if client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca)
    return context
