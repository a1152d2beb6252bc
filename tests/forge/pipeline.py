"""A pipeline: the jobs of a stage are queued when every job of the stage before has succeeded."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

from tests.forge.gitlab import GitLab
from tests.forge.gitlab_jobs import Job

_ids = itertools.count(101)


class Pipeline:
    """`stages`: [(stage name, [arguments of GitLab.queue, with `name` and perhaps `allow_failure`])].

    `common` goes to every job. `on_job(job)` is called when a job has been queued, before a runner can see it: the
    place to hang a function into `job.on_trace` or `job.on_finish` (both run under the coordinator's lock).
    """

    def __init__(self, gitlab: GitLab, stages: list[tuple[str, list[Mapping[str, Any]]]], *,
                 on_job: Callable[[Job], None] | None = None, **common: Any) -> None:
        self.gitlab = gitlab
        self.id = next(_ids)
        self.stages = stages
        self.common = common
        self.on_job = on_job
        self.jobs: list[Job] = []
        self.allowed: set[int] = set()
        self.current = -1
        self.status = "created"

    def start(self) -> Pipeline:
        with self.gitlab.changed:
            self.status = "running"
            self.advance()
        return self

    def advance(self) -> None:
        self.current += 1
        if self.current == len(self.stages):
            self.status = "success"
            self.gitlab.changed.notify_all()
            return
        stage, entries = self.stages[self.current]
        for entry in entries:
            how = {**self.common, **entry}
            allow_failure = how.pop("allow_failure", False)
            job = self.gitlab.queue(stage=stage, pipeline_id=self.id, before=self.adopt, **how)
            if allow_failure:
                self.allowed.add(job.id)

    def adopt(self, job: Job) -> None:
        self.jobs.append(job)
        job.on_finish.append(self.finished)
        if self.on_job:
            self.on_job(job)

    def finished(self, job: Job) -> None:
        stage = self.stages[self.current][0]
        mine = [j for j in self.jobs if j.payload["job_info"]["stage"] == stage]
        if self.status != "running" or not all(j.finished for j in mine):
            return
        bad = [j for j in mine if j.state != "success" and j.id not in self.allowed]
        if bad:
            self.status = "canceled" if all(j.state == "canceled" for j in bad) else "failed"
            self.gitlab.changed.notify_all()
        else:
            self.advance()

    def wait(self, timeout: float = 60) -> str:
        """The final status: success, failed or canceled."""
        with self.gitlab.changed:
            if not self.gitlab.changed.wait_for(lambda: self.status not in ("created", "running"), timeout):
                raise AssertionError(f"pipeline not finished in {timeout} s: {self.jobs!r}")
            return self.status

    def cancel(self, graceful: bool = True) -> None:
        for job in list(self.jobs):
            job.cancel(graceful)
