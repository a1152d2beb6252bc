"""The coordinator of the test bed: a correct runner is accepted, a wrong one is caught, and it misbehaves when asked."""

from __future__ import annotations

import http.client
import io
import json
import ssl
import subprocess
import threading
import time
import zipfile
from pathlib import Path

import pytest
from runner_client import INFO, RunnerClient

from tests.forge import gitlab_payload
from tests.forge.gitlab import GitLab
from tests.forge.pipeline import Pipeline

TRACE = b"hello\nworld\n"


@pytest.fixture
def client(gitlab: GitLab):
    with RunnerClient(gitlab.url, gitlab.token) as made:
        yield made


def later(seconds: float, what) -> threading.Thread:
    thread = threading.Timer(seconds, what)
    thread.start()
    return thread


# --- runners ------------------------------------------------------------------------------------------


def test_registers_verifies_resets_and_unregisters(gitlab, client):
    info = {key: value for key, value in INFO.items() if key not in ("executor", "shell")}
    made = client.call("POST", "runners", {"token": gitlab.registration_token, "info": info, "tag_list": "a, b",
                                           "run_untagged": False, "locked": True, "paused": False})
    assert made.status == 201 and made.json()["token"].startswith("glrtr-") and made.json()["token_expires_at"] is None
    assert client.call("POST", "runners", {"token": "wrong", "info": info}).status == 403
    token = made.json()["token"]
    head = {"RUNNER-TOKEN": token}
    body = {"token": token, "system_id": client.system_id, "info": INFO}
    assert client.call("POST", "runners/verify", body, head).json()["id"] == made.json()["id"]
    fresh = client.call("POST", "runners/reset_authentication_token", {"token": token}, head)
    assert fresh.status == 201
    assert client.call("POST", "runners/verify", body, head).status == 403
    token = fresh.json()["token"]
    head, body = {"RUNNER-TOKEN": token}, {**body, "token": token}
    assert client.call("POST", "runners/verify", body, head).status == 200
    pair = {"token": token, "system_id": client.system_id}
    assert client.call("DELETE", "runners/managers", pair, head).status == 204
    assert client.call("DELETE", "runners", {"token": token}, head).status == 204
    assert client.call("DELETE", "runners", {"token": token}, head).status == 403


def test_token_with_expiry_and_reset_by_id(gitlab, client):
    runner = gitlab.add_runner(expires_in=3600)
    body = {"token": runner.token, "system_id": client.system_id, "info": INFO}
    first = client.call("POST", "runners/verify", body, {"RUNNER-TOKEN": runner.token}).json()
    assert first["token"].startswith("glrt-") and first["token_expires_at"].endswith("Z")
    path = f"runners/{runner.id}/reset_authentication_token"
    assert client.call("POST", path, None, {"PRIVATE-TOKEN": "wrong"}).status == 401
    assert client.call("POST", path, None, {"PRIVATE-TOKEN": gitlab.private_token}).json()["token"] != first["token"]
    assert client.call("GET", "runners/router/discovery").status == 501


@pytest.mark.violations
@pytest.mark.parametrize("change, complaint", [
    (lambda body, head: body.update(system_id="s_nothex"), "system_id"),
    (lambda body, head: body.pop("system_id"), "system_id"),
    (lambda body, head: head.pop("RUNNER-TOKEN"), "RUNNER-TOKEN"),
    (lambda body, head: head.update({"RUNNER-TOKEN": "other"}), "differs"),
    (lambda body, head: head.update({"Content-Type": "text/plain"}), "Content-Type"),
    (lambda body, head: body.pop("info"), "info"),
    (lambda body, head: body.update(info={**INFO, "features": {"masking": 1}}), "not a boolean"),
    (lambda body, head: body.update(info={**INFO, "features": {}}), "lacks vault_secrets"),
    (lambda body, head: body.update(info={**INFO, "shell": None}), "info.shell"),
])
def test_sees_wrong_job_requests(gitlab, client, change, complaint):
    body = {"info": INFO, "token": gitlab.token, "system_id": client.system_id}
    head = {"RUNNER-TOKEN": gitlab.token}
    change(body, head)
    client.call("POST", "jobs/request", body, head)
    assert any(complaint in text for text in gitlab.violations)


