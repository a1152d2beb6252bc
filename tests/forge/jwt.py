"""ID tokens as GitLab signs them: RS256 by the openssl command, keys made for one run."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from pathlib import Path
from typing import Any


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class JwtKey:
    """An RSA key below `directory`."""

    def __init__(self, directory: Path, name: str = "jwt") -> None:
        self.private = directory / f"{name}.key"
        self.kid = name
        subprocess.run(["openssl", "genrsa", "-out", str(self.private), "2048"], check=True, capture_output=True)
        self.public_pem = subprocess.run(["openssl", "rsa", "-in", str(self.private), "-pubout"], check=True,
                                         capture_output=True).stdout.decode()

    def sign(self, claims: dict[str, Any]) -> str:
        head = {"alg": "RS256", "typ": "JWT", "kid": self.kid}
        signed = ".".join(encode(json.dumps(part, separators=(",", ":")).encode()) for part in (head, claims))
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", str(self.private)], check=True,
                                   input=signed.encode(), capture_output=True).stdout
        return f"{signed}.{encode(signature)}"


def gitlab_claims(issuer: str, audience: str, lifetime: float = 300, **changes: Any) -> dict[str, Any]:
    """The claims of an ID token of GitLab; `changes` replaces single ones, None removes one."""
    now = int(time.time())
    claims = {
        "iss": issuer, "aud": audience, "sub": "project_path:group/project:ref_type:branch:ref:main",
        "iat": now, "nbf": now - 5, "exp": int(now + lifetime), "jti": f"jti-{time.monotonic_ns()}",
        "namespace_id": "3", "namespace_path": "group", "project_id": "42", "project_path": "group/project",
        "user_id": "1", "user_login": "root", "user_email": "root@example.com", "pipeline_id": "7",
        "pipeline_source": "push", "job_id": "1000", "ref": "main", "ref_type": "branch", "ref_path": "refs/heads/main",
        "ref_protected": "true", "runner_id": 1, "runner_environment": "self-hosted", "sha": "0" * 40,
    }
    claims.update(changes)
    return {key: value for key, value in claims.items() if value is not None}
