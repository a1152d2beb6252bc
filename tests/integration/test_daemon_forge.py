"""The daemon against coordinators that misbehave, and payloads that are none: never the runner's or another job's harm."""

from __future__ import annotations

import json
import socket
import time

import pytest
from daemon_client import ended, job_directories, lines_of, roles, until

from tests.forge.gitlab import GitLab
from tests.forge.gitlab_payload import variable

# --- servers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [
    {"garbage": True}, {"endless": True}, {"status": 200, "body": "[1, 2"}, {"status": 201, "body": "{}"},
    {"status": 500}, {"status": 403}, {"close": True}, {"stall": 10, "status": 201, "body": "x" * 100},
    {"redirect": "http://127.0.0.1:9/api/v4/jobs/request"}, {"status": 201, "body": b"\x00\xff" * 5000},
], ids=["garbage", "endless", "half", "empty", "500", "403", "close", "silent", "redirect", "binary"])
def test_a_bad_server_never_harms_another(gitlab, courser, how):
    with GitLab() as bad:
        bad.fail_next("*", "jobs/request", times=10000, **how)
        daemon = courser.start(bad, gitlab, check_interval=1)
        until(lambda: bad.requests("POST", "jobs/request"), message="the bad one is asked")
        for _ in range(3):
            began = time.monotonic()
            job = ended(gitlab.queue(script=["echo fine"]))
            assert job.at("running") - began < 2 and lines_of(job, "fine") == ["fine"]
        assert daemon.stop() == 0


def test_a_server_that_is_down_or_silent_never_harms_another(gitlab, courser):
    with socket.socket() as silent, GitLab() as down:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        down.down()
        tokens = [courser.write(f"t{n}", value) for n, value in enumerate(("glrt-silent", down.token, gitlab.token))]
        urls = [f"http://127.0.0.1:{silent.getsockname()[1]}", down.url, gitlab.url]
        daemon = courser.run(courser.write_config(concurrent=2, listen_address="", check_interval=1, runners=[
            {"name": f"r{n}", "url": url, "token_file": str(token)}
            for n, (url, token) in enumerate(zip(urls, tokens, strict=True))]))
        for _ in range(4):
            ended(gitlab.queue(script=["true"]))
        late = down.queue(script=["true"])
        down.up()
        ended(late)
        assert daemon.stop() == 0


# --- accept -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [403, 404])
def test_a_job_that_is_dropped_at_its_accept(gitlab, courser, snooze, status):
    daemon = courser.start(gitlab, concurrent=1)
    gitlab.fail_next("PUT", r"jobs/\d+$", status=status)
    job = gitlab.queue(script=["echo never", snooze])
    until(lambda: "takes the job back" in daemon.log())
    until(lambda: not roles(courser, "worker") and not job_directories(daemon), message="nothing is left")
    assert not job.updates and not job.trace() and job.state == "waiting" and not courser.alive(snooze)
    ended(gitlab.queue(script=["true"]))


# --- payloads -----------------------------------------------------------------------------------------


def changed(**fields):
    return lambda payload: json.dumps({**payload, **fields}).encode()


BAD = {
    "no steps": (changed(steps=None, variables=[]), "steps"),
    "wrong type": (changed(variables="many"), "variables"),
    "wrong element": (changed(variables=[{"key": 5, "value": "x"}]), "variables[0].key"),
    "no job_info": (lambda p: json.dumps({k: v for k, v in p.items() if k != "job_info"}).encode(), "job_info"),
    "no git_info": (lambda p: json.dumps({k: v for k, v in p.items() if k != "git_info"}).encode(), "git_info"),
    "control bytes": (lambda p: json.dumps({**p, "git_info": {**p["git_info"], "ref": "ma\x07in\n"}}).encode(), "ref"),
    "scheme": (lambda p: json.dumps({**p, "variables": [], "git_info": {
        **p["git_info"], "repo_url": "file:///etc/passwd"}}).encode(), "file"),
    "image": (changed(image={"name": "Alpine"}), "its name has a capital letter"),
    "services": (changed(services=[{"name": ""}]), "a service has no image"),
    "deep": (lambda p: json.dumps(p)[:-1].encode() + b', "x": ' + b"[" * 5000 + b"]" * 5000 + b"}", ""),
}


@pytest.mark.parametrize("name", sorted(BAD))
def test_a_bad_payload_fails_with_words(gitlab, courser, name):
    raw, word = BAD[name]
    daemon = courser.start(gitlab)
    job = gitlab.queue(script=["echo ran"], raw=raw)
    ended(job, "failed")
    assert word in job.text and "ERROR: Job failed" in job.text and not lines_of(job, "ran\n"), job.text
    ended(gitlab.queue(script=["true"]))
    assert daemon.stop() == 0