# --- jobs/request -------------------------------------------------------------------------------------


def test_long_poll_holds_until_a_job_is_there(gitlab, client):
    first = client.request()
    assert first.status == 204 and first.headers["X-GitLab-Last-Update"]
    later(0.3, lambda: gitlab.queue(script=["true"]))
    began = time.monotonic()
    held = client.request()
    assert held.status == 204 and "X-GitLab-Last-Update" not in held.headers
    assert 0.25 < time.monotonic() - began < 2
    assert client.request().status == 201


def test_long_poll_can_answer_with_the_job():
    with GitLab(on_change="job") as gitlab, RunnerClient(gitlab.url, gitlab.token) as client:
        assert client.request().status == 204
        later(0.2, lambda: gitlab.queue(script=["true"]))
        assert client.request().status == 201
        assert not gitlab.problems()


def test_long_poll_ends_by_itself():
    with GitLab(long_poll=0.2) as gitlab, RunnerClient(gitlab.url, gitlab.token) as client:
        assert client.request().status == 204
        began = time.monotonic()
        assert client.request().status == 204
        assert 0.2 <= time.monotonic() - began < 2


def test_a_runner_that_hangs_up_is_given_nothing(gitlab, client):
    client.request()
    with RunnerClient(gitlab.url, gitlab.token) as other:
        other.last_update = client.last_update
        later(0.2, lambda: other.conn.sock.shutdown(2))
        with pytest.raises((http.client.HTTPException, OSError)):
            other.request()
    end = time.monotonic() + 5
    while gitlab.runners.waiters and time.monotonic() < end:
        time.sleep(0.01)
    assert not gitlab.runners.waiters
    job = gitlab.queue(script=["true"])
    assert job.state == "queued" and client.take()["id"] == job.id


def test_unknown_token_and_paused_runner(gitlab, client):
    gitlab.queue(script=["true"])
    gitlab.set_paused(gitlab.default_runner, True)
    assert client.request().status == 204
    client.token = "glrt-unknown"
    assert client.request().status == 403


def test_jobs_go_to_the_runner_that_may_take_them(gitlab, client):
    tagged = gitlab.add_runner(tags=["big"], run_untagged=False)
    big, plain = gitlab.queue(name="big", tags=["big"]), gitlab.queue(name="plain")
    assert client.take()["id"] == plain.id
    with RunnerClient(gitlab.url, tagged.token) as other:
        assert other.take()["id"] == big.id


def test_a_runner_without_the_feature_fails_the_job(gitlab, client):
    secret = gitlab_payload.vault_secret("http://127.0.0.1:1", "ops", "a", "b")
    job = gitlab.queue(script=["true"], secrets={"A": secret})
    assert client.without("vault_secrets").request().status == 204
    assert (job.state, job.failure_reason) == ("failed", "runner_unsupported")


# --- a job's way --------------------------------------------------------------------------------------


def test_job_from_queue_to_success(gitlab, client):
    job = gitlab.queue(script=["echo hello"], variables={"A": "1"})
    payload = client.take()
    assert job.state == "waiting" and payload["steps"][0]["script"] == ["echo hello"]
    assert client.update(payload, "running").status == 200 and job.state == "running"
    sent = client.patch(payload, 0, TRACE[:6])
    assert sent.status == 202 and sent.headers["Range"] == "0-6" and sent.headers["Job-Status"] == "running"
    assert sent.headers["X-GitLab-Trace-Update-Interval"] == "3"
    assert client.patch(payload, 6, TRACE[6:]).headers["Range"] == "0-12"
    assert client.update(payload, "success", TRACE).status == 200
    assert job.wait(1).state == "success" and job.trace() == TRACE and job.exit_code == 0
    assert [name for name, _ in job.timeline] == ["queued", "waiting", "running", "success"]
    assert job.at("running") <= job.first_byte_at <= job.arrived(b"world")
    assert [r.offset for r in gitlab.requests("PATCH")] == [0, 6]
    late = client.patch(payload, 12, b"more")
    assert late.status == 403 and late.headers["Job-Status"] == "success" and gitlab.oddities


