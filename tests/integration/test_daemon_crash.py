"""kill -9 of every process, at the moments that hurt, and a disk that is full: no job is lost, doubled or left behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from daemon_client import ended, job_directories, kill, lines_of, role, roles, until
from machine import require

from tests.forge.gitlab import GitLab

TICKS = "for n in $(seq 1 {}); do echo tick-$n.; sleep 0.1; done; echo done-ticking"


def ticking(gitlab, count: int = 15):
    job = gitlab.queue(script=[TICKS.format(count)])
    job.wait_trace("tick-3.")
    return job


def sleeping(gitlab, snooze):
    job = gitlab.queue(script=["echo before-$((0))-end", snooze])
    job.wait_trace("before-0-end")
    return job


def goes_on(gitlab, courser, daemon, snooze) -> None:
    """Nothing of the job that died is left, the next one runs, and the daemon ends as it should."""
    until(lambda: not courser.alive(snooze), message="the sandbox is gone")
    ended(gitlab.queue(script=["true"]))
    assert daemon.stop() == 0


def exact(job, count: int = 15) -> None:
    """Every line once and in order."""
    assert lines_of(job, "tick-") == [f"tick-{n}." for n in range(1, count + 1)], job.text
    assert len(lines_of(job, "done-ticking")) == 1


# --- the supervisor -----------------------------------------------------------------------------------


def test_supervisor_killed_in_the_middle_of_a_job(gitlab, courser, as_user):
    first = courser.start(gitlab)
    job = ticking(gitlab)
    first.kill()
    worker = role(courser, "worker")
    second = courser.run(first.config)
    second.wait_log("taken over")
    assert roles(courser, "worker") == [worker]
    exact(ended(job))
    until(lambda: not job_directories(second), message="the directory is gone")
    ended(gitlab.queue(script=["true"]))
    assert second.stop() == 0


def test_supervisor_killed_again_and_again(gitlab, courser):
    daemon = courser.start(gitlab)
    job = ticking(gitlab, 25)
    for _ in range(3):
        daemon.kill()
        daemon = courser.run(daemon.config)
        daemon.wait_log("taken over")
        time.sleep(0.2)
    exact(ended(job), 25)
    assert daemon.stop() == 0


def test_supervisor_killed_and_the_job_ends_meanwhile(gitlab, courser):
    first = courser.start(gitlab)
    job = ticking(gitlab, 8)
    first.kill()
    until(lambda: not roles(courser, "worker"), message="the worker has ended")
    assert not job.finished
    second = courser.run(first.config)
    exact(ended(job), 8)
    assert second.stop() == 0


def test_supervisor_and_worker_killed(gitlab, courser, snooze, as_user):
    first = courser.start(gitlab)
    job = sleeping(gitlab, snooze)
    first.kill()
    kill(role(courser, "worker"))
    until(lambda: not courser.alive(snooze), message="the sandbox is gone")
    second = courser.run(first.config)
    ended(job, "failed")
    assert job.failure_reason == "runner_system_failure" and "the runner was stopped" in job.text
    assert len(lines_of(job, "before-0-end")) == 1
    until(lambda: not job_directories(second), message="the directory is gone")
    ended(gitlab.queue(script=["true"]))
    assert second.stop() == 0


@pytest.mark.parametrize("processed", [False, True])
def test_supervisor_killed_between_offer_and_accept(gitlab, courser, processed):
    """Whether the forge has heard the accept or not: the job runs, once."""
    first = courser.start(gitlab)
    gitlab.fail_next("PUT", r"jobs/\d+$", delay=1.5, processed=processed, close=True)
    job = gitlab.queue(script=["echo ran once"])
    role(courser, "worker")
    time.sleep(0.2)
    first.kill()
    second = courser.run(first.config)
    ended(job)
    assert lines_of(job, "ran once") == ["ran once"]
    until(lambda: not job_directories(second), message="the directory is gone")
    assert second.stop() == 0


def test_a_job_that_the_forge_took_back_while_nobody_looked(gitlab, courser, snooze):
    first = courser.start(gitlab)
    job = gitlab.queue(script=["echo started-$((0))", snooze])
    job.wait_trace("started-0")
    first.kill()
    job.cancel(graceful=False)
    second = courser.run(first.config)
    until(lambda: not courser.alive(snooze), 15, "the script is dead")
    until(lambda: not job_directories(second), message="the directory is gone")
    assert job.state == "canceled" and second.stop() == 0


def test_the_registration_is_gone_after_the_restart(courser):
    """Its jobs, running and ended, are still told where they came from."""
    with GitLab() as old, GitLab() as new:
        first = courser.start(old)
        running = ticking(old, 20)
        torn = old.queue(script=["echo torn-$((0)); sleep 60"])
        torn.wait_trace("torn-0")
        first.kill()
        pids = {pid: Path(f"/proc/{pid}/fd").resolve() for pid in roles(courser, "worker")}
        victim = next(pid for pid in pids if any(
            f"/{torn.id}-" in os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir()))
        kill(victim)
        token = courser.write("newtoken", new.token)
        config = courser.write_config(concurrent=4, listen_address="", runners=[
            {"name": "another", "url": new.url, "token_file": str(token)}])
        second = courser.run(config)
        ended(torn, "failed"), exact(ended(running), 20)
        asked = len(old.requests("POST", "jobs/request"))
        ended(new.queue(script=["true"]))
        until(lambda: not job_directories(second), message="the directories are gone")
        assert second.stop() == 0
        assert len(old.requests("POST", "jobs/request")) == asked
        assert not new.problems() and not old.problems()


# --- its children ---------------------------------------------------------------------------------------


def test_worker_killed(gitlab, courser, snooze, as_user):
    daemon = courser.start(gitlab)
    job = sleeping(gitlab, snooze)
    kill(role(courser, "worker"))
    ended(job, "failed")
    assert job.failure_reason == "runner_system_failure" and "the worker of this job died" in job.text
    assert "fault: infra" in job.text and "next: " in job.text
    goes_on(gitlab, courser, daemon, snooze)


def test_courier_killed(gitlab, courser, as_user):
    daemon = courser.start(gitlab)
    job = ticking(gitlab)
    before = role(courser, "courier")
    kill(before)
    exact(ended(job))
    assert role(courser, "courier") != before
    ended(gitlab.queue(script=["true"]))
    assert daemon.stop() == 0


@pytest.mark.parametrize("processed", [False, True])
def test_courier_killed_before_the_accept(gitlab, courser, processed):
    daemon = courser.start(gitlab)
    gitlab.fail_next("PUT", r"jobs/\d+$", delay=1, processed=processed, close=True)
    job = gitlab.queue(script=["echo ran once"])
    role(courser, "worker")
    time.sleep(0.1)
    kill(role(courser, "courier"))
    ended(job)
    assert lines_of(job, "ran once") == ["ran once"] and daemon.stop() == 0


def test_courier_killed_while_a_result_waits(gitlab, courser):
    daemon = courser.start(gitlab)
    ended(gitlab.queue(script=["true"]))
    job = ticking(gitlab, 6)
    gitlab.down()
    until(lambda: not roles(courser, "worker"), message="the job has ended here")
    kill(role(courser, "courier"))
    gitlab.up()
    exact(ended(job), 6)
    assert daemon.stop() == 0 and not job_directories(daemon)


def test_spawner_killed(gitlab, courser, as_user):
    daemon = courser.start(gitlab)
    ended(gitlab.queue(script=["true"]))
    running = ticking(gitlab)
    before = role(courser, "spawner")
    kill(before)
    until(lambda: roles(courser, "spawner") not in ([], [before]), message="a new spawner")
    ended(gitlab.queue(script=["true"]))
    exact(ended(running))
    assert daemon.stop() == 0


def test_spawner_that_does_not_answer_is_replaced(gitlab, courser):
    daemon = courser.start(gitlab)
    ended(gitlab.queue(script=["true"]))
    spawner = role(courser, "spawner")
    os.kill(spawner, signal.SIGSTOP)
    job = gitlab.queue(script=["true"])
    job.wait_state("running")
    time.sleep(0.2)
    kill(spawner)
    ended(job, "failed")
    assert "spawner" in job.text and job.failure_reason == "runner_system_failure"
    ended(gitlab.queue(script=["true"]))
    assert daemon.stop() == 0


def test_recorder_killed(gitlab, courser):
    daemon = courser.start(gitlab)
    kill(role(courser, "recorder"))
    ended(gitlab.queue(script=["true"]))
    until(lambda: roles(courser, "recorder"), 5, "a new recorder")
    assert daemon.stop() == 0


def test_init_killed(gitlab, courser, snooze, as_user):
    daemon = courser.start(gitlab)
    job = sleeping(gitlab, snooze)
    init = until(lambda: inits(courser.alive(snooze)), message="the sandbox's init")[0]
    kill(init)
    ended(job, "failed")
    assert job.failure_reason in ("runner_system_failure", "script_failure")
    goes_on(gitlab, courser, daemon, snooze)


def inits(pids: list[int]) -> list[int]:
    """The first processes of the pid namespaces of `pids`."""
    spaces = set()
    for pid in pids:
        try:
            spaces.add(os.readlink(f"/proc/{pid}/ns/pid"))
        except OSError:
            continue
    spaces.discard(os.readlink("/proc/self/ns/pid"))
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            inside = next(line for line in (entry / "status").read_text().splitlines() if line.startswith("NSpid"))
            if inside.split()[-1] == "1" and os.readlink(entry / "ns/pid") in spaces:
                found.append(int(entry.name))
        except (OSError, StopIteration):
            continue
    return found


# --- a keeper, and what it held ---------------------------------------------------------------------------


def test_keeper_killed_and_its_token_is_revoked(gitlab, courser, bao, snooze):
    daemon = courser.start(gitlab)
    job = gitlab.queue(script=["test -n \"$PASSWORD\" && echo has it", snooze], variables=[bao.id_token()],
                       secrets={"PASSWORD": bao.secret()})
    job.wait_trace("has it")
    assert len(bao.tokens()) == 1
    kill(role(courser, "keeper"))
    until(lambda: not bao.tokens(), 10, "the token is revoked")
    courser.command("cancel", "--all", "--abort", "--state", daemon.state)
    job.wait()
    assert daemon.stop() == 0


def test_supervisor_killed_and_then_the_keeper(gitlab, courser, bao, as_user):
    """What a keeper of an earlier life holds is revoked after its death; the job goes on."""
    first = courser.start(gitlab)
    script = ["test -n \"$PASSWORD\" && echo has it", TICKS.format(40)]
    job = gitlab.queue(script=script, variables=[bao.id_token()], secrets={"PASSWORD": bao.secret()})
    job.wait_trace("tick-2.")
    keeper = role(courser, "keeper")
    first.kill()
    second = courser.run(first.config)
    second.wait_log("taken over")
    job.wait_trace("tick-8.")
    assert roles(courser, "keeper") == [keeper] and len(bao.tokens()) == 1
    kill(keeper)
    until(lambda: not bao.tokens(), 10, "the token is revoked")
    exact(ended(job), 40)
    until(lambda: not job_directories(second) and not roles(courser, "keeper"), message="nothing is left")
    assert second.stop() == 0


def test_supervisor_killed_and_the_keeper_revokes(gitlab, courser, bao):
    first = courser.start(gitlab)
    job = gitlab.queue(script=["test -n \"$PASSWORD\" && echo has it", TICKS.format(8)], variables=[bao.id_token()],
                       secrets={"PASSWORD": bao.secret()})
    job.wait_trace("tick-2.")
    first.kill()
    second = courser.run(first.config)
    ended(job)
    bao.wait_clean()
    until(lambda: not job_directories(second) and not roles(courser, "keeper"), message="nothing is left")
    assert bao.revocations() == 1 and "leases are left" not in second.log() and second.stop() == 0


def test_secrets_from_openbao_are_masked_and_revoked(gitlab, courser, bao, as_user):
    daemon = courser.start(gitlab)
    job = gitlab.queue(script=["echo value=$PASSWORD"], variables=[bao.id_token()], secrets={"PASSWORD": bao.secret()})
    ended(job)
    assert lines_of(job, "value=") == ["value=[MASKED]"]
    bao.wait_clean()
    assert daemon.stop() == 0


# --- a full disk --------------------------------------------------------------------------------------


def test_a_full_disk(gitlab, courser):
    """The state on a small tmpfs of a mount namespace of the daemon's own."""
    require(os.geteuid() == 0 and shutil.which("unshare"), "root and unshare")
    state = courser.path("small", "root")
    state.mkdir()
    token = courser.write("tok", gitlab.token, "root")
    config = courser.write_config(user="root", concurrent=1, listen_address="", job_free=0, runners=[
        {"name": "r", "url": gitlab.url, "token_file": str(token), "output_limit": "64MiB"}])
    log = courser.dir / "full.log"
    script = f"mount -t tmpfs -o size=3m,mode=755 none {state} && exec {courser.binaries.courser} run" \
             f" --config {config} --state {state}"
    with open(log, "wb") as out:
        daemon = subprocess.Popen(["unshare", "-m", "--propagation", "private", "sh", "-c", script], stdout=out,
                                  stderr=out, stdin=subprocess.DEVNULL, env=courser.environment("root"))
    try:
        ended(gitlab.queue(script=["true"]))
        full = ended(gitlab.queue(script=["seq 1 1000000; sleep 30"]), "failed")
        assert full.failure_reason == "runner_system_failure"
        assert "no space" in full.text.lower(), full.text[-2000:]
        ended(gitlab.queue(script=["echo again"]))
        assert daemon.poll() is None, log.read_text()
    finally:
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(20) == 0, log.read_text()
