"""Upload and download of job artifacts, as Workhorse and Rails do them, and an object store behind them."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import io
import re
import zipfile
from typing import TYPE_CHECKING

from tests.forge.httpd import Httpd, Reply, Request

if TYPE_CHECKING:
    from tests.forge.gitlab import GitLab
    from tests.forge.gitlab_jobs import Job

SUFFIXES = {"zip": ".zip", "gzip": ".gz", "raw": "", "zipzstd": ".zip", "tarzstd": ".tar.zst"}
# Which formats Rails takes for a type.
TYPES = {
    "archive": ("zip", "zipzstd", "tarzstd"), "junit": ("gzip",), "dotenv": ("gzip",), "cobertura": ("gzip",),
    "coverage_report": ("gzip",), "metrics": ("gzip",), "lsif": ("zip",), "sast": ("raw",), "codequality": ("raw",),
    "terraform": ("raw",),
}
EXPIRES = re.compile(r"never|\d+( ?(s|secs?|seconds?|mins?|minutes?|hrs?|hours?|d|days?|w|weeks?|mos?|months?|years?)\b ?)+\Z")
DISPOSITION = re.compile(rb'content-disposition:\s*form-data;\s*name="file";\s*filename="((?:[^"\\\r\n]|\\.)+)"\r\n', re.I)
RANGE = re.compile(r"bytes=(\d+)-(\d*)\Z")


def file_part(request: Request) -> tuple[str, bytes] | None:
    """Name and bytes of the one part of a multipart/form-data body; None when it is anything else."""
    kind = re.match(r'multipart/form-data;\s*boundary="?([^";]{1,70})"?\Z', request.header("content-type") or "")
    if not kind:
        return None
    mark = b"--" + kind[1].encode()
    if not request.body.startswith(mark + b"\r\n") or not request.body.rstrip(b"\r\n").endswith(mark + b"--"):
        return None
    inner = request.body[len(mark) + 2 : request.body.rindex(b"\r\n" + mark + b"--")]
    if b"\r\n" + mark in inner:
        return None
    head, _, data = inner.partition(b"\r\n\r\n")
    name = DISPOSITION.search(head + b"\r\n")
    return (re.sub(r"\\(.)", r"\1", name[1].decode()), data) if name else None


def content_fault(form: str, data: bytes) -> str | None:
    """What is wrong with an archive of that format."""
    try:
        if form in ("zip", "zipzstd"):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                names = archive.namelist()
                if archive.testzip():
                    return "a zip with a bad sum"
                if any(n.startswith("/") or ".." in n.split("/") for n in names):
                    return "a zip with a path that leads outside"
                if len(set(names)) != len(names):
                    return "a zip with a name twice"
        elif form == "gzip":
            gzip.decompress(data)
        elif form == "tarzstd" and data[:4] != b"\x28\xb5\x2f\xfd":
            return "not a zstd frame"
    except (zipfile.BadZipFile, OSError, EOFError, ValueError) as error:
        return f"not {form}: {error}"
    return None


def upload_faults(request: Request, filename: str, data: bytes, look: bool) -> list[str]:
    query = request.query
    kind, form = query.get("artifact_type", "archive"), query.get("artifact_format", "zip")
    found = [f"unknown query key {key}" for key in query if key not in ("artifact_type", "artifact_format", "expire_in")]
    found += [f"empty query key {key}" for key, value in query.items() if not value]
    if kind not in TYPES:
        found.append(f"artifact_type {kind}")
    elif form not in TYPES[kind]:
        found.append(f"artifact_format {form} for {kind}")
    if "/" in filename or not filename.endswith(SUFFIXES.get(form, "")):
        found.append(f"file name {filename} for {form}")
    if "expire_in" in query and not EXPIRES.match(query["expire_in"]):
        found.append(f"expire_in {query['expire_in']}")
    wrong = content_fault(form, data) if look else None
    return found + ([wrong] if wrong else [])


def artifacts_upload(gitlab: GitLab, request: Request, job: Job) -> Reply:
    part, query = file_part(request), request.query
    kind, form = query.get("artifact_type", "archive"), query.get("artifact_format", "zip")
    if part is None:
        gitlab.violation(request, "not one multipart part named file")
        return Reply.json(400, {"message": "400 Bad request"})
    if len(part[1]) > gitlab.max_artifacts_size:
        return Reply.json(413, {"message": "413 Request Entity Too Large"})
    faults = upload_faults(request, *part, gitlab.look_into_artifacts)
    for text in faults:
        gitlab.violation(request, text)
    if faults:
        return Reply.json(400, {"message": "400 Bad request"})
    with gitlab.changed:
        if job.state == "waiting":
            gitlab.violation(request, "artifacts of a job that was not accepted")
        for entry in job.artifacts:
            if entry["type"] == kind and kind != "archive" and entry["data"] != part[1]:
                return Reply.json(400, {"message": "another artifact of the same type already exists"})
        job.artifacts.append({"type": kind, "format": form, "expire_in": query.get("expire_in", ""),
                              "filename": part[0], "data": part[1]})
    return Reply.json(201, {"id": job.id, "token": "", "artifacts_expire_at": None})


def ranged(request: Request, data: bytes) -> Reply:
    """All of it, or what Range asks for, unless If-Range names something else."""
    tag = '"' + hashlib.sha256(data).hexdigest()[:16] + '"'
    headers = {"Content-Type": "application/octet-stream", "ETag": tag, "Accept-Ranges": "bytes"}
    wanted = RANGE.match(request.header("range") or "")
    if not wanted or (request.header("if-range") or tag) != tag:
        return Reply(200, data, headers)
    first, last = int(wanted[1]), min(int(wanted[2] or len(data) - 1), len(data) - 1)
    if first > last:
        return Reply(416, b"", {"Content-Range": f"bytes */{len(data)}"})
    return Reply(206, data[first : last + 1], {**headers, "Content-Range": f"bytes {first}-{last}/{len(data)}"})


def artifacts_download(gitlab: GitLab, request: Request, job: Job) -> Reply:
    for key, value in request.query.items():
        if key != "direct_download" or value not in ("true", "false"):
            gitlab.violation(request, f"query {key}={value}")
    archives = [entry for entry in job.artifacts if entry["type"] == "archive"]
    if not archives:
        return Reply.json(404, {"message": "404 Not Found"})
    if gitlab.object_store and request.query.get("direct_download") == "true":
        return Reply(302, b"", {"Location": gitlab.object_store.sign(f"artifacts/{job.id}", archives[-1]["data"])})
    return ranged(request, archives[-1]["data"])


class ObjectStore:
    """Gives objects to whoever has a signed address, and takes it amiss when a token comes along."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.key = b"the store's own"
        self.objects: dict[str, bytes] = {}
        self.violations: list[str] = []
        self.httpd = Httpd(self.answer, 0, None, host)

    def __enter__(self) -> ObjectStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.httpd.close()

    def signature(self, path: str) -> str:
        return hmac.new(self.key, path.encode(), "sha256").hexdigest()

    def sign(self, name: str, data: bytes) -> str:
        self.objects[name] = data
        return f"{self.httpd.origin}/{name}?X-Amz-Signature={self.signature('/' + name)}"

    def answer(self, request: Request) -> Reply:
        for name in ("job-token", "authorization", "private-token", "cookie"):
            if request.header(name) is not None:
                self.violations.append(f"{request.method} {request.path}: a {name} came along")
        if request.query.get("X-Amz-Signature") != self.signature(request.path):
            return Reply(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>", {"Content-Type": "application/xml"})
        data = self.objects.get(request.path[1:])
        if data is None:
            return Reply(404, b"<Error><Code>NoSuchKey</Code></Error>", {"Content-Type": "application/xml"})
        return ranged(request, data)
