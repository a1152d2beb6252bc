"""The courier role alone, driven as its supervisor drives it, against coordinators that behave and that do not."""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from courier_client import SYSTEM_ID, Courier, Journal
from machine import require

from tests.forge.certs import Authority
from tests.forge.gitlab import GitLab
from tests.forge.gitlab_payload import OLD_FAILURE_REASONS
from tests.forge.proxy import Proxy


@pytest.fixture
def courier(tmp_path: Path) -> Iterator[Courier]:
    with Courier(tmp_path) as made:
        yield made
    assert made.end() == 0


def trace_offsets(gitlab: GitLab, job) -> list[int]:
    return [r.offset for r in gitlab.requests("PATCH", rf"jobs/{job.id}/trace")]


# --- asking for jobs ----------------------------------------------------------------------------------


def test_a_job_from_offer_to_report(gitlab, courier):
    courier.register(gitlab.url, gitlab.token)
    job = gitlab.queue(script=["true"])
    taken, journal = courier.take()
    assert taken["job_id"] == job.id and taken["token"] == job.token and taken["idx"] == 1
    assert taken["project_path"] == job.payload["job_info"]["project_full_path"]
    assert taken["project_id"] == job.payload["job_info"]["project_id"]
    assert taken["timeout_s"] == job.payload["runner_info"]["timeout"] and taken["debug_trace"] == 0
    assert json.loads(os.pread(taken["payload"], 1 << 20, 0)) == job.payload
    with pytest.raises(OSError):
        os.write(taken["payload"], b"x")
    journal.write("first\n")
    job.wait_trace("first\n", 1)
    journal.write("second\n")
    journal.end()
    assert courier.wait("REPORTED", cookie=taken["cookie"])["ok"] == 1
    assert job.state == "success" and job.trace() == b"first\nsecond\n"
    assert job.updates[0]["state"] == "running" and "output" not in job.updates[0]


def test_long_polls_are_held_and_cost_nothing(gitlab, courier):
    courier.register(gitlab.url, gitlab.token)
    courier.wait("HEALTH", ok=1)
    time.sleep(0.3)

    def switches() -> int:
        text = Path(f"/proc/{courier.pid}/status").read_text()
        return sum(int(line.split()[1]) for line in text.splitlines() if "ctxt" in line)

    before, asked = switches(), len(gitlab.requests("POST", "jobs/request"))
    time.sleep(1.5)
    assert switches() == before and len(gitlab.requests("POST", "jobs/request")) == asked == 2
    start = time.monotonic()
    gitlab.queue(script=["true"])
    courier.wait("JOB")
    assert time.monotonic() - start < 0.25


def test_no_poll_without_a_free_slot(gitlab, courier):
    courier.register(gitlab.url, gitlab.token, slots=0)
    courier.none("JOB", 0.3)
    assert not gitlab.requests("POST", "jobs/request")
    courier.send("CAPACITY", slots=1)
    jobs = [gitlab.queue(script=["true"]) for _ in range(2)]
    first, journal = courier.take()
    courier.none("JOB", 0.4)
    journal.end()
    courier.wait("REPORTED")
    courier.send("CAPACITY", slots=1, seen=first["cookie"])
    second, journal = courier.take()
    journal.end()
    courier.wait("REPORTED", cookie=second["cookie"])
    assert [job.state for job in jobs] == ["success", "success"]


def test_drain_ends_polls_and_lets_jobs_go_on(gitlab, courier):
    courier.register(gitlab.url, gitlab.token)
    job = gitlab.queue(script=["true"])
    _, journal = courier.take()
    courier.send("DRAIN", on=1)
    time.sleep(0.3)
    gitlab.queue(script=["true"])
    courier.none("JOB", 0.5)
    journal.write("still here\n")
    journal.end()
    courier.wait("REPORTED", ok=1)
    assert job.text == "still here\n"
    courier.send("DRAIN", on=0)
    courier.wait("JOB")


def test_limit_of_a_registration(gitlab, courier):
    courier.register(gitlab.url, gitlab.token, limit=1)
    for _ in range(2):
        gitlab.queue(script=["true"])
    _, journal = courier.take()
    courier.none("JOB", 0.4)
    journal.end()
    courier.take()


