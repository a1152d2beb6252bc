"""A Gitea (or Forgejo) server on loopback: verifies what Gitea verifies, answers as Gitea does, misbehaves on demand.

    with Gitea() as gitea:
        task = gitea.queue("runs: ...")            # or gitea.run("echo hello")
        ...start a runner with gitea.url and gitea.add_runner(["label"]).credentials...
        assert task.wait(30).result == "SUCCESS"

runner.v1 over Connect with JSON, as the captured exchanges show it: almost every failure is status 500, code "unknown"
with the real code in its text; zero values are left out of answers; rows without content and noMore do nothing; an
ephemeral runner is gone the moment its task is final.
"""

from __future__ import annotations

import secrets as random_secrets
import threading
import uuid as uuids
from dataclasses import dataclass, field
from typing import Any

from tests.forge.faults import Fault
from tests.forge.gitea_api import Api
from tests.forge.gitea_tasks import Task
from tests.forge.httpd import Httpd, Request, tls_context


@dataclass
class Runner:
    """A row of the server's table of runners."""

    id: int
    name: str
    uuid: str
    token: str
    labels: frozenset[str] = frozenset()
    ephemeral: bool = False
    version: str = ""
    declared: int = 0
    capabilities: tuple[str, ...] = ()
    served: int = 0
    fetches: list[int] = field(default_factory=list)

    @property
    def credentials(self) -> str:
        """What courser's configuration has as token."""
        return f"{self.uuid}:{self.token}"


class Gitea:
    """The server.

    `violations`: what the runner did wrong (must stay empty). `counts_tasks=False`: an old server, tasksVersion is
    always 0. `declares=False`: one that knows no Declare. `real_codes`: one that sends codes as Connect defines them.
    `root`: a relative root such as "/git".
    """

    def __init__(self, port: int = 0, *, cert: str | None = None, key: str | None = None, root: str = "",
                 counts_tasks: bool = True, declares: bool = True, real_codes: bool = False,
                 knows_ephemeral: bool = True) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.root = root
        self.counts_tasks, self.declares, self.real_codes = counts_tasks, declares, real_codes
        self.knows_ephemeral = knows_ephemeral
        self.registration_token = random_secrets.token_urlsafe(30)[:40]
        self.version = 1
        self.runners: list[Runner] = []
        self.tasks: list[Task] = []
        self.violations: list[str] = []
        self.httpd = Httpd(Api(self).answer, port, tls_context(cert, key) if cert and key else None)

    def __enter__(self) -> Gitea:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.httpd.close()

    def down(self) -> None:
        self.httpd.down()

    def up(self) -> None:
        self.httpd.up()

    @property
    def url(self) -> str:
        """What a runner is configured with."""
        return self.httpd.origin + self.root

    def requests(self, call: str) -> list[Request]:
        """What was received of one call ("FetchTask"), in order."""
        return self.httpd.requests("POST", f"RunnerService/{call}$")

    def problems(self) -> list[str]:
        malformed = [f"malformed HTTP: {text}" for text in self.httpd.malformed]
        crashes = [f"the server itself failed: {text}" for text in self.httpd.crashes]
        return self.violations + malformed + crashes

    def violation(self, request: Request, text: str) -> None:
        with self.changed:
            self.violations.append(f"{request.path.rpartition('/')[2]}: {text}")

    def fail_next(self, call: str, **how: Any) -> Fault:
        """The next `times` requests of that call go wrong; see `faults.Fault` for the ways."""
        return self.httpd.faults.add("POST", f"RunnerService/{call}$", **how)

    # --- runners --------------------------------------------------------------------------------------

    def add_runner(self, labels: list[str] | None = None, *, name: str = "runner", ephemeral: bool = False,
                   secret: str | None = None) -> Runner:
        """A runner that is known already; with `secret` as Forgejo's offline registration makes it."""
        with self.changed:
            token = secret or random_secrets.token_hex(20)
            uuid = str(uuids.UUID(bytes=secret[:16].encode())) if secret else str(uuids.uuid4())
            runner = Runner(len(self.runners) + 1, name, uuid, token, frozenset(labels or ["linux"]), ephemeral)
            self.runners.append(runner)
            return runner

    def runner(self, uuid: str, token: str) -> Runner | None:
        with self.changed:
            return next((r for r in self.runners if r.uuid == uuid and r.token == token), None)

    def forget(self, runner: Runner) -> None:
        """Deletes its row, as an administrator does."""
        with self.changed:
            self.runners.remove(runner)

    # --- tasks ----------------------------------------------------------------------------------------

    def queue(self, workflow: str | bytes, *, runs_on: str = "linux", **how: Any) -> Task:
        """A job that waits for a runner with that label; see `gitea_tasks.Task` for the rest."""
        with self.changed:
            task = Task(len(self.tasks) + 1, workflow, self.changed, url=self.url, runs_on=runs_on, **how)
            self.tasks.append(task)
            self.version += 1
            self.changed.notify_all()
            return task

    def run(self, *commands: str, **how: Any) -> Task:
        """A job whose steps are these commands."""
        steps = "".join(f"            - run: |\n{indent(command)}" for command in commands)
        return self.queue("name: test\n\"on\": push\njobs:\n    a:\n        runs-on: linux\n        steps:\n" + steps, **how)

    def pick(self, runner: Runner) -> Task | None:
        with self.changed:
            if runner.ephemeral and runner.served:
                return None
            for task in self.tasks:
                if task.runner is None and task.runs_on in runner.labels and not task.final:
                    task.runner = runner
                    runner.served += 1
                    return task
        return None

    def finished(self, task: Task) -> None:
        """The moment a task is final its ephemeral runner is deleted."""
        if task.runner is not None and task.runner.ephemeral and task.runner in self.runners:
            self.runners.remove(task.runner)


def indent(command: str) -> str:
    return "".join(f"                {line}\n" for line in command.split("\n"))
