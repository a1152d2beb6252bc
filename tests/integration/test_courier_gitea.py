"""The courier role alone against a Gitea server that behaves and that does not."""

from __future__ import annotations

import gzip
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from courier_client import Courier, Journal

from tests.forge.gitea import Gitea, Runner
from tests.forge.gitea_tasks import Task

STAMP = "2026-11-24T17:05:55.139307Z"


@pytest.fixture
def courier(tmp_path: Path) -> Iterator[Courier]:
    with Courier(tmp_path) as made:
        yield made
    assert made.end() == 0


def line(text: str, stamp: str = STAMP) -> str:
    """A line as the worker's trace writes it."""
    return f"{stamp} 01O {text}\n"


def shown(task: Task) -> list[str]:
    """The rows, without the blank one that noMore needs when every other was there already."""
    return task.lines[:-1] if task.lines[-1:] == [""] else task.lines


def start(courier: Courier, gitea: Gitea, runner: Runner | None = None, **how: Any) -> Runner:
    runner = runner or gitea.add_runner(["linux"])
    courier.register(gitea.url, runner.credentials, forge="gitea", labels="linux:host\nother:docker://debian:12", **how)
    return runner


def begin(courier: Courier, gitea: Gitea, **how: Any) -> tuple[Task, dict[str, Any], Journal]:
    start(courier, gitea, **how)
    task = gitea.run("true", "false")
    taken, journal = courier.take()
    return task, taken, journal


def test_a_task_from_offer_to_report(gitea, courier):
    task, taken, journal = begin(courier, gitea)
    runner = gitea.runners[0]
    assert runner.labels == {"linux", "other"} and runner.declared == 1 and runner.capabilities == ("cancelling",)
    assert taken["job_id"] == task.id and taken["project_path"] == "boss/demo" and taken["project_id"] == 1
    assert taken["token"] == runner.credentials and taken["protected_ref"] == 0 and taken["timeout_s"] == 0
    assert json.loads(os.pread(taken["payload"], 1 << 20, 0))["task"] == task.payload()
    journal.write(line("set up"))
    journal.event("step_start name=0 index=0")
    journal.write(line("first") + line("é✓"))
    task.wait_row("first", 1)
    journal.event("step_end name=0 index=0 code=0 result=success")
    journal.event("step_start name=1 index=1")
    journal.write(line("second"))
    journal.event("step_end name=1 index=1 code=1 result=failure")
    journal.event("step_end name=2 index=2 code=0 result=skipped")
    journal.write("what has no time of its own\n")
    journal.end("failed", "script_failure", 1)
    assert courier.wait("REPORTED", cookie=taken["cookie"])["ok"] == 1
    assert task.result == "FAILURE" and task.archived
    assert shown(task) == ["set up", "first", "é✓", "second", "what has no time of its own"]
    assert task.rows[0][0] == STAMP and task.rows[4][0] != STAMP
    assert [task.rows_of(i) for i in range(3)] == [["first", "é✓"], ["second"], []]
    assert [s["result"] for s in task.steps] == ["RESULT_SUCCESS", "RESULT_FAILURE", "RESULT_SKIPPED"]
    assert task.states[0].get("result") is None and "startedAt" in task.states[0]


def test_the_end_of_a_log_without_rows(gitea, courier):
    task, _, journal = begin(courier, gitea)
    journal.end()
    assert courier.wait("REPORTED")["ok"] == 1
    assert task.result == "SUCCESS" and task.archived and task.lines == [""]


def test_polling_is_one_request_a_second_with_the_version_it_knows(gitea, courier):
    runner = start(courier, gitea, check_interval_ms=0)
    courier.wait("HEALTH", ok=1)
    time.sleep(2.4)
    assert 2 <= len(runner.fetches) <= 4 and runner.fetches[0] == 0 and set(runner.fetches[1:]) == {1}
    began = time.monotonic()
    gitea.run("true")
    courier.wait("JOB")
    assert time.monotonic() - began < 1.2
    time.sleep(0.3)
    assert runner.fetches[-1] == 0  # there may be more


def test_three_tasks_in_a_row_and_no_poll_without_a_slot(gitea, courier):
    start(courier, gitea, slots=3)
    tasks = [gitea.run("true") for _ in range(4)]
    took = [courier.take()[0]["job_id"] for _ in range(3)]
    assert took == [t.id for t in tasks[:3]]
    courier.none("JOB", 0.6)
    assert tasks[3].runner is None


