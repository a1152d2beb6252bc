"""Jobs that run in an image: `courser exec` with images of a real docker-registry, as root and as a user."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from courser import Courser, Result
from daemon_client import ended, lines_of
from exec_client import execute, lines, state
from machine import require

from tests.forge.front import Front
from tests.forge.gitlab_payload import payload
from tests.forge.images import Entry, Image, busybox, digest, directory, layer, write_layout
from tests.forge.registry import Registry, TokenFront, available, basic

BUILD = Path(os.environ.get("COURSER_BUILD") or Path(__file__).parents[2] / "build")
# An init with sanitizers needs libraries, which an image does not have.
pytestmark = pytest.mark.skipif(b"/ld-linux" in (BUILD / "courser-init").read_bytes(), reason="this build's init is not static")
BASE = busybox()


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    require(available(), "docker-registry")
    with Registry() as made:
        yield made


def image(*entries: Entry, run: dict[str, Any] | None = None) -> Image:
    return Image([BASE, *([layer(*entries)] if entries else [])], {"Env": ["PATH=/bin", "FROM_IMAGE=two words"], **(run or {})})


def job(name: str, script: list[str], how: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return payload(script, image={"name": name, **(how or {})}, variables={"FF_TIMESTAMPS": "false"}, **more)


def insecure(*servers: Any) -> list[str]:
    return ["-o", "images.insecure_registries=" + servers[0].host]


def output(result: Result) -> list[str]:
    return [line for line in lines(result) if line.startswith("> ")]


def says(result: Result, words: str) -> None:
    assert words in "\n".join(lines(result)), (words, lines(result), result.stderr)


def run(courser: Courser, registry: Any, made: Image, script: list[str], how: dict[str, Any] | None = None,
        *args: str, **more: Any) -> Result:
    name = registry.push("t/job", "1", made)
    return execute(courser, job(name, script, how, **more), *insecure(registry), *args)


# --- what a job finds -------------------------------------------------------------------------------------------------


def test_a_job_in_an_image(courser: Courser, as_user: str, registry: Registry) -> None:
    made = image(Entry("top", data="of the image"), Entry("bin/.wh.nc"), Entry("etc/resolv.conf", "link", "/nowhere/x"))
    script = ["echo '>' $(id -u):$(id -g) $HOME $FROM_IMAGE $PATH", "echo '>' $(cat /top) $(ls /bin/nc 2>&1 | wc -l)",
              "echo '>' $CI_JOB_IMAGE $PWD", "touch /written /bin/too && rm -r /srv && echo '>' wrote",
              "test -L /etc/resolv.conf || echo '>' $(hostname) $(cat /etc/hostname)",
              "echo '>' $(cat /proc/1/comm) $(ls /proc | grep -c '^[0-9]')", "echo in > left && cat left"]
    result = run(courser, registry, made, script)
    assert result.returncode == 0, result.trace
    found = output(result)
    assert found[0] == "> 0:0 /root two words /bin" and found[1] == "> of the image 1"
    assert re.fullmatch(rf"> {registry.host}/t/job:1 /builds/group/project", found[2]) and found[3] == "> wrote"
    assert len(set(found[4].split()[1:])) == 1 and "courser-i" in found[5]
    says(result, f"Using image sha256:{made.digest.split(':')[1]} for {registry.host}/t/job:1")
    says(result, "Unpacked layer 2/2")


def test_a_second_job_finds_the_image_as_it_was(courser: Courser, as_user: str, registry: Registry) -> None:
    made = image(Entry("top", data="of the image"))
    assert run(courser, registry, made, ["rm /top; echo x > /bin/ls; mkdir /new"]).returncode == 0
    result = run(courser, registry, made, ["echo '>' $(cat /top); ls / | grep new || echo '>' clean"])
    assert output(result) == ["> of the image", "> clean"]
    for record in (state(courser) / "images" / "images").iterdir():
        os.utime(record, (1000, 1000))
    assert run(courser, registry, made, ["true"]).returncode == 0
    assert record.stat().st_mtime > 1000, "that it was used is noted"
    assert "Pulling layer" not in "\n".join(lines(result)) and "Unpacked" not in "\n".join(lines(result))


def test_the_powers_of_root_end_in_the_image(courser: Courser, as_user: str, registry: Registry) -> None:
    script = ["chown 1000:1000 /srv && chmod 4755 /bin/cat && echo '>' $(stat -c %u /srv)" if as_user == "root" else "echo '> 1000'",
              "echo '>' $(grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\\t')",
              "mount -t tmpfs x /srv 2>/dev/null || echo '> no'",
              "dd if=/dev/zero of=/dev/kmsg count=1 2>/dev/null || echo '> no'",
              "echo 1 2>/dev/null > /proc/sys/kernel/panic || echo '> no'"]
    made = Image([busybox(("sh", "id", "echo", "chown", "chmod", "stat", "grep", "mount", "dd", "tr", "sed", "cat", "ls"))],
                 {"Env": ["PATH=/bin"]})
    result = run(courser, registry, made, script)
    found = output(result)
    assert found[0] == "> 1000", lines(result)
    assert found[1] == "> CapEff:00000000800404fb NoNewPrivs:1 Seccomp:2"
    assert found[2:] == ["> no", "> no", "> no"]


def test_another_user(courser: Courser, as_user: str, registry: Registry) -> None:
    script = ["echo '>' $(id -u):$(id -g) $(id -G) $HOME; touch mine && echo '>' $(stat -c %u mine)"]
    ids = ["> 1000:1000 1000 44 /home/node", "> 1000"]
    result = run(courser, registry, image(run={"User": "node"}), script)
    if "no id range" in "\n".join(lines(result)):
        assert output(result) == ["> 0:0 0 /home/node", "> 0"]
        return
    assert output(result) == ids, lines(result)
    assert output(run(courser, registry, image(), script, {"executor_opts": {"docker": {"user": 1000}}})) == ids
    result = run(courser, registry, image(run={"User": "ghost"}), script)
    assert result.returncode == 1
    says(result, 'user "ghost" is not in the image\'s /etc/passwd')


def test_entrypoints(courser: Courser, registry: Registry) -> None:
    made = image(Entry("entry", data="#!/bin/sh\necho '> entry' $1\nshift\nexec \"$@\"\n", mode=0o755),
                 run={"Entrypoint": ["/entry", "word"]})
    assert output(run(courser, registry, made, ["echo '> script'"])) == ["> entry word", "> script"]
    assert output(run(courser, registry, made, ["echo '> script'"], {"entrypoint": [""]})) == ["> script"]
    result = run(courser, registry, made, ["echo '> script'"], {"entrypoint": ["/entry", "other"]})
    assert output(result) == ["> entry other", "> script"]


def test_sources_file_variables_and_after_script(courser: Courser, as_user: str, registry: Registry, git: Any) -> None:
    repo = git.repo(files={"a/file": "of the repository\n"})
    name = registry.push("t/job", "1", image())
    variables = [{"key": "CONF", "value": "in a file", "file": True, "public": False}]
    made = payload(["echo '>' $(cat a/file) $(cat $CONF); echo x > made"], ["echo '>' $(cat made)"], git=repo,
                   variables=[*variables, {"key": "FF_TIMESTAMPS", "value": "false"}], image={"name": name}, token=git.token)
    result = execute(courser, made, *insecure(registry))
    assert result.returncode == 0, "\n".join(lines(result)[-22:])
    assert output(result) == ["> of the repository in a file", "> x"]


def test_an_image_from_a_directory(courser: Courser, as_user: str) -> None:
    with tempfile.TemporaryDirectory(prefix="layout-", dir="/tmp") as directory:
        Path(directory).chmod(0o755)
        place = write_layout(Path(directory) / "x", image(Entry("top", data="from the disk")))
        one = job(f"oci:{place}", ["echo '>' $(cat /top)"])
        assert output(execute(courser, one, "-o", f"images.paths={directory}")) == ["> from the disk"]
        result = execute(courser, one)
        assert result.returncode == 1 and output(result) == []
        says(result, "is not below one of images.paths")


# --- what goes wrong ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "words", "fault"), [
    ("{host}/t/job:none", "MANIFEST_UNKNOWN", "config"),
    ("{host}/t/Job", "capital letter", "config"),
    ("$NOTHING", "its variables leave nothing of it", "config"),
])
def test_an_image_that_cannot_be_had(courser: Courser, registry: Registry, name: str, words: str, fault: str) -> None:
    result = execute(courser, job(name.format(host=registry.host), ["true"]), *insecure(registry))
    assert result.returncode == 1
    says(result, words)
    says(result, f"Fault: {fault}")


def test_the_reason_is_the_image(courser: Courser, registry: Registry) -> None:
    result = execute(courser, job(f"{registry.host}/t/job:none", ["true"]), *insecure(registry))
    assert result.result["failure_reason"] == "image_pull_failure"
    says(result, f"Evidence: image {registry.host}/t/job:none: not found")


def test_an_image_without_a_shell(courser: Courser, registry: Registry) -> None:
    result = run(courser, registry, Image([layer(directory("x"))]), ["true"])
    assert result.returncode == 1
    says(result, "sh: No such file or directory (in the image)")


@pytest.mark.parametrize("name", ["proc", "dev", "etc", "tmp", "run", "sys"])
def test_an_image_that_puts_links_in_our_way(courser: Courser, registry: Registry, name: str) -> None:
    result = run(courser, registry, Image([BASE, layer(Entry(name, "link", "/srv"))]), ["echo '> ran'"])
    assert result.returncode == 1 and output(result) == []
    says(result, f"the image's /{name} is not a directory")


# --- policies ----------------------------------------------------------------------------------------------------------


def test_pull_policies(courser: Courser, registry: Registry) -> None:
    every = ["-o", "images.allowed_pull_policies=always", "-o", "images.allowed_pull_policies=never",
             "-o", "images.allowed_pull_policies=if-not-present"]
    old, new = image(Entry("v", data="old")), image(Entry("v", data="new"))
    script = ["echo '>' $(cat /v)"]

    def with_policy(made: Image, *policy: str) -> Result:
        return run(courser, registry, made, script, {"pull_policy": list(policy)}, *every)

    result = with_policy(old, "never")
    assert result.returncode == 1
    says(result, "the image is not here")
    assert output(with_policy(old, "never", "always")) == ["> old"]
    says(with_policy(new, "if-not-present"), "> old")
    assert output(with_policy(new, "never")) == ["> old"]
    assert output(with_policy(new, "always")) == ["> new"]
    result = run(courser, registry, new, script, {"pull_policy": ["never"]})
    assert result.returncode == 1
    says(result, 'pull policy "never" is not allowed on this runner')


def test_the_operator_says_which_images(courser: Courser, registry: Registry) -> None:
    name = registry.push("t/job", "1", image())
    result = execute(courser, job(name, ["true"]), *insecure(registry), "-o", "images.allowed=other.example/*")
    says(result, "is not one of those that this runner allows")
    bare = payload(["echo '>' $FROM_IMAGE"], variables={"FF_TIMESTAMPS": "false"})
    assert output(execute(courser, bare, *insecure(registry), "-o", f"image={name}")) == ["> two words"]


def test_a_private_image_in_the_store_is_not_everybodys(courser: Courser, registry: Registry) -> None:
    with TokenFront(registry.port, ("me", "word")) as front:
        made = image(Entry("secret"))
        name = registry.push("t/private", "1", made).replace(registry.host, front.host)
        auth = json.dumps({"auths": {front.host: {"auth": basic("me", "word")}}})
        policy = {"pull_policy": ["if-not-present"]}
        allowed = [*insecure(front), "-o", "images.allowed_pull_policies=if-not-present"]

        def with_login(value: str) -> Result:
            one = payload(["echo '> ran'"], image={"name": name, **policy},
                          variables={"FF_TIMESTAMPS": "false", "DOCKER_AUTH_CONFIG": value})
            return execute(courser, one, *allowed)

        assert output(with_login(auth)) == ["> ran"]
        assert output(with_login(auth)) == ["> ran"]
        result = with_login("")
        assert result.returncode == 1 and output(result) == []
        says(result, "access denied")


def test_the_jobs_own_credentials(courser: Courser, registry: Registry) -> None:
    with TokenFront(registry.port, ("gitlab-ci-token", "the-job-token-1")) as front:
        name = registry.push("t/own", "1", image()).replace(registry.host, front.host)
        one = payload(["echo '> ran'"], image={"name": name}, variables={"FF_TIMESTAMPS": "false"}, token="the-job-token-1",
                      credentials=[{"type": "registry", "url": front.host, "username": "gitlab-ci-token",
                                    "password": "the-job-token-1"}])
        assert output(execute(courser, one, *insecure(front))) == ["> ran"]


def test_the_store_has_a_limit(courser: Courser, registry: Registry) -> None:
    for tag in ("a", "b", "c"):
        made = Image([layer(*(Entry(e.name, e.kind, e.data, e.mode) for e in [Entry(tag, data=os.urandom(10))])), BASE],
                     {"Env": ["PATH=/bin"]})
        name = registry.push("t/limit", tag, made)
        assert execute(courser, job(name, ["true"]), *insecure(registry), "-o", "images.keep=1").returncode == 0
    kept = state(courser) / "images" / "images"
    assert len(os.listdir(kept)) == 1


# --- a daemon ----------------------------------------------------------------------------------------------------------


def test_three_jobs_of_a_daemon_pull_an_image_once(gitlab: Any, courser: Courser, as_user: str, registry: Registry) -> None:
    with Front(registry.port) as front:
        front.host = front.url.split("://")[1]
        made = image(Entry("top", data="of the image " + os.urandom(4).hex()))
        name = registry.push("t/daemon", "1", made).replace(registry.host, front.host)
        blob = "/blobs/" + digest(made.layers[1].blob)
        front.fail_next("GET", blob, delay=0.3)
        token = courser.write("token", gitlab.token + "\n")
        daemon = courser.start(gitlab, runners=[{"name": "runner0", "url": gitlab.url, "token_file": str(token),
                                                 "network": "none", "images": {"insecure_registries": [front.host]}}])
        jobs = [gitlab.queue(script=["echo ran in $(cat /top) $(ls /sys | wc -l)"],
                             raw=lambda p: json.dumps({**p, "image": {"name": name}}).encode()) for _ in range(3)]
        for one in jobs:
            ended(one)
            assert lines_of(one, "ran in of the image"), one.text
        assert len(front.requests("GET", blob)) == 1
        assert daemon.stop() == 0
