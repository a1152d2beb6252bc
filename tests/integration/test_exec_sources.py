"""A job's sources through `courser exec`: strategies, hooks, kept trees, the token nowhere, and the box around it."""

from __future__ import annotations

import os
import re

import pytest
from exec_client import BARE, Running, execute, lines, script_output, state
from tests.forge.gitlab_payload import payload


@pytest.fixture
def repo(git):
    made = git.repo(files={"README": "hello\n", "dir/file": "inside\n"})
    made.commit({"second": "2\n"})
    return made


def job(repo, script, after=None, **more):
    return payload(script, after, git=repo, variables={**BARE, **more.pop("variables", {})}, **more)


def run(courser, git, given, *args):
    git.accept(given["token"])
    return execute(courser, given, *args)


def test_checkout_and_second_time(courser, as_user, git, repo):
    script = ["cat README dir/file second; git status --porcelain | wc -l; git log --oneline | wc -l; git rev-parse HEAD"]
    first = run(courser, git, job(repo, script))
    head = repo.resolve("main")
    assert script_output(first) == ["hello", "inside", "2", "0", "2", head], first.text
    assert f"Checking out {head[:8]} as detached HEAD (ref is main)..." in first.text
    asked = git.fetches()
    second = run(courser, git, job(repo, script))
    assert script_output(second) == script_output(first) and git.fetches() == asked, "a known commit asks nobody"
    new = repo.commit({"third": "3\n"})
    third = run(courser, git, job(repo, ["git rev-parse HEAD; cat third"]))
    assert script_output(third) == [new, "3"]


def test_history_is_whole_and_all_tags_can_be_had(courser, git, repo):
    """A depth is not needed; --tags is honoured, flags that change something else are named."""
    repo.commit({"aside": "1\n"}, branch="aside")
    repo.tag("aside-tag", at="aside")
    script = ["git log --oneline | wc -l; git rev-parse --is-shallow-repository; git tag"]
    given = job(repo, script, variables={"GIT_FETCH_EXTRA_FLAGS": "--prune --depth 1"})
    given["git_info"]["depth"] = 1
    done = run(courser, git, given)
    assert script_output(done) == ["2", "false"]
    assert "git depth set to 1 (not needed: the history is whole" in done.text and "not applied" not in done.text
    tagged = run(courser, git, job(repo, script, variables={"GIT_FETCH_EXTRA_FLAGS": "--tags --filter=blob:none"}))
    assert script_output(tagged) == ["2", "false", "aside-tag"]
    assert "WARNING: GIT_FETCH_EXTRA_FLAGS: --filter=blob:none: not applied" in tagged.text


@pytest.mark.parametrize("strategy, output", [
    ("none", "Skipping Git repository setup"), ("empty", "Skipping Git repository setup and creating an empty build directory"),
    ("clone", "Checking out"), ("fetch", "Checking out"), ("bogus", 'got "bogus"')])
def test_strategies(courser, git, repo, strategy, output):
    done = run(courser, git, job(repo, ["ls -A | wc -l", "pwd"], variables={"GIT_STRATEGY": strategy}))
    assert done.returncode == 0 and output in done.text
    assert script_output(done)[0] == ("0" if strategy in ("none", "empty") else "4")
    assert git.fetches() == (0 if strategy in ("none", "empty") else git.fetches())


def test_without_checkout(courser, git, repo):
    done = run(courser, git, job(repo, ["ls -A; git show main:README 2>/dev/null || git show HEAD:README"],
                                 variables={"GIT_CHECKOUT": "false"}))
    assert "Skipping Git checkout" in done.text and "README" not in script_output(done)


def test_kept_tree(courser, as_user, git, repo):
    keep = {"GIT_CLEAN_FLAGS": "-ffdx -e kept/"}
    first = run(courser, git, job(repo, ["mkdir kept; echo x > kept/a; echo y > lost; echo changed > README"], variables=keep))
    assert first.returncode == 0
    second = run(courser, git, job(repo, ["cat kept/a README; ls lost 2>/dev/null || echo gone"], variables=keep))
    assert script_output(second) == ["x", "hello", "gone"]
    fresh = run(courser, git, job(repo, ["ls kept 2>/dev/null || echo gone"]))
    assert script_output(fresh) == ["gone"]
    none = run(courser, git, job(repo, ["cat kept/a; echo z > left"], variables={"GIT_STRATEGY": "none"}))
    assert none.returncode in (0, 1)


def test_hooks(courser, git, repo):
    hooks = {"pre_get_sources_script": ["ls -A | wc -l; echo before"], "post_get_sources_script": ["cat README; echo post"]}
    options = ["-o", "pre_get_sources_script=echo operators pre", "-o", "post_get_sources_script=echo operators post"]
    done = run(courser, git, job(repo, ["echo script"], hooks=hooks), *options)
    text = lines(done)
    order = [text.index(word) for word in ("operators pre", "before", "hello", "post", "operators post", "script")]
    assert order == sorted(order), done.text
    skipped = run(courser, git, job(repo, ["echo script"], hooks=hooks, variables={"GIT_STRATEGY": "none"}))
    assert "before" not in lines(skipped)


