"""How a job is ended from outside its script: timeouts, interrupts, what it leaves running, dying roles."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import time
from pathlib import Path

import pytest
from courser import Courser
from exec_client import BARE, Running, execute, left, lines, state, wait
from machine import require
from tests.forge.gitlab_payload import payload


# Each child leaves a grandchild to init.
STORM = """
import os, signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for _ in range(2000):
    if os.fork() == 0:
        os.fork()
        os._exit(0)
"""


def job(script, after=None, **more):
    return payload(script, after, variables={**BARE, **more.pop("variables", {})}, **more)


def test_job_timeout(courser):
    began = time.monotonic()
    done = execute(courser, job(["echo begun", "sleep 4711.1"], ["echo after"], timeout=1))
    assert time.monotonic() - began < 4
    assert done.result["failure_reason"] == "job_execution_timeout" and done.result["fault"] == "timeout"
    assert "ERROR: Job failed: execution took longer than 1s seconds" in lines(done)
    assert "Running after_script" not in done.text and not Courser.alive("sleep 4711.1")


def test_job_timeout_of_a_script_that_ignores_term(courser):
    began = time.monotonic()
    done = execute(courser, job(["trap 'echo not me' TERM INT; while :; do sleep 0.05 || true; done"], timeout=1),
                   "-o", "cancel.term=1s")
    assert 1.9 < time.monotonic() - began < 4
    assert "not me" in lines(done) and done.result["failure_reason"] == "job_execution_timeout"


def test_script_timeout(courser):
    done = execute(courser, job(["echo begun", "sleep 4711.2"], ["echo after $CI_JOB_STATUS"],
                                variables={"RUNNER_SCRIPT_TIMEOUT": "1s"}))
    assert done.result["failure_reason"] == "job_execution_timeout" and done.result["fault"] == "timeout"
    assert "after timedout" in lines(done)
    assert "script took longer than 1s" in done.result["verdict"]
    assert "last command: sleep 4711.2" in done.result["verdict"]


def test_after_script_timeout(courser):
    done = execute(courser, job(["true"], ["echo begun", "sleep 4711.3"],
                                variables={"RUNNER_AFTER_SCRIPT_TIMEOUT": "1s"}))
    assert done.returncode == 0 and "begun" in lines(done)
    assert "after_script failed, but job will continue unaffected: its time limit was exceeded" in done.text


@pytest.mark.parametrize("name", ["RUNNER_SCRIPT_TIMEOUT", "RUNNER_AFTER_SCRIPT_TIMEOUT"])
@pytest.mark.parametrize("value", ["soon", "-3m", "0"])
def test_malformed_timeouts_are_said_and_ignored(courser, name, value):
    done = execute(courser, job(["true"], ["true"], variables={name: value}))
    assert done.returncode == 0 and f'Ignoring malformed {name} "{value}"' in done.text


def test_interrupt_cancels(courser, as_user):
    script = ["trap 'echo got int' INT", "trap 'echo got term; exit 0' TERM", "echo begun",
              "while :; do sleep 0.05 || true; done"]
    running = Running(courser, job(script, ["echo after $CI_JOB_STATUS"]), "-o", "cancel.int=1s")
    running.until("begun")
    running.interrupt()
    running.until("got int")
    began = time.monotonic()
    done = running.end()
    assert 0.9 < time.monotonic() - began < 4, "TERM follows INT after a second"
    assert "got term" in lines(done) and "after canceled" in lines(done)
    assert "WARNING: script canceled externally (UI, API)" in lines(done)
    assert lines(done)[-2] == "ERROR: Job failed: canceled"
    assert (done.returncode, done.result["failure_reason"]) == (1, "job_canceled")
    assert done.result["fault"] == "cancelled" and left(courser) == []


def test_a_cancelled_script_that_ends_at_once(courser):
    running = Running(courser, job(["echo begun; exec sleep 4711.4"], ["echo after $CI_JOB_STATUS"]))
    running.until("begun")
    began = time.monotonic()
    running.interrupt()
    done = running.end()
    assert time.monotonic() - began < 3 and "after canceled" in lines(done)


def test_second_interrupt_aborts(courser):
    running = Running(courser, job(["trap '' INT TERM", "echo begun", "while :; do sleep 0.05 || true; done"], ["echo after"]))
    running.until("begun")
    running.interrupt()
    time.sleep(0.3)
    began = time.monotonic()
    running.interrupt(signal.SIGTERM)
    done = running.end()
    assert time.monotonic() - began < 3
    assert (done.returncode, done.result["fault"]) == (1, "cancelled")
    assert "Running after_script" not in done.text and left(courser) == []


def test_a_background_process_does_not_hold_the_job(courser, as_user):
    began = time.monotonic()
    marker = f"sleep 4711.5{os.getpid()}"
    done = execute(courser, job([f"{marker} & echo begun"], ["echo after"]))
    assert time.monotonic() - began < 3.5 and done.returncode == 0
    assert any("a background process held the log open and was ended: pid " in line and marker in line
               for line in lines(done))
    assert "after" in lines(done) and not Courser.alive(marker)


def test_detached_children_are_dead_at_the_end(courser, as_user):
    marker = f"sleep 4711.6{os.getpid()}"
    script = [f"setsid -f {marker} >/dev/null 2>&1 </dev/null",
              f"(setsid sh -c 'trap \"\" TERM INT HUP; {marker}7 & wait' >/dev/null 2>&1 &)", "sleep 0.1"]
    done = execute(courser, job(script))
    assert done.returncode == 0
    assert not Courser.alive(marker)


def test_storm_of_processes(courser):
    done = execute(courser, job([f"python3 -c '{STORM}'", "echo done"]))
    assert done.returncode == 0 and "done" in lines(done)


def test_killed_worker(courser, as_user):
    script = [f"mkdir -p a/b; echo x > a/b/c; chmod 0 a; chmod 700 .; echo begun; exec sleep 4711.8{os.getpid()}"]
    running = Running(courser, payload(script, ["echo after"], variables={**BARE, "GIT_STRATEGY": "empty"}))
    running.until("begun")
    os.kill(running.role("worker"), signal.SIGKILL)
    done = running.end()
    assert (done.returncode, done.result["failure_reason"]) == (1, "runner_system_failure")
    assert done.result["fault"] == "infra" and "worker of this job died" in done.result["verdict"]
    assert "ERROR: Job failed (system failure): the worker of this job died" in done.text
    assert not Courser.alive(f"sleep 4711.8{os.getpid()}") and left(courser) == []
    again = execute(courser, job(["echo again"]))
    assert again.returncode == 0


def test_killed_init(courser):
    running = Running(courser, job(["echo begun", "sleep 4711.9"], ["echo after"]))
    running.until("begun")
    os.kill(running.init(), signal.SIGKILL)
    done = running.end()
    assert done.result["failure_reason"] == "runner_system_failure" and done.result["fault"] == "infra"
    assert "sandbox" in done.result["verdict"] and not Courser.alive("sleep 4711.9") and left(courser) == []


def test_killed_command(courser):
    running = Running(courser, job(["echo begun", "sleep 4711.10"]))
    running.until("begun")
    running.process.kill()
    running.end()
    assert wait(lambda: not courser.processes() and not Courser.alive("sleep 4711.10"), 8), "nobody wants its end"


def test_what_is_left_is_removed_by_the_daemon(courser, as_user, gitlab):
    script = ["mkdir -p a/b; echo x > a/b/c; chmod 700 a .; echo begun", "sleep 4711.12"]
    running = Running(courser, payload(script, variables={**BARE, "GIT_STRATEGY": "empty"}))
    running.until("$ sleep")
    worker = running.role("worker")
    running.process.kill()
    os.kill(worker, signal.SIGKILL)
    running.end()
    assert len(left(courser)) == 1 and wait(lambda: not courser.processes())
    daemon = courser.run(courser.config_for(gitlab), state=state(courser))
    assert wait(lambda: left(courser) == []), daemon.log()
    assert daemon.stop() == 0


def test_hostile_trees_are_removed(courser, as_user):
    script = ["mkdir -p d/e && echo x > d/e/f && chmod 000 d/e d && chmod 000 .", "ln -s / /builds/group/project.tmp/l"]
    done = execute(courser, payload(script, variables={**BARE, "GIT_STRATEGY": "empty"}))
    assert done.returncode == 0
    deep = execute(courser, payload(["for i in $(seq 40); do mkdir $N && cd $N; done"],
                                    variables={**BARE, "GIT_STRATEGY": "empty", "N": "d" * 200}))
    assert deep.returncode == 0


def test_nobody_reads(courser):
    """`courser exec | head`: the job ends when its trace can go nowhere."""
    running = Running(courser, job(["true"]))
    running.end()
    reader, writer = os.pipe()
    courser.write("endless.json", __import__("json").dumps(job(["yes 4711.11"])))
    import subprocess
    process = subprocess.Popen([str(courser.binaries.courser), "exec", "--payload", str(courser.path("endless.json")),
                                "--state", str(state(courser))], stdin=subprocess.DEVNULL, stdout=writer,
                               stderr=subprocess.PIPE, cwd=courser.home(), env=courser.environment(),
                               **courser.account())
    os.close(writer)
    os.read(reader, 100)
    os.close(reader)
    _, stderr = process.communicate(timeout=15)
    assert process.returncode not in (0, 1) and b"standard output" in stderr
    assert left(courser) == []


# --- what a killed command leaves ---------------------------------------------------------------------------


def test_a_killed_command_is_swept_by_the_next(courser, as_user):
    running = Running(courser, job(["mkdir -p a/b; echo x > a/b/c; echo begun", "sleep 4711.9"]))
    running.until("begun")
    running.process.kill()
    running.end()
    assert wait(lambda: not Courser.alive("sleep 4711.9")) and wait(lambda: not courser.processes())
    assert len(left(courser)) == 1
    execute(courser, job(["true"]))  # it asserts that nothing is left


def test_what_somebody_holds_is_not_swept(courser):
    """A command that is just beginning, one that runs, and a forge's job, which is the daemon's to tell."""
    running = Running(courser, job(["echo begun", "sleep 4711.8"]))
    running.until("begun")
    jobs = state(courser) / "jobs"
    for name in ("begins", "forges", "dead"):
        (jobs / name).mkdir()
    (jobs / "forges" / "meta").write_text("kind=forge\n")
    courser.give(jobs)
    held = os.open(jobs / "begins", os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    done = courser.exec(job(["true"]), "--state", str(state(courser)))
    assert done.returncode == 0 and len(left(courser)) == 3 and "dead" not in left(courser), left(courser)
    os.close(held)
    running.interrupt()
    assert running.end().returncode == 1
    assert left(courser) == ["forges"]


def test_the_daemon_leaves_a_beginning_command_alone(courser, gitlab):
    jobs = courser.path("st") / "jobs"
    for name in ("begins", "dead"):
        (jobs / name).mkdir(parents=True)
    courser.give(courser.path("st"))
    held = os.open(jobs / "begins", os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    daemon = courser.start(gitlab)
    daemon.wait_log("ready")
    os.close(held)
    assert os.listdir(jobs) == ["begins"] and daemon.stop() == 0


# --- what the sandbox refused -------------------------------------------------------------------------------

FLOOD = """
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
answers = []
for _ in range(5000):
    libc.umount2(b"/tmp", 0)
    answers.append(ctypes.get_errno())
