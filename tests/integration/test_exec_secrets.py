"""Secrets of a job from a real OpenBao, through `courser exec`: delivered, masked, revoked whatever the end was."""

from __future__ import annotations

import json
import os
import signal

import pytest
from exec_client import BARE, Running, execute, left, lines, script_output, state
from tests.forge.gitlab_payload import payload, variable


def job(bao, script, secrets=None, after=None, variables=(), **more):
    listed = [variable(key, value) for key, value in {**BARE, "GIT_STRATEGY": "none"}.items()]
    listed += [bao.id_token(), *(variable(**entry) for entry in variables)]
    return payload(script, after, secrets=secrets, variables=listed, **more)


@pytest.fixture
def value(bao):
    bao.put("ops/data/exec/db", {"data": {"password": "ex3c-p4ssw0rd-value", "user": "exec-user-name"}})
    return "ex3c-p4ssw0rd-value"


def both(bao):
    return {"DB_PASSWORD": bao.secret("exec/db", "password"), "DB_FILE": bao.secret("exec/db", "user", file=None)}


def test_delivered_masked_revoked(courser, as_user, bao, value):
    script = ["[ \"$(printf %s $DB_PASSWORD | wc -c)\" = 19 ]", "echo $DB_PASSWORD; echo $DB_FILE; cat $DB_FILE; echo",
              "stat -c %a $DB_FILE; stat -f -c %T $DB_FILE", "grep -ls BAO /proc/*/environ || true"]
    done = execute(courser, job(bao, script, both(bao), ["echo after $DB_PASSWORD"]))
    assert done.returncode == 0, done.text
    assert script_output(done) == ["[MASKED]", "/builds/group/project.tmp/DB_FILE", "[MASKED]", "600", "tmpfs"]
    assert "after [MASKED]" in lines(done) and "secrets" in done.result["phases"]
    for words in ("Resolving secrets", 'Resolving secret "DB_PASSWORD"...', 'Using "vault" secret resolver...'):
        assert words in done.text
    assert value not in done.text and "exec-user-name" not in done.text
    bao.wait_clean()
    assert bao.logins() == 1
    assert not courser.files_with(value) and not courser.files_with("exec-user-name")
    audit = state(courser).joinpath("audit").read_text()
    assert "exec/db" in audit and "job=" in audit and value not in audit


@pytest.mark.parametrize("end", ["failure", "cancel", "timeout", "worker", "command"])
def test_revoked_whatever_the_end_was(courser, bao, value, end):
    script = ["echo begun"] + (["exit 3"] if end == "failure" else ["exec sleep 4712.1"])
    running = Running(courser, job(bao, script, both(bao), timeout=2 if end == "timeout" else 3600))
    running.until("begun")
    if end == "cancel":
        running.interrupt()
    elif end == "worker":
        os.kill(running.role("worker"), signal.SIGKILL)
    elif end == "command":
        running.process.kill()
    done = running.end()
    bao.wait_clean(10)
    assert done.returncode == (-9 if end == "command" else 1)
    if end != "command":
        assert left(courser) == [] and bao.revocations() >= 1


def test_failures(courser, bao, value):
    cases = [({"S": bao.secret("exec/nothing")}, "config"), ({"S": bao.secret("exec/db", "nofield")}, "config"),
             ({"S": bao.secret("exec/db", role="no-such-role")}, "config"),
             ({"S": bao.secret("exec/db", url="http://127.0.0.1:9")}, "infra")]
    for secrets, fault in cases:
        done = execute(courser, job(bao, ["echo never"], secrets))
        assert (done.returncode, done.result["fault"]) == (1, fault), done.result
        assert done.result["failure_reason"] == ("runner_configuration_error" if fault == "config"
                                                 else "runner_system_failure")
        assert "never" not in lines(done)
    bao.wait_clean()


def test_http_only_on_loopback(courser, bao, value):
    done = execute(courser, job(bao, ["echo never"], {"S": bao.secret("exec/db", url="http://192.0.2.1:8200")}))
    assert (done.returncode, done.result["fault"]) == (1, "config") and "https" in done.result["verdict"]


def test_no_keeper_without_secrets(courser, bao):
    running = Running(courser, job(bao, ["echo begun; sleep 0.5"]))
    running.until("begun")
    assert not any("keeper" in line for _, line in courser.processes())
    assert running.end().returncode == 0 and bao.logins() == 0
