"""The fake Gitea server behaves as the captured exchanges of the real one show."""

from __future__ import annotations

import gzip
import http.client
import json
from typing import Any

import pytest

from tests.forge.gitea import Gitea, Runner

TIME = "2026-11-24T17:03:59.177378170Z"


def call(gitea: Gitea, name: str, body: Any, runner: Runner | None = None, **headers: str) -> tuple[int, Any]:
    conn = http.client.HTTPConnection("127.0.0.1", gitea.httpd.port, timeout=10)
    sent = {"Content-Type": "application/json", **headers}
    if runner is not None:
        sent |= {"x-runner-uuid": runner.uuid, "x-runner-token": runner.token}
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    conn.request("POST", f"/api/actions/runner.v1.RunnerService/{name}", data, sent)
    answer = conn.getresponse()
    text = answer.read()
    conn.close()
    return answer.status, json.loads(text) if "json" in (answer.getheader("Content-Type") or "") else text


def rows(*texts: str) -> list[dict[str, str]]:
    return [{"time": TIME, "content": text} for text in texts]


def test_register_and_declare(gitea):
    status, body = call(gitea, "Register", {"name": "jsonrunner", "token": gitea.registration_token, "version": "v0.0.1",
                                            "labels": ["cjson"]})
    made = gitea.runners[0]
    assert status == 200 and body == {"runner": {"id": "1", "uuid": made.uuid, "token": made.token, "name": "jsonrunner",
                                                 "version": "v0.0.1", "labels": ["cjson"]}}
    assert call(gitea, "Register", {"name": "x", "token": "bad"}) == \
        (500, {"code": "unknown", "message": "runner registration token not found"})
    status, body = call(gitea, "Declare", {"version": "v0.0.2", "labels": ["a"], "capabilities": ["cancelling"]}, made)
    assert status == 200 and "token" not in body["runner"] and made.labels == {"a"}


def test_errors_hide_their_code_in_the_text(gitea):
    stranger = Runner(9, "x", "5dd93ed6-0894-4041-a645-6eb15955a7ad", "0" * 40)
    assert call(gitea, "FetchTask", {}, stranger) == \
        (500, {"code": "unknown", "message": "rpc error: code = Unauthenticated desc = unregistered runner"})
    with Gitea(real_codes=True) as newer:
        assert call(newer, "FetchTask", {}, stranger)[0] == 401


@pytest.mark.violations
def test_what_is_no_message(gitea):
    runner = gitea.add_runner()
    assert call(gitea, "FetchTask", b"{", runner)[1]["code"] == "invalid_argument"
    assert call(gitea, "FetchTask", {"tasksVersion": "x"}, runner)[0] == 400
    assert call(gitea, "UpdateTask", {}, runner)[0] == 500
    assert call(gitea, "FetchTask", b"", runner, **{"Content-Type": "text/plain"})[0] == 415
    assert len(gitea.violations) == 3


def test_a_task_is_found_when_the_version_differs(gitea):
    runner = gitea.add_runner(["cjson"])
    assert call(gitea, "FetchTask", {"tasksVersion": "0"}, runner) == (200, {"tasksVersion": "1"})
    task = gitea.queue("on: push", runs_on="cjson", secrets={"MY": "s"})
    gitea.queue("on: push", runs_on="other")
    assert call(gitea, "FetchTask", {"tasksVersion": 3}, runner) == (200, {"tasksVersion": "3"})
    status, body = call(gitea, "FetchTask", {"tasksVersion": "0"}, runner)
    assert status == 200 and body["task"]["id"] == "1" and body["task"]["secrets"]["GITHUB_TOKEN"] == task.token
    assert "needs" not in body["task"] and body["task"]["context"]["ref_protected"] is False
    assert call(gitea, "FetchTask", {}, runner) == (200, {"tasksVersion": "3"})


@pytest.mark.violations
def test_rows(gitea):
    runner = gitea.add_runner()
    task = gitea.run("true")
    gitea.pick(runner)

    def log(index: int, *texts: str, **more: Any) -> Any:
        return call(gitea, "UpdateLog", {"taskId": 1, "index": index, "rows": rows(*texts), **more}, runner)[1]

    assert log(0, "line zero", "::group::g é✓", "x") == {"ackIndex": "3"}
    assert log(0, "DUP") == {"ackIndex": "3"}
    assert log(2, "DUP2", "line three") == {"ackIndex": "4"}
    assert log(10, "GAP") == {"ackIndex": "4"}
    assert log(4, noMore=True) == {"ackIndex": "4"} and not task.archived  # no row, no effect
    assert log(4, "last", noMore=True) == {"ackIndex": "5"} and task.archived
    assert log(5, "too late")["message"] == "rpc error: code = AlreadyExists desc = log file has been archived"
    assert log(4, "last", noMore=True) == {"ackIndex": "5"}
    assert task.lines == ["line zero", "::group::g é✓", "x", "line three", "last"]
    assert gitea.violations == ["UpdateLog: rows from 10, 4 are there"]


def test_compressed_rows(gitea):
    runner = gitea.add_runner()
    task = gitea.run("true")
    gitea.pick(runner)
    body = gzip.compress(json.dumps({"taskId": "1", "rows": rows("a"), "noMore": True}).encode())
    assert call(gitea, "UpdateLog", body, runner, **{"Content-Encoding": "gzip"}) == (200, {"ackIndex": "1"})
    assert task.lines == ["a"]


def test_states_and_a_cancel(gitea):
    runner = gitea.add_runner(ephemeral=True)
    task = gitea.run("true")
    gitea.pick(runner)
    state = {"id": "1", "startedAt": TIME, "steps": [{"id": "0", "startedAt": TIME, "logIndex": "0", "logLength": "0"}]}
    assert call(gitea, "UpdateTask", {"state": state}, runner) == (200, {"state": {"id": "1"}})
    outputs = call(gitea, "UpdateTask", {"state": state, "outputs": {"w": "two", "v": "1"}}, runner)[1]
    assert outputs == {"state": {"id": "1"}, "sentOutputs": ["v", "w"]}
    task.cancel()
    assert call(gitea, "UpdateTask", {"state": state}, runner)[1]["state"]["result"] == "RESULT_CANCELLED"
    final = {**state, "result": "RESULT_CANCELLED", "stoppedAt": TIME}
    final["steps"] = [{**state["steps"][0], "result": 3, "stoppedAt": TIME}]
    assert call(gitea, "UpdateTask", {"state": final}, runner)[0] == 200
    assert task.result == "CANCELLED" and gitea.runners == []
    assert call(gitea, "UpdateLog", {"taskId": 1, "rows": rows("late")}, runner)[0] == 500
    assert call(gitea, "UpdateTask", {"state": final}, gitea.add_runner())[1]["message"] == \
        "rpc error: code = Internal desc = update task: resource does not exist"
