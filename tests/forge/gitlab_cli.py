"""The coordinator as a program, with a control interface below /-/ for demos and benchmarks.

    POST /-/jobs {"script": ["true"], ...}   queues a job (arguments of GitLab.queue)  -> {"id": 1000}
    GET  /-/jobs/ID                          state, timeline (CLOCK_MONOTONIC), first byte
    GET  /-/jobs/ID/trace                    its log
    POST /-/jobs/ID/cancel[?force=1]         cancels it
    GET  /-/violations                       what the runner did wrong
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.forge.gitlab import GitLab
from tests.forge.gitlab_jobs import Job
from tests.forge.httpd import Reply, Request
from tests.forge.pipeline import Pipeline


def job_report(job: Job) -> dict[str, Any]:
    """What is known of a job, as JSON; times are seconds of CLOCK_MONOTONIC."""
    return {
        "id": job.id, "name": job.name, "stage": job.payload["job_info"]["stage"], "state": job.state,
        "failure_reason": job.failure_reason, "exit_code": job.exit_code, "bytes": len(job.data),
        "first_byte_at": job.first_byte_at, "timeline": job.timeline,
    }


class Control:
    """Puts /-/ in front of the coordinator's own calls."""

    def __init__(self, gitlab: GitLab) -> None:
        self.gitlab = gitlab
        self.inner = gitlab.httpd.answer
        gitlab.httpd.answer = self.answer

    def answer(self, request: Request) -> Reply:
        if not request.path.startswith("/-/"):
            return self.inner(request)
        found = re.fullmatch(r"/-/(jobs|violations)(?:/(\d+)(?:/(trace|cancel))?)?", request.path)
        if not found:
            return Reply.json(404, {"error": "404 Not Found"})
        what, job_id, verb = found.groups()
        if what == "violations":
            return Reply.json(200, self.gitlab.problems())
        if job_id is None:
            return self.queue(request) if request.method == "POST" else self.list()
        return self.one(request, self.gitlab.job(int(job_id)), verb)

    def queue(self, request: Request) -> Reply:
        job = self.gitlab.queue(**request.json())
        return Reply.json(201, {"id": job.id})

    def list(self) -> Reply:
        with self.gitlab.changed:
            return Reply.json(200, [job_report(job) for job in self.gitlab.jobs])

    def one(self, request: Request, job: Job | None, verb: str | None) -> Reply:
        if job is None:
            return Reply.json(404, {"error": "404 Not Found"})
        if verb == "trace":
            return Reply(200, job.trace(), {"Content-Type": "text/plain"})
        if verb == "cancel":
            job.cancel(graceful="force" not in request.query)
        with self.gitlab.changed:
            return Reply.json(200, job_report(job))


class LineWriter:
    """Writes logs of concurrent jobs to one terminal, whole lines, each with its job's name."""

    def __init__(self, out: Any) -> None:
        self.out = out
        self.partial: dict[int, bytes] = {}

    def write(self, job: Job, data: bytes) -> None:
        text = self.partial.get(job.id, b"") + data
        *lines, self.partial[job.id] = text.split(b"\n")
        for line in lines:
            self.out.write(f"{job.name:>14} | ".encode() + line + b"\n")
        self.out.flush()

    def finish(self, job: Job) -> None:
        rest = self.partial.pop(job.id, b"")
        if rest:
            self.write(job, rest + b"\n")

    def follow(self, job: Job) -> None:
        job.on_trace.append(self.write)
        job.on_finish.append(self.finish)


def stages_of(text: str) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """[["build", [{"name": "compile", "script": [...]}]], ...] or {"build": [...], ...}"""
    value = json.loads(text)
    return list(value.items()) if isinstance(value, dict) else [(name, jobs) for name, jobs in value]


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.forge.gitlab", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--token-out", type=Path, help="writes the runner's authentication token there (mode 0600)")
    parser.add_argument("--url-out", type=Path, help="writes the URL there, when it is ready")
    parser.add_argument("--cert", help="serves TLS with this certificate")
    parser.add_argument("--key")
    parser.add_argument("--client-ca", help="demands a client certificate signed by it")
    parser.add_argument("--long-poll", type=float, default=50.0, metavar="S")
    parser.add_argument("--on-change", choices=("empty", "job"), default="empty",
                        help="what a held request is answered when a job arrives (GitLab: empty)")
    parser.add_argument("--update-interval", type=int, default=3, metavar="S")
    parser.add_argument("--pipeline", type=Path, help="JSON: runs it, then ends with 0 when it succeeded, else 1")
    parser.add_argument("--stream", action="store_true", help="logs of the pipeline's jobs to stdout as they come")
    parser.add_argument("--report", type=Path, help="JSON about every job, written at the end")
    parser.add_argument("--timeout", type=float, default=600.0, metavar="S", help="for the pipeline")
    return parser.parse_args(argv)


def announce(gitlab: GitLab, options: argparse.Namespace) -> None:
    if options.token_out:
        options.token_out.touch(0o600)
        options.token_out.write_text(gitlab.token + "\n")
    if options.url_out:
        options.url_out.write_text(gitlab.url + "\n")
    print(gitlab.url, flush=True)
    if not options.token_out:
        print(gitlab.token, flush=True)


def run_pipeline(gitlab: GitLab, options: argparse.Namespace) -> int:
    writer = LineWriter(sys.stdout.buffer)
    follow = writer.follow if options.stream else None
    pipeline = Pipeline(gitlab, stages_of(options.pipeline.read_text()), on_job=follow).start()
    try:
        status = pipeline.wait(options.timeout)
    except AssertionError as error:
        print(error, file=sys.stderr)
        return 1
    return 0 if status == "success" else 1


def main(argv: list[str] | None = None) -> int:
    options = parse(argv)
    stopping = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stopping)  # before any thread is made: all inherit it
    with GitLab(options.port, cert=options.cert, key=options.key, client_ca=options.client_ca,
                long_poll=options.long_poll, on_change=options.on_change) as gitlab:
        gitlab.update_interval = options.update_interval
        Control(gitlab)
        announce(gitlab, options)
        if options.pipeline:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, stopping)
            code = run_pipeline(gitlab, options)
            gitlab.settle()
        else:
            signal.sigwait(stopping)
            code = 0
        if options.report:
            options.report.write_text(json.dumps([job_report(job) for job in gitlab.jobs], indent=1))
        for text in gitlab.problems():
            print(f"violation: {text}", file=sys.stderr)
            code = 1
    return code
