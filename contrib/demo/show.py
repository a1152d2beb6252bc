"""The demo itself: a coordinator, a git server, an OpenBao and a file store on loopback, and courser that runs a
pipeline of theirs as an unprivileged user. usage: show.py BUILD    (contrib/demo/run calls it)

Nothing stays: processes, files and the account that was made for it go at the end, also after an interrupt.
"""

from __future__ import annotations

import signal

# Until run() asks for it an interrupt ends us: as an exception in the midst of an import it may be lost.
signal.signal(signal.SIGINT, signal.SIG_DFL)

import base64  # noqa: E402
import hashlib  # noqa: E402
import os  # noqa: E402
import pwd  # noqa: E402
import re  # noqa: E402
import secrets  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import threading  # noqa: E402
import time  # noqa: E402
from contextlib import ExitStack, suppress  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests" / "integration"))

from courser import ACCOUNT, Binaries, Courser, Daemon, TestUser  # noqa: E402
from tests.forge.git_server import GitServer, Repo  # noqa: E402
from tests.forge.gitlab import GitLab  # noqa: E402
from tests.forge.gitlab_jobs import Job  # noqa: E402
from tests.forge.httpd import Httpd, Reply, Request  # noqa: E402
from tests.forge.openbao import OpenBao  # noqa: E402
from tests.forge.pipeline import Pipeline  # noqa: E402

BUDGET = 15 * 60
PATIENCE = 80
COLOURS = ("36", "32", "33", "35", "34", "31")
TIMES = re.compile(r"Time: (.*), total")
STAMP = re.compile(r"^\S+Z [0-9a-f]{2}[OE][ +]")
MARKS = re.compile(r"section_(?:start|end):\d+:[^\r\x1b]*|\x1b\[0K|\r")
ANSI = re.compile(r"\x1b\[[0-9;]*m")


class Coordinator(GitLab):
    """Knows, as the real one, how long a job was queued when it hands it out."""

    def pick(self, *args: Any) -> Job | None:
        job = super().pick(*args)
        if job:
            job.payload["job_info"]["time_in_queue_seconds"] = time.monotonic() - job.queued_at
        return job


class Store:
    """Where the pipeline deploys to: takes a file from whoever knows the password."""

    def __init__(self, password: str) -> None:
        self.wanted = "Basic " + base64.b64encode(f"deploy:{password}".encode()).decode()
        self.files: dict[str, bytes] = {}
        self.httpd = Httpd(self.answer)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.httpd.close()

    def answer(self, request: Request) -> Reply:
        if request.method != "PUT":
            return Reply.text(405, "only PUT\n")
        if not secrets.compare_digest(request.header("authorization") or "", self.wanted):
            return Reply.text(401, "wrong password\n")
        self.files[request.path.rpartition("/")[2]] = request.body
        return Reply.text(201, f"stored, sha256 {hashlib.sha256(request.body).hexdigest()}\n")


class Terminal:
    """Logs as they come: whole lines, each after its job's name, without what is only for a web page."""

    def __init__(self) -> None:
        self.tty = sys.stdout.isatty()
        self.lock = threading.Lock()
        self.partial: dict[int, bytes] = {}
        self.colours: dict[int, str] = {}

    def say(self, text: str = "") -> None:
        with self.lock:
            print(text if self.tty else ANSI.sub("", text), flush=True)

    def follow(self, job: Job) -> None:
        self.colours[job.id] = COLOURS[len(self.colours) % len(COLOURS)]
        job.on_trace.append(self.trace)

    def trace(self, job: Job, data: bytes) -> None:
        *lines, self.partial[job.id] = (self.partial.get(job.id, b"") + data).split(b"\n")
        for line in lines:
            text = MARKS.sub("", STAMP.sub("", line.decode("utf-8", "replace")))
            if text.strip():
                self.say(f"\x1b[{self.colours[job.id]}m{job.name:>13} |\x1b[0m {text}")


