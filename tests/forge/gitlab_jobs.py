"""A job as the coordinator sees it: its state machine, its trace, what its runner must be able to do."""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable
from typing import Any

WAITING_STATES = ("queued", "waiting")
EXECUTING_STATES = ("running", "canceling")
FINAL_STATES = ("success", "failed", "canceled", "skipped")


def required_features(payload: dict[str, Any]) -> set[str]:
    """Features without which GitLab fails the job as runner_unsupported."""
    needed: set[str] = set()
    artifacts = [a for a in payload.get("artifacts") or [] if isinstance(a, dict)]
    providers = [p for s in (payload.get("secrets") or {}).values() if isinstance(s, dict) for p in s]
    steps = [s.get("name") for s in payload.get("steps") or [] if isinstance(s, dict)]
    rules = {
        "upload_multiple_artifacts": any(a.get("artifact_type") not in (None, "archive") for a in artifacts),
        "upload_raw_artifacts": any(a.get("artifact_format") == "raw" for a in artifacts),
        "artifacts_exclude": any(a.get("exclude") for a in artifacts),
        "fallback_cache_keys": any(c.get("fallback_keys") for c in payload.get("cache") or [] if isinstance(c, dict)),
        "multi_build_steps": bool(set(steps) - {"script", "after_script"}),
        "vault_secrets": "vault" in providers,
        "job_inputs": bool(payload.get("inputs")),
        "native_steps_integration": bool(payload.get("run")),
    }
    needed.update(feature for feature, wanted in rules.items() if wanted)
    return needed


class Job:
    """States: queued, waiting (given out, not accepted yet), running, canceling, then one of FINAL_STATES.

    Times are `time.monotonic()`. A job belongs to the lock of its coordinator; tests only read it, or call `wait*`
    and `cancel`.
    """

    def __init__(self, payload: dict[str, Any], changed: threading.Condition, runner: Any = None,
                 requires: set[str] | None = None) -> None:
        self.payload = payload
        self.id: int = payload["id"]
        self.token: str = payload["token"]
        self.name: str = (payload.get("job_info") or {}).get("name", "")
        self.runner = runner
        self.tags: frozenset[str] = frozenset()
        self.requires = required_features(payload) | (requires or set())
        self.changed = changed
        self.state = "queued"
        self.failure_reason: str | None = None
        self.exit_code: int | None = None
        self.raw_body: bytes | None = None
        self.data = bytearray()
        self.crc = 0
        self.chunks: list[tuple[float, int]] = []
        self.rejections: list[int] = []
        self.timeline: list[tuple[str, float]] = [("queued", time.monotonic())]
        self.updates: list[dict[str, Any]] = []
        self.artifacts: list[dict[str, Any]] = []
        self.queued_at = self.timeline[0][1]
        self.first_byte_at: float | None = None
        self.last_contact_at: float | None = None
        self.taken_by: str | None = None
        self.runner_features: dict[str, bool] = {}
        self.tampered = False
        self.not_yet = 0
        self.update_interval = 3
        self.on_finish: list[Callable[[Job], None]] = []
        self.on_trace: list[Callable[[Job, bytes], None]] = []

    def __repr__(self) -> str:
        return f"<Job {self.id} {self.name} {self.state} {self.failure_reason or ''} {len(self.data)} bytes>"

    # what tests ask

    def trace(self) -> bytes:
        with self.changed:
            return bytes(self.data)

    @property
    def text(self) -> str:
        return self.trace().decode("utf-8", "replace")

    @property
    def finished(self) -> bool:
        return self.state in FINAL_STATES

    def at(self, event: str) -> float | None:
        """When the job first got into that state."""
        return next((when for name, when in self.timeline if name == event), None)

    def arrived(self, needle: bytes) -> float | None:
        """When the last byte of the first occurrence of `needle` in the trace had been received."""
        with self.changed:
            start = self.data.find(needle)
            if start < 0:
                return None
            end = start + len(needle)
            return next(when for when, size in self.chunks if size >= end)

    def wait_until(self, predicate: Callable[[Job], bool], timeout: float = 30, what: str = "condition") -> Job:
        with self.changed:
            if not self.changed.wait_for(lambda: predicate(self), timeout):
                tail = bytes(self.data[-2000:]).decode("utf-8", "replace")
                raise AssertionError(f"{self!r}: {what} not met in {timeout} s; its log ends:\n{tail}")
        return self

    def wait(self, timeout: float = 30) -> Job:
        """Until the job is finished."""
        return self.wait_until(lambda job: job.finished, timeout, "end of the job")

    def wait_state(self, state: str, timeout: float = 30) -> Job:
        """Until the job has been in `state` (it may have left it again)."""
        return self.wait_until(lambda job: job.at(state) is not None, timeout, f"state {state}")

    def wait_trace(self, needle: bytes | str, timeout: float = 30) -> Job:
        wanted = needle.encode() if isinstance(needle, str) else needle
        return self.wait_until(lambda job: wanted in job.data, timeout, f"{wanted!r} in the log")

    def cancel(self, graceful: bool = True) -> None:
        """As somebody presses Cancel: `canceling` where the runner understands it and graceful, else `canceled`."""
        with self.changed:
            if self.finished:
                return
            gentle = graceful and self.state == "running" and self.runner_features.get("cancel_gracefully")
            self.enter("canceling" if gentle else "canceled")

    def tamper(self, change: Callable[[bytearray], None]) -> None:
        """Changes the server's copy of the trace: the runner's checksum will not match (412)."""
        with self.changed:
            change(self.data)
            self.crc = zlib.crc32(self.data)
            self.tampered = True

    # what the coordinator does, its lock held

    def enter(self, state: str) -> None:
        self.state = state
        self.timeline.append((state, time.monotonic()))
        self.changed.notify_all()
        if state in FINAL_STATES:
            for hook in self.on_finish:
                hook(self)

    def append(self, data: bytes, when: float) -> None:
        self.data += data
        self.crc = zlib.crc32(data, self.crc)
        self.chunks.append((when, len(self.data)))
        if self.first_byte_at is None:
            self.first_byte_at = when
        for hook in self.on_trace:
            hook(self, data)
        self.changed.notify_all()

    def reset_trace(self) -> None:
        self.data.clear()
        self.chunks.clear()
        self.crc = 0

    @property
    def job_status(self) -> str:
        """What the header Job-Status says."""
        return "pending" if self.state in WAITING_STATES else self.state
