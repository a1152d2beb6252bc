"""A task at the server: its payload, its rows, its state."""

from __future__ import annotations

import base64
import json
import secrets as random_secrets
import threading
import time
from typing import Any

RESULTS = ("UNSPECIFIED", "SUCCESS", "FAILURE", "CANCELLED", "SKIPPED")
SHA = "85fe183e670b3c94e607e5525a08560f2f638d54"


class Task:
    """`rows`: (time, content) as stored. `result`: the runner's word. `ended`: the server's (a cancel, a timeout)."""

    def __init__(self, number: int, workflow: str | bytes, changed: threading.Condition, *, url: str,
                 runs_on: str = "linux", secrets: dict[str, str] | None = None, variables: dict[str, str] | None = None,
                 needs: dict[str, Any] | None = None, context: dict[str, Any] | None = None, job: str = "a",
                 repository: str = "boss/demo", raw: bytes | None = None) -> None:
        self.id, self.changed, self.runs_on = number, changed, runs_on
        self.workflow = workflow.encode() if isinstance(workflow, str) else workflow
        self.token = random_secrets.token_hex(20)
        self.runtime_token = "eyJhbGciOiJIUzI1NiJ9." + random_secrets.token_urlsafe(40)
        self.secrets = {**(secrets or {}), "GITEA_TOKEN": self.token, "GITHUB_TOKEN": self.token}
        self.variables, self.needs, self.raw = variables or {}, needs or {}, raw
        self.context = {**base_context(url, repository, job, self), **(context or {})}
        self.runner: Any = None
        self.rows: list[tuple[str, str]] = []
        self.archived = False
        self.states: list[dict[str, Any]] = []
        self.outputs: dict[str, str] = {}
        self.result: str | None = None
        self.ended: str | None = None
        self.times: dict[str, float] = {"queued": time.monotonic()}

    def __repr__(self) -> str:
        return f"<task {self.id} {self.result or 'running'}>"

    def payload(self) -> dict[str, Any]:
        """As FetchTask shows it: int64 are strings, empty maps are left out."""
        task = {"id": str(self.id), "workflowPayload": base64.b64encode(self.workflow).decode(),
                "context": self.context, "secrets": self.secrets, "vars": self.variables, "needs": self.needs}
        return {key: value for key, value in task.items() if value}

    def body(self, version: int) -> bytes:
        if self.raw is not None:
            return self.raw
        return json.dumps({"task": self.payload(), **({"tasksVersion": str(version)} if version else {})}).encode()

    @property
    def final(self) -> bool:
        return self.result is not None or self.ended is not None

    @property
    def lines(self) -> list[str]:
        with self.changed:
            return [content for _, content in self.rows]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def steps(self) -> list[dict[str, Any]]:
        with self.changed:
            return self.states[-1].get("steps", []) if self.states else []

    def rows_of(self, step: int) -> list[str]:
        """The step's part of the log, as the web page shows it."""
        state = self.steps[step]
        start, count = int(state.get("logIndex", 0)), int(state.get("logLength", 0))
        return self.lines[start:start + count]

    def cancel(self, result: str = "CANCELLED") -> None:
        """Ended at the server; the runner hears of it in the answer to its next state."""
        with self.changed:
            self.ended = result
            self.times["cancelled"] = time.monotonic()
            self.changed.notify_all()

    def enter(self, result: str) -> None:
        with self.changed:
            self.result = result
            self.times["final"] = time.monotonic()
            self.changed.notify_all()

    def wait_until(self, condition: Any, timeout: float = 10, what: str = "condition") -> Task:
        with self.changed:
            if not self.changed.wait_for(lambda: condition(self), timeout):
                raise AssertionError(f"{self!r}: no {what} in {timeout} s\n{self.text}")
        return self

    def wait(self, timeout: float = 20) -> Task:
        """Until the runner said how it ended."""
        return self.wait_until(lambda t: t.result is not None, timeout, "result")

    def wait_row(self, text: str, timeout: float = 10) -> Task:
        return self.wait_until(lambda t: any(text in content for _, content in t.rows), timeout, f"row {text!r}")


def base_context(url: str, repository: str, job: str, task: Task) -> dict[str, Any]:
    owner = repository.partition("/")[0]
    return {
        "action": "", "action_path": "", "action_ref": "", "action_repository": "", "action_status": "",
        "actor": owner, "api_url": f"{url}/api/v1", "base_ref": "", "env": "",
        "event": {"after": SHA, "ref": "refs/heads/main",
                  "repository": {"id": 1, "full_name": repository, "clone_url": f"{url}/{repository}.git"}},
        "event_name": "push", "event_path": "", "gitea_default_actions_url": "https://github.com",
        "gitea_runtime_token": task.runtime_token, "graphql_url": "", "head_ref": "", "job": job, "path": "",
        "ref": "refs/heads/main", "ref_name": "main", "ref_protected": False, "ref_type": "branch",
        "repository": repository, "repositoryUrl": f"{url}/{repository}.git", "repository_owner": owner,
        "retention_days": "", "run_attempt": "1", "run_id": "7", "run_number": "3", "secret_source": "Actions",
        "server_url": f"{url}/", "sha": SHA, "token": task.token, "triggering_actor": "", "workflow": "probe.yml",
        "workspace": "",
    }
