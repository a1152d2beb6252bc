"""Figures of courser, each beside its floor or a peer: name, ours, the other, ratio, goal, ok or short.

    figures.py BUILD [FIGURE...]     FIGURE: one of the names in FIGURES; none: all

Floors are measured in the same run, alternating with ours (floor_bench.c). What is written as "gitlab-runner" or
"dense automaton" was measured on another day, on two cores as these.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from courser import TMP, Binaries, Courser, Daemon, TestUser
from tests.bench import files, tree
from tests.forge.git_server import GitServer, Repo
from tests.forge.gitlab import GitLab
from tests.forge.gitlab_jobs import Job
from tests.forge.gitlab_payload import payload
from tests.forge.gitlab_runners import Runner
from tests.forge.images import Entry, Image, busybox, layer
from tests.forge.openbao import free_port
from tests.forge.registry import Registry

JOBS = 60
SLEEPERS = 200
CROWD = 100
LOG_BYTES = 200_000_000
ARTIFACT_BYTES = 256 << 20
CACHED = 20_000
MARK = b"first-byte\n"
TRIVIAL = ['echo first-""byte']


def line(name: str, ours: float, unit: str, other: str, base: float, goal: float, *, more: bool = False) -> bool:
    """Prints one figure; `base` is what `other` came to (0: nothing to divide by), `more`: more is better."""
    good = ours >= goal if more else ours <= goal
    ratio = f"{ours / base:6.2f} x" if base else "       -"
    sign = ">=" if more else "<="
    print(f"{name:<52}{ours:>9.2f} {unit:<5} {other:<34}{ratio}   {sign} {goal:.2f} {unit:<5} "
          f"{'ok' if good else 'short'}", flush=True)
    return good


class Machine:
    """What all figures use: the build, the accounts, courser's in a directory of each."""

    def __init__(self, build: Path, stack: ExitStack) -> None:
        self.build = build
        self.binaries = stack.enter_context(Binaries(build, "/tmp"))
        self.floor = self.binaries.path / "floor_bench"
        self.floor.write_bytes((build / "bench" / "floor_bench").read_bytes())
        self.floor.chmod(0o755)
        self.user = TestUser.ensure() if os.geteuid() == 0 else None
        self.accounts = ["root", "user"] if self.user else ["user"]

    @contextmanager
    def courser(self, who: str) -> Iterator[Courser]:
        with Courser(self.binaries, self.user, who) as made:
            made.home().chmod(0o711)  # roles of root's courser have ids of their own
            try:
                yield made
            finally:
                made.stop_all()
                made.leftovers()


def configuration(courser: Courser, gitlab: GitLab, runner: Runner, **keys: Any) -> Path:
    """One registration; keys of a registration go below `runner_`."""
    token = courser.write("token", runner.token + "\n")
    own = {key.removeprefix("runner_"): keys.pop(key) for key in list(keys) if key.startswith("runner_")}
    return courser.write_config(**{"concurrent": 4, "listen_address": f"127.0.0.1:{free_port()}", **keys,
                                   "runners": [{"name": "bench", "url": gitlab.url, "token_file": str(token), **own}]})


def listening(gitlab: GitLab, runner: Runner, timeout: float = 10) -> None:
    """Until a request of the runner for a job is held."""
    end = time.monotonic() + timeout
    while True:
        with gitlab.changed:
            if runner in gitlab.runners.waiters.values():
                return
        if time.monotonic() > end:
            raise AssertionError("the runner does not ask for jobs")
        time.sleep(0.002)


def trivial(gitlab: GitLab, runner: Runner, repo: Repo | None = None, script: list[str] | None = None) -> Job:
    """One job to its end; the runner listens before and has had a moment to clean up after the one before."""
    listening(gitlab, runner)
    time.sleep(0.015)
    job = gitlab.queue(script or TRIVIAL, runner=runner, git=repo).wait()
    if job.state != "success":
        raise AssertionError(f"{job!r}\n{job.text}")
    return job


def latency(job: Job) -> float:
    """ms from the job's arrival in the queue to the first byte of its script's output at the coordinator."""
    return 1e3 * (job.arrived(MARK) - job.queued_at)