def stages(bao: OpenBao, store: Store, repo: Repo) -> list[tuple[str, list[dict[str, Any]]]]:
    """The pipeline, as .gitlab-ci.yml would have it."""
    deploy = [
        "make package",
        'echo "the password, printed by mistake: $DEPLOY_PASSWORD"',
        "printf 'user = \"deploy:%s\"\\n' \"$DEPLOY_PASSWORD\" |"
        " curl -sS --fail --config - --upload-file tally-*.tar.gz \"$STORE_URL/\"",
    ]
    jobs = {
        "build": [{"name": "build", "script": ["make", "echo 'one two three' | ./tally"]}],
        "test": [{"name": "unit-test", "script": ["make test"]},
                 {"name": "security-scan", "script": ["make scan", 'echo "gcc -fanalyzer: nothing found"']}],
        "package": [{"name": "package", "script": ["make package"], "after_script": ["ls -l ./*.tar.gz"]}],
        "deploy": [{"name": "deploy", "script": deploy,
                    "variables": [{"key": "STORE_URL", "value": store.httpd.origin}, bao.id_token()],
                    "secrets": {"DEPLOY_PASSWORD": bao.secret("production/tally")}}],
    }
    return [(stage, [{"git": repo, "project": "demo/tally", "depth": 0, **job} for job in listed])
            for stage, listed in jobs.items()]


def project(server: GitServer) -> Repo:
    """A repository with some history: the files of project/, tagged."""
    files = {path.name: path.read_text() for path in sorted((HERE / "project").iterdir())}
    repo = server.repo("demo/tally", {name: files[name] for name in ("Makefile", "tally.h", "tally.c", "main.c")})
    repo.tag("v1.0", message="first")
    repo.commit({"tally_test.c": files["tally_test.c"]}, "every text at every cut")
    return repo


def register(courser: Courser, gitlab: GitLab) -> Path:
    """Settings as a person writes them; the registration is added by courser itself."""
    config = courser.write_config(concurrent=4, listen_address="", check_interval=1, shutdown_timeout=3)
    token = courser.write("token", gitlab.token + "\n")
    done = courser.command("register", "--config", config, "--url", gitlab.url, "--token-file", token,
                           "--name", "demo", "--state", courser.path("st"))
    if done.returncode:
        raise RuntimeError(f"courser register: {done.stderr.decode()}")
    return config


def phases(job: Job) -> dict[str, float]:
    """What courser itself says about its times, at the end of the job's log."""
    found = TIMES.search(job.text)
    pairs = (part.rsplit(" ", 1) for part in found[1].split(", ")) if found else ()
    return {name: float(value.rstrip("s")) for name, value in pairs}


def table(pipeline: Pipeline, say: Any) -> None:
    say(f"{'job':>13}   {'result':<9}{'queue':>9}{'sources':>10}{'steps':>10}{'total':>10}   share of 15 minutes")
    for job in pipeline.jobs:
        ours, total = phases(job), job.timeline[-1][1] - job.queued_at
        queue = (job.at("running") or job.timeline[-1][1]) - job.queued_at
        colour = "32" if job.state == "success" else "31"
        say(f"{job.name:>13}   \x1b[{colour}m{job.state:<9}\x1b[0m{queue:>8.3f}s{ours.get('sources', 0):>9.3f}s"
            f"{ours.get('steps', 0):>9.3f}s{total:>9.3f}s{100 * total / BUDGET:>10.2f} %")
    whole = pipeline.jobs[-1].timeline[-1][1] - pipeline.jobs[0].queued_at
    say(f"{'pipeline':>13}   {pipeline.status:<9}{'':38}{whole:>9.3f}s{100 * whole / BUDGET:>10.2f} %")


def proof(password: str, pipeline: Pipeline, store: Store, courser: Courser, bao: OpenBao) -> list[str]:
    """What the deployment shows about the secret; AssertionError when one of it is not so."""
    log = pipeline.jobs[-1].text
    assert store.files, "nothing was deployed"
    name, content = next(iter(store.files.items()))
    digest = hashlib.sha256(content).hexdigest()
    assert digest in log and "[MASKED]" in log, "the log of deploy lacks the digest or the mask"
    assert all(password not in job.text for job in pipeline.jobs), "the secret is in a log"
    assert not courser.files_with(password), "the secret is in a file of courser"
    bao.wait_clean()
    return [f"{name} ({len(content)} bytes) is in the store; its digest is the one in the log of deploy.",
            "The store's password came from OpenBao: the job used it, printed it and shows [MASKED].",
            "It is in no log and in no file of courser; the job's token at OpenBao has been revoked."]


