"""Artifacts of real jobs to a coordinator and back: formats, reports, failures, hostile archives."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import stat
import tarfile
import time
import zipfile

import pytest
from daemon_client import ended, roles
from exec_client import BARE, execute, lines

from tests.forge.gitlab import GitLab
from tests.forge.gitlab_artifacts import ObjectStore
from tests.forge.gitlab_payload import payload

TREE = ["mkdir -p out/deep empty", "echo a > out/a.o", "printf 'b%.0s' $(seq 5000) > out/deep/b.txt", "ln -s /etc out/link",
        "echo run > 'out/näme with space'", "chmod 750 'out/näme with space'", "head -c 300000 /dev/urandom > out/random"]


def zip_of(entry: dict) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(entry["data"]))


def says(job, *texts: str) -> None:
    for text in texts:
        assert text in job.text, f"{text!r} not in\n{job.text}"


# --- up -----------------------------------------------------------------------------------------------


def test_what_a_job_uploads(gitlab, courser, as_user):
    courser.start(gitlab)
    job = ended(gitlab.queue(TREE + ["echo '<x/>' > junit.xml", "echo '<y/>' > out/junit.xml", "echo A=1 > build.env",
                                     "sleep 100 &"], artifacts=[
        {"name": "n/$CI_JOB_NAME-é", "paths": ["out/", "empty", "$CI_PROJECT_DIR/out/a*", "none/*", "../up"],
         "exclude": ["**/*.o", "out/d*/nothing"], "expire_in": "3 days"},
        {"artifact_type": "junit", "artifact_format": "gzip", "name": "junit.xml", "paths": ["junit.xml", "**/junit.xml"],
         "when": "always"},
        {"artifact_type": "dotenv", "artifact_format": "gzip", "name": ".env", "paths": ["build.env"]},
        {"artifact_type": "sast", "artifact_format": "raw", "name": "sast.json", "paths": ["build.env"]},
        {"paths": ["missing"]},
        {"paths": ["build.env"], "when": "on_failure"},
    ]))
    archive, junit, dotenv, raw = job.artifacts
    assert archive["filename"] == "test-é.zip" and archive["expire_in"] == "3 days" and archive["format"] == "zip"
    with zip_of(archive) as z:
        assert sorted(z.namelist()) == ["empty/", "out/", "out/deep/", "out/deep/b.txt", "out/junit.xml", "out/link",
                                        "out/näme with space", "out/random"]
        modes = {i.filename: i.external_attr >> 16 for i in z.infolist()}
        assert stat.S_ISLNK(modes["out/link"]) and z.read("out/link") == b"/etc"
        assert stat.S_IMODE(modes["out/näme with space"]) == 0o750 and len(z.read("out/random")) == 300000
        assert z.getinfo("out/random").compress_type == zipfile.ZIP_STORED
        assert z.getinfo("out/deep/b.txt").compress_type == zipfile.ZIP_DEFLATED
    assert junit["filename"] == "junit.xml.gz" and gzip.decompress(junit["data"]) == b"<x/>\n<y/>\n"
    assert b"junit.xml\0" in junit["data"][:40]
    assert dotenv["type"] == "dotenv" and gzip.decompress(dotenv["data"]) == b"A=1\n"
    assert raw["filename"] == "sast.json" and raw["data"] == b"A=1\n"
    says(job, "Uploading artifacts for successful job", "out/: found 7 matching artifact files and directories",
         "**/*.o: excluded 2 files", "WARNING: none/*: no matching files. Ensure that the artifact path is relative",
         "WARNING: artifact path is not a subpath of project directory: ../up", "section_start",
         "upload_artifacts_on_success", 'Uploading artifacts as "junit" to coordinator... 201 Created',
         "ERROR: No files to upload", "upload 0.")
    assert job.token not in job.text and not [p for _, p in courser.processes() if job.token in p]


def test_after_a_failure(gitlab, courser):
    courser.start(gitlab)
    job = ended(gitlab.queue(["echo x > x", "exit 3"], artifacts=[
        {"paths": ["x"]}, {"name": "f", "paths": ["x"], "when": "on_failure"},
        {"name": "a", "paths": ["x"], "when": "always", "artifact_type": "sast", "artifact_format": "raw"}]), "failed")
    assert [a["filename"] for a in job.artifacts] == ["f.zip", "a"] and job.exit_code == 3
    says(job, "Uploading artifacts for failed job", "upload_artifacts_on_failure", "exit status 3")


def test_untracked_and_metadata(gitlab, git, courser):
    repo = git.repo("group/project", {"src/a.c": "int a;", ".gitignore": "*.o\n"})
    courser.start(gitlab)
    job = ended(gitlab.queue(["touch new ignored.o; mkdir d; echo in > d/in; echo changed > src/a.c"], git=repo,
                             variables={"RUNNER_GENERATE_ARTIFACTS_METADATA": "true", "SECRET_THING": "s3cr3t-value"},
                             artifacts={"untracked": True, "exclude": ["new"], "name": "u"}))
    with zip_of(job.artifacts[0]) as z:
        assert sorted(z.namelist()) == ["d/in", "ignored.o", "u-metadata.json"]
        statement = json.loads(z.read("u-metadata.json"))
        content = z.read("d/in")
    subjects = {s["name"]: s["digest"]["sha256"] for s in statement["subject"]}
    assert subjects == {"d/in": hashlib.sha256(content).hexdigest(), "ignored.o": hashlib.sha256(b"").hexdigest()}
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    build = statement["predicate"]["buildDefinition"]
    assert build["resolvedDependencies"][0]["digest"]["gitCommit"] == job.payload["git_info"]["sha"]
    assert build["externalParameters"]["SECRET_THING"] == "" and "s3cr3t-value" not in json.dumps(statement)
    assert job.token not in json.dumps(statement)
    says(job, "untracked: found 2 files", "new: excluded 1 files")


@pytest.mark.parametrize("faults, words", [
    ([{"status": 503, "times": 2}], "201 Created"),
    ([{"status": 500, "times": 5}], "attempt 2 of 3 follows"),
    ([{"close": True}], "attempt 2 of 3 follows"),
    ([{"close": True, "processed": True}], "201 Created"),
    ([{"status": 307, "redirect": "URL/api/v4/jobs/ID/artifacts"}], "201 Created"),
], ids=["503", "500", "close", "lost answer", "307"])
def test_an_upload_that_needs_patience(gitlab, courser, faults, words):
    courser.start(gitlab)
    with GitLab() as other:
        job = gitlab.queue(["head -c 3000000 /dev/urandom > r; sha256sum r"], artifacts={"paths": ["r"]})
        for fault in faults:
            if "redirect" in fault:
                other.jobs.append(job)
                fault["redirect"] = f"{other.url}/api/v4/jobs/{job.id}/artifacts"
            gitlab.fail_next("POST", "/artifacts", **fault)
        ended(job)
        assert not other.problems() and len(other.requests("POST", "/artifacts")) == ("redirect" in faults[0])
    with zip_of(job.artifacts[-1]) as z:
        assert hashlib.sha256(z.read("r")).hexdigest() in job.text
    says(job, words)
    packed = {a["data"] for a in job.artifacts}
    assert len(packed) == 1, "what is sent again is the same archive"


def test_uploads_that_fail(gitlab, courser):
    daemon = courser.start(gitlab)
    gitlab.max_artifacts_size = 1000
    big = ended(gitlab.queue(["head -c 20000 /dev/urandom > r"], artifacts={"paths": ["r"]}), "failed")
    says(big, "too large for the coordinator", "Fault: config")
    gitlab.max_artifacts_size = 1 << 30
    gitlab.fail_next("POST", "/artifacts", status=403, body='{"message": "403 Forbidden - no"}')
    denied = ended(gitlab.queue(["echo r > r"], artifacts={"paths": ["r"]}), "failed")
    says(denied, "permission denied", "403 Forbidden - no")
    strange = ended(gitlab.queue(["echo r > r"], artifacts={"paths": ["r"], "artifact_format": "rar"}), "failed")
    says(strange, 'artifact format "rar" is not known')
    two = ended(gitlab.queue(["echo r > r; echo s > s"], artifacts={
        "artifact_type": "sast", "artifact_format": "raw", "paths": ["r", "s"]}), "failed")
    says(two, "only one file can be sent as it is")
    gitlab.fail_next("POST", "/artifacts", stall=0, status=201, body="x", times=9)
    slow = ended(gitlab.queue(["echo r > r"], artifacts={"paths": ["r"]}, timeout=2), "failed")
    says(slow, "execution took longer than 2s seconds")
    assert slow.failure_reason == "job_execution_timeout" and daemon.stop() == 0
    assert not roles(courser, "carrier") and not roles(courser, "archiver")


def test_a_job_cannot_lead_an_archive_outside(gitlab, courser):
    """Links to elsewhere are packed as links; what still ran while it was packed is gone before."""
    courser.start(gitlab)
    job = ended(gitlab.queue(["mkdir d; ln -s / d/root; ln -s /etc/passwd d/p; mkfifo d/fifo", "ln -s d e",
                              "(while :; do rm -rf d/t; ln -s /etc d/t; rm -f d/t; mkdir d/t; done) >/dev/null 2>&1 &"],
                             artifacts={"paths": ["d", "e/root/etc/passwd", "d/**/passwd"]}))
    with zip_of(job.artifacts[0]) as z:
        assert z.read("d/root") == b"/" and z.read("d/p") == b"/etc/passwd"
        assert not any("passwd" in n or "fifo" in n for n in z.namelist())


# --- down ---------------------------------------------------------------------------------------------


def needed(gitlab: GitLab, data: bytes, name: str = "build"):
    """A job that has ended and left this archive."""
    job = gitlab.queue(name=name, before=lambda job: setattr(job, "state", "success"))
    job.artifacts.append({"type": "archive", "format": "zip", "expire_in": "", "filename": "artifacts.zip", "data": data})
    entry = {"id": job.id, "token": job.token, "name": name,
             "artifacts_file": {"filename": "artifacts.zip", "size": len(data)}}
    return job, entry


def a_zip(files: dict[str, bytes], **modes: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for name, data in files.items():
            info = zipfile.ZipInfo(name, (2026, 1, 2, 3, 4, 6))
            info.external_attr = modes.get(name, 0o100644) << 16
            info.create_system, info.compress_type = 3, zipfile.ZIP_DEFLATED
            z.writestr(info, data)
    return out.getvalue()


def test_artifacts_of_needed_jobs(gitlab, courser, as_user):
    courser.start(gitlab)
    one, first = needed(gitlab, a_zip({"out/a": b"hello", "out/run": b"#!/bin/sh\necho ran\n", "l": b"/etc/hostname"},
                                      **{"out/run": 0o104755, "l": 0o120777}), "build one")
    two, second = needed(gitlab, a_zip({"out/b": b"two", "out/a": b"newer"}))
    none = {"id": 1, "token": "x", "name": "empty", "artifacts_file": {"filename": "", "size": 0}}
    job = ended(gitlab.queue(["cat out/a out/b; out/run; readlink l; stat -c '%a %U %Y' out/run"],
                             dependencies=[first, second, none]))
    says(job, "newertworan", "/etc/hostname", "755 job 1767323046", f"Downloading artifacts for build one ({one.id})...",
         "Downloading artifacts from coordinator... ok", "download_artifacts", "Extracted 2 files")
    assert one.token not in job.text and two.token not in job.text


def test_the_object_store_gets_no_token(gitlab, courser):
    data = a_zip({"big": bytes(range(256)) * 20000, "x": b"y"})
    with ObjectStore() as store:
        gitlab.object_store = store
        courser.start(gitlab)
        store.httpd.faults.add("GET", "/artifacts/", truncate=20000)
        _, entry = needed(gitlab, data)
        job = ended(gitlab.queue(["sha256sum big"], dependencies=[entry]))
        says(job, hashlib.sha256(bytes(range(256)) * 20000).hexdigest(), "attempt 2 of 3 follows")
        asked = store.httpd.requests("GET")
        assert [r.header("range") for r in asked] == [None, "bytes=20000-"] and asked[1].status == 206
        _, refused = needed(gitlab, data)
        store.httpd.faults.add("GET", "/artifacts/", status=403, times=1)
        ended(gitlab.queue(["sha256sum big"], dependencies=[refused]))
        assert not store.violations and not gitlab.problems()


def tar_gz(*entries: tuple[str, bytes, str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as t:
        for name, kind, link in entries:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, link
            info.size = 4 if kind == tarfile.REGTYPE else 0
            t.addfile(info, io.BytesIO(b"evil"[:info.size]))
    return out.getvalue()


LINK, FILE = tarfile.SYMTYPE, tarfile.REGTYPE
HOSTILE = {
    "dots": (a_zip({"../evil": b"x"}), '".."'),
    "absolute": (a_zip({"/tmp/evil": b"x"}), "absolute path"),
    "through a link": (tar_gz(("l", LINK, "/tmp"), ("l/evil", FILE, "")), "l/evil"),
    "device": (tar_gz(("d", tarfile.CHRTYPE, "")), "neither a file"),
    "hard link": (tar_gz(("h", tarfile.LNKTYPE, "/etc/passwd")), "absolute path"),
    "cut": (a_zip({"a": b"x" * 10000})[:-30], "cut short"),
    "changed": (a_zip({"a": b"x"}).replace(b"a", b"b", 1)[:40] + b"\x00" * 60, "cut short"),
    "no archive": (b"hello", "cut short"),
}


@pytest.mark.timeout(90)
def test_hostile_archives(gitlab, courser):
    courser.start(gitlab)
    for name, (data, words) in HOSTILE.items():
        _, entry = needed(gitlab, data, name)
        job = ended(gitlab.queue(["echo ran"], dependencies=[entry]), "failed")
        says(job, words, f"artifacts of {name}")
        assert "\nran" not in job.text
    gone, entry = needed(gitlab, a_zip({"a": b"b"}))
    gone.artifacts.clear()
    says(ended(gitlab.queue(["true"], dependencies=[entry]), "failed"), "not found (expired or deleted)")
    gitlab.fail_next("GET", "/artifacts", redirect="ftp://127.0.0.1/x")
    _, entry = needed(gitlab, a_zip({"a": b"b"}))
    says(ended(gitlab.queue(["true"], dependencies=[entry]), "failed"), "redirects to something that is not http")
    _, entry = needed(gitlab, a_zip({"a": b"b"}))
    ended(gitlab.queue(["cat a"], dependencies=[entry]))


# --- without a coordinator ----------------------------------------------------------------------------


def test_exec_says_what_it_would_do(courser):
    done = execute(courser, payload(["echo a > a"], artifacts={"paths": ["a"], "artifact_format": "tarzstd"},
                                    dependencies=[{"id": 7, "token": "t0ken-of-7", "name": "build", "artifacts_file": {
                                        "filename": "a.zip", "size": 3}}], variables=BARE))
    text = "\n".join(lines(done))
    assert done.returncode == 0 and "a: found 1 matching artifact files and directories" in text
    assert 'Not uploading artifacts as "archive": this job has no coordinator' in text
    assert "not downloaded: this job has no coordinator" in text and "t0ken-of-7" not in text
