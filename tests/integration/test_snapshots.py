"""A commit that is known: its tree is kept on the machine and copied, and asks nobody."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from daemon_client import ended, lines_of, until

from tests.forge.git_server import Executable, Symlink

LOOK = ["echo tree-$((0)) $(git status --porcelain | wc -l) $(git log --oneline | wc -l) $(cat README dir/file) $(readlink link) "
        "$(test -x run.sh && echo x) $(git describe --tags --always)"]


@pytest.fixture
def repo(git):
    made = git.repo(files={"README": "hello\n", "dir/file": "inside\n", "run.sh": Executable("#!/bin/sh\n"),
                           "link": Symlink("dir/file")})
    made.commit({"second": "2\n"})
    return made


def kept(daemon) -> list[Path]:
    return sorted(p for p in Path(daemon.state).glob("mirrors/*/*/snapshots-*/*") if not p.name.endswith(".new"))


def known(daemon, gitlab, repo, jobs: int = 2, **more) -> None:
    """Jobs of one commit, until its tree is there."""
    before = len(kept(daemon))
    for _ in range(jobs):
        ended(gitlab.queue(script=["true"], git=repo, **more))
    until(lambda: len(kept(daemon)) > before, message="a snapshot")


@pytest.fixture
def elsewhere():
    """Another file system than that of the tests."""
    path = Path(tempfile.mkdtemp(dir="/dev/shm"))
    path.chmod(0o777)
    yield path
    shutil.rmtree(path)


def test_mirrors_are_where_cache_dir_says(gitlab, courser, as_user, git, repo, elsewhere):
    assert elsewhere.stat().st_dev != courser.home().stat().st_dev
    daemon = courser.start(gitlab, cache_dir=str(elsewhere / "cache"))
    first = ended(gitlab.queue(script=LOOK, git=repo))
    ended(gitlab.queue(script=["true"], git=repo))
    until(lambda: list(elsewhere.glob("cache/mirrors/*/*/snapshots-*/*/tree/README")), message="a snapshot")
    asked = len(git.requests())
    third = ended(gitlab.queue(script=LOOK, git=repo))
    assert lines_of(third, "tree-0") == lines_of(first, "tree-0") and len(git.requests()) == asked
    assert sorted(p.name for p in (elsewhere / "cache").iterdir()) == ["caches", "images", "mirrors"]
    assert not {"caches", "images", "mirrors"} & {p.name for p in Path(daemon.state).iterdir()}
    assert daemon.stop() == 0


def test_the_third_job_of_a_commit_gets_a_copy(gitlab, courser, as_user, git, repo):
    courser.home().chmod(0o711)  # roles of root's courser have ids of their own
    daemon = courser.start(gitlab)
    first = ended(gitlab.queue(script=LOOK, git=repo))
    known(daemon, gitlab, repo, jobs=1)
    asked = len(git.requests())
    spoil = ended(gitlab.queue(git=repo, script=[
        "rm README; echo worse >dir/file; echo more >new; git config a.b c",
        "touch /run/snapshot/README 2>/dev/null || echo is-$((0))-read-only", "grep -c . /run/snapshot/README"]))
    assert lines_of(spoil, "is-0") == ["is-0-read-only"] and len(git.requests()) == asked
    third = ended(gitlab.queue(script=LOOK, git=repo))
    assert lines_of(third, "tree-0") == lines_of(first, "tree-0") and len(git.requests()) == asked
    assert f"Checking out {repo.resolve('main')[:8]} as detached HEAD (ref is main)..." in third.text
    assert lines_of(first, "tree-0")[0].startswith("tree-0 0 2 hello inside dir/file x")
    assert daemon.stop() == 0


def test_another_commit_another_tree(gitlab, courser, git, repo):
    courser.home().chmod(0o711)  # roles of root's courser have ids of their own
    daemon = courser.start(gitlab)
    known(daemon, gitlab, repo)
    new = repo.commit({"README": "new\n"})
    assert lines_of(ended(gitlab.queue(git=repo, script=["echo at-$((0)) $(git rev-parse HEAD) $(cat README)"])),
                    "at-0") == [f"at-0 {new} new"]
    for variables in ({"GIT_CHECKOUT": "false"}, {"GIT_SUBMODULE_STRATEGY": "normal"}):
        job = ended(gitlab.queue(git=repo, script=["test -e /run/snapshot || echo none-$((0))"], variables=variables))
        assert lines_of(job, "none-0"), "what asks for more is checked out"


def test_a_tree_that_cannot_be_used(gitlab, courser, as_user, git, repo):
    courser.home().chmod(0o711)  # roles of root's courser have ids of their own
    daemon = courser.start(gitlab)
    known(daemon, gitlab, repo)
    (snapshot,) = kept(daemon)
    fifo = ended(gitlab.queue(script=["true"], git=repo))
    assert "cannot be used" not in fifo.text
    if os.geteuid() == 0:
        os.mkfifo(snapshot / "tree" / "pipe")
        job = ended(gitlab.queue(script=LOOK, git=repo))
        assert "The tree on this machine cannot be used: pipe: neither a file" in job.text
        assert lines_of(job, "tree-0")[0].startswith("tree-0 0 2 hello inside")
        shutil.rmtree(snapshot)
        assert lines_of(ended(gitlab.queue(script=LOOK, git=repo)), "tree-0") == lines_of(job, "tree-0")


def test_not_more_than_a_mirror_may_have(gitlab, courser, as_user, git, repo):
    courser.home().chmod(0o711)  # roles of root's courser have ids of their own
    daemon = courser.start(gitlab)
    stale = None
    for number in range(10):
        repo.commit({"README": f"{number}\n"})
        for _ in range(2):
            ended(gitlab.queue(script=["true"], git=repo))
        sha = repo.resolve("main")
        until(lambda: any(p.name.startswith(sha) for p in kept(daemon)), message=f"snapshot {number}")
        if stale is None:
            stale = kept(daemon)[0].parent.with_name("snapshots-00000000")
            (stale / "0-0" / "tree").mkdir(parents=True)
            for path in (stale, stale / "0-0", stale / "0-0" / "tree"):
                courser.give(path)
    until(lambda: len(kept(daemon)) <= 8 and not stale.exists(), message="the oldest are gone")
    until(lambda: not [p for p in (Path(daemon.state) / "jobs").iterdir()], message="and nothing is left of them")