@pytest.mark.parametrize("status", [429, 503])
def test_pushed_back_polls_wait_as_told(gitlab, courier, status):
    fault = gitlab.fail_next("POST", "jobs/request", status=status, headers={"Retry-After": "1"})
    courier.register(gitlab.url, gitlab.token)
    job = gitlab.queue(script=["true"])
    assert courier.wait("JOB")["job_id"] == job.id
    times = [r.time for r in gitlab.requests("POST", "jobs/request")]
    assert fault.used == 1 and times[1] - times[0] >= 1


def test_refused_three_times_is_unhealthy(gitlab, courier):
    courier.register(gitlab.url, "glrt-wrong", check_interval_ms=50, unhealthy_interval_s=2)
    health = courier.wait("HEALTH", ok=0)
    while "unhealthy" not in health["text"]:
        health = courier.wait("HEALTH", ok=0)
    assert "403" in health["text"] and "glrt-wrong" not in health["text"]
    asked = len(gitlab.requests("POST", "jobs/request"))
    time.sleep(1)
    assert len(gitlab.requests("POST", "jobs/request")) == asked == 3
    time.sleep(1.5)
    assert len(gitlab.requests("POST", "jobs/request")) > 3


def test_a_token_that_cannot_be_sent(gitlab, courier):
    courier.register(gitlab.url, "glrt-a\r\nX-Evil: 1")
    text = courier.wait("HEALTH", ok=0)["text"]
    assert "RUNNER-TOKEN" in text and "Evil" not in text
    assert not gitlab.requests("POST")


def test_no_free_running_polls_when_the_queue_always_changes(gitlab, courier):
    gitlab.fail_next("POST", "jobs/request", status=204, times=1000)
    courier.register(gitlab.url, gitlab.token, check_interval_ms=500)
    time.sleep(2)
    assert len(gitlab.requests("POST", "jobs/request")) <= 6


# --- accepting ----------------------------------------------------------------------------------------


def offered(gitlab: GitLab, courier: Courier) -> tuple:
    courier.register(gitlab.url, gitlab.token)
    job = gitlab.queue(script=["true"])
    return job, courier.wait("JOB")


def ready(courier: Courier, taken: dict, **how) -> Journal:
    journal = Journal(courier.directory / str(taken["cookie"]))
    courier.send("JOB_READY", cookie=taken["cookie"], go=1, **journal.fds(), **how)
    return journal


def test_nothing_is_sent_before_the_supervisor_is_ready(gitlab, courier):
    job, _ = offered(gitlab, courier)
    courier.none("ACCEPTED", 0.3)
    assert job.state == "waiting" and not gitlab.requests("PUT")


@pytest.mark.parametrize("status", [403, 404])
def test_a_job_that_is_gone_is_dropped(gitlab, courier, status):
    job, taken = offered(gitlab, courier)
    gitlab.fail_next("PUT", rf"jobs/{job.id}", status=status)
    ready(courier, taken)
    courier.wait("DROPPED", cookie=taken["cookie"])
    courier.none("ACCEPTED", 0.2)
    assert len(gitlab.requests("PUT")) == 1 and not gitlab.requests("PATCH")


def test_a_job_cancelled_before_it_began(gitlab, courier):
    job, taken = offered(gitlab, courier)
    job.cancel()
    ready(courier, taken)
    courier.wait("DROPPED", cookie=taken["cookie"])


@pytest.mark.violations
def test_a_job_that_is_canceling_is_reported_and_dropped(gitlab, courier):
    job, taken = offered(gitlab, courier)
    gitlab.fail_next("PUT", rf"jobs/{job.id}", status=200, headers={"Job-Status": "canceling"})
    ready(courier, taken)
    courier.wait("DROPPED", cookie=taken["cookie"])
    last = gitlab.requests("PUT")[-1].json()
    assert last["state"] == "failed" and last["failure_reason"] == "job_canceled"


@pytest.mark.parametrize("how", [{"status": 500}, {"close": True}, {"status": 418}, {"redirect": "http://h/"}])
def test_an_error_while_accepting_is_no_reason_to_stop(gitlab, courier, how):
    job, taken = offered(gitlab, courier)
    gitlab.fail_next("PUT", rf"jobs/{job.id}", times=2, **how)
    journal = ready(courier, taken)
    courier.wait("ACCEPTED", cookie=taken["cookie"])
    journal.end()
    assert job.wait().state == "success"


