"""Profiles of the configuration: which of them a job has, and what it can do then."""

from __future__ import annotations

import json

from daemon_client import ended, lines_of
from exec_client import execute, lines, script_output

from tests.forge.gitea import Gitea
from tests.forge.gitlab_payload import payload, variable

PROFILES = {
    "stranger": {"network": "none", "isolation": "strict", "limits": {"nofile": 64}, "mounts": []},
    "base": {"limits": {"nofile": 100, "cpus": 1}},
    "image": {"isolation": "nested"},
}
RULES = {"fork": "stranger", "label:image": "image"}
FORK = [variable("CI_MERGE_REQUEST_IID", "5"), variable("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "43"),
        variable("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "42")]
LOOK = ["echo nofile=$(ulimit -n) cpus=$(nproc) mount=$(ls -d /seen 2> /dev/null) "
        "shm=$(ipcmk -M 4096 > /dev/null 2>&1; echo $?) links=$(grep -c : /proc/net/dev)"]
OWN, STRANGER = "nofile=100 cpus=1 mount=/seen shm=0 links=", "nofile=64 cpus=1 mount= shm=1 links=1"


def config(courser, **keys):
    return courser.write_config(
        "profiles.yaml", listen_address="", profiles=PROFILES, runners=[
            {"name": "r", "url": "http://localhost", "token": "t", "network": "host", "profile": "base",
             "mounts": ["/usr/share:/seen"], "profile_rules": RULES, **keys}])


def test_what_a_job_can_do(courser, as_user):
    path = str(config(courser))
    mine = execute(courser, payload(LOOK), "--config", path)
    assert "Profiles: base (profile)" in lines(mine) and any("network profile host" in line for line in lines(mine))
    assert script_output(mine)[0].startswith(OWN)
    other = execute(courser, payload(LOOK, variables=FORK), "--config", path)
    assert "Profiles: stranger (fork), base (profile)" in lines(other) and script_output(other) == [STRANGER]
    assert [line for line in lines(other) if "network profile" in line and "profile none" not in line] == []


def test_explain_for_a_payload(courser):
    path = config(courser)

    def explained(job, *args):
        done = courser.command("policy", "explain", "--config", path, "--payload", "-", *args, data=json.dumps(job).encode())
        assert done.returncode == 0, done.stderr
        return done.stdout.decode().splitlines()

    fork = explained(payload(variables=FORK))
    assert fork[1] == "job: protected ref, from a fork" and fork[2] == "profiles: stranger (fork), base (profile)"
    assert "profile stranger: limits.nofile: 64" in fork and "profile base: limits.cpus: 1" in fork
    assert "profile stranger: mounts: []" in fork and not [line for line in fork if line.startswith("mount: ")]
    assert "network: none but loopback" in fork and any("isolation strict" in line for line in fork)
    own = explained(payload(git={"protected": False}))
    assert own[1:3] == ["job: unprotected ref, not from a fork", "profiles: base (profile)"] and "mount: /usr/share:/seen" in own
    plain = courser.command("policy", "explain", "--config", path).stdout.decode().splitlines()
    assert "profile rule: fork=stranger" in plain and "profiles: base (profile)" in plain
    bad = courser.command("policy", "explain", "--config", path, "--payload", "-", data=b"{}")
    assert bad.returncode == 78 and b"missing" in bad.stderr


def test_labels_of_a_workflow(courser):
    with Gitea() as gitea:
        runner = gitea.add_runner(["image", "linux"])
        token = courser.write("tok", runner.credentials)
        path = config(courser, forge="gitea", url=gitea.url, token=None, token_file=str(token), labels=["image", "linux"])
        task = gitea.queue('name: w\n"on": push\njobs:\n  a:\n    runs-on: image\n    steps:\n      - run: unshare -Ur id -u\n',
                           runs_on="image")
        done = courser.command("policy", "explain", "-c", path, "-p", "-", data=json.dumps({"task": task.payload()}).encode())
        said = done.stdout.decode().splitlines()
        assert said[1:4] == ["job: unprotected ref, not from a fork", "job label: image",
                             "profiles: image (label:image), base (profile)"], done.stderr
        assert "more than the registration itself: isolation" in said
        daemon = courser.run(path)
        task.wait()
        assert task.result == "SUCCESS", task.text
        assert any("they give more than the registration itself: isolation" in line for line in task.lines)
        assert daemon.stop() == 0


def test_a_fork_at_the_daemon(gitlab, courser):
    token = courser.write("tok", gitlab.token)
    daemon = courser.run(config(courser, url=gitlab.url, token=None, token_file=str(token)))
    mine, other = gitlab.queue(script=LOOK), gitlab.queue(script=LOOK, variables=FORK)
    assert [line.startswith(OWN) for line in lines_of(ended(mine), "nofile=")] == [True]
    assert lines_of(ended(other), "nofile=") == [STRANGER]
    assert daemon.stop() == 0


