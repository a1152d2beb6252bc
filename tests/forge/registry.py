"""A real docker-registry on loopback, and a front before it that asks for tokens and misbehaves."""

from __future__ import annotations

import base64
import ctypes
import http.client
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from tests.forge.front import Front
from tests.forge.httpd import Reply, Request
from tests.forge.images import Image, OCI_INDEX, digest

CONFIG = """version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {root}}}}}
http: {{addr: 127.0.0.1:{port}, secret: test}}
"""
PASSWORDS = "auth: {{htpasswd: {{realm: test, path: {file}}}}}\n"


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def memory() -> str | None:
    """A file system in memory with extended attributes (Linux 6.6), where there is one."""
    try:
        with tempfile.NamedTemporaryFile(dir="/dev/shm") as probe:
            os.setxattr(probe.name, "user.probe", b"1")
    except OSError:
        return None
    return "/dev/shm"


def bcrypt(password: str) -> str:
    crypt = ctypes.CDLL("libcrypt.so.1").crypt
    crypt.restype = ctypes.c_char_p
    return crypt(password.encode(), b"$2b$04$0123456789abcdefghijkl").decode()


def available() -> bool:
    return shutil.which("docker-registry") is not None


def basic(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()


class Registry:
    """login: ("user", "password"), asked for with Basic authentication."""

    def __init__(self, login: tuple[str, str] | None = None) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="registry-", dir=memory()))
        self.port, self.login = free_port(), login
        text = CONFIG.format(root=self.directory / "data", port=self.port)
        if login:
            hashed = bcrypt(login[1])
            (self.directory / "htpasswd").write_text(f"{login[0]}:{hashed}\n")
            text += PASSWORDS.format(file=self.directory / "htpasswd")
        (self.directory / "config.yml").write_text(text)
        self.process = subprocess.Popen(["docker-registry", "serve", self.directory / "config.yml"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.wait()

    def wait(self) -> None:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise TimeoutError("docker-registry does not start")

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Registry:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(10)
        shutil.rmtree(self.directory, ignore_errors=True)

    def ask(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None):
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            sent = dict(headers or {})
            if self.login:
                sent["Authorization"] = "Basic " + basic(*self.login)
            conn.request(method, path, body, sent)
            got = conn.getresponse()
            got.read()
            return got
        finally:
            conn.close()

    def put_blob(self, repo: str, data: bytes) -> None:
        if self.ask("HEAD", f"/v2/{repo}/blobs/{digest(data)}").status == 200:
            return
        began = self.ask("POST", f"/v2/{repo}/blobs/uploads/")
        assert began.status == 202, began.status
        where = began.getheader("Location").split("://", 1)[-1]
        where = where[where.index("/"):]
        done = self.ask("PUT", f"{where}{'&' if '?' in where else '?'}digest={digest(data)}", data,
                        {"Content-Type": "application/octet-stream"})
        assert done.status == 201, done.status

    def put_manifest(self, repo: str, tag: str, text: bytes, kind: str) -> None:
        done = self.ask("PUT", f"/v2/{repo}/manifests/{tag}", text, {"Content-Type": kind})
        assert done.status == 201, (done.status, tag)

    def push(self, repo: str, tag: str, image: Image) -> str:
        """The image under its tag; returns what a job calls it."""
        for blob in image.blobs():
            self.put_blob(repo, blob)
        self.put_manifest(repo, tag, image.manifest(), image.type)
        return f"{self.host}/{repo}:{tag}"

    def push_index(self, repo: str, tag: str, text: bytes) -> str:
        self.put_manifest(repo, tag, text, OCI_INDEX)
        return f"{self.host}/{repo}:{tag}"


class TokenFront(Front):
    """A registry that answers only those who bring the token that its /token gives to the right password."""

    TOKEN = "abc.DEF-123"

    def __init__(self, port: int, login: tuple[str, str] | None = None, **how) -> None:
        super().__init__(port, **how)
        self.login = login

    @property
    def host(self) -> str:
        return self.url.split("://")[1]

    def answer(self, request: Request) -> Reply:
        if request.path == "/token":
            return self.give_token(request)
        if request.header("authorization") != f"Bearer {self.TOKEN}":
            return Reply.json(401, {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]},
                              {"WWW-Authenticate": f'Bearer realm="{self.url}/token",service="the, service",'
                                                   f'scope="repository:{self.repo(request)}:pull"'})
        request.headers.pop("authorization")
        return super().answer(request)

    @staticmethod
    def repo(request: Request) -> str:
        return request.path.split("/manifests/")[0].split("/blobs/")[0].removeprefix("/v2/")

    def give_token(self, request: Request) -> Reply:
        assert request.query["service"] == "the, service" and request.query["scope"].endswith(":pull")
        if self.login and request.header("authorization") != "Basic " + basic(*self.login):
            return Reply.json(401, {"errors": [{"code": "UNAUTHORIZED", "message": "bad password"}]})
        return Reply.json(200, {"token": self.TOKEN, "expires_in": 60})
