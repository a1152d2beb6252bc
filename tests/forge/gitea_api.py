"""The calls of runner.v1, answered as Gitea answers them."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.forge.gitea_tasks import RESULTS, Task
from tests.forge.httpd import Reply, Request

if TYPE_CHECKING:
    from tests.forge.gitea import Gitea, Runner

SERVICE = "/api/actions/runner.v1.RunnerService/"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z\Z")
LINE_MAX = 64 << 10
GRPC = {"unauthenticated": "Unauthenticated", "already_exists": "AlreadyExists", "internal": "Internal"}
HTTP = {"unauthenticated": 401, "already_exists": 409, "internal": 500, "invalid_argument": 400, "unimplemented": 501}


class Refused(Exception):
    """A failure of the server's, with the code that it means."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class BadBody(Exception):
    """What the runner sent is no such message: a violation and a 400."""


def int64(value: Any, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise BadBody(f"{what}: not an int64")
    if isinstance(value, str) and not re.fullmatch(r"-?\d{1,19}", value):
        raise BadBody(f"{what}: {value[:40]!r} is no int64")
    return int(value)


def result_of(value: Any) -> str:
    if isinstance(value, int) and 0 <= value < len(RESULTS):
        return RESULTS[value]
    if isinstance(value, str) and value.removeprefix("RESULT_") in RESULTS and value.startswith("RESULT_"):
        return value.removeprefix("RESULT_")
    raise BadBody(f"result {value!r}")


def time_of(holder: dict[str, Any], key: str) -> str | None:
    value = holder.get(key)
    if value is not None and (not isinstance(value, str) or not TIME.match(value)):
        raise BadBody(f"{key}: {value!r} is no Timestamp")
    return value


class Api:
    """Routes a request to its call."""

    def __init__(self, gitea: Gitea) -> None:
        self.gitea = gitea
        self.calls: dict[str, Callable[[Request, Any], dict[str, Any]]] = {
            "Register": self.register, "Declare": self.declare, "FetchTask": self.fetch, "UpdateTask": self.update_task,
            "UpdateLog": self.update_log,
        }

    def answer(self, request: Request) -> Reply:
        path = request.path.removeprefix(self.gitea.root)
        call = self.calls.get(path.removeprefix(SERVICE)) if path.startswith(SERVICE) else None
        if call is None:
            self.gitea.violation(request, f"{request.path}: no such call")
            return Reply.text(404, "404 page not found\n")
        if request.method != "POST":
            return Reply(405, b"", {"Allow": "POST"})
        if (request.header("content-type") or "").partition(";")[0] != "application/json":
            return Reply(415, b"", {"Accept-Post": "application/json"})
        try:
            with self.gitea.changed:
                return self.reply(call(request, self.message(request)))
        except Refused as why:
            return self.refusal(why)
        except BadBody as why:
            self.gitea.violation(request, str(why))
            return Reply.json(400, {"code": "invalid_argument", "message": f"unmarshal message: {why}"})

    @staticmethod
    def reply(value: Any) -> Reply:
        if isinstance(value, Reply):
            return value
        return Reply(200, json.dumps(value, separators=(",", ":")).encode(),
                     {"Accept-Encoding": "gzip", "Content-Type": "application/json"})

    def refusal(self, why: Refused) -> Reply:
        """The server wraps grpc errors that connect-go does not know: 500 and "unknown", unless it is a newer one."""
        if self.gitea.real_codes or why.code not in GRPC:
            status = HTTP.get(why.code, 500)
            return Reply.json(status, {"code": why.code, "message": str(why)})
        return Reply.json(500, {"code": "unknown", "message": f"rpc error: code = {GRPC[why.code]} desc = {why}"})

    def message(self, request: Request) -> dict[str, Any]:
        body = request.body
        encoding = request.header("content-encoding")
        if encoding == "gzip":
            body = gzip.decompress(body)
        elif encoding is not None:
            raise BadBody(f"Content-Encoding {encoding}")
        try:
            value = json.loads(body)
        except ValueError as error:
            raise BadBody(f"not JSON: {error}") from error
        if not isinstance(value, dict):
            raise BadBody("not an object")
        return value

    def runner(self, request: Request) -> Runner:
        runner = self.gitea.runner(request.header("x-runner-uuid") or "", request.header("x-runner-token") or "")
        if runner is None:
            raise Refused("unauthenticated", "unregistered runner")
        return runner

    # --- the runner itself ----------------------------------------------------------------------------

    def labels(self, body: dict[str, Any]) -> frozenset[str]:
        labels = body.get("labels", [])
        if not isinstance(labels, list) or not all(isinstance(label, str) and label for label in labels):
            raise BadBody("labels: not a list of names")
        if any(":" in label for label in labels):
            raise BadBody("labels: the schema is no business of the server's")
        return frozenset(labels)

    def register(self, request: Request, body: dict[str, Any]) -> dict[str, Any]:
        if not body.get("token") or not body.get("name"):
            raise Refused("unknown", "missing runner token, name")
        if body["token"] != self.gitea.registration_token:
            raise Refused("unknown", "runner registration token not found")
        ephemeral = body.get("ephemeral") is True and self.gitea.knows_ephemeral
        runner = self.gitea.add_runner(sorted(self.labels(body)), name=body["name"], ephemeral=ephemeral)
        runner.version = body.get("version", "")
        return {"runner": {"id": str(runner.id), "uuid": runner.uuid, "token": runner.token, **self.shown(runner)}}

    @staticmethod
    def shown(runner: Runner) -> dict[str, Any]:
        return {"name": runner.name, "version": runner.version, "labels": sorted(runner.labels),
                **({"ephemeral": True} if runner.ephemeral else {})}

    def declare(self, request: Request, body: dict[str, Any]) -> Any:
        runner = self.runner(request)
        if not self.gitea.declares:
            return Reply.text(404, "404 page not found\n")
        runner.labels, runner.version = self.labels(body), body.get("version", "")
        runner.capabilities = tuple(body.get("capabilities", ()))
        runner.declared += 1
        return {"runner": {"id": str(runner.id), "uuid": runner.uuid, **self.shown(runner)}}

    def fetch(self, request: Request, body: dict[str, Any]) -> Any:
        runner = self.runner(request)
        version = int64(body.get("tasksVersion", 0), "tasksVersion")
        runner.fetches.append(version)
        if any(r.status is None and r is not request for r in self.gitea.requests("FetchTask")):
            self.gitea.violation(request, "more than one request for a task at once")
        current = self.gitea.version if self.gitea.counts_tasks else 0
        if version == current and current:
            return {"tasksVersion": str(current)}
        task = self.gitea.pick(runner)
        if task is not None:
            return Reply(200, task.body(current), {"Content-Type": "application/json"})
        return {"tasksVersion": str(current)} if current else {}

    # --- tasks ----------------------------------------------------------------------------------------

    def task(self, runner: Runner, number: int) -> Task:
        for task in self.gitea.tasks:
            if task.id == number and task.runner is runner:
                return task
        raise Refused("internal", "update task: resource does not exist")

    def update_log(self, request: Request, body: dict[str, Any]) -> dict[str, Any]:
        task = self.task(self.runner(request), int64(body.get("taskId", 0), "taskId"))
        index, rows = int64(body.get("index", 0), "index"), body.get("rows", [])
        stored = [self.row(request, row) for row in rows]
        ack = len(task.rows)
        if not stored or index > ack or index + len(stored) <= ack:
            if index > ack:
                self.gitea.violation(request, f"rows from {index}, {ack} are there")
            return self.ack(task)
        if task.archived:
            raise Refused("already_exists", "log file has been archived")
        task.rows += stored[ack - index:]
        task.archived = body.get("noMore") is True
        self.gitea.changed.notify_all()
        return self.ack(task)

    @staticmethod
    def ack(task: Task) -> dict[str, Any]:
        return {"ackIndex": str(len(task.rows))} if task.rows else {}

    def row(self, request: Request, row: Any) -> tuple[str, str]:
        if not isinstance(row, dict) or not isinstance(row.get("content", ""), str):
            raise BadBody("rows: not LogRows")
        content = row.get("content", "")
        if "\n" in content or "\r" == content[-1:]:
            self.gitea.violation(request, f"a line end within the row {content[:60]!r}")
        if len(content) > LINE_MAX:
            self.gitea.violation(request, f"a row of {len(content)} characters")
        time = time_of(row, "time")
        if time is None:
            self.gitea.violation(request, "a row without its time")
        return time or "", content

    def update_task(self, request: Request, body: dict[str, Any]) -> Any:
        runner = self.runner(request)
        if "state" not in body:
            self.gitea.violation(request, "no state")
            return Reply(500, b"<!DOCTYPE html><title>Internal Server Error</title>", {"Content-Type": "text/html"})
        state = body["state"]
        task = self.task(runner, int64(state.get("id", 0), "state.id"))
        result = result_of(state.get("result", 0))
        self.check_state(request, task, state, result)
        for key, value in body.get("outputs", {}).items():
            task.outputs.setdefault(key, value)
        if task.result is None:
            task.states.append(state)
            if result != "UNSPECIFIED":
                task.enter(result)
                self.gitea.finished(task)
        shown = task.result or task.ended
        if task.ended is not None:
            shown = task.ended
        self.gitea.changed.notify_all()
        return {"state": {"id": str(task.id), **({"result": f"RESULT_{shown}"} if shown else {})},
                **({"sentOutputs": sorted(task.outputs)} if task.outputs else {})}

    def check_state(self, request: Request, task: Task, state: dict[str, Any], result: str) -> None:
        started, stopped = time_of(state, "startedAt"), time_of(state, "stoppedAt")
        if result != "UNSPECIFIED":
            if stopped is None or started is None:
                self.gitea.violation(request, "a final state without its times: the year 1970")
            if not task.archived and task.ended is None and task.rows:
                self.gitea.violation(request, "a final state before the log was closed")
        for number, step in enumerate(state.get("steps", [])):
            if int64(step.get("id", 0), "step id") != number:
                self.gitea.violation(request, f"step {number} has the id {step.get('id')}")
            outcome = result_of(step.get("result", 0))
            start, count = int64(step.get("logIndex", 0), "logIndex"), int64(step.get("logLength", 0), "logLength")
            time_of(step, "startedAt")
            if outcome != "UNSPECIFIED" and time_of(step, "stoppedAt") is None:
                self.gitea.violation(request, f"step {number} ended without its time")
            if result != "UNSPECIFIED" and (outcome == "UNSPECIFIED" or start + count > len(task.rows)):
                self.gitea.violation(request, f"at the end step {number} is {outcome}, rows {start}+{count}")