print(answers[0] == errno.EPERM, answers[-1] == errno.ENOSYS, set(answers) == {errno.EPERM, errno.ENOSYS})
"""


def test_what_was_refused_is_in_the_verdict(courser):
    done = execute(courser, job(["mount -t tmpfs x /tmp || unshare -U true || unshare -U true || exit 3"]))
    assert done.result["exit_code"] == 3
    assert done.result["denied"]["unshare"] == 2 and done.result["denied"]["mount"] >= 1
    assert any(line.startswith("Sandbox: denied: ") and "unshare, 2 times" in line for line in lines(done))
    assert execute(courser, job(["true"])).result["denied"] == {}


def test_a_flood_of_refused_calls_is_bounded(courser):
    done = execute(courser, job([f"python3 -c '{FLOOD}'"]))
    assert "True True True" in lines(done)
    assert 4090 <= sum(done.result["denied"].values()) <= 4096
    assert "further ones were not counted" in done.text


# --- limits where no cgroup holds them ----------------------------------------------------------------------

GROW = """
import ctypes, os, time
kind = os.environ["KIND"]
if kind == "hidden":  # lets nobody look at its memory
    ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
if kind == "storm" and os.fork() == 0:  # its children keep init busy
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if os.fork() == 0:
            os._exit(0)
        os.wait()
    os._exit(0)