def test_a_refused_job_fails_with_the_reason_in_its_log(gitlab, courier):
    job, taken = offered(gitlab, courier)
    courier.send("JOB_READY", cookie=taken["cookie"], go=0, why="no space\nleft")
    assert courier.wait("REPORTED", cookie=taken["cookie"])["ok"] == 1
    assert job.state == "failed" and job.failure_reason == "runner_system_failure"
    assert "no space left" in job.text
    courier.none("ACCEPTED", 0.1)


# --- payloads that are none ---------------------------------------------------------------------------


def cut_short(payload: dict) -> bytes:
    head = {"id": payload["id"], "token": payload["token"]}
    rest = {k: v for k, v in payload.items() if k not in head}
    return json.dumps({**head, **rest}).encode()[:-40]


def test_a_payload_cut_short_still_goes_to_the_worker(gitlab, courier):
    courier.register(gitlab.url, gitlab.token)
    job = gitlab.queue(script=["true"], raw=cut_short)
    taken, journal = courier.take()
    assert taken["job_id"] == job.id and os.fstat(taken["payload"]).st_size == len(job.raw_body)
    journal.end("failed", "runner_system_failure", 1)
    assert job.wait().failure_reason == "runner_system_failure"


@pytest.mark.parametrize("raw", [b"", b"garbage", b"[]", b'{"id": 5}', b'{"id": "5", "token": "x"}', b'{"id":7,"token":"a\\nb"}',
                                 b"[" * 100000, b'{"token":"t","id":99999999999999999999}'])
def test_a_payload_that_names_no_job_is_survived(gitlab, courier, raw):
    courier.register(gitlab.url, gitlab.token)
    gitlab.queue(script=["true"], raw=raw)
    courier.wait("HEALTH", ok=0)
    job = gitlab.queue(script=["true"])
    assert courier.wait("JOB")["job_id"] == job.id


def test_ten_megabytes_of_variables_pass(gitlab, courier):
    courier.register(gitlab.url, gitlab.token)
    job = gitlab.queue(script=["true"], variables={"BIG": "x" * (10 << 20)})
    taken = courier.wait("JOB")
    assert os.fstat(taken["payload"]).st_size > 10 << 20 and taken["job_id"] == job.id


# --- the log --------------------------------------------------------------------------------------------


def test_first_bytes_at_once_then_every_second(gitlab, courier):
    job, taken = offered(gitlab, courier)
    journal = ready(courier, taken)
    courier.wait("ACCEPTED")
    for i in range(300):
        journal.write(f"line {i}\n")
        time.sleep(0.01)
    journal.end()
    job.wait()
    times = [r.time for r in gitlab.requests("PATCH")]
    gaps = [b - a for a, b in zip(times, times[1:], strict=False)]
    assert job.text.count("\n") == 300 and max(gaps) < 1.5
    assert 8 <= len(times) <= 14, f"{len(times)} pieces in 3 seconds"


def test_a_server_that_wants_rest_gets_it(gitlab, courier):
    gitlab.update_interval = 60
    job, taken = offered(gitlab, courier)
    journal = ready(courier, taken)
    courier.wait("ACCEPTED")
    for i in range(30):
        journal.write(f"line {i}\n")
        time.sleep(0.1)
    before = len(gitlab.requests("PATCH"))
    for i in range(20):
        journal.write(f"line {i}\n")
        time.sleep(0.1)
    assert len(gitlab.requests("PATCH")) == before
    journal.end()
    job.wait(2)
    assert job.text.count("\n") == 50


@pytest.mark.parametrize("how", [{"status": 416, "headers": {"Range": "0-3"}}, {"status": 500, "times": 2},
                                 {"status": 416}, {"close": True}, {"status": 429, "headers": {"Retry-After": "0"}},
                                 {"processed": True, "close": True}, {"processed": True, "status": 502},
                                 {"garbage": True}, {"redirect": "http://127.0.0.1:1/"}, {"status": 200}])
def test_not_a_byte_lost_nor_doubled(gitlab, courier, how):
    courier.register(gitlab.url, gitlab.token)
    job = gitlab.queue(script=["true"])
    gitlab.fail_next("PATCH", rf"jobs/{job.id}/trace", **how)
    taken, journal = courier.take()
    text = "".join(f"{i}\n" for i in range(500))
    for i in range(0, len(text), 100):
        journal.write(text[i:i + 100])
        time.sleep(0.002)
    journal.end()
    assert job.wait(20).state == "success"
    assert job.text == text
    assert courier.wait("REPORTED")["ok"] == 1


