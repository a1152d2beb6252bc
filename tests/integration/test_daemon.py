"""The daemon end to end: jobs, registrations, signals, what it says about itself."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from daemon_client import descendants, ended, free_port, get, job_directories, kill, lines_of, metric, role, roles, until, waiting
from machine import require

from tests.forge.gitlab import GitLab


# --- what waits for a job ------------------------------------------------------------------------------


def test_a_job_gets_what_waits_and_the_next_one_too(gitlab, courser, snooze, as_user):
    daemon = courser.start(gitlab)
    (first,) = until(lambda: waiting(courser), message="a worker waits")
    job = gitlab.queue(script=["echo begun-$((0))", snooze])
    job.wait_trace("begun-0")
    assert roles(courser, "worker") == [first]
    (second,) = until(lambda: waiting(courser), message="another worker waits")
    kill(second)
    until(lambda: not Path(f"/proc/{second}").exists(), message="its end is known")
    ended(gitlab.queue(script=["echo without"]))
    until(lambda: waiting(courser) not in ([], [second]), message="another worker waits")
    job.cancel(graceful=False)
    until(lambda: not courser.alive(snooze), message="the job has ended")
    daemon.kill()
    until(lambda: not courser.processes(), message="nothing of it is left")


def test_a_job_that_comes_with_the_end_of_what_waits(gitlab, courser, as_user):
    """The supervisor hears of both at once."""
    daemon = courser.start(gitlab)
    (waits,) = until(lambda: waiting(courser), message="a worker waits")
    daemon.signal(signal.SIGSTOP)
    job = gitlab.queue(script=["echo hello"])
    time.sleep(0.3)  # the courier has it
    kill(waits)
    until(lambda: Path(f"/proc/{waits}/stat").read_text().rsplit(") ", 1)[1][0] == "Z", message="it has ended")
    daemon.signal(signal.SIGCONT)
    ended(job)
    assert daemon.stop() == 0


def with_network(courser, gitlab, network: str) -> Path:
    config = courser.config_for(gitlab)
    keys = yaml.safe_load(config.read_text())
    keys["runners"][0]["network"] = network
    return courser.write_config(**keys)


def test_what_waits_is_of_the_configuration_that_counts(gitlab, courser):
    here, look = os.readlink("/proc/self/ns/net"), ["echo network-$((0)) $(readlink /proc/self/ns/net)"]
    daemon = courser.run(with_network(courser, gitlab, "none"))
    until(lambda: waiting(courser), message="a worker waits")
    assert lines_of(ended(gitlab.queue(script=look)), "network-0") != [f"network-0 {here}"]
    until(lambda: waiting(courser), message="a worker waits")
    with_network(courser, gitlab, "host")
    daemon.signal(signal.SIGHUP)
    daemon.wait_log("the configuration is in force")
    assert lines_of(ended(gitlab.queue(script=look)), "network-0") == [f"network-0 {here}"]


# --- jobs ---------------------------------------------------------------------------------------------


def test_a_job_end_to_end(gitlab, courser, as_user):
    daemon = courser.start(gitlab)
    job = gitlab.queue(script=["echo hello $CI_JOB_ID", "exit 0"], after_script=["echo goodbye"])
    ended(job)
    assert lines_of(job, "hello") == [f"hello {job.id}"] and "goodbye" in job.text
    failed = ended(gitlab.queue(script=["echo bad", "exit 7"]), "failed")
    assert failed.failure_reason == "script_failure" and failed.exit_code == 7
    until(lambda: not job_directories(daemon), message="the jobs' directories are gone")
    assert daemon.stop() == 0
    assert job.token not in daemon.log() and not courser.files_with(job.token)


def test_twenty_jobs_at_four_at_once(gitlab, courser, as_user):
    daemon = courser.start(gitlab, concurrent=4)
    jobs = [gitlab.queue(script=[f"echo start-{n}; sleep 0.05; echo end-{n}"]) for n in range(20)]
    for n, job in enumerate(jobs):
        ended(job, timeout=30)
        assert lines_of(job, f"start-{n}") and lines_of(job, f"end-{n}")
    changes = sorted([(j.at("running"), 1) for j in jobs] + [(j.at("success"), -1) for j in jobs])
    most = now = 0
    for _, step in changes:
        now += step
        most = max(most, now)
    assert 2 <= most <= 4 + 4  # a slot is free when its job has ended here, before the forge has all of it
    assert len({j.taken_by for j in jobs}) == 1 and daemon.stop() == 0


def test_a_job_waits_when_several_polls_bring_one_each(courser):
    """Three registrations, one slot: nothing is refused and nothing runs twice."""
    with GitLab() as one, GitLab() as two, GitLab() as three:
        courser.start(one, two, three, concurrent=1)
        for server in (one, two, three):
            until(lambda: server.requests("POST", "jobs/request"), message="a poll")
        jobs = [server.queue(script=["sleep 0.3; echo did it"]) for server in (one, two, three)]
        for job in jobs:
            ended(job)
            assert lines_of(job, "did it") == ["did it"]
        assert courser.stop() == 0
        assert not one.problems() + two.problems() + three.problems()


def test_the_limit_of_a_registration(gitlab, courser):
    token = courser.write("tok", gitlab.token)
    courser.run(courser.write_config(concurrent=4, listen_address="", runners=[
        {"name": "limited", "url": gitlab.url, "token_file": str(token), "limit": 1}]))
    jobs = [gitlab.queue(script=["sleep 0.2"]) for _ in range(3)]
    for job in jobs:
        ended(job)
    spans = sorted((j.at("running"), j.at("success")) for j in jobs)
    assert all(spans[i][1] <= spans[i + 1][0] + 0.05 for i in range(2))


def test_a_large_log_arrives_whole(gitlab, courser):
    """50 MB of lines, 10 kB of them without a newline."""
    gitlab.trace_limit = 200 << 20
    token = courser.write("tok", gitlab.token)
    courser.run(courser.write_config(concurrent=1, listen_address="", runners=[
        {"name": "r", "url": gitlab.url, "token_file": str(token), "output_limit": "100MiB",
         "environment": ["FF_TIMESTAMPS=false"]}]))
    job = gitlab.queue(script=["seq 1000000 7000000", "head -c 10000 /dev/zero | tr '\\0' x"])
    ended(job, timeout=50)
    trace = job.trace()
    body = "".join(f"{n}\n" for n in range(1000000, 7000001)).encode()
    assert body in trace and b"x" * 10000 in trace and len(trace) > 48_000_000


# --- cancel -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("graceful", [True, False])
def test_cancel_at_the_forge(gitlab, courser, snooze, graceful):
    courser.start(gitlab)
    job = gitlab.queue(script=["echo started-$((0)); trap 'echo told' INT TERM; " + snooze],
                       after_script=["echo cleaned up $CI_JOB_STATUS"])
    job.wait_trace("started-0")
    began = time.monotonic()
    job.cancel(graceful)
    until(lambda: not courser.alive(snooze), 12, "the script is dead")
    assert time.monotonic() - began < 12
    if graceful:
        job.wait_until(lambda j: any(u.get("state") == "failed" for u in j.updates), 15, "the final state")
        assert "cleaned up canceled" in job.text
    until(lambda: not job_directories(courser.daemons[0]), message="the directory is gone")


def test_cancel_by_the_operator(gitlab, courser, snooze, as_user):
    daemon = courser.start(gitlab)
    job = gitlab.queue(script=["echo started-$((0))", snooze])
    other = gitlab.queue(script=["echo started-$((0))", snooze])
    job.wait_trace("started-0"), other.wait_trace("started-0")
    shown = courser.command("status", "--json", "--state", daemon.state)
    assert shown.returncode == 0, shown.stderr
    rows = {row["job"]: row for row in map(json.loads, shown.stdout.splitlines())}
    assert set(rows) == {job.id, other.id}
    row = rows[job.id]
    assert (row["state"], row["phase"], row["registration"], row["project"]) == \
        ("running", "steps", "runner0", "group/project")
    done = courser.command("cancel", str(job.id), "--state", daemon.state)
    assert done.returncode == 0 and b"1 job cancelled" in done.stdout
    ended(job, "failed")
    assert job.failure_reason in ("job_canceled", "unknown_failure") and "canceled" in job.text
    assert not other.finished
    assert courser.command("cancel", "--all", "--abort", "--state", daemon.state).returncode == 0
    ended(other, "failed")
    assert courser.command("cancel", "999999", "--state", daemon.state).returncode != 0
    assert daemon.stop() == 0
    assert courser.command("status", "--state", daemon.state).returncode != 0


# --- signals ------------------------------------------------------------------------------------------


def test_sigterm_drains_and_a_second_interrupts(gitlab, courser, snooze, as_user):
    port = free_port()
    daemon = courser.start(gitlab, listen_address=f"127.0.0.1:{port}")
    job = gitlab.queue(script=["echo started-$((0)); sleep 1; echo finished"])
    job.wait_trace("started-0")
    until(lambda: get(port, "/readyz")[0] == 200, message="ready")
    daemon.signal(signal.SIGTERM)
    daemon.wait_log("draining")
    assert until(lambda: get(port, "/readyz")[0] == 503, message="not ready") and daemon.running
    late = gitlab.queue(script=["true"])
    ended(job)
    assert "finished" in job.text and daemon.wait() == 0 and late.state == "queued"

    daemon = courser.start(gitlab)
    ended(late)
    long = gitlab.queue(script=["echo started-$((0))", snooze])
    long.wait_trace("started-0")
    daemon.signal(signal.SIGTERM)
    daemon.wait_log("draining")
    daemon.signal(signal.SIGTERM)
    assert daemon.wait() == 0
    assert long.state == "failed" and long.failure_reason == "runner_interrupted"
    assert not courser.alive(snooze) and not job_directories(daemon)


def test_reload_good_and_bad(gitlab, courser):
    with GitLab() as second:
        config = courser.config_for(gitlab)
        daemon = courser.run(config)
        ended(gitlab.queue(script=["true"]))
        good = yaml.safe_load(config.read_text())
        courser.write("config.yaml", "concurrent: 4\nrunners:\n  - name: x\n    url: [\n")
        daemon.signal(signal.SIGHUP)
        log = daemon.wait_log("the old one stays in force")
        assert f"{config}:" in log and any(line.startswith(f"{config}:") and line.split(":")[1].isdigit()
                                           and line.split(":")[2].isdigit() for line in log.splitlines())
        ended(gitlab.queue(script=["true"]))
        token = courser.write("token1", second.token)
        good["runners"].append({"name": "added", "url": second.url, "token_file": str(token)})
        courser.write_config(**good)
        daemon.signal(signal.SIGHUP)
        daemon.wait_log("the configuration is in force")
        ended(second.queue(script=["echo on the new one"]))
        running = gitlab.queue(script=["echo started-$((0)); sleep 1.5; echo finished"])
        running.wait_trace("started-0")
        good["runners"] = good["runners"][1:]
        courser.write_config(**good)
        daemon.signal(signal.SIGHUP)
        until(lambda: daemon.log().count("the configuration is in force") == 2)
        ended(second.queue(script=["true"]))
        asked = len(gitlab.requests("POST", "jobs/request"))
        ended(running)  # a removed registration's job goes on and is reported
        assert "finished" in running.text
        left = gitlab.queue(script=["true"])
        time.sleep(0.3)
        assert left.state == "queued" and len(gitlab.requests("POST", "jobs/request")) <= asked + 1
        assert daemon.stop() == 0 and not second.problems()


def test_token_rotation_is_kept(gitlab, courser):
    runner = gitlab.add_runner(expires_in=3600)
    old, now = runner.token, int(time.time())
    config = courser.write_config(concurrent=1, listen_address="", runners=[
        {"name": "r", "url": gitlab.url, "token": old, "token_obtained_at": now - 3000,
         "token_expires_at": now + 600}])
    daemon = courser.run(config)
    daemon.wait_log("the token was replaced")
    until(lambda: old not in config.read_text(), message="the new token is in the file")
    kept = yaml.safe_load(config.read_text())["runners"][0]
    assert kept["token"] == runner.token != old
    assert old not in daemon.log() and runner.token not in daemon.log()
    ended(gitlab.queue(script=["true"], runner=runner))
    assert daemon.stop() == 0
    daemon = courser.run(config)
    ended(gitlab.queue(script=["true"], runner=runner))
    assert daemon.stop() == 0


@pytest.mark.parametrize("how", ["read-only", "override"])
def test_token_rotation_that_the_configuration_does_not_take(gitlab, courser, how):
    """The new token is in the state directory, for daemon and commands, until the operator writes another."""
    runner = gitlab.add_runner(expires_in=3600)
    old, now = runner.token, int(time.time())
    closed = courser.path("closed")
    closed.mkdir()
    config = courser.write_config("closed/config.yaml", concurrent=1, listen_address="", runners=[
        {"name": "r", "url": gitlab.url, "token": old, "token_obtained_at": now - 3000, "token_expires_at": now + 600}])
    words = ["-o", f"runners.0.token={old}"] if how == "override" else []
    closed.chmod(0o755 if how == "override" else 0o555)
    if how == "override":
        courser.give(closed)
    daemon = courser.run(config, *words)
    until(lambda: (daemon.state / "tokens").exists(), message="the token is kept")
    ended(gitlab.queue(script=["true"], runner=runner))
    assert daemon.stop() == 0 and runner.token != old
    assert (old in config.read_text()) == (how == "read-only")
    assert (daemon.state / "tokens").stat().st_mode & 0o777 == 0o600
    assert old not in daemon.log() and runner.token not in daemon.log()
    daemon = courser.run(config, *words)
    ended(gitlab.queue(script=["true"], runner=runner))
    assert daemon.stop() == 0
    done = courser.command("verify", "--config", config, "--state", daemon.state)
    assert done.returncode == 0 and b"the token is valid" in done.stdout
    another = gitlab.add_runner()
    config.write_text(config.read_text().replace(old, another.token).replace(runner.token, another.token))
    daemon = courser.run(config)
    ended(gitlab.queue(script=["true"], runner=another))
    assert daemon.stop() == 0


# --- one daemon, and what it leaves ---------------------------------------------------------------------


def test_two_daemons_on_one_state(gitlab, courser):
    first = courser.start(gitlab)
    first.wait_log("ready")
    second = courser.run(first.config)
    assert second.wait(5) != 0
    assert str(first.state) in second.log() and "another" in second.log()
    ended(gitlab.queue(script=["true"]))
    assert courser.command("status", "--state", first.state).returncode == 0


def test_a_taken_listen_address_is_said_at_start(gitlab, courser):
    port = free_port()
    first = courser.start(gitlab, listen_address=f"127.0.0.1:{port}")
    first.wait_log("ready")
    second = courser.run(first.config, state=courser.path("other"))
    assert second.wait(5) not in (0, None)
    assert f"127.0.0.1:{port}" in second.log() and "in use" in second.log()


def test_nothing_is_left(gitlab, courser, snooze, as_user):
    daemon = courser.start(gitlab, listen_address=f"127.0.0.1:{free_port()}")
    ended(gitlab.queue(script=[f"({snooze} &) ; setsid {snooze} & echo left behind"]))
    assert daemon.stop() == 0
    assert not courser.processes() and not courser.alive(snooze)
    assert not job_directories(daemon) and not (Path(daemon.state) / "ctl").exists()


# --- figures ------------------------------------------------------------------------------------------


def test_metrics_and_health(gitlab, courser, as_user):
    port = free_port()
    daemon = courser.start(gitlab, listen_address=f"127.0.0.1:{port}")
    assert until(lambda: get(port, "/readyz") == (200, "ready\n"), message="ready")
    assert get(port, "/healthz")[0] == 200
    ended(gitlab.queue(script=["true"]))
    ended(gitlab.queue(script=["false"]), "failed")
    text = until(lambda: (t := get(port, "/metrics")[1]) and
                 metric(t, 'courser_jobs{state="reporting"}') == 0 and
                 metric(t, 'courser_jobs{state="running"}') == 0 and t, message="no job is here")
    assert metric(text, "courser_jobs_started_total") == 2
    assert metric(text, 'courser_jobs_finished_total{state="success",fault="none"}') == 1
    assert metric(text, 'courser_jobs_finished_total{state="failed",fault="script"}') == 1
    assert metric(text, "courser_slots") == 4 and metric(text, "courser_ready") == 1
    assert metric(text, 'courser_registration_healthy{registration="runner0"}') == 1
    assert metric(text, 'courser_last_poll_success_timestamp_seconds{registration="runner0"}') > time.time() - 60
    assert metric(text, "courser_config_last_reload_success") == 1
    assert metric(text, "courser_ledger_errors_total") == 0
    for phase in ("queue", "prepare", "sources", "steps", "after", "upload", "cleanup"):
        assert metric(text, f'courser_job_phase_seconds_bucket{{phase="{phase}",le="900.0"}}') == 2, phase
    tool = Path(__file__).parent / "tools" / "promtool"
    tool = str(tool) if tool.exists() else shutil.which("promtool")
    if tool:
        checked = subprocess.run([tool, "check", "metrics"], input=text.encode(), capture_output=True)
        assert checked.returncode == 0, checked.stdout + checked.stderr
    courser.write("config.yaml", "concurrent: 0\n")
    daemon.signal(signal.SIGHUP)
    until(lambda: metric(get(port, "/metrics")[1], "courser_config_last_reload_success") == 0)
    gitlab.down()
    assert daemon.stop() == 0


def test_not_ready_without_a_forge(gitlab, courser):
    port = free_port()
    gitlab.down()
    courser.start(gitlab, listen_address=f"127.0.0.1:{port}", check_interval=1)
    assert until(lambda: get(port, "/readyz")[0] == 503, message="not ready")
    gitlab.up()
    assert until(lambda: get(port, "/readyz")[0] == 200, 15, message="ready")


def test_no_job_is_accepted_where_there_is_no_room(gitlab, courser):
    port = free_port()
    daemon = courser.start(gitlab, listen_address=f"127.0.0.1:{port}", job_free="1024TiB")
    job = gitlab.queue(script=["echo hello"])
    no_room = (503, "too little room on the disk: no new jobs\n")
    until(lambda: get(port, "/readyz") == no_room, message="it says why")
    daemon.wait_log("no job is accepted until there is more")
    time.sleep(1)
    assert job.state == "queued"
    keys = yaml.safe_load(daemon.config.read_text())
    courser.write_config(**{**keys, "job_free": "1MiB"})
    daemon.signal(signal.SIGHUP)
    ended(job)
    assert get(port, "/readyz") == (200, "ready\n") and "there is room on the disk again" in daemon.log()
    courser.write_config(**{**keys, "job_free": "1024TiB"})
    daemon.signal(signal.SIGHUP)
    until(lambda: get(port, "/readyz") == no_room, message="it says why")
    late = gitlab.queue(script=["echo hello"])
    time.sleep(1)
    assert late.at("running") is None and daemon.stop() == 0


def usage(pids: list[int]) -> tuple[int, int, int]:
    """Voluntary switches, private dirty and PSS (KiB) of all."""
    switches = dirty = pss = 0
    for pid in pids:
        status = Path(f"/proc/{pid}/status").read_text()
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        switches += sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("voluntary_ctxt"))
        dirty += sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Private_Dirty"))
        pss += sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return switches, dirty, pss


def test_idle_costs_nothing(gitlab, courser, binaries):
    require(Path("/proc/self/smaps_rollup").exists(), "smaps_rollup")
    daemon = courser.start(gitlab, listen_address=f"127.0.0.1:{free_port()}")
    ended(gitlab.queue(script=["true"]))
    until(lambda: not job_directories(daemon))
    time.sleep(1)
    tree = descendants(daemon.pid)
    assert len(tree) == 6 and roles(courser, "recorder") and role(courser, "courier")  # and what waits for a job
    before, asked = usage(tree)[0], len(gitlab.requests("POST", "jobs/request"))
    time.sleep(5)
    after, dirty, pss = usage(tree)
    assert after == before and len(gitlab.requests("POST", "jobs/request")) == asked
    if b"__asan_init" in (binaries.build / "courser").read_bytes():
        return
    assert dirty <= 4 << 10, f"{dirty} KiB private dirty"
    assert pss <= 16 << 10, f"{pss} KiB PSS"


# --- its own log ---------------------------------------------------------------------------------------


def test_its_log_is_json_of_the_level_that_is_configured(gitlab, courser, as_user):
    config = courser.config_for(gitlab, log_level="debug", log_format="json")
    keys = yaml.safe_load(config.read_text())
    keys["runners"].append({"name": "nobody", "url": f"http://127.0.0.1:{free_port()}", "token": "glrt-nobody"})
    courser.write_config(**keys)
    daemon = courser.run(config)
    ended(gitlab.queue(script=["echo hello"]))
    until(lambda: '"role":"courier"' in daemon.log(), message="the courier says that a server is not there")
    courser.write_config(**{**keys, "log_level": "warning"})
    daemon.signal(signal.SIGHUP)
    daemon.signal(signal.SIGTERM)
    assert daemon.wait() == 0
    said = [json.loads(line) for line in daemon.log().splitlines()]
    assert {line["level"] for line in said} >= {"debug", "info", "warning"}
    assert all(list(line)[:4] == ["time", "level", "role", "msg"] for line in said)
    assert "draining: no new jobs" not in {line["msg"] for line in said}