held = []
for i in range(400):
    if kind == "files":
        open(f"/tmp/{i}", "wb").write(bytes(2 ** 20))
    else:
        held.append(bytearray(2 ** 20))
    time.sleep(0.01)
print("it was let")
"""


@pytest.mark.parametrize("kind", ["plain", "hidden", "storm", "files"])
def test_too_much_memory(courser, as_user, kind):
    limits = ("-o", "limits.memory=64MiB", "-o", "tmp_size=1GiB", "-o", "limits.nproc=2000")
    done = execute(courser, job([f"python3 -c '{GROW}'"], ["echo after"], variables={"KIND": kind}), *limits)
    assert "it was let" not in lines(done) and "after" in lines(done)
    assert done.result["fault"] == "script" and done.result["verdict"].startswith("out of memory; ")
    assert "64 MiB that it may use" in done.result["verdict"] and "limits.memory" in done.result["verdict"]
    assert done.result["used"]["by"] == "samples" and done.result["used"]["memory_bytes"] > 64 * 2 ** 20
    assert re.search(r"memory limit: [^\n]*, sampled every 200 ms", done.text)


def test_enough_memory(courser):
    enough = job(["python3 -c 'import time; held = bytearray(100 << 20); time.sleep(0.5); print(7)'"])
    done = execute(courser, enough, "-o", "limits.memory=1GiB")
    assert "7" in lines(done) and 100 << 20 < done.result["used"]["memory_bytes"] < 300 << 20
    without = execute(courser, enough)
    assert without.result["used"]["by"] == "processes" and without.result["used"]["memory_bytes"] > 100 << 20


SHARE = """
import mmap, os, time
pages = range(0, 40 << 20, 4096)
shared = mmap.mmap(-1, 40 << 20)
for page in pages:
    shared[page] = 1