def test_an_old_server_without_versions_and_declare(courier):
    with Gitea(counts_tasks=False, declares=False) as gitea:
        start(courier, gitea)
        task = gitea.run("true")
        taken, journal = courier.take()
        journal.end()
        courier.wait("REPORTED", ok=1)
        assert task.result == "SUCCESS" and set(gitea.runners[0].fetches) == {0}


def test_an_ephemeral_runner_runs_one_task(gitea, courier):
    runner = gitea.add_runner(["linux"], ephemeral=True)
    start(courier, gitea, runner, ephemeral=1)
    task, second = gitea.run("true"), gitea.run("true")
    taken, journal = courier.take()
    journal.write(line("once"))
    journal.end()
    assert courier.wait("REPORTED", cookie=taken["cookie"])["ok"] == 1
    assert task.result == "SUCCESS" and shown(task) == ["once"] and gitea.runners == [] and second.runner is None
    asked = len(gitea.requests("FetchTask"))
    time.sleep(0.5)
    assert len(gitea.requests("FetchTask")) == asked


def test_the_lost_answer_of_an_ephemeral_runners_end(gitea, courier):
    """The server took the final state and deleted the runner; the next try is refused: that is a yes."""
    start(courier, gitea, gitea.add_runner(["linux"], ephemeral=True), ephemeral=1)
    task = gitea.run("true")
    _, journal = courier.take()
    journal.write(line("once"))
    task.wait_row("once")
    gitea.fail_next("UpdateTask", processed=True, close=True, status=502, body=b"", times=1)
    journal.end()
    assert courier.wait("REPORTED", timeout=15)["ok"] == 1
    assert task.result == "SUCCESS"


def test_a_cancel_is_heard_within_two_seconds(gitea, courier):
    task, taken, journal = begin(courier, gitea)
    journal.write(line("working"))
    task.wait_row("working")
    time.sleep(0.5)
    task.cancel()
    assert courier.wait("CANCEL", cookie=taken["cookie"], timeout=2)["graceful"] == 1
    journal.write(line("cleaned up"))
    journal.event('verdict state=failed reason=job_canceled exit=0 fault=cancelled text=x')
    journal.event("end")
    courier.wait("REPORTED", ok=1)
    assert task.result == "CANCELLED" and shown(task)[-1] == "cleaned up" and task.archived


def test_a_task_that_the_server_ended(gitea, courier):
    task, taken, journal = begin(courier, gitea)
    task.cancel("FAILURE")
    assert courier.wait("CANCEL", cookie=taken["cookie"], timeout=3)["graceful"] == 1
    journal.end("failed", "script_failure", 1)
    courier.wait("REPORTED", ok=1)


def test_a_runner_that_was_deleted(gitea, courier):
    task, taken, journal = begin(courier, gitea)
    gitea.forget(gitea.runners[0])
    assert courier.wait("CANCEL", cookie=taken["cookie"], timeout=3)["graceful"] == 0
    journal.end("failed", "x", 1)
    assert courier.wait("REPORTED")["ok"] == 1
    assert "register it again" in courier.wait("HEALTH", ok=0)["text"]
    assert task.result is None


@pytest.mark.parametrize("how", [{"status": 500, "body": b"<html>"}, {"close": True}, {"processed": True, "close": True},
                                 {"processed": True, "status": 502, "body": b""}, {"garbage": True}])
def test_rows_are_sent_again_from_where_the_server_stands(gitea, courier, how):
    task, _, journal = begin(courier, gitea)
    journal.write(line("one"))
    task.wait_row("one")
    gitea.fail_next("UpdateLog", times=2, **how)
    journal.write(line("two"))
    journal.write(line("three"))
    journal.end()
    assert courier.wait("REPORTED", timeout=20)["ok"] == 1
    assert shown(task) == ["one", "two", "three"] and task.archived


def test_rows_after_the_archive_are_dropped(gitea, courier):
    """The log was closed by somebody else: the result arrives all the same."""
    task, _, journal = begin(courier, gitea)
    journal.write(line("one"))
    task.wait_row("one")
    task.archived = True
    journal.write(line("two"))
    journal.end()
    assert courier.wait("REPORTED")["ok"] == 1
    assert task.result == "SUCCESS" and task.lines == ["one"]


