"""What a well-behaved runner sends. Each check yields the violations that it finds as text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.forge.gitlab_jobs import Job
from tests.forge.gitlab_payload import ALWAYS_ALLOWED_REASONS
from tests.forge.httpd import Request

SYSTEM_ID = re.compile(r"(s_[0-9a-f]{12}|r_[0-9A-Za-z]{12})\Z")
CHECKSUM = re.compile(r"crc32:[0-9a-f]{8}\Z")
CONTENT_RANGE = re.compile(r"(\d+)-(\d+)\Z")
MAX_PATCH = 1 << 20
FEATURES = frozenset("""variables image services artifacts cache fallback_cache_keys shared upload_multiple_artifacts
    upload_raw_artifacts session terminal refspecs masking proxy raw_variables artifacts_exclude multi_build_steps
    trace_reset trace_checksum trace_size vault_secrets cancelable cancel_gracefully return_exit_code service_variables
    service_multiple_aliases image_executor_opts service_executor_opts native_steps_integration two_phase_job_commit
    job_inputs""".split())
REGISTER_KEYS = frozenset("""description maintenance_note tag_list run_untagged locked access_level maximum_timeout
    paused info token active maintainer_note""".split())
TRUE_WORDS = ("1", "t", "T", "true", "TRUE", "True")


def check_json_type(request: Request) -> Iterator[str]:
    kind = (request.header("content-type") or "").split(";")[0].strip()
    if kind != "application/json":
        yield f"Content-Type {kind or 'missing'} with a JSON body"


def check_header_token(request: Request, header: str, token: Any) -> Iterator[str]:
    sent = request.header(header)
    if sent is None:
        yield f"no {header} header"
    elif sent != token:
        yield f"{header} header differs from the token in the body"


def check_system_id(body: dict[str, Any]) -> Iterator[str]:
    system_id = body.get("system_id")
    if not isinstance(system_id, str) or not SYSTEM_ID.match(system_id):
        yield f"system_id {system_id!r}"


def check_info(body: dict[str, Any], full: bool) -> Iterator[str]:
    """`full`: the info of verify, request and update, which names executor and shell and every feature."""
    info = body.get("info")
    if not isinstance(info, dict):
        yield "no info object"
        return
    for key in ("name", "version", "revision", "platform", "architecture") + (("executor", "shell") if full else ()):
        if not isinstance(info.get(key), str) or (key != "revision" and not info[key]):
            yield f"info.{key} is {info.get(key)!r}"
    features = info.get("features")
    if not isinstance(features, dict):
        yield "no info.features object"
        return
    for key, value in features.items():
        if not isinstance(value, bool):
            yield f"info.features.{key} is not a boolean"
        if key not in FEATURES:
            yield f"info.features.{key} is no feature"
    if full:
        for key in sorted(FEATURES - set(features)):
            yield f"info.features lacks {key}"


def check_register(body: dict[str, Any]) -> Iterator[str]:
    for key in sorted(set(body) - REGISTER_KEYS):
        yield f"unknown key {key}"
    if not isinstance(body.get("tag_list", ""), str):
        yield "tag_list is not a comma-separated string"
    for key in ("run_untagged", "locked", "paused"):
        if key in body and not isinstance(body[key], bool):
            yield f"{key} is not a boolean"
    if body.get("access_level") not in (None, "not_protected", "ref_protected"):
        yield f"access_level {body['access_level']!r}"


def check_output(body: dict[str, Any], job: Job, final: bool) -> Iterator[str]:
    output = body.get("output")
    if output is None:
        if final and job.runner_features.get("trace_checksum"):
            yield "final state without output, though trace_checksum was announced"
        return
    if not isinstance(output, dict):
        yield "output is not an object"
        return
    checksum, size = output.get("checksum"), output.get("bytesize")
    if checksum is not None and (not isinstance(checksum, str) or not CHECKSUM.match(checksum)):
        yield f"output.checksum {checksum!r}"
    if size is not None and (type(size) is not int or size < 0):
        yield f"output.bytesize {size!r}"
    if final and (checksum is None or size is None):
        yield "final state without output.checksum or output.bytesize"
    if body.get("checksum") not in (None, checksum):
        yield "checksum differs from output.checksum"


def check_reason(body: dict[str, Any], job: Job) -> Iterator[str]:
    reason = body.get("failure_reason")
    if body.get("state") != "failed":
        if reason:
            yield f"failure_reason {reason!r} with state {body.get('state')!r}"
        return
    features = job.payload.get("features")
    listed = features.get("failure_reasons") if isinstance(features, dict) else None
    known = ALWAYS_ALLOWED_REASONS | set(listed if isinstance(listed, list) else ())
    if reason not in known:
        yield f"failure_reason {reason!r} is not one that the server listed"


def check_update(body: dict[str, Any], job: Job) -> Iterator[str]:
    """PUT jobs/:id"""
    state = body.get("state")
    if state not in ("running", "success", "failed", "pending"):
        yield f"state {state!r}"
    code = body.get("exit_code")
    if code is not None and type(code) is not int:
        yield f"exit_code {code!r}"
    if state == "success" and code:
        yield f"exit_code {code} with success"
    yield from check_reason(body, job)
    yield from check_output(body, job, state in ("success", "failed"))


def wants_debug_trace(job: Job) -> bool:
    value = False
    for entry in job.payload.get("variables") or []:
        if isinstance(entry, dict) and entry.get("key") in ("CI_DEBUG_TRACE", "CI_DEBUG_SERVICES"):
            value = value or entry.get("value") in TRUE_WORDS
    return value


def check_patch(request: Request, job: Job) -> Iterator[str]:
    """PATCH jobs/:id/trace"""
    kind = (request.header("content-type") or "").split(";")[0].strip()
    if kind != "text/plain":
        yield f"trace with Content-Type {kind or 'missing'}"
    debug = request.query.get("debug_trace")
    if debug not in ("true", "false"):
        yield f"debug_trace={debug}"
    elif (debug == "true") != wants_debug_trace(job):
        yield f"debug_trace={debug}, but the job's variables say otherwise"
    if not request.body:
        yield "empty trace patch"
    if len(request.body) > MAX_PATCH:
        yield f"trace patch of {len(request.body)} bytes"
    found = CONTENT_RANGE.match(request.header("content-range") or "")
    if not found:
        yield f"Content-Range {request.header('content-range')!r}"
    elif int(found[2]) - int(found[1]) + 1 != len(request.body):
        yield f"Content-Range {found[0]} with {len(request.body)} bytes"
