"""A small runner that speaks the protocol correctly, for the tests of the coordinator itself."""

from __future__ import annotations

import http.client
import json
import ssl
import zlib
from typing import Any
from urllib.parse import urlsplit

from tests.forge.gitlab_checks import FEATURES

INFO = {
    "name": "courser", "version": "1.0", "revision": "abc", "platform": "linux", "architecture": "amd64",
    "executor": "courser", "shell": "bash", "features": {name: True for name in FEATURES}, "config": {"gpus": ""},
}


class Answer:
    """Status, headers and body of one call."""

    def __init__(self, got: http.client.HTTPResponse) -> None:
        self.status = got.status
        self.headers = got.headers
        self.body = got.read()

    def json(self) -> Any:
        return json.loads(self.body)


class RunnerClient:
    """One connection, kept alive."""

    def __init__(self, url: str, token: str, tls: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(url)
        self.root = parts.path + "/api/v4/"
        self.token = token
        self.system_id = "s_0123456789ab"
        self.last_update: str | None = None
        self.info: dict[str, Any] = INFO
        if parts.scheme == "https":
            self.conn: http.client.HTTPConnection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=10,
                                                                                context=tls)
        else:
            self.conn = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)

    def __enter__(self) -> RunnerClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.conn.close()

    def without(self, *features: str) -> RunnerClient:
        self.info = {**INFO, "features": {**INFO["features"], **{name: False for name in features}}}
        return self

    def call(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        sent = {"Content-Type": "application/json", **(headers or {})}
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        self.conn.request(method, self.root + path, data, sent)
        answer = Answer(self.conn.getresponse())
        self.last_update = answer.headers.get("X-GitLab-Last-Update") or self.last_update
        return answer

    def request(self) -> Answer:
        body = {"info": self.info, "token": self.token, "system_id": self.system_id}
        if self.last_update:
            body["last_update"] = self.last_update
        return self.call("POST", "jobs/request", body, {"RUNNER-TOKEN": self.token})

    def take(self) -> dict[str, Any]:
        """Asks until there is a job (at most ten times)."""
        for _ in range(10):
            answer = self.request()
            if answer.status == 201:
                return answer.json()
        raise AssertionError("no job")

    def update(self, job: dict[str, Any], state: str, trace: bytes = b"", **more: Any) -> Answer:
        body = {"info": self.info, "token": job["token"], "state": state, **more}
        if state != "running":
            body.setdefault("output", {"checksum": f"crc32:{zlib.crc32(trace):08x}", "bytesize": len(trace)})
        return self.call("PUT", f"jobs/{job['id']}", body, {"JOB-TOKEN": job["token"]})

    def patch(self, job: dict[str, Any], start: int, data: bytes, *, end: int | None = None, debug: str = "false",
              token: str | None = None) -> Answer:
        last = start + len(data) - 1 if end is None else end
        return self.call("PATCH", f"jobs/{job['id']}/trace?debug_trace={debug}", data, {
            "JOB-TOKEN": token or job["token"], "Content-Type": "text/plain", "Content-Range": f"{start}-{last}"})

    def run(self, job: dict[str, Any], trace: bytes, state: str = "success", **more: Any) -> Answer:
        """Accept, trace in one piece, final state."""
        assert self.update(job, "running").status == 200
        if trace:
            assert self.patch(job, 0, trace).status == 202
        return self.update(job, state, trace, **more)