# --- the floor: the same requests, one bare sandbox, bash ------------------------------------------------


class Floor:
    """floor_bench as a runner of its own at the same coordinator, with requests as courser sent them."""

    def __init__(self, machine: Machine, gitlab: GitLab, account: dict[str, Any], *mode: str) -> None:
        self.runner = gitlab.add_runner()
        self.directory = tempfile.TemporaryDirectory(prefix="cf-", dir=TMP)
        path = Path(self.directory.name)
        path.chmod(0o755)
        asked = [r for r in gitlab.requests("POST", "/jobs/request$") if b"last_update" in r.body][-1]
        puts = [r for r in gitlab.requests("PUT", r"/jobs/\d+$") if b'"running"' in r.body or b'"success"' in r.body]
        running = next(r for r in reversed(puts) if b'"running"' in r.body)
        final = next(r for r in reversed(puts) if b'"success"' in r.body)
        self.write(path / "request", asked.body, "token", self.runner.token)
        self.write(path / "running", running.body, "token", "@T@")
        self.write(path / "final", final.body, "token", "@T@")
        (path / "headers").write_text(f"RUNNER-TOKEN: {self.runner.token}\r\nContent-Type: application/json\r\n")
        self.process = subprocess.Popen([str(machine.floor), mode[0], str(gitlab.httpd.port), str(path), *mode[1:]],
                                        stdin=subprocess.DEVNULL, **account)

    @staticmethod
    def write(path: Path, body: bytes, key: str, token: str) -> None:
        text = json.loads(body)
        text[key] = token
        if "last_update" in text:
            text["last_update"] = "@U@"
        if text.get("output"):
            text["output"] = {"checksum": "crc32:@C@", "bytesize": 0}
            text.pop("checksum", None)
        path.write_text(json.dumps(text).replace('"bytesize": 0', '"bytesize": @S@'))

    def __enter__(self) -> Floor:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self.directory.cleanup()


# --- figures ---------------------------------------------------------------------------------------------


def first_byte(machine: Machine) -> Iterator[bool]:
    """From a job's arrival to its first byte at the coordinator, long polling."""
    for who in machine.accounts:
        with GitLab(on_change="job") as gitlab, GitServer() as git, machine.courser(who) as courser:
            runner = gitlab.add_runner()
            courser.run(configuration(courser, gitlab, runner))
            trivial(gitlab, runner)
            repo = git.repo(files={f"src/file{n}.c": f"int number{n} = {n};\n" * 20 for n in range(30)})
            for _ in range(3):
                trivial(gitlab, runner, repo)
            with Floor(machine, gitlab, courser.account(), "job") as floor:
                for how, text in (("job", "job in the answer"), ("empty", "204, asked again")):
                    gitlab.on_change = how
                    yield from compare(gitlab, runner, floor, None, f"first byte, {who}, {text}", 2)
                gitlab.on_change = "job"
                yield from compare(gitlab, runner, floor, repo, f"first byte, {who}, known commit", 4)
            report(gitlab)


def compare(gitlab: GitLab, runner: Runner, floor: Floor, repo: Repo | None, name: str, factor: float) -> Iterator[bool]:
    ours, bare = [], []
    for _ in range(JOBS):
        ours.append(latency(trivial(gitlab, runner, repo)))
        bare.append(latency(trivial(gitlab, floor.runner)))
    base = statistics.median(bare)
    best = statistics.quantiles(ours, n=10)[0], statistics.quantiles(bare, n=10)[0]
    yield line(name, statistics.median(ours), "ms", f"floor {base:.2f} ms", base, factor * base)
    print(f"  the best tenth: {best[0]:.2f} ms, floor {best[1]:.2f} ms, {best[0] / best[1]:.2f} x", flush=True)


def report(gitlab: GitLab) -> None:
    for text in gitlab.problems()[:5]:
        print(f"  broke the protocol: {text}", flush=True)