def test_412_sends_the_whole_log_again(gitlab, courier):
    job, taken = offered(gitlab, courier)
    journal = ready(courier, taken)
    courier.wait("ACCEPTED")
    journal.write("all of it\n")
    job.wait_trace("all of it\n")
    job.tamper(lambda data: data.__setitem__(0, ord("X")))
    journal.end()
    assert job.wait(20).state == "success" and job.text == "all of it\n"
    assert trace_offsets(gitlab, job)[-1] == 0


def test_404_for_the_log_is_not_the_end(gitlab, courier):
    job, taken = offered(gitlab, courier)
    gitlab.fail_next("PATCH", rf"jobs/{job.id}/trace", status=404)
    journal = ready(courier, taken)
    courier.wait("ACCEPTED")
    journal.write("nobody wants this\n")
    courier.none("CANCEL", 0.3)
    journal.write("nor this\n")
    time.sleep(0.3)
    assert len(gitlab.requests("PATCH")) == 1
    gitlab.fail_next("PUT", rf"jobs/{job.id}", status=200)
    journal.end()
    courier.wait("REPORTED", ok=1)


def test_accepted_but_not_completed_is_asked_again(gitlab, courier):
    job, taken = offered(gitlab, courier)
    job.not_yet = 1
    journal = ready(courier, taken)
    journal.end()
    assert job.wait(10).state == "success"


def test_exit_code_reason_and_debug_trace(gitlab, courier):
    courier.register(gitlab.url, gitlab.token)
    job = gitlab.queue(script=["true"], variables={"CI_DEBUG_TRACE": "true"})
    taken, journal = courier.take()
    assert taken["debug_trace"] == 1
    journal.write("x")
    journal.end("failed", "script_failure", 42)
    job.wait()
    assert (job.failure_reason, job.exit_code) == ("script_failure", 42)


def test_an_old_server_is_told_what_it_knows(gitlab, courier):
    courier.register(gitlab.url, gitlab.token)
    features = {"trace_sections": True, "failure_reasons": OLD_FAILURE_REASONS}
    for ours, old in (("runner_configuration_error", "script_failure"), ("job_canceled", "unknown_failure"),
                      ("image_pull_failure", "runner_system_failure")):
        job = gitlab.queue(script=["true"], features=features)
        _, journal = courier.take()
        journal.end("failed", ours, 1)
        assert job.wait().failure_reason == old


# --- cancel -------------------------------------------------------------------------------------------


def test_cancel_graceful_then_forced(gitlab, courier):
    job, taken = offered(gitlab, courier)
    journal = ready(courier, taken)
    courier.wait("ACCEPTED")
    job.cancel(graceful=True)
    journal.write("a\n")
    assert courier.wait("CANCEL", cookie=taken["cookie"])["graceful"] == 1
    journal.write("after_script runs\n")
    job.wait_trace("after_script runs")
    courier.none("CANCEL", 0.2)
    job.cancel(graceful=False)
    journal.write("b\n")
    assert courier.wait("CANCEL", cookie=taken["cookie"])["graceful"] == 0
    journal.end("failed", "job_canceled", 1)
    assert courier.wait("REPORTED", cookie=taken["cookie"])["ok"] == 1
    assert job.state == "canceled"


@pytest.mark.timeout(90)
def test_half_a_minute_of_silence(gitlab, courier):
    """A cancel is heard although the job prints nothing; a job that waits for a slot is kept alive."""
    job, taken = offered(gitlab, courier)
    ready(courier, taken)
    courier.wait("ACCEPTED")
    waiting = gitlab.queue(script=["true"])
    late = courier.wait("JOB")
    time.sleep(0.2)
    job.cancel(graceful=True)
    start = time.monotonic()
    assert courier.wait("CANCEL", timeout=35)["graceful"] == 1
    assert time.monotonic() - start < 31
    assert job.updates[-1]["output"] == {"checksum": "crc32:00000000", "bytesize": 0}
    waiting.wait_until(lambda one: one.updates, 35)
    assert waiting.updates[0]["state"] == "pending" and waiting.state == "waiting"
    ready(courier, late).end()
    assert waiting.wait().state == "success"


# --- after a restart -----------------------------------------------------------------------------------