os.fork(), os.fork()
assert sum(shared[page] for page in pages) == len(pages)
time.sleep(0.5)
"""


def test_memory_that_is_shared_counts_once(courser):
    """Four processes share 40 MiB: more than the limit if each were asked how much it has."""
    assert execute(courser, job([f"python3 -c '{SHARE}'"]), "-o", "limits.memory=128MiB").returncode == 0


def test_cpus_that_are_seen(courser, as_user):
    script = ["nproc", "python3 -c 'import os; print(len(os.sched_getaffinity(0)))'", "echo flags:$MAKEFLAGS"]
    done = execute(courser, job(script), "-o", "limits.cpus=1")
    assert [line for line in lines(done) if line in ("1", "flags:")] == ["1", "1", "flags:"]
    done = execute(courser, job(["nproc"]))
    assert str(len(os.sched_getaffinity(0))) in lines(done)
    assert execute(courser, job(["nproc"]), "-o", "limits.cpus=4096").returncode == 0


def test_isolation_is_chosen_by_the_configuration(courser):
    ask = job(["unshare -Ur true && echo nested; unshare -Ur true || setarch -R true || echo strict"])
    assert "nested" in lines(execute(courser, ask, "-o", "isolation=nested"))
    strict = execute(courser, ask, "-o", "isolation=strict")
    assert "strict" in lines(strict) and strict.result["denied"]["personality"] >= 1
    assert "nested" not in lines(execute(courser, ask))


def test_a_group_for_each_job(courser, as_user):
    """Whatever its controllers (the virtual machine has them all): the job is in it, and it goes with the job."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    cgroup2 = [fields[1] for fields in mounts if fields[2] == "cgroup2"]
    if as_user != "root":
        pytest.skip("a group that a user may write is handed to it by an administrator")
    require(cgroup2, "cgroup v2")
    group = Path(cgroup2[0]) / f"courser-test-{os.getpid()}-{time.monotonic_ns()}"
    group.mkdir()
    try:
        limits = ("-o", f"cgroup={group}", "-o", "limits.memory=1GiB")
        done = execute(courser, job(["grep 0:: /proc/self/cgroup; setsid sleep 4711.77 & sleep 0.1"]), *limits)
        assert any(re.fullmatch(r"0::/.*job-[0-9a-f]+-\d+", line) for line in lines(done)), done.text
        assert not Courser.alive("sleep 4711.77") and [p for p in group.iterdir() if p.is_dir()] == []
        if "memory" not in (group / "cgroup.controllers").read_text():
            assert "memory limit: cgroup v2 without memory" in done.text
        off = execute(courser, job(["true"]), "-o", "cgroup=off", "-o", "limits.memory=1GiB")
        assert "memory limit: cgroups are off, sampled every 200 ms" in off.text
        absent = execute(courser, job(["true"]), "-o", "cgroup=/no/such/group", "-o", "limits.memory=1GiB")
        assert absent.returncode == 0 and "memory limit: /no/such/group: No such file" in absent.text
    finally:
        group.rmdir()