def cpu(machine: Machine) -> Iterator[bool]:
    """CPU of a trivial job: /proc/PID/stat of the tree, with the children waited for, before and after."""
    for who in machine.accounts:
        with GitLab(on_change="job") as gitlab, machine.courser(who) as courser:
            runner = gitlab.add_runner()
            daemon = courser.run(configuration(courser, gitlab, runner))
            for _ in range(3):
                trivial(gitlab, runner)
            with Floor(machine, gitlab, courser.account(), "job") as floor:
                spawner = next(row.pid for row in tree.tree(daemon.pid) if "spawner" in row.name)
                roots = (daemon.pid, spawner, floor.process.pid)
                before = [tree.cpu(pid) for pid in roots]
                for _ in range(2 * JOBS):
                    trivial(gitlab, runner)
                    trivial(gitlab, floor.runner)
                listening(gitlab, runner)
                time.sleep(0.1)
                spent = [1e3 * (tree.cpu(pid) - was) / (2 * JOBS) for pid, was in zip(roots, before)]
            every, box, bare = spent
            yield line(f"CPU per trivial job, {who}, all processes", every, "ms", f"floor {bare:.2f} ms", bare, 12)
            yield line(f"CPU per trivial job, {who}, less sandbox and shell", every - box, "ms",
                       f"sandbox and shell {box:.2f} ms", box, 5)


def idle(machine: Machine) -> Iterator[bool]:
    """A daemon that has run a job and waits for the next."""
    with GitLab() as gitlab, machine.courser("user") as courser:
        runner = gitlab.add_runner()
        daemon = courser.run(configuration(courser, gitlab, runner))
        trivial(gitlab, runner)
        listening(gitlab, runner)
        time.sleep(1)
        rows = tree.tree(daemon.pid)
        before = tree.switches(rows)
        time.sleep(6)
        woken = tree.switches(rows) - before
        names = ", ".join(sorted(row.name.removeprefix("courser-") for row in rows))
        yield line("idle, private dirty", tree.memory(rows, "Private_Dirty") / 1024, "MiB", names, 0, 4)
        yield line("idle, PSS", tree.memory(rows, "Pss") / 1024, "MiB", "gitlab-runner 88 MB RSS", 88, 16)
        yield line("idle, wakeups in 6 s of one held request", woken, "", "", 0, 0)


@contextmanager
def at_once(machine: Machine, jobs: int) -> Iterator[tuple[GitLab, Runner, Courser, Daemon]]:
    """A daemon of a user's for so many jobs at once, with one job behind it and waiting for the next."""
    with GitLab(on_change="job") as gitlab, machine.courser("user") as courser:
        runner = gitlab.add_runner()
        daemon = courser.run(configuration(courser, gitlab, runner, concurrent=jobs, runner_request_concurrency=jobs))
        trivial(gitlab, runner)
        listening(gitlab, runner)
        yield gitlab, runner, courser, daemon


def asleep(gitlab: GitLab, runner: Runner, count: int) -> list[Job]:
    """So many jobs that have said a word and sleep since."""
    jobs = [gitlab.queue(['echo first-""byte', "sleep 86399"], runner=runner) for _ in range(count)]
    for job in jobs:
        job.wait_trace(MARK, 60)
    return jobs


def sleepers(machine: Machine) -> Iterator[bool]:
    """Many jobs at once. When a script started is what the time stamp of its first output says."""
    with at_once(machine, SLEEPERS) as (gitlab, runner, courser, daemon):
        begin, wall = time.monotonic(), time.time()
        jobs = asleep(gitlab, runner, SLEEPERS)
        seen = time.monotonic() - begin
        stamp = re.compile(rb"^(\S+)Z \S+ first-byte$", re.MULTILINE)
        last = max(stamp.search(job.trace())[1].decode() for job in jobs)
        started = calendar(last) - wall
        time.sleep(2)  # a worker rests a moment after its job has printed something
        rows = [row for row in tree.tree(daemon.pid) if row.name != "sleep"]
        shell = next(row.pid for row in rows if row.name == "bash")
        environment = Path(f"/proc/{shell}/environ").read_bytes().split(b"\0")
        size = tree.memory(rows, "Pss") / 1024
        yield line(f"{SLEEPERS} sleeping jobs, PSS without the sleeps", size * 1.048576, "MB", "gitlab-runner 245 MB",
                   245, 120)
        yield line(f"{SLEEPERS} sleeping jobs, all started", started, "s", "gitlab-runner 8.7 s", 8.7, 2)
        print(f"  seen by the coordinator after {seen:.2f} s; " + by_role(rows), flush=True)
        for job in jobs:
            job.cancel(graceful=False)
        gitlab.settle()
    print(f"  as many shells with the same environment and nothing around them: {bare_shells(environment)} KiB each",
          flush=True)