def test_an_adopted_job_goes_on_where_the_server_stands(gitlab, tmp_path):
    with Courier(tmp_path) as first:
        job, taken = offered(gitlab, first)
        journal = ready(first, taken)
        first.wait("ACCEPTED")
        journal.write("before\n")
        job.wait_trace("before\n")
    journal.write("while nobody looked\n")
    with Courier(tmp_path) as second:
        second.register(gitlab.url, gitlab.token)
        cookie = 1 << 63 | 5
        second.send("ADOPT", cookie=cookie, idx=1, job_id=job.id, token=job.token, reasons=taken["reasons"],
                    accepted=1, **journal.fds())
        job.wait_trace("while nobody looked\n")
        journal.write("after\n")
        journal.end("failed", "script_failure", 3)
        assert second.wait("REPORTED", cookie=cookie)["ok"] == 1
        assert job.state == "failed" and job.text == "before\nwhile nobody looked\nafter\n"
    assert second.end() == 0


def test_a_dead_worker_is_reported_to_the_last_byte(gitlab, courier, tmp_path):
    courier.register(gitlab.url, gitlab.token)
    job, taken = gitlab.queue(script=["true"]), courier.wait("JOB")
    gitlab.fail_next("PUT", "nothing", status=500)
    journal = Journal(tmp_path / "dead", bell=False)
    journal.write("its last words")
    courier.send("JOB_READY", cookie=taken["cookie"], go=1, **journal.fds())
    courier.wait("REPORTED", ok=1)
    assert job.state == "failed" and job.failure_reason == "script_failure" and job.text == "its last words"


# --- what it may do ---


def test_it_has_given_up_what_it_does_not_need(gitlab, tmp_path):
    require(os.geteuid() == 0, "root")
    tmp_path.chmod(0o755)
    with Courier(tmp_path, ids="54321:54322") as courier:
        run_one(gitlab, courier)
        lines = Path(f"/proc/{courier.pid}/status").read_text().splitlines()
        status = dict(line.split(":", 1) for line in lines)
        assert status["Uid"].split() == ["54321"] * 4 and status["Gid"].split() == ["54322"] * 4
        assert not status["Groups"].split() and status["NoNewPrivs"].split() == ["1"]
        assert status["Seccomp"].split() == ["2"]
        assert all(int(status[name], 16) == 0 for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"))


def test_files_that_were_not_named_are_out_of_reach(authority: Authority, tmp_path):
    server = authority.issue("server4")
    with GitLab(cert=server.cert, key=server.key) as gitlab, Courier(tmp_path) as courier:
        if courier.sanitized:
            pytest.skip("a sanitized build may read every file: its runtime does")
        courier.register(gitlab.url, gitlab.token, ca_file=authority.ca)
        assert authority.ca in courier.wait("HEALTH", ok=0)["text"]


# --- several servers -----------------------------------------------------------------------------------


class Wild:
    """A server of a few lines that does to each connection what it is told."""

    def __init__(self, behave) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.behave, self.open = behave, []
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def run(self) -> None:
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            self.open.append(conn)
            threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def serve(self, conn: socket.socket) -> None:
        try:
            conn.recv(1 << 16)
            self.behave(conn)
        except OSError:
            pass

    def close(self) -> None:
        self.listener.close()
        for conn in self.open:
            conn.close()


def endless(head: bytes):
    def behave(conn: socket.socket) -> None:
        conn.sendall(head)
        while True:
            conn.sendall(b"x" * 4096)
    return behave


WILD = {
    "silent": lambda conn: None,
    "garbage": lambda conn: (conn.sendall(b"\x00\xff" * 1000), conn.close()),
    "endless body": endless(b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n\r\n"),
    "endless header": endless(b"HTTP/1.1 201 Created\r\nX: "),
    "endless interim": lambda conn: [conn.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 50) for _ in iter(int, 1)],
    "redirect": lambda conn: (conn.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\n"
                                           b"Content-Length: 0\r\n\r\n"), conn.close()),
    "hangs up": lambda conn: conn.close(),
}


@pytest.mark.parametrize("kind", WILD)
def test_a_wild_server_harms_no_other(gitlab, courier, kind):
    wild = Wild(WILD[kind])
    try:
        courier.register(wild.url, "glrt-other", idx=2, name="wild")
        courier.register(gitlab.url, gitlab.token)
        for i in range(3):
            job = gitlab.queue(script=["true"])
            start = time.monotonic()
            taken, journal = courier.take()
            journal.write("x\n")
            job.wait_trace("x\n")
            assert time.monotonic() - start < 1.5
            journal.end()
            courier.wait("REPORTED", ok=1)
            courier.send("CAPACITY", slots=4, seen=taken["cookie"])
            time.sleep(0.2)
        with open(f"/proc/{courier.pid}/statm") as f:
            assert int(f.read().split()[1]) * 4096 < 100 << 20 or courier.sanitized
    finally:
        wild.close()