def test_failed_job_keeps_reason_and_exit_code(gitlab, client):
    job = gitlab.queue(script=["exit 3"])
    client.run(client.take(), TRACE, "failed", failure_reason="script_failure", exit_code=3)
    assert (job.state, job.failure_reason, job.exit_code) == ("failed", "script_failure", 3)


def test_trace_range_is_exact(gitlab, client):
    job = gitlab.queue()
    payload = client.take()
    client.update(payload, "running")
    client.patch(payload, 0, b"0123456789")
    for start in (0, 5, 11, 1000):
        refused = client.patch(payload, start, b"abc")
        assert refused.status == 416 and refused.headers["Range"] == "0-10"
    assert client.patch(payload, 10, b"abc").status == 202
    assert job.trace() == b"0123456789abc" and job.rejections == [0, 5, 11, 1000]


def test_wrong_trace_is_refused_and_may_be_sent_again(gitlab, client):
    job = gitlab.queue()
    payload = client.take()
    client.update(payload, "running")
    client.patch(payload, 0, TRACE)
    job.tamper(lambda data: data.__delitem__(slice(3, None)))
    assert client.update(payload, "success", TRACE).status == 412
    assert job.state == "running"
    assert client.patch(payload, 0, TRACE).status == 202
    assert client.update(payload, "success", TRACE).status == 200
    assert job.trace() == TRACE


def test_not_yet(gitlab, client):
    job = gitlab.queue()
    job.not_yet = 2
    payload = client.take()
    assert client.run(payload, TRACE).status == 202
    assert [client.update(payload, "success", TRACE).status for _ in range(2)] == [202, 200]


@pytest.mark.violations
@pytest.mark.parametrize("act, complaint", [
    (lambda c, job: c.patch(job, 0, b"abc", end=3), "Content-Range 0-3 with 3 bytes"),
    (lambda c, job: c.patch(job, 0, b"abc", end=-1), "Content-Range"),
    (lambda c, job: c.patch(job, 0, b"", end=0), "empty trace patch"),
    (lambda c, job: c.patch(job, 0, b"x" * ((1 << 20) + 1)), "trace patch of 1048577 bytes"),
    (lambda c, job: c.patch(job, 0, b"abc", debug="true"), "debug_trace"),
    (lambda c, job: c.patch(job, 0, b"abc", token="glcbt-wrong"), "wrong token"),
    (lambda c, job: c.update(job, "success", b"other"), "received 0 bytes"),
    (lambda c, job: c.update(job, "success", output=None), "without output"),
    (lambda c, job: c.update(job, "success", output={"checksum": "crc32:0", "bytesize": 0}), "output.checksum"),
    (lambda c, job: c.update(job, "done"), "state 'done'"),
    (lambda c, job: c.update(job, "failed", failure_reason="bad_weather"), "bad_weather"),
    (lambda c, job: c.update(job, "failed"), "failure_reason None"),
    (lambda c, job: c.update(job, "success", exit_code=1), "exit_code 1 with success"),
    (lambda c, job: c.update({**job, "token": "glcbt-x"}, "running"), "wrong token"),
    (lambda c, job: c.update({**job, "id": 1}, "running"), "unknown job"),
    (lambda c, job: c.call("GET", "projects"), "no such call"),
])
def test_sees_wrong_job_updates(gitlab, client, act, complaint):
    gitlab.queue()
    payload = client.take()
    client.update(payload, "running")
    assert not gitlab.violations
    act(client, payload)
    assert any(complaint in text for text in gitlab.violations), gitlab.violations


@pytest.mark.violations
def test_sees_work_before_the_accept(gitlab, client):
    gitlab.queue()
    payload = client.take()
    client.patch(payload, 0, TRACE)
    assert client.update(payload, "success", TRACE).status == 400
    assert len(gitlab.violations) == 2


def test_reasons_follow_what_the_server_lists(gitlab, client):
    job = gitlab.queue(failure_reasons=["script_failure", "image_pull_failure"])
    client.run(client.take(), TRACE, "failed", failure_reason="image_pull_failure")
    assert job.failure_reason == "image_pull_failure"


def test_graceful_cancel(gitlab, client):
    job = gitlab.queue()
    payload = client.take()
    client.update(payload, "running")
    job.cancel()
    told = client.patch(payload, 0, TRACE)
    assert told.status == 202 and told.headers["Job-Status"] == "canceling"
    assert client.update(payload, "running").headers["Job-Status"] == "canceling"
    assert client.update(payload, "failed", TRACE, failure_reason="job_canceled").status == 200
    assert job.wait(1).state == "canceled"


