"""Upload and download of job artifacts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.forge.httpd import Reply, Request

if TYPE_CHECKING:
    from tests.forge.gitlab import GitLab
    from tests.forge.gitlab_jobs import Job

FORMATS = ("zip", "gzip", "raw", "zipzstd", "tarzstd")
DISPOSITION = re.compile(rb'content-disposition:\s*form-data;\s*name="file";\s*filename="([^"\r\n]+)"', re.I)


def file_part(request: Request) -> tuple[str, bytes] | None:
    """Name and bytes of the one part of a multipart/form-data body; None when it is anything else."""
    kind = re.match(r'multipart/form-data;\s*boundary="?([^";]+)"?\Z', request.header("content-type") or "")
    if not kind:
        return None
    mark = b"--" + kind[1].encode()
    if not request.body.startswith(mark + b"\r\n") or not request.body.rstrip(b"\r\n").endswith(mark + b"--"):
        return None
    inner = request.body[len(mark) + 2 : request.body.rindex(b"\r\n" + mark + b"--")]
    if b"\r\n" + mark in inner:
        return None
    head, _, data = inner.partition(b"\r\n\r\n")
    name = DISPOSITION.search(head)
    return (name[1].decode(), data) if name else None


def artifacts_upload(gitlab: GitLab, request: Request, job: Job) -> Reply:
    part, query = file_part(request), request.query
    kind, form = query.get("artifact_type", "archive"), query.get("artifact_format", "zip")
    if part is None:
        gitlab.violation(request, "not one multipart part named file")
        return Reply.json(400, {"message": "400 Bad request"})
    if form not in FORMATS:
        gitlab.violation(request, f"artifact_format {form}")
        return Reply.json(400, {"error": "artifact_format does not have a valid value"})
    with gitlab.changed:
        job.artifacts.append({"type": kind, "format": form, "expire_in": query.get("expire_in", ""),
                              "filename": part[0], "data": part[1]})
    return Reply.json(201, {"id": job.id})


def artifacts_download(job: Job) -> Reply:
    archives = [entry for entry in job.artifacts if entry["type"] == "archive"]
    if not archives:
        return Reply.json(404, {"message": "404 Not Found"})
    return Reply(200, archives[-1]["data"], {"Content-Type": "application/octet-stream"})