def test_two_servers_at_once(gitlab, courier):
    with GitLab() as other:
        courier.register(gitlab.url, gitlab.token)
        courier.register(other.url, other.token, idx=2, name="other")
        jobs = {1: gitlab.queue(script=["a"]), 2: other.queue(script=["b"])}
        for _ in range(2):
            taken, journal = courier.take()
            journal.write(f"of {taken['idx']}\n")
            journal.end()
        for idx, job in jobs.items():
            assert job.wait().text == f"of {idx}\n"
        assert not other.problems()


def test_a_server_is_found_by_name(gitlab, courier):
    courier.register(gitlab.url.replace("127.0.0.1", "localhost"), gitlab.token)
    job = gitlab.queue(script=["true"])
    assert courier.wait("JOB")["job_id"] == job.id


def test_new_settings_keep_the_jobs_and_the_limit(gitlab, courier):
    job, taken = offered(gitlab, courier)
    journal = ready(courier, taken)
    courier.wait("ACCEPTED")
    courier.register(gitlab.url, gitlab.token, limit=1)
    time.sleep(0.3)
    gitlab.queue(script=["true"])
    courier.none("JOB", 0.4)
    journal.write("to the end\n")
    journal.end()
    courier.wait("REPORTED", ok=1)
    assert job.text == "to the end\n"
    courier.wait("JOB")


def test_a_forgotten_registration_ships_its_jobs_to_the_end(gitlab, courier):
    job, taken = offered(gitlab, courier)
    journal = ready(courier, taken)
    courier.wait("ACCEPTED")
    courier.send("FORGET", idx=1)
    time.sleep(0.3)
    gitlab.queue(script=["true"])
    courier.none("JOB", 0.4)
    journal.write("the end\n")
    journal.end()
    courier.wait("REPORTED", ok=1)
    assert job.text == "the end\n"


# --- TLS and proxies -----------------------------------------------------------------------------------


def run_one(gitlab: GitLab, courier: Courier, **how) -> None:
    courier.register(gitlab.url, gitlab.token, **how)
    job = gitlab.queue(script=["true"])
    _, journal = courier.take()
    journal.write("secure\n")
    journal.end()
    assert job.wait().text == "secure\n"
    assert not gitlab.problems()


def test_private_authority_and_client_certificate(authority: Authority, tmp_path):
    server, client = authority.issue("server"), authority.issue("client")
    with GitLab(cert=server.cert, key=server.key, client_ca=authority.ca) as gitlab:
        with Courier(tmp_path, authority.directory) as courier:
            courier.register(gitlab.url, gitlab.token)
            assert "certificate" in courier.wait("HEALTH", ok=0)["text"]
        with Courier(tmp_path, authority.directory) as courier:
            run_one(gitlab, courier, ca_file=authority.ca, cert_file=client.cert, key_file=client.key)


def test_a_changed_authority_file_is_picked_up(authority: Authority, tmp_path):
    server = authority.issue("server2")
    file = tmp_path / "ca.pem"
    shutil.copy(Authority(tmp_path, "wrong").ca, file)
    with GitLab(cert=server.cert, key=server.key) as gitlab, Courier(tmp_path) as courier:
        courier.register(gitlab.url, gitlab.token, ca_file=str(file))
        courier.wait("HEALTH", ok=0)
        shutil.copy(authority.ca, file)
        gitlab.queue(script=["true"])
        courier.wait("JOB")


def test_through_a_proxy(gitlab, courier):
    with Proxy() as proxy:
        run_one(gitlab, courier, proxy=proxy.url)
        assert proxy.connected


def test_through_a_proxy_with_tls(authority: Authority, tmp_path):
    server = authority.issue("server3")
    with GitLab(cert=server.cert, key=server.key) as gitlab, Proxy("me", "secret") as proxy, \
            Courier(tmp_path, authority.directory) as courier:
        run_one(gitlab, courier, proxy=proxy.url, ca_file=authority.ca)
        assert proxy.connected