def test_abrupt_cancel(gitlab, client):
    job = gitlab.queue()
    payload = client.take()
    client.update(payload, "running")
    job.cancel(graceful=False)
    for told in (client.patch(payload, 0, TRACE), client.update(payload, "running")):
        assert told.status == 403 and told.headers["Job-Status"] == "canceled"
    again = gitlab.queue()
    payload = client.take()
    again.cancel()
    assert client.update(payload, "running").headers["Job-Status"] == "canceled"


def test_runner_without_two_phase_and_graceful_cancel(gitlab, client):
    client.without("two_phase_job_commit", "cancel_gracefully")
    job = gitlab.queue()
    client.take()
    assert job.state == "running"
    job.cancel()
    assert job.state == "canceled"


def test_artifacts_go_up_and_down(gitlab, client):
    job = gitlab.queue(artifacts={"paths": ["a"]})
    payload = client.take()
    client.update(payload, "running")
    head = {"JOB-TOKEN": payload["token"]}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a", "--xx")
    data = packed.getvalue()
    body = b'--xx\r\nContent-Disposition: form-data; name="file"; filename="a.zip"\r\n\r\n' + data + b'\r\n--xx--\r\n'
    up = client.call("POST", f"jobs/{job.id}/artifacts?artifact_format=zip", body,
                     {**head, "Content-Type": "multipart/form-data; boundary=xx"})
    assert up.status == 201 and job.artifacts[0]["filename"] == "a.zip"
    assert client.call("GET", f"jobs/{job.id}/artifacts", None, head).body == data
    part = client.call("GET", f"jobs/{job.id}/artifacts", None, {**head, "Range": "bytes=5-8"})
    assert part.status == 206 and part.body == data[5:9]


@pytest.mark.violations
@pytest.mark.parametrize("query, name", [
    ("artifact_format=raw", "a"), ("artifact_type=junit", "a.zip"), ("artifact_type=nonsense", "a.zip"),
    ("expire_in=soon", "a.zip"), ("more=1", "a.zip"), ("", "a.gz"), ("", "d/a.zip"), ("artifact_format=gzip", "a.gz"),
])
def test_bad_artifacts_are_noticed(gitlab, client, query, name):
    gitlab.queue()
    payload = client.take()
    client.update(payload, "running")
    body = f'--xx\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\nPK--xx\r\n--xx--\r\n'.encode()
    up = client.call("POST", f"jobs/{payload['id']}/artifacts?{query}", body,
                     {"JOB-TOKEN": payload["token"], "Content-Type": "multipart/form-data; boundary=xx"})
    assert up.status == 400 and gitlab.violations


def test_pipeline_runs_stage_after_stage(gitlab, client):
    seen = []
    pipeline = Pipeline(gitlab, [("build", [{"name": "a"}, {"name": "b"}]), ("test", [{"name": "c"}])],
                        on_job=lambda job: seen.append(job.name)).start()
    first, second = client.take(), client.take()
    client.run(first, TRACE)
    assert seen == ["a", "b"]
    client.run(second, TRACE)
    assert seen == ["a", "b", "c"]
    client.run(client.take(), TRACE, "failed", failure_reason="script_failure")
    assert pipeline.wait(2) == "failed"


def test_bad_payload_is_sent_as_it_is(gitlab, client):
    gitlab.queue(raw=b"{not json")
    gitlab.queue(raw=lambda payload: json.dumps({**payload, "steps": 3}).encode())
    assert client.request().body == b"{not json"
    assert client.request().json()["steps"] == 3


# --- misbehaviour -------------------------------------------------------------------------------------


def test_fail_next_status_headers_and_times(gitlab, client):
    gitlab.fail_next("POST", "/jobs/request$", status=503, headers={"Retry-After": "7"}, times=2)
    answers = [client.request() for _ in range(3)]
    assert [a.status for a in answers] == [503, 503, 204] and answers[0].headers["Retry-After"] == "7"
    assert [r.status for r in gitlab.requests("POST")] == [503, 503, 204]