def bare_shells(environment: list[bytes]) -> int:
    """KiB of PSS of one bash that waits for a sleep, of as many as there were jobs."""
    env = dict(pair.split(b"=", 1) for pair in environment if b"=" in pair)
    shells = [subprocess.Popen(["bash", "-c", "sleep 86399; :"], env=env, stdin=subprocess.DEVNULL,
                               start_new_session=True) for _ in range(SLEEPERS)]
    try:
        while not all(children(shell.pid) for shell in shells):
            time.sleep(0.1)
        return sum(tree.table(shell.pid, "smaps_rollup").get("Pss", 0) for shell in shells) // len(shells)
    finally:
        for shell in shells:
            os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()


def children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def calendar(stamp: str) -> float:
    whole, _, part = stamp.partition(".")
    return time.mktime(time.strptime(whole + " UTC", "%Y-%m-%dT%H:%M:%S %Z")) - time.timezone + float(f"0.{part}")


def by_role(rows: list[tree.Process]) -> str:
    """KiB of PSS a process, by name."""
    names = sorted({row.name for row in rows})
    groups = [(name, [row for row in rows if row.name == name]) for name in names]
    return ", ".join(f"{name} {len(group)} x {tree.memory(group, 'Pss') // len(group)} KiB" for name, group in groups)