class Account:
    """The unprivileged account that courser runs as; made for the demo when root has none, then removed again."""

    def __init__(self) -> None:
        self.user: TestUser | None = None
        self.ours = False

    def __enter__(self) -> Account:
        if os.geteuid() == 0:
            self.ours = not any(entry.pw_name == ACCOUNT for entry in pwd.getpwall())
            self.user = TestUser.ensure()
        return self

    def __exit__(self, *_: object) -> None:
        if self.ours:
            subprocess.run(["userdel", ACCOUNT], check=True, capture_output=True)

    @property
    def name(self) -> str:
        return self.user.name if self.user else pwd.getpwuid(os.geteuid()).pw_name


class Demo:
    """Everything that is started, in the order in which it is ended again."""

    def __init__(self, build: Path) -> None:
        self.build = build
        self.terminal = Terminal()
        self.stop = threading.Event()
        self.password = secrets.token_urlsafe(18)
        self.daemon: Daemon | None = None

    def run(self) -> int:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: self.stop.set())
        with ExitStack() as stack:
            status = self.show(stack)
        self.terminal.say("Interrupted; nothing is left behind." if self.stop.is_set() else "Nothing is left behind.")
        return 130 if self.stop.is_set() else status

    def show(self, stack: ExitStack) -> int:
        say = self.terminal.say
        account = stack.enter_context(Account())
        gitlab = stack.enter_context(Coordinator())
        git = stack.enter_context(GitServer())
        bao = stack.enter_context(OpenBao())
        store = stack.enter_context(Store(self.password))
        courser = stack.enter_context(Courser(stack.enter_context(Binaries(self.build)), account.user, "user"))
        stack.callback(self.end, courser)
        bao.put("ops/data/production/tally", {"data": {"password": self.password}})
        repo = project(git)
        say(f"\nOn loopback: coordinator {gitlab.url}, git {git.url}, OpenBao {bao.url}, store {store.httpd.origin}.")
        try:
            self.daemon = courser.run(register(courser, gitlab))
        except RuntimeError:
            if self.stop.is_set():  # the interrupt reached courser, too
                return 130
            raise
        say(f"courser runs as {account.name} (uid {account.user.uid if account.user else os.getuid()}), "
            f"pid {self.daemon.pid}. The pipeline starts.\n")
        pipeline = Pipeline(gitlab, stages(bao, store, repo), on_job=self.terminal.follow).start()
        if not self.wait(gitlab, pipeline):
            return 1
        say()
        table(pipeline, say)
        say()
        return self.verdict(pipeline, gitlab, lambda: proof(self.password, pipeline, store, courser, bao))

    def wait(self, gitlab: GitLab, pipeline: Pipeline) -> bool:
        """Until the pipeline has ended: True; until an interrupt, the daemon's end or the end of patience: False."""
        end = time.monotonic() + PATIENCE
        while pipeline.status == "running":
            with gitlab.changed:
                gitlab.changed.wait(0.1)
            if self.stop.is_set():
                return False
            if not self.daemon.running or time.monotonic() > end:
                self.terminal.say(f"demo: the pipeline did not end; the log of courser:\n{self.daemon.log()}")
                return False
        return True

    def verdict(self, pipeline: Pipeline, gitlab: GitLab, prove: Any) -> int:
        if pipeline.status != "success":
            self.terminal.say(f"demo: the pipeline has {pipeline.status}; the log of courser:\n{self.daemon.log()}")
            return 1
        gitlab.settle()
        found = gitlab.problems()
        try:
            lines = prove()
        except AssertionError as error:
            found.append(str(error))
            lines = []
        for text in [*lines, *(f"demo: {text}" for text in found)]:
            self.terminal.say(text)
        return 1 if found else 0

    def end(self, courser: Courser) -> None:
        """SIGTERM drains; a job that still runs is told to stop by the second one."""
        if self.daemon and self.daemon.running:
            self.daemon.signal(signal.SIGTERM)
            if self.stop.is_set():
                time.sleep(0.2)
                self.daemon.signal(signal.SIGTERM)
                with suppress(subprocess.TimeoutExpired):  # a third would leave its jobs to the next start
                    self.daemon.process.wait(15)
        courser.stop_all()
        for pid, line in courser.leftovers():
            self.terminal.say(f"demo: had to end a process: {pid} {line}")


if __name__ == "__main__":
    raise SystemExit(Demo(Path(sys.argv[1]).resolve()).run())