def test_fail_next_redirect_and_delay(gitlab, client):
    gitlab.fail_next("*", "/jobs/", redirect="http://other.example/api", delay=0.2)
    began = time.monotonic()
    answer = client.request()
    assert (answer.status, answer.headers["Location"]) == (307, "http://other.example/api")
    assert time.monotonic() - began >= 0.2


@pytest.mark.parametrize("how", [{"close": True}, {"garbage": True}, {"truncate": 3, "body": "0123456789"}])
def test_fail_next_breaks_the_connection(gitlab, client, how):
    gitlab.fail_next("POST", "request", **how)
    with pytest.raises(http.client.HTTPException):
        client.request()
    client.conn.close()
    assert client.request().status == 204


def test_fail_next_after_the_request_was_served(gitlab, client):
    job = gitlab.queue()
    payload = client.take()
    client.update(payload, "running")
    gitlab.fail_next("PATCH", "trace", close=True, processed=True)
    with pytest.raises(http.client.HTTPException):
        client.patch(payload, 0, TRACE)
    client.conn.close()
    assert job.trace() == TRACE
    assert client.patch(payload, 0, TRACE).headers["Range"] == f"0-{len(TRACE)}"


def test_fail_next_endless_and_silent(gitlab):
    gitlab.fail_next("POST", "request", endless=True)
    with RunnerClient(gitlab.url, gitlab.token) as client:
        client.conn.request("POST", client.root + "jobs/request", b"{}")
        assert len(client.conn.getresponse().read(5 << 20)) == 5 << 20
    gitlab.fail_next("POST", "request", status=200, stall=0)
    with RunnerClient(gitlab.url, gitlab.token) as client:
        client.conn.timeout = 0.3
        with pytest.raises(TimeoutError):
            client.request()


def test_tls_with_client_certificate(authority):
    server, mine = authority.issue("server"), authority.issue("client")
    context = ssl.create_default_context(cafile=authority.ca)
    with GitLab(cert=server.cert, key=server.key, client_ca=authority.ca) as gitlab:
        with RunnerClient(gitlab.url, gitlab.token, context) as client:
            with pytest.raises((OSError, http.client.HTTPException)):
                client.request()
        context.load_cert_chain(mine.cert, mine.key)
        with RunnerClient(gitlab.url, gitlab.token, context) as client:
            assert client.request().status == 204
            later(0.1, lambda: gitlab.queue())
            client.take()
        assert not gitlab.problems()


@pytest.mark.violations
def test_malformed_http_is_seen(gitlab):
    with RunnerClient(gitlab.url, gitlab.token) as client:
        client.conn.connect()
        client.conn.sock.sendall(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert client.conn.sock.recv(10) == b""
    assert any("Transfer-Encoding" in text for text in gitlab.problems())


def test_down_and_up_again(gitlab, client):
    client.request()
    gitlab.down()
    client.conn.close()
    with pytest.raises(ConnectionRefusedError):
        client.request()
    client.conn.close()
    gitlab.up()
    job = gitlab.queue()
    assert client.take()["id"] == job.id


def test_as_a_program_it_runs_a_pipeline(tmp_path):
    jobs = [["build", [{"name": "compile"}]], ["test", [{"name": "unit"}]]]
    (tmp_path / "p.json").write_text(json.dumps(jobs))
    command = ["/usr/bin/python3", "-m", "tests.forge.gitlab", "--token-out", tmp_path / "token", "--pipeline",
               tmp_path / "p.json", "--stream", "--report", tmp_path / "report.json", "--timeout", "20"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as program:
        url = program.stdout.readline().decode().strip()
        with RunnerClient(url, (tmp_path / "token").read_text().strip()) as client:
            client.run(client.take(), b"a line\nhalf a line")
            unit = client.take()
            client.root = "/-/"
            assert client.call("GET", f"jobs/{unit['id']}").json()["state"] == "waiting"
            client.root = "/api/v4/"
            client.run(unit, b"")
        shown = program.stdout.read().decode().splitlines()
    assert program.returncode == 0 and [line.split(" | ")[1] for line in shown] == ["a line", "half a line"]
    assert [job["state"] for job in json.loads((tmp_path / "report.json").read_text())] == ["success", "success"]