def log_text(secrets: list[str]) -> bytes:
    """A log as builds print it, with a secret in every hundredth line."""
    part = []
    for n in range(20_000):
        part.append(f"[{n:5}/20000] Building C object src/core/CMakeFiles/core.dir/module_{n * 7919 % 4000}.c.o\n")
        if n % 100 == 0:
            part.append(f"password is {secrets[n // 100 % len(secrets)]}\n")
    text = "".join(part).encode()
    return text * (LOG_BYTES // len(text) + 1)


def big_log(machine: Machine) -> Iterator[bool]:
    """A job that prints 200 MB, until the coordinator has it all and says that the job has succeeded."""
    secrets = [f"s3cr3t-{n:02}-{zlib.crc32(b'%d' % n):08x}-value" for n in range(20)]
    text = log_text(secrets)
    with GitLab(on_change="job") as gitlab, machine.courser("user") as courser:
        gitlab.trace_limit = 1 << 40
        runner = gitlab.add_runner()
        data = courser.dir / "data"
        data.mkdir()
        (data / "log").write_bytes(text)
        daemon = courser.run(configuration(courser, gitlab, runner, runner_output_limit="2GiB",
                                           runner_mounts=[f"{data}:/data:ro"]))
        trivial(gitlab, runner)
        listening(gitlab, runner)
        variables = [{"key": f"SECRET{n}", "value": value, "masked": True} for n, value in enumerate(secrets)]
        job = gitlab.queue(["cat /data/log"], runner=runner, variables=variables)
        peak = watch(daemon, job)
        took = job.timeline[-1][1] - job.at("running")
        trace = job.trace()
        lost = not complete(trace, text, secrets)
        bare = bare_log(machine, gitlab, courser, data, trace)
        yield line("log of 200 MB, 20 secrets, time stamps: until the end", took, "s", "gitlab-runner 5.4 s", 5.4, 1.8)
        print(f"  {len(trace) / took / 1e6:.0f} MB/s; the floor (cat, a pipe, the same PATCHes: {len(trace) / 1e6:.0f} MB)"
              f" takes {bare:.2f} s, ours is {took / bare:.2f} x that", flush=True)
        yield line("log of 200 MB: bytes lost or wrong", lost, "", "", 0, 0)
        for role in ("worker", "courier"):
            yield line(f"log of 200 MB: peak RSS of the {role}", peak[role] / 1024, "MiB", "gitlab-runner 100 MB", 100,
                       16)
        report(gitlab)


def watch(daemon: Daemon, job: Job, roles: tuple[str, ...] = ("worker", "courier")) -> dict[str, int]:
    """Until the job's end: KiB at the peak of these roles."""
    peak = dict.fromkeys(roles, 0)
    while not job.finished:
        for row in tree.tree(daemon.pid):
            for role in roles:
                if row.name == f"courser-{role}"[:15]:
                    peak[role] = max(peak[role], tree.table(row.pid, "status").get("VmHWM", 0))
        time.sleep(0.1)
    if job.state != "success":
        raise AssertionError(f"{job!r} {job.text[-2000:]}")
    return peak


def complete(trace: bytes, text: bytes, secrets: list[str]) -> bool:
    """Whether the log is the text, masked, each line behind a time stamp ("+": it continues the one before)."""
    lines = re.sub(rb"\n\S+Z [0-9a-f]{2}[OE]\+", b"", trace)
    lines = re.sub(rb"^\S+Z [0-9a-f]{2}[OE] ", b"", lines, flags=re.MULTILINE)
    masked = re.sub("|".join(secrets).encode(), b"[MASKED]", text)
    return masked in lines


def bare_log(machine: Machine, gitlab: GitLab, courser: Courser, data: Path, trace: bytes) -> float:
    (data / "trace").write_bytes(trace)
    with Floor(machine, gitlab, courser.account(), "log", str(data / "trace")) as floor:
        listening(gitlab, floor.runner)
        job = gitlab.queue(TRIVIAL, runner=floor.runner).wait()
        if len(job.data) != len(trace):
            raise AssertionError(f"{job!r}: the floor lost bytes")
    return job.timeline[-1][1] - job.at("running")


def artifacts(machine: Machine) -> Iterator[bool]:
    """A quarter of a GiB of mixed files as artifacts, beside `zip -r` and then `curl` to the same coordinator."""
    with GitLab(on_change="job") as gitlab, machine.courser("user") as courser:
        gitlab.max_artifacts_size, gitlab.look_into_artifacts = 1 << 40, False
        runner = gitlab.add_runner()
        files.mixed(courser.dir / "data", ARTIFACT_BYTES)
        daemon = courser.run(configuration(courser, gitlab, runner, runner_mounts=[f"{courser.dir / 'data'}:/data:ro"]))
        ours, theirs, peak = [], [], {"archiver": 0, "carrier": 0}
        for _ in range(2):
            listening(gitlab, runner)
            job = gitlab.queue(["cp -r /data ."], ["sleep 0.1"], runner=runner, artifacts={"paths": ["data"]})
            peak = {role: max(kib, peak[role]) for role, kib in watch(daemon, job, tuple(peak)).items()}
            ours.append(float(re.search(r"upload (\d+\.\d+)s", job.text)[1]))
            size = len(job.artifacts.pop()["data"])
            with gitlab.changed:
                job.state = "running"
            theirs.append(files.zip_and_curl(courser.dir / "data", courser.dir, f"{gitlab.url}/api/v4/jobs/{job.id}/artifacts",
                                             job.token))
            (courser.dir / "a.zip").unlink()
            print(f"  {ARTIFACT_BYTES >> 20} MiB: {size >> 20} MiB packed by us, "
                  f"{len(job.artifacts.pop()['data']) >> 20} by zip", flush=True)
        base = min(theirs)
        yield line("artifacts of 256 MiB: packed and uploaded", min(ours), "s", f"zip -r + curl {base:.2f} s", base, base / 2)
        for role, kib in peak.items():
            yield line(f"artifacts of 256 MiB: peak RSS of the {role}", kib / 1024, "MiB", "", 0, 64)
        report(gitlab)


def caches(machine: Machine) -> Iterator[bool]:
    """A cache of 20,000 small files: saved with 1 % changed and restored, beside tar --zstd and tar -x."""
    change = f"cd m; for d in p*; do for i in 0 1; do [ -e $d/lib$i/f0.js ] && echo $RANDOM >$d/lib$i/f0.js; done; done | head -n {CACHED // 100}; :"
    with GitLab(on_change="job") as gitlab, machine.courser("user") as courser:
        runner = gitlab.add_runner()
        files.many_small(courser.dir / "data" / "m", CACHED)
        courser.run(configuration(courser, gitlab, runner, cache_free=0,
                                  runner_mounts=[f"{courser.dir / 'data'}:/data:ro"]))
        cache = {"key": "k", "paths": ["m"]}

        def phase(name: str, script: list[str]) -> float:
            listening(gitlab, runner)
            job = gitlab.queue(script, runner=runner, cache=cache, variables={"GIT_STRATEGY": "empty"}).wait(120)
            if job.state != "success" or "WARNING: Failed" in job.text:
                raise AssertionError(f"{job!r}\n{job.text}")
            return float(re.search(rf"{name} (\d+\.\d+)s", job.text)[1])

        phase("upload", ["cp -r /data/m ."])
        saved, restored, packed, unpacked = [], [], [], []
        for _ in range(3):
            saved.append(phase("upload", [change]))
            restored.append(phase("sources", ["true"]))
            packed.append(files.timed("tar", "--zstd", "-cf", str(courser.dir / "m.tar.zst"), "m", cwd=courser.dir / "data"))
            (courser.dir / "out").mkdir()
            unpacked.append(files.timed("tar", "-xf", str(courser.dir / "m.tar.zst"), cwd=courser.dir / "out"))
            files.timed("rm", "-rf", "out", cwd=courser.dir)
        base = min(packed)
        yield line("cache of 20,000 files: saved, 1 % changed", min(saved), "s", f"tar --zstd {base:.2f} s", base, base / 5)
        base = min(unpacked)
        yield line("cache of 20,000 files: restored", min(restored), "s", f"tar -x {base:.2f} s", base, base / 2)
        report(gitlab)


def redactor(machine: Machine) -> Iterator[bool]:
    """MB/s on one core, of redact_bench."""
    done = subprocess.run([str(machine.build / "bench" / "redact_bench")], check=True, capture_output=True, text=True)
    speed: dict[str, dict[str, float]] = {}
    for text in done.stdout.splitlines():
        found = re.match(r"(.*\S) +(\d+) MB/s$", text)
        if found:
            speed[secrets][found[1]] = float(found[2])
        else:
            secrets = text.split()[0]
            speed[secrets] = {}
    other, base = "dense automaton 400 MB/s", 400
    yield line("redactor, log text, 20 secrets", speed["20"]["log text without a hit"], "MB/s", other, base, 400,
               more=True)
    yield line("redactor, log text, 1,008 needles", speed["112"]["log text without a hit"], "MB/s", other, base, 100,
               more=True)
    name, worst = min(((name, rate) for rates in speed.values() for name, rate in rates.items()),
                      key=lambda pair: pair[1])
    yield line("redactor, the worst input", worst, "MB/s", name, 0, 80, more=True)


def expressions(machine: Machine) -> Iterator[bool]:
    """Expressions a second on one core, parsed and evaluated, of expr_bench."""
    done = subprocess.run([str(machine.build / "bench" / "expr_bench")], check=True, capture_output=True, text=True)
    rate = {found[1]: float(found[2]) for found in re.finditer(r"^(.*\S) +(\d+) /s$", done.stdout, re.M)}
    for name in ("typical", "functions"):
        yield line(f"expressions, {name}", rate[name] / 1e3, "k/s", "no peer in C", 0, 200, more=True)


def sandbox(machine: Machine) -> Iterator[bool]:
    """From the request of a sandbox to the exec of its init, beside the bare namespaces, mounts and exec."""
    ours, bare = [], []
    with tempfile.TemporaryDirectory(prefix="cs-", dir=TMP) as directory:
        place = Path(directory)
        (place / "tree").mkdir()
        for _ in range(6):
            subprocess.run([str(machine.build / "tests" / "sandbox-run"), f"spawner={machine.build}/courser-spawner",
                            "net=host", f"tree={place}/tree", "repeat=40", f"report={place}/report", "/bin/true"],
                           check=True, stdin=subprocess.DEVNULL)
            ours.append(float(re.search(r"started_us=(\d+)", (place / "report").read_text())[1]) / 1e3)
            done = subprocess.run([str(machine.floor), "sandbox", "40", str(machine.build / "courser-init")], check=True,
                                  capture_output=True, text=True)
            bare.append(float(done.stdout) / 1e3)
    base = min(bare)
    yield line("sandbox, asked for until its init is executed", min(ours), "ms", f"floor {base:.2f} ms", base,
               1.3 * base)
    yield from crowd(machine)


def private(rows: list[tree.Process]) -> int:
    """KiB that go with the processes."""
    return tree.memory(rows, "Private_Clean") + tree.memory(rows, "Private_Dirty")


def crowd(machine: Machine) -> Iterator[bool]:
    """Sandboxes at once: what each adds to the idle daemon beside the job's own processes, and what is left of them."""
    with at_once(machine, CROWD) as (gitlab, runner, courser, daemon):
        time.sleep(1)
        before = tree.tree(daemon.pid)
        idle = private(before)
        jobs = asleep(gitlab, runner, CROWD)
        time.sleep(2)
        ours = [row for row in tree.tree(daemon.pid) if row.name not in ("bash", "sleep")]
        yield line(f"{CROWD} sandboxes at once, private memory beyond the job's", (private(ours) - idle) / CROWD / 1024,
                   "MiB", "worker, init, all that grows", 0, 1)
        for job in jobs:
            job.cancel(graceful=False)
        gitlab.settle()
        end = time.monotonic() + 10
        while (left := remains(daemon, courser.dir, before)) and time.monotonic() < end:
            time.sleep(0.1)
        yield line(f"{CROWD} sandboxes, left when they have ended", len(left), "", "processes, directories, mounts", 0, 0)
        if left:
            print("  " + ", ".join(left[:8]), flush=True)


def remains(daemon: Daemon, place: Path, before: list[tree.Process]) -> list[str]:
    """What there is of jobs: more processes of a name than the idle daemon had, directories, mounts of the host."""
    names = [row.name for row in before]
    left = []
    for row in tree.tree(daemon.pid):
        if row.name in names:
            names.remove(row.name)
        else:
            left.append(f"{row.name} {row.pid}")
    left += [f"directory {path.name}" for path in (daemon.state / "jobs").iterdir() if path.is_dir()]
    left += [row for row in Path("/proc/self/mountinfo").read_text().splitlines() if str(place) in row]
    return left


@contextmanager
def cached_image(directory: Path, courser: Path) -> Iterator[tuple[Path, str]]:
    """A state directory with one image in its store, and the image's name."""
    with Registry() as registry:
        name = registry.push("bench/x", "1", Image([busybox(), layer(Entry("a", data="x"))], {"Env": ["PATH=/bin"]}))
        state = directory / "state"
        run_job(courser, state, {"name": name}, "-o", f"images.insecure_registries={registry.host}")
        yield state, name


def run_job(courser: Path, state: Path, image: dict | None, *options: str) -> float:
    """Seconds of one trivial job, all of `courser exec`."""
    job = state.parent / "job.json"
    job.write_text(json.dumps(payload(["true"], image=image)))
    began = time.monotonic()
    subprocess.run([str(courser), "exec", "--payload", str(job), "--state", str(state), *options], check=True,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def crun(root: Path, place: Path) -> float:
    """Milliseconds of `crun run` of /bin/true, the least of some; it refuses hybrid cgroups, so it sees the unified one."""
    subprocess.run(["crun", "spec"], cwd=place, check=True)
    config = json.loads((place / "config.json").read_text())
    config["process"].update(terminal=False, args=["/bin/true"])
    config["root"] = {"path": str(root), "readonly": True}
    (place / "config.json").write_text(json.dumps(config))
    hide = "mount --bind /sys/fs/cgroup/unified /sys/fs/cgroup; " if Path("/sys/fs/cgroup/unified").is_dir() else ""
    loop = (f"{hide}for i in $(seq 15); do s=$(date +%s%N); crun --cgroup-manager=disabled run b$i >&2 || exit 1; "
            "echo $(($(date +%s%N) - s)); done")
    done = subprocess.run(["unshare", "-m", "sh", "-c", loop], cwd=place, check=True, capture_output=True, text=True)
    return min(int(word) for word in done.stdout.split()) / 1e6


def images(machine: Machine) -> Iterator[bool]:
    """A sandbox on a cached image, beside the bare namespaces and crun; and what the image costs a second job."""
    with tempfile.TemporaryDirectory(prefix="ci-", dir=TMP) as directory:
        place = Path(directory)
        place.chmod(0o755)
        with cached_image(place, machine.build / "courser") as (state, name):
            layers = state / "images" / "layers"
            numbers = ",".join(sorted(os.listdir(layers), reverse=True))
            owner = layers.stat().st_uid
            (place / "upper").mkdir()
            command = [str(machine.build / "tests" / "sandbox-run"), f"spawner={machine.build}/courser-spawner", "net=host",
                       f"layers={layers}:{numbers}", f"owner={owner}", f"report={place}/report", "cwd=/", "repeat=40"]
            ours, bare = [], []
            for turn in range(5):
                upper = place / "upper" / str(turn)
                upper.mkdir()
                subprocess.run([*command, f"upper={upper}", "/bin/true"], check=True, stdin=subprocess.DEVNULL)
                ours.append(float(re.search(r"started_us=(\d+)", (place / "report").read_text())[1]) / 1e3)
                done = subprocess.run([str(machine.floor), "sandbox", "40", str(machine.build / "courser-init")],
                                      check=True, capture_output=True, text=True)
                bare.append(float(done.stdout) / 1e3)
            yield line("sandbox on a cached image, until its init", min(ours), "ms", f"bare clone {min(bare):.2f} ms",
                       min(bare), 10)
            if shutil.which("crun"):
                bottom = layers / min(os.listdir(layers), key=int)
                other = crun(bottom, place)
                yield line("sandbox on a cached image, beside crun run", min(ours), "ms", f"crun run {other:.2f} ms", other,
                           other / 3)
            options = ("-o", "images.pull_policy=never")
            courser = machine.build / "courser"
            times = [(run_job(courser, state, {"name": name}, *options), run_job(courser, state, None)) for _ in range(12)]
            with_image, without = (1e3 * statistics.median(column) for column in zip(*times))
            yield line("second job on an image, more than on the host's files", with_image - without, "ms",
                       f"on the host's {without:.1f} ms", 0, 10)


FIGURES: dict[str, Callable[[Machine], Iterator[bool]]] = {
    "first-byte": first_byte, "cpu": cpu, "idle": idle, "sleepers": sleepers, "log": big_log, "redactor": redactor,
    "sandbox": sandbox, "images": images, "expressions": expressions, "artifacts": artifacts,
    "caches": caches,
}


def usage() -> str:
    listed = "\n".join(f"  {name:<12}{(figure.__doc__ or '').splitlines()[0]}" for name, figure in FIGURES.items())
    return f"usage: tests/bench/run [BUILD [FIGURE...]]\nBUILD: a build directory, default build. FIGURE, default all:\n{listed}"


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--help"]:
        print(usage())
        return 0
    wanted = arguments[1:] or list(FIGURES)
    if unknown := [name for name in wanted if name not in FIGURES]:
        print(f"tests/bench/run: no figure {', '.join(unknown)}\n{usage()}", file=sys.stderr)
        return 64
    if not (Path(arguments[0]) / "courser").is_file():
        print(f"tests/bench/run: {arguments[0]}/courser is not built", file=sys.stderr)
        return 66
    begin = time.monotonic()
    with ExitStack() as stack:
        machine = Machine(Path(arguments[0]), stack)
        results = [good for name in wanted for good in FIGURES[name](machine)]
    print(f"{len(results)} figures, {results.count(False)} short, {time.monotonic() - begin:.0f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