@pytest.mark.parametrize("raw", [b"this is not JSON", b"", b"null", b"[]", b'{"id": "seven"}', b'{"id": 7'])
def test_a_payload_that_names_no_job(gitlab, courser, raw):
    """Nobody can be told: the daemon says it and goes on."""
    daemon = courser.start(gitlab, check_interval=1)
    gitlab.queue(script=["true"], raw=raw)
    daemon.wait_log("a job was lost")
    ended(gitlab.queue(script=["true"]))
    assert daemon.stop() == 0


def test_ten_megabytes_of_variables(gitlab, courser):
    daemon = courser.start(gitlab)
    many = [variable(f"V{n}", "x" * 1000) for n in range(10000)]
    job = gitlab.queue(script=["true"], variables=many)
    job.wait(30)
    if job.state != "success":  # more than may be: then it is said
        assert "ERROR: Job failed" in job.text and "the payload is larger than 8 MiB" in job.text, job.text[-1000:]
    ended(gitlab.queue(script=["true"]))
    assert daemon.stop() == 0


def test_unknown_fields_are_ignored(gitlab, courser):
    courser.start(gitlab)
    job = gitlab.queue(script=["echo fine"], raw=lambda p: json.dumps({**p, "brand_new": {"a": [1]}}).encode())
    ended(job)


# --- the log, whatever happens on the way ---------------------------------------------------------------

PRINT = "for n in $(seq 1 30); do echo line-$n.; sleep 0.05; done"


@pytest.mark.parametrize("fault", [
    {"status": 500, "times": 3}, {"status": 502, "processed": True}, {"close": True}, {"close": True, "processed": True},
    {"garbage": True, "processed": True}, {"status": 416, "headers": {"Range": "0-40"}},
    {"status": 429, "headers": {"Retry-After": "1"}}, {"delay": 1.5},
], ids=["5xx", "5xx-processed", "lost", "lost-answer", "garbled-answer", "416", "429", "slow"])
def test_the_log_is_exact_through_a_fault(gitlab, courser, fault):
    courser.start(gitlab)
    job = gitlab.queue(script=[PRINT])
    job.wait_trace("line-3.")
    gitlab.fail_next("PATCH", rf"jobs/{job.id}/trace", **fault)
    ended(job, timeout=30)
    assert lines_of(job, "line-") == [f"line-{n}." for n in range(1, 31)], job.text


def test_the_log_is_exact_through_an_outage(gitlab, courser):
    courser.start(gitlab)
    job = gitlab.queue(script=[PRINT])
    job.wait_trace("line-3.")
    gitlab.down()
    time.sleep(1)
    gitlab.up()
    ended(job, timeout=30)
    assert lines_of(job, "line-") == [f"line-{n}." for n in range(1, 31)], job.text


def test_the_log_is_sent_again_when_the_server_has_another(gitlab, courser):
    courser.start(gitlab)
    job = gitlab.queue(script=[PRINT])
    job.wait_trace("line-3.")
    job.tamper(lambda data: data.__setitem__(slice(0, 5), b"wrong"))
    ended(job, timeout=30)
    assert lines_of(job, "line-") == [f"line-{n}." for n in range(1, 31)] and not job.text.startswith("wrong")


# --- who it runs as -----------------------------------------------------------------------------------


def test_without_subordinate_ids(gitlab, courser, test_user):
    """An account with no range: a single-id map, and it is said."""
    import shutil
    import subprocess

    from machine import require
    require(test_user is not None and shutil.which("setpriv"), "root and setpriv")
    home = courser.path("plain", "root")
    home.mkdir()
    home.chmod(0o755)
    home.parent.chmod(0o711)
    uid = 2_000_000_123  # no name, no rows in /etc/subuid
    token = home / "token"
    token.write_text(gitlab.token)
    config = home / "config.yaml"
    config.write_text(f"concurrent: 1\nlisten_address: ''\nrunners:\n- name: r\n  url: {gitlab.url}\n"
                      f"  token_file: {token}\n")
    subprocess.run(["chown", "-R", f"{uid}:{uid}", str(home)], check=True)
    log = courser.dir / "plain.log"
    with open(log, "wb") as out:
        daemon = subprocess.Popen([str(courser.binaries.courser), "run", "--config", str(config), "--state",
                                   str(home / "st")], user=uid, group=uid, extra_groups=[], stdout=out, stderr=out,
                                  stdin=subprocess.DEVNULL, cwd=str(home), env={"PATH": "/usr/bin:/bin",
                                                                                "HOME": str(home)})
    try:
        job = gitlab.queue(script=["id -u; echo mine > file; cat file"])
        ended(job)
        assert "single-id" in job.text and lines_of(job, "mine") == ["mine"]
    finally:
        daemon.terminate()
        assert daemon.wait(20) == 0, log.read_text()