@pytest.mark.parametrize("name", ["pre_get_sources_script", "post_get_sources_script"])
def test_failing_hook(courser, git, repo, name):
    done = run(courser, git, job(repo, ["echo never"], ["echo after"], hooks={name: ["exit 4"]}))
    assert (done.returncode, done.result["fault"], done.result["exit_code"]) == (1, "script", 4)
    assert name in done.result["verdict"] and "never" not in lines(done)
    assert "Running after_script" not in done.text
    assert lines(done)[-2] == "ERROR: Job failed: exit status 4"


def test_cancelled_hook(courser, git, repo):
    given = job(repo, ["echo never"], ["echo after"], hooks={"pre_get_sources_script": ["echo begun; exec sleep 4713.1"]})
    git.accept(given["token"])
    running = Running(courser, given)
    running.until("\nbegu")
    running.interrupt()
    done = running.end()
    assert (done.returncode, done.result["fault"]) == (1, "cancelled"), done.result
    assert "never" not in lines(done) and "Running after_script" not in done.text


def test_the_token_is_nowhere(courser, as_user, git, repo):
    script = ["grep -rl \"$(printf %s $CI_JOB_TOKEN | cut -c4-)\" . /tmp /home /run /etc /builds 2>/dev/null | head || true",
              "printf %s $CI_JOB_TOKEN | cut -c4- > /dev/shm/p",
              "for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline; done | grep -c -f /dev/shm/p || true",
              "git config --list | grep -c gitlab-ci-token || true"]
    given = job(repo, script)
    done = run(courser, git, given)
    assert script_output(done) == ["0", "0"], done.text
    found = [path for path in courser.files_with(given["token"]) if not re.match(r"job\d+\.json", path.name)]
    assert not found


@pytest.mark.parametrize("how, reason, fault", [
    ("auth", "runner_configuration_error", "config"), ("missing", "runner_configuration_error", "config"),
    ("refused", "runner_external_dependency_failure", "infra")])
def test_failures(courser, git, repo, how, reason, fault):
    given = job(repo, ["echo never"])
    if how != "auth":
        git.accept(given["token"])
    if how == "missing":
        given["git_info"]["repo_url"] = given["git_info"]["repo_url"].replace("project.git", "nowhere.git")
    if how == "refused":
        given["git_info"]["repo_url"] = f"http://gitlab-ci-token:{given['token']}@127.0.0.1:9/x.git"
    done = execute(courser, given)
    assert (done.result["failure_reason"], done.result["fault"]) == (reason, fault), done.result
    assert "never" not in lines(done) and given["token"] not in done.text


def test_the_box(courser, as_user):
    script = ["id -u; id -g; umask", "awk '/^Cap(Prm|Eff|Bnd)/ {print $2}' /proc/self/status | sort -u",
              "awk '/^(NoNewPrivs|Seccomp):/ {print $2}' /proc/self/status", "(touch /x /usr/x /etc/x 2>&1 || true) | wc -l",
              "ls -A /tmp | wc -l; echo x > /tmp/mine; ls /proc | grep -c '^[0-9]'", "ls -A /home/job | wc -l; (cat /etc/shadow 2>&1 || true) | wc -l",
              "test -e /run/dbus -o -e /var/run/docker.sock && echo seen || echo unseen"]
    first = execute(courser, payload(script, variables=BARE))
    got = script_output(first)
    assert got[:3] == ["1000", "1000", "0022"] and got[3] == "0000000000000000" and got[4:6] == ["1", "2"]
    assert got[6] == "3" and got[7] == "0" and int(got[8]) < 6 and got[9:] == ["0", "1", "unseen"]
    second = execute(courser, payload(["ls -A /tmp | wc -l"], variables=BARE))
    assert script_output(second) == ["0"]
    assert sorted(os.listdir(state(courser) / "jobs")) == []


def test_limits(courser):
    bomb = "f() { f | f & }; f; sleep 1; echo survived"
    done = execute(courser, payload(["ulimit -n; ulimit -c", bomb + " 2>/dev/null"], variables=BARE, timeout=20),
                   "-o", "limits.nproc=200", "-o", "limits.nofile=512", "-o", "limits.fsize=1MiB")
    assert script_output(done)[:2] == ["512", "0"] and done.result["fault"] in ("none", "script"), done.result
    large = execute(courser, payload(["head -c 2M /dev/zero > f"], variables={**BARE, "GIT_STRATEGY": "empty"}),
                    "-o", "limits.fsize=1MiB")
    assert large.returncode == 1 and "SIGXFSZ" in large.result["verdict"]
