"""A GitLab coordinator on loopback: verifies what GitLab verifies, answers as GitLab does, misbehaves on demand.

    with GitLab() as gitlab:
        job = gitlab.queue(script=["echo hello"])
        ...start a runner with gitlab.url and gitlab.token...
        assert job.wait(30).state == "success"

Run as a program it serves until it is stopped: `/usr/bin/python3 -m tests.forge.gitlab --help`.
"""

from __future__ import annotations

import json
import secrets as random_secrets
import ssl
import threading
from collections.abc import Callable
from typing import Any

from tests.forge.faults import Fault
from tests.forge.gitlab_api import Api
from tests.forge.gitlab_artifacts import ObjectStore
from tests.forge.gitlab_jobs import Job
from tests.forge.gitlab_payload import payload as build_payload
from tests.forge.gitlab_runners import Runner, Runners
from tests.forge.httpd import Httpd, Request, tls_context

payload = build_payload


class GitLab:
    """The coordinator.

    `long_poll`: seconds a request is held. `on_change`: what a held request is answered when a job arrives: "empty" is
    what GitLab does (204 at once, the runner has to ask again), "job" gives the job in the same answer.
    `violations`: what the runner did wrong (must stay empty); `oddities`: what is allowed, but only after a fault or a
    restart. `root`: a relative root such as "/gitlab".
    """

    def __init__(self, port: int = 0, *, cert: str | None = None, key: str | None = None, client_ca: str | None = None,
                 long_poll: float = 50.0, on_change: str = "empty", root: str = "", host: str = "127.0.0.1") -> None:
        if on_change not in ("empty", "job"):
            raise ValueError(on_change)
        self.changed = threading.Condition(threading.RLock())
        self.runners = Runners(self.changed)
        self.long_poll, self.on_change, self.root = long_poll, on_change, root
        self.registration_token = "GR1348941" + random_secrets.token_urlsafe(15)
        self.private_token = "glpat-" + random_secrets.token_urlsafe(15)
        self.violations: list[str] = []
        self.oddities: list[str] = []
        self.jobs: list[Job] = []
        self.update_interval = 3
        self.trace_limit = 100 << 20
        self.max_artifacts_size = 100 << 20
        self.look_into_artifacts = True
        self.object_store: ObjectStore | None = None
        self.default_runner = self.add_runner()
        tls: ssl.SSLContext | None = tls_context(cert, key, client_ca) if cert and key else None
        self.httpd = Httpd(Api(self).answer, port, tls, host)

    def __enter__(self) -> GitLab:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.httpd.closing.set()
        self.runners.wake()
        self.httpd.close()

    def down(self) -> None:
        """The coordinator is not there (connection refused) until `up`."""
        self.httpd.down()

    def up(self) -> None:
        self.httpd.up()

    def settle(self) -> bool:
        """Until every answer about jobs was sent (not those to requests for jobs, which may be held)."""
        return self.httpd.settle(r"/jobs/\d+")

    @property
    def url(self) -> str:
        """What a runner is configured with."""
        return self.httpd.origin + self.root

    @property
    def token(self) -> str:
        """The authentication token of the runner that exists from the start."""
        return self.default_runner.token

    def requests(self, method: str | None = None, path: str | None = None) -> list[Request]:
        """What was received, in order, with `.time` (monotonic), `.status`, `.headers`, `.body`, `.offset`."""
        return self.httpd.requests(method, path)

    def problems(self) -> list[str]:
        """Everything that must be empty at the end of a test."""
        malformed = [f"malformed HTTP: {text}" for text in self.httpd.malformed]
        crashes = [f"the coordinator itself failed: {text}" for text in self.httpd.crashes]
        return self.violations + malformed + crashes

    def violation(self, request: Request, text: str) -> None:
        with self.changed:
            self.violations.append(f"{request.method} {request.path}: {text}")

    def oddity(self, request: Request, text: str) -> None:
        with self.changed:
            self.oddities.append(f"{request.method} {request.path}: {text}")

    def fail_next(self, method: str, path: str, **how: Any) -> Fault:
        """The next `times` requests that match go wrong; see `faults.Fault` for the ways."""
        return self.httpd.faults.add(method, path, **how)

    def add_runner(self, tags: list[str] | None = None, *, run_untagged: bool = True, expires_in: float | None = None,
                   legacy: bool = False) -> Runner:
        """One more runner, created as in the web interface."""
        return self.runners.add(tags=frozenset(tags or ()), run_untagged=run_untagged, expires_in=expires_in,
                                legacy=legacy)

    def set_paused(self, runner: Runner, paused: bool) -> None:
        with self.changed:
            runner.paused = paused
            self.runners.tick(runner)

    def payload(self, *args: Any, **how: Any) -> dict[str, Any]:
        """`gitlab_payload.payload` with this coordinator's address."""
        return build_payload(*args, url=self.url, **how)

    def queue(self, script: list[str] | None = None, after_script: list[str] | None = None, *, variables: Any = None,
              secrets: Any = None, git: Any = None, artifacts: Any = None, cache: Any = None, timeout: int = 3600,
              hooks: Any = None, runner: Runner | None = None, tags: list[str] | None = None,
              requires: set[str] | None = None, raw: bytes | Callable[[dict], bytes] | None = None,
              before: Callable[[Job], None] | None = None, **payload_overrides: Any) -> Job:
        """A job for the first runner that may take it.

        `raw`: bytes to answer instead of the payload, or a function that makes them of it (bad payloads).
        `requires`: features that the runner must have besides those that follow from the payload.
        `before`: called with the job before any runner can see it.
        """
        built = self.payload(script, after_script, variables=variables, secrets=secrets, git=git, artifacts=artifacts,
                             cache=cache, timeout=timeout, hooks=hooks, **payload_overrides)
        job = Job(built, self.changed, runner, requires)
        job.tags = frozenset(tags or ())
        job.update_interval = self.update_interval
        if raw is not None:
            job.raw_body = raw(built) if callable(raw) else raw
        if hasattr(git, "grant"):
            git.grant(job)
        if before:
            before(job)
        with self.changed:
            self.jobs.append(job)
        self.runners.tick(runner)
        return job

    def requeue(self, job: Job) -> None:
        """Gives out again a job that its runner never accepted (GitLab does so after two minutes)."""
        with self.changed:
            if job.state != "waiting":
                raise AssertionError(f"{job!r} is not waiting for its runner")
            job.enter("queued")
        self.runners.tick(job.runner)

    def job(self, job_id: int) -> Job | None:
        with self.changed:
            return next((j for j in reversed(self.jobs) if j.id == job_id), None)

    def pick(self, runner: Runner, system_id: str, features: dict[str, bool]) -> Job | None:
        """The next job for a runner; jobs that need what it cannot do are failed."""
        with self.changed:
            for job in self.jobs:
                if job.state != "queued" or job.runner not in (None, runner) or not runner.takes(job.tags):
                    continue
                lacking = sorted(need for need in job.requires if not features.get(need))
                if lacking:
                    job.failure_reason = "runner_unsupported"
                    job.enter("failed")
                    continue
                job.taken_by, job.runner_features = system_id, features
                job.enter("waiting" if features.get("two_phase_job_commit") else "running")
                return job
        return None

    def body_of(self, job: Job) -> bytes:
        return job.raw_body if job.raw_body is not None else json.dumps(job.payload).encode()


if __name__ == "__main__":
    from tests.forge.gitlab_cli import main

    raise SystemExit(main())
