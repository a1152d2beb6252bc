"""The recorder role alone: driven as its supervisor drives it, read with curl and promtool."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
from pathlib import Path

from machine import require
from recorder_client import Recorder

OPEN_METRICS = "Accept: application/openmetrics-text; version=1.0.0,text/plain;q=0.5"


def rows(directory: Path) -> list[tuple]:
    with sqlite3.connect(directory / "ledger.db") as db:
        return db.execute("select name, state, fault, total_ms, steps_ms from jobs order by name").fetchall()


def test_metrics_pass_promtool(tmp_path):
    require(shutil.which("promtool"), "promtool")
    with Recorder(tmp_path) as recorder:
        recorder.started()
        recorder.ended("a")
        recorder.ended("b", "failed", "script", 900_001)
        recorder.gauge("courser_jobs", "state=running", 3)
        recorder.gauge("courser_slots", "", 4)
        recorder.gauge("courser_last_poll_success_timestamp_seconds", "registration=x", time.time())
        recorder.count("courser_forge_requests_total", "call=poll,status=2xx", 7)
        recorder.count("courser_nonsense_total", "", 1)
        page = recorder.metrics("courser_metrics_dropped_total 1")
        done = subprocess.run(["promtool", "check", "metrics"], input=page, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        lines = page.splitlines()
        assert 'courser_jobs_finished_total{state="failed",fault="script"} 1' in lines
        assert 'courser_job_duration_seconds_bucket{state="failed",le="900.0"} 0' in lines
        assert 'courser_job_duration_seconds_bucket{state="success",le="2.5"} 1' in lines
        assert 'courser_job_phase_seconds_sum{phase="steps"} 901.501' in lines
        assert 'courser_forge_requests_total{call="poll",status="2xx"} 7' in lines
        status, kind, page = recorder.curl("/metrics", "-H", OPEN_METRICS)
        assert status == 200 and kind.startswith("application/openmetrics-text; version=1.0.0")
        assert page.endswith("# EOF") or page.endswith("# EOF\n")
        assert "# TYPE courser_jobs_finished counter" in page.splitlines()
    assert recorder.end() == 0


def test_health_readiness_and_the_rest(tmp_path):
    with Recorder(tmp_path) as recorder:
        assert recorder.curl("/healthz")[0] == 200
        assert recorder.curl("/readyz")[0] == 503
        recorder.ready(False, "no courier")
        recorder.metrics("courser_ready 0")
        assert recorder.curl("/readyz")[::2] == (503, "no courier\n")
        recorder.ready(True, "3 of 4 slots free")
        recorder.metrics("courser_ready 1")
        assert recorder.curl("/readyz")[::2] == (200, "3 of 4 slots free\n")
        assert recorder.curl("/other")[0] == 404
        assert recorder.curl("/metrics", "-d", "x=1")[0] == 405
        assert recorder.curl("/metrics", "-I")[0] == 200


def test_rows_survive_a_crash(tmp_path):
    with Recorder(tmp_path) as recorder:
        for number in range(50):
            recorder.ended(f"job-{number:02}", ms=number)
        recorder.ended("job-07", "failed", "infra", 99)
        recorder.metrics('courser_jobs_finished_total{state="failed",fault="infra"} 1')
        os.kill(recorder.pid, signal.SIGKILL)
        assert recorder.end() == -signal.SIGKILL
    with Recorder(tmp_path) as recorder:
        recorder.ended("after", timed=0)
        recorder.metrics('courser_jobs_finished_total{state="success",fault="none"} 1')
    got = rows(tmp_path)
    assert len(got) == 51
    assert ("after", "success", "none", None, None) in got
    assert ("job-07", "failed", "infra", 99, 7) in got


def test_a_ledger_that_cannot_be_written_costs_a_count(tmp_path):
    (tmp_path / "ledger.db").mkdir()
    with Recorder(tmp_path) as recorder:
        recorder.ended("a")
        recorder.metrics("courser_ledger_errors_total 1")
        assert recorder.curl("/healthz")[0] == 200


def test_without_an_address_it_keeps_the_ledger(tmp_path):
    with Recorder(tmp_path, serve=False) as recorder:
        recorder.ended("a")
    assert recorder.end() == 0
    assert [row[0] for row in rows(tmp_path)] == ["a"]


def test_clients_that_hang_or_babble_harm_nobody(tmp_path):
    with Recorder(tmp_path) as recorder:
        idle = [socket.create_connection(("127.0.0.1", recorder.port)) for _ in range(20)]
        idle[0].send(b"\x00\xff junk\r\n\r\n")
        idle[1].send(b"GET /metrics HTTP/1.1\r\nX: " + b"a" * 200_000)
        idle[2].send(b"GET /metrics HTTP/1.1\r\n")
        assert recorder.curl("/healthz")[0] == 200
        for one in idle:
            one.close()


def test_garbage_from_its_supervisor_ends_it(tmp_path):
    with Recorder(tmp_path) as recorder:
        recorder.metrics()
        recorder.ours.send(b"\x02\0\0\0junk")
        assert os.waitstatus_to_exitcode(os.waitpid(recorder.pid, 0)[1]) == 0
        recorder.status = 0


def test_it_is_small(tmp_path):
    require(not os.environ.get("COURSER_SANITIZED"), "an ordinary build")
    with Recorder(tmp_path) as recorder:
        recorder.ended("a")
        recorder.metrics('courser_jobs_finished_total{state="success",fault="none"} 1')
        maps = Path(f"/proc/{recorder.pid}/maps").read_text()
        if "libasan" in maps or "libclang_rt" in maps:
            return
        dirty, ours = 0, "courser-recorder"
        for line in Path(f"/proc/{recorder.pid}/smaps").read_text().splitlines():
            if "-" in line.split(" ")[0]:
                name = line.split()[-1]
            elif line.startswith("Private_Dirty:") and not name.endswith(ours):
                dirty += int(line.split()[1])
        assert dirty < 820, f"{dirty} KiB private dirty"


# --- the supervisor's side ------------------------------------------------------------------------------


class Link:
    """tests/recorder-link with its recorder."""

    def __init__(self, state: Path) -> None:
        build = Path(os.environ.get("COURSER_BUILD") or Path(__file__).resolve().parents[2] / "build")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.process = subprocess.Popen([build / "tests" / "recorder-link", state, f"127.0.0.1:{self.port}"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def heard(self) -> str:
        return self.process.stdout.readline().strip()

    def say(self, word: str) -> None:
        self.process.stdin.write(word + "\n")

    def recorder(self) -> int:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        assert len(children) == 1
        return int(children[0])

    metrics = Recorder.metrics
    curl = Recorder.curl


def test_a_recorder_that_dies_is_started_again(tmp_path):
    link = Link(tmp_path)
    try:
        assert link.heard() == "begun"
        link.say("job one")
        assert link.heard() == "told"
        link.metrics("courser_slots 4")
        os.kill(link.recorder(), signal.SIGKILL)
        time.sleep(0.2)
        link.say("job lost")
        assert link.heard() == "told"
        assert link.heard() == "begun"
        link.say("job two")
        assert link.heard() == "told"
        link.metrics('courser_role_restarts_total{role="recorder"} 1')
        link.metrics("courser_recorder_dropped_total 2")
    finally:
        link.process.stdin.close()
        assert link.process.wait(10) == 0
    assert [row[0] for row in rows(tmp_path / "ledger")] == ["one", "two"]


def test_a_recorder_that_does_not_read_holds_nobody(tmp_path):
    link = Link(tmp_path)
    try:
        assert link.heard() == "begun"
        pid = link.recorder()
        os.kill(pid, signal.SIGSTOP)
        link.say("flood")
        assert link.heard() == "told"
        os.kill(pid, signal.SIGCONT)
        link.metrics()  # it reads again
        time.sleep(0.2)
        link.say("job one")
        assert link.heard() == "told"
        page = link.metrics("courser_slots 4")
        values = dict(line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))
        started, dropped = (int(values[f"courser_{name}_total"]) for name in ("jobs_started", "recorder_dropped"))
        assert started > 0 and dropped > 0
    finally:
        link.process.stdin.close()
        assert link.process.wait(10) == 0
