"""The REST calls of a runner, answered as Workhorse and Rails answer them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from tests.forge import gitlab_checks as checks
from tests.forge.gitlab_artifacts import artifacts_download, artifacts_upload
from tests.forge.gitlab_jobs import EXECUTING_STATES, Job
from tests.forge.gitlab_runners import Runner
from tests.forge.httpd import Reply, Request

if TYPE_CHECKING:
    from tests.forge.gitlab import GitLab

JOB = r"/jobs/(\d+)"


def message(status: int, text: str, headers: dict[str, str] | None = None) -> Reply:
    return Reply.json(status, {"message": text}, headers)


def forbidden(reason: str = "", headers: dict[str, str] | None = None) -> Reply:
    return message(403, "403 Forbidden" + (f"  - {reason}" if reason else ""), headers)


class BadRequest(Exception):
    """The body is not what the call takes; becomes a 400 and a violation."""


class Api:
    """Routes a request to its call; each call notes violations and makes the reply."""

    def __init__(self, gitlab: GitLab) -> None:
        self.gitlab = gitlab
        self.routes: list[tuple[str, re.Pattern[str], Callable[..., Reply]]] = [
            (method, re.compile(path + r"\Z"), call) for method, path, call in (
                ("POST", "/jobs/request", self.request_job),
                ("PATCH", JOB + "/trace", self.patch_trace),
                ("PUT", JOB, self.update_job),
                ("POST", JOB + "/artifacts", self.upload),
                ("GET", JOB + "/artifacts", self.download),
                ("POST", "/runners", self.register),
                ("POST", "/runners/verify", self.verify),
                ("DELETE", "/runners", self.unregister),
                ("DELETE", "/runners/managers", self.unregister_manager),
                ("POST", "/runners/reset_authentication_token", self.reset_token),
                ("POST", r"/runners/(\d+)/reset_authentication_token", self.reset_token_by_id),
                ("GET", "/runners/router/discovery", lambda request: message(501, "501 Not Implemented")),
            )]

    def answer(self, request: Request) -> Reply:
        prefix = self.gitlab.root + "/api/v4"
        if request.path.startswith(prefix):
            rest = request.path[len(prefix):]
            for method, path, call in self.routes:
                found = path.match(rest) if method == request.method else None
                if found:
                    try:
                        return call(request, *map(int, found.groups()))
                    except BadRequest as error:
                        self.gitlab.violation(request, str(error))
                        return message(400, f"400 Bad request - {error}")
        self.gitlab.violation(request, "no such call")
        return Reply.json(404, {"error": "404 Not Found"})

    def note(self, request: Request, found: Iterable[str]) -> None:
        for text in found:
            self.gitlab.violation(request, text)

    def body(self, request: Request) -> dict[str, Any]:
        self.note(request, checks.check_json_type(request))
        try:
            value = json.loads(request.body)
        except ValueError as error:
            raise BadRequest(f"the body is not JSON: {error}") from None
        if not isinstance(value, dict):
            raise BadRequest("the body is not a JSON object")
        return value

    # runners

    def register(self, request: Request) -> Reply:
        body = self.body(request)
        self.note(request, checks.check_register(body))
        self.note(request, checks.check_info(body, full=False))
        if body.get("token") != self.gitlab.registration_token:
            return forbidden()
        tags = [t.strip() for t in str(body.get("tag_list") or "").split(",") if t.strip()]
        runner = self.gitlab.add_runner(tags, run_untagged=body.get("run_untagged", not tags), legacy=True)
        runner.registration, runner.paused = body, bool(body.get("paused"))
        return Reply.json(201, {"id": runner.id, "token": runner.token, "token_expires_at": runner.expires_at})

    def known(self, request: Request, body: dict[str, Any]) -> Runner | None:
        self.note(request, checks.check_header_token(request, "RUNNER-TOKEN", body.get("token")))
        with self.gitlab.changed:
            return self.gitlab.runners.find(body.get("token"))

    def verify(self, request: Request) -> Reply:
        body = self.body(request)
        self.note(request, checks.check_info(body, full=True))
        self.note(request, checks.check_system_id(body))
        runner = self.known(request, body)
        if runner is None:
            return forbidden()
        runner.managers[str(body.get("system_id"))] = body.get("info") or {}
        return Reply.json(200, {"id": runner.id, "token": runner.token, "token_expires_at": runner.expires_at})

    def unregister(self, request: Request) -> Reply:
        runner = self.known(request, self.body(request))
        if runner is None:
            return forbidden()
        self.gitlab.runners.remove(runner)
        return Reply(204)

    def unregister_manager(self, request: Request) -> Reply:
        body = self.body(request)
        self.note(request, checks.check_system_id(body))
        runner = self.known(request, body)
        if runner is None:
            return forbidden()
        if runner.managers.pop(str(body.get("system_id")), None) is None:
            return message(404, "404 Not found")
        return Reply(204)

    def renewed(self, runner: Runner | None) -> Reply:
        if runner is None:
            return forbidden()
        with self.gitlab.changed:
            runner.renew()
            self.gitlab.runners.tick(runner)
            return Reply.json(201, {"token": runner.token, "token_expires_at": runner.expires_at})

    def reset_token(self, request: Request) -> Reply:
        return self.renewed(self.known(request, self.body(request)))

    def reset_token_by_id(self, request: Request, runner_id: int) -> Reply:
        if request.header("PRIVATE-TOKEN") != self.gitlab.private_token:
            return message(401, "401 Unauthorized")
        found = [r for r in self.gitlab.runners.known if r.id == runner_id]
        return self.renewed(found[0]) if found else message(404, "404 Runner Not Found")

    # jobs/request

    def request_job(self, request: Request) -> Reply:
        gitlab, body = self.gitlab, self.body(request)
        self.note(request, checks.check_info(body, full=True))
        self.note(request, checks.check_system_id(body))
        runner = self.known(request, body)
        if runner is None:
            return forbidden()
        seen = body.get("last_update")
        if seen is not None and not isinstance(seen, str):
            raise BadRequest("last_update is not a string")
        if seen and seen == runner.version:
            changed = gitlab.long_poll > 0 and gitlab.runners.watch(runner, seen, request.sock, gitlab.long_poll)
            if not changed or gitlab.on_change == "empty" or gitlab.httpd.closing.is_set():
                return Reply(204, b"", {} if gitlab.long_poll > 0 else {"X-GitLab-Last-Update": seen})
        return self.assign(runner, body)

    def assign(self, runner: Runner, body: dict[str, Any]) -> Reply:
        gitlab, info = self.gitlab, body.get("info") or {}
        with gitlab.changed:
            if runner not in gitlab.runners.known:
                return forbidden()
            system_id, version = str(body.get("system_id")), runner.version
            runner.managers[system_id] = info
            features = info.get("features") if isinstance(info.get("features"), dict) else {}
            job = gitlab.pick(runner, system_id, features)
            if job is None:
                return Reply(204, b"", {"X-GitLab-Last-Update": version})
            return Reply(201, gitlab.body_of(job), {"Content-Type": "application/json"})

    # jobs/:id

    def refusal(self, request: Request, job: Job | None, token: Any) -> Reply | None:
        """As GitLab's authenticate_job!: 403 for everything but a job that runs or waits for its runner."""
        if job is None or job.state == "queued" or token != job.token:
            self.gitlab.violation(request, "unknown job or wrong token")
            return forbidden()
        if job.state in EXECUTING_STATES or job.state == "waiting":
            return None
        if job.state in ("success", "failed"):
            self.gitlab.oddity(request, f"the job has ended already ({job.state})")
        return forbidden("Job is not running", {"Job-Status": job.job_status})

    def update_job(self, request: Request, job_id: int) -> Reply:
        body, job = self.body(request), self.gitlab.job(job_id)
        self.note(request, checks.check_header_token(request, "JOB-TOKEN", body.get("token")))
        self.note(request, checks.check_info(body, full=True))
        with self.gitlab.changed:
            refused = self.refusal(request, job, body.get("token"))
            if refused:
                return refused
            job.last_contact_at = request.time
            job.updates.append(body)
            self.note(request, checks.check_update(body, job))
            return self.move(request, job, body)

    def move(self, request: Request, job: Job, body: dict[str, Any]) -> Reply:
        """The state machine."""
        state = body.get("state")
        if job.state == "waiting":
            if state not in ("running", "pending"):
                self.gitlab.violation(request, f"state {state} for a job that was not accepted")
                return self.status(400, job)
            if state == "running":
                job.enter("running")
            return self.status(200, job)
        if state == "running":
            return self.status(200, job)
        if state not in ("success", "failed"):
            return self.status(400, job)
        return self.finish(request, job, body)

    def finish(self, request: Request, job: Job, body: dict[str, Any]) -> Reply:
        if job.not_yet > 0:
            job.not_yet -= 1
            return self.status(202, job, {"X-GitLab-Trace-Update-Interval": str(job.update_interval)})
        output = body.get("output") or {}
        if self.differs(request, job, output.get("checksum"), output.get("bytesize")):
            job.reset_trace()
            return self.status(412, job)
        job.failure_reason = body.get("failure_reason")
        job.exit_code = body.get("exit_code", 0)
        job.enter("canceled" if job.state == "canceling" else body["state"])
        return self.status(200, job)

    def differs(self, request: Request, job: Job, checksum: Any, size: Any) -> bool:
        """Whether the runner's trace is not the one that arrived; it is the runner's fault unless a test changed it."""
        wrong_sum = checksum is not None and checksum != f"crc32:{job.crc:08x}"
        wrong_size = size is not None and size != len(job.data)
        if (wrong_sum or wrong_size) and not job.tampered:
            self.gitlab.violation(request, f"trace: sent {size} bytes {checksum}, received {len(job.data)} bytes "
                                           f"crc32:{job.crc:08x}")
        job.tampered = False
        return wrong_sum or wrong_size

    @staticmethod
    def status(status: int, job: Job, headers: dict[str, str] | None = None) -> Reply:
        return Reply.json(status, status, {"Job-Status": job.job_status, **(headers or {})})

    def patch_trace(self, request: Request, job_id: int) -> Reply:
        job = self.gitlab.job(job_id)
        with self.gitlab.changed:
            refused = self.refusal(request, job, request.header("JOB-TOKEN"))
            if refused:
                return refused
            self.note(request, checks.check_patch(request, job))
            if job.state == "waiting":
                self.gitlab.violation(request, "trace of a job that was not accepted")
            job.last_contact_at = request.time
            found = checks.CONTENT_RANGE.match(request.header("content-range") or "")
            if not found:
                return message(400, "400 Missing header Content-Range")
            return self.append(request, job, int(found[1]), int(found[2]))

    def append(self, request: Request, job: Job, start: int, end: int) -> Reply:
        size = len(job.data)
        if start + len(request.body) > self.gitlab.trace_limit:
            job.failure_reason = "trace_size_exceeded"
            job.enter("failed")
            return forbidden()
        if start != size or end - start + 1 != len(request.body):
            job.rejections.append(start)
            return message(416, "416 Range Not Satisfiable", {"Range": f"0-{size}", "Job-Status": job.job_status})
        job.append(request.body, request.time)
        return Reply.json(202, None, {
            "Job-Status": job.job_status, "Range": f"0-{len(job.data)}",
            "X-GitLab-Trace-Update-Interval": str(job.update_interval)})

    # artifacts

    def upload(self, request: Request, job_id: int) -> Reply:
        job = self.gitlab.job(job_id)
        with self.gitlab.changed:
            refused = self.refusal(request, job, request.header("JOB-TOKEN"))
        return refused or artifacts_upload(self.gitlab, request, job)

    def download(self, request: Request, job_id: int) -> Reply:
        job = self.gitlab.job(job_id)
        if job is None or request.header("JOB-TOKEN") != job.token:
            self.gitlab.violation(request, "unknown job or wrong token")
            return forbidden()
        return artifacts_download(self.gitlab, request, job)