@pytest.mark.parametrize("stored", [0, 3, 5])
def test_a_job_of_an_earlier_life_goes_on_where_the_server_stands(gitea, courier, tmp_path, stored):
    runner = start(courier, gitea, slots=0)
    task = gitea.run("true")
    gitea.pick(runner)
    journal = Journal(tmp_path / "old", bell=False)
    lines = [f"row {n}" for n in range(5)]
    task.rows += [(STAMP, text) for text in lines[:stored]]
    journal.write("".join(line(text) for text in lines))
    journal.end()
    courier.send("ADOPT", cookie=1 << 63 | 5, idx=1, job_id=task.id, token=runner.credentials, accepted=1, **journal.fds())
    assert courier.wait("REPORTED")["ok"] == 1
    assert shown(task) == lines and task.archived and task.result == "SUCCESS"


def test_a_lost_answer_to_fetchtask_is_told(gitea, courier):
    start(courier, gitea)
    courier.wait("HEALTH", ok=1)
    gitea.fail_next("FetchTask", processed=True, truncate=20)
    gitea.run("true")
    assert "if it held one" in courier.wait("HEALTH", ok=0)["text"]
    courier.wait("HEALTH", ok=1, timeout=5)


@pytest.mark.parametrize("body", [b"", b"[]", b"{\"task\":{}}", b"{\"task\":{\"id\":\"x\"}}"])
def test_tasks_that_cannot_be_read(gitea, courier, body):
    start(courier, gitea)
    gitea.queue("x", raw=body)
    assert courier.wait("HEALTH", ok=0)["text"]
    good = gitea.run("true")
    taken, journal = courier.take()
    assert taken["job_id"] == good.id
    journal.end()
    courier.wait("REPORTED", ok=1)


def test_real_codes_of_a_newer_server(courier):
    with Gitea(real_codes=True) as gitea:
        runner = start(courier, gitea)
        gitea.forget(runner)
        assert "unregistered runner" in courier.wait("HEALTH", ok=0)["text"]
        assert not gitea.problems()


def test_large_logs_are_compressed_and_held_nowhere(gitea, courier):
    """20 MB in rows of 100 bytes: the courier does not grow by more than 8 MiB."""
    task, taken, journal = begin(courier, gitea)

    def memory() -> int:
        text = Path(f"/proc/{courier.pid}/status").read_text()
        return int(next(row for row in text.splitlines() if row.startswith("RssAnon")).split()[1])

    before = memory()
    block = "".join(line(f"{n:08d} {'x' * 58}") for n in range(10000))
    for _ in range(20):
        journal.write(block)
    journal.end()
    most = before
    while not any(name == "REPORTED" for name, _ in courier.seen):
        message = courier.receive(0.05)
        if message:
            courier.seen.append(message)
        most = max(most, memory())
    assert task.result == "SUCCESS" and len(shown(task)) == 200000
    assert all(text.startswith(f"{n % 10000:08d} ") for n, text in enumerate(shown(task)))
    calls = gitea.requests("UpdateLog")
    assert len(calls) < 120 and calls[0].header("content-encoding") == "gzip"
    assert len(gzip.decompress(calls[0].body)) < 2 << 20
    if not courier.sanitized:
        assert most - before < 8 << 10


def test_long_lines_are_several_rows(gitea, courier):
    task, _, journal = begin(courier, gitea)
    journal.write("y" * 200000 + "\n")
    journal.end()
    courier.wait("REPORTED", ok=1)
    assert "".join(task.lines) == "y" * 200000 and len(shown(task)) == 4


def test_commands_ask_the_server(gitea, courier):
    runner = gitea.add_runner(["old"])
    asked = {"url": gitea.url, "forge": "gitea", "labels": "linux\nubuntu-latest:docker://node:20"}
    courier.send("ONESHOT", cookie=1, verb="verify", token=runner.credentials, **asked)
    assert courier.wait("RESULT", cookie=1)["ok"] == 1 and runner.labels == {"linux", "ubuntu-latest"}
    courier.send("ONESHOT", cookie=2, verb="register", token=gitea.registration_token, description="here", ephemeral=1,
                 **asked)
    got = courier.wait("RESULT", cookie=2)
    made = gitea.runners[-1]
    assert (got["ok"], got["token"], got["id"], got["ephemeral"]) == (1, made.credentials, made.id, 1)
    assert made.name == "here" and made.ephemeral
    courier.send("ONESHOT", cookie=3, verb="register", token="wrong", description="here", **asked)
    got = courier.wait("RESULT", cookie=3)
    assert got["ok"] == 0 and got["status"] == 401 and "registration token not found" in got["text"]
    courier.send("ONESHOT", cookie=4, verb="unregister", token=runner.credentials, **asked)
    assert courier.wait("RESULT", cookie=4)["ok"] == 0