# --- commands and tokens ---------------------------------------------------------------------------------


def ask(courier: Courier, verb: str, gitlab: GitLab, token: str, **how) -> dict:
    courier.send("ONESHOT", cookie=9, verb=verb, url=gitlab.url + "/", token=token, system_id=SYSTEM_ID, shell="bash",
                 **how)
    return courier.wait("RESULT", cookie=9)


def test_register_verify_reset_unregister(gitlab, courier):
    made = ask(courier, "register", gitlab, gitlab.registration_token, description="d", tags="a,b", run_untagged=1)
    assert made["ok"] and made["token"].startswith("glrtr-") and made["id"]
    body = gitlab.requests("POST", "runners")[0].json()
    assert body["tag_list"] == "a,b" and body["run_untagged"] is True and body["description"] == "d"
    assert ask(courier, "verify", gitlab, made["token"])["id"] == made["id"]
    fresh = ask(courier, "reset", gitlab, made["token"])
    assert fresh["ok"] and fresh["token"] not in ("", made["token"])
    refused = ask(courier, "verify", gitlab, made["token"])
    assert not refused["ok"] and refused["status"] == 403 and made["token"] not in refused["text"]
    assert ask(courier, "unregister", gitlab, fresh["token"])["ok"]
    assert ask(courier, "unregister", gitlab, fresh["token"])["status"] == 403


def test_a_runner_made_in_the_web_interface(gitlab, courier):
    made = ask(courier, "register", gitlab, gitlab.token)
    assert made["ok"] and made["id"] == gitlab.default_runner.id
    assert not gitlab.requests("POST", r"runners$")
    assert ask(courier, "unregister", gitlab, gitlab.token)["ok"]
    assert gitlab.requests("DELETE")[0].path.endswith("/runners/managers")


@pytest.mark.parametrize("url", ["ftp://x", "http://u:p@h/", "nonsense", "http://", "http://h/?a=b", "http://127.0.0.1:1"])
def test_addresses_that_are_none(courier, url):
    courier.send("ONESHOT", cookie=3, verb="verify", url=url, token="t", system_id=SYSTEM_ID)
    got = courier.wait("RESULT", cookie=3)
    assert not got["ok"] and got["status"] == 0 and got["text"] and "p@h" not in got["text"]


def test_the_token_is_replaced_before_it_expires(gitlab, courier):
    runner = gitlab.add_runner(expires_in=3600)
    old, now = runner.token, int(time.time())
    courier.register(gitlab.url, old, token_obtained=now - 3000, token_expires=now + 600, rotate=1)
    new = courier.wait("TOKEN", idx=1)
    assert new["token"] == runner.token != old and 3500 < new["expires"] - time.time() < 3700
    job = gitlab.queue(script=["true"], runner=runner)
    assert courier.wait("JOB")["job_id"] == job.id


# --- much -----------------------------------------------------------------------------------------------


@pytest.mark.timeout(120)
def test_two_hundred_megabytes(gitlab, courier):
    gitlab.trace_limit = 1 << 30
    job, taken = offered(gitlab, courier)
    journal = ready(courier, taken)
    courier.wait("ACCEPTED")
    block = b"".join(b"%07d of a long log, line by line by line\n" % i for i in range(20000))
    start = time.monotonic()
    for _ in range((200 << 20) // len(block)):
        journal.write(block)
    journal.end()
    job.wait(60)
    seconds = time.monotonic() - start
    assert len(job.data) == (200 << 20) // len(block) * len(block)
    peak = next(int(line.split()[1]) for line in Path(f"/proc/{courier.pid}/status").read_text().splitlines()
                if line.startswith("VmHWM"))
    print(f"{len(job.data) >> 20} MiB in {seconds:.2f} s, peak {peak >> 10} MiB")
    assert seconds < 30
    assert peak < 20 << 10 or courier.sanitized


def test_many_jobs_at_once(gitlab, courier):
    courier.register(gitlab.url, gitlab.token, slots=40)
    jobs = [gitlab.queue(script=["true"]) for _ in range(40)]
    journals = [courier.take()[1] for _ in jobs]
    for i, journal in enumerate(journals):
        journal.write(f"{i}\n")
    for journal in journals:
        journal.end()
    for job in jobs:
        assert job.wait().state == "success"
    assert sorted(int(job.text) for job in jobs) == list(range(40))
