"""Submodules from the payload to the script: a fetcher for each, a packer inside the job's namespaces."""

from __future__ import annotations

import pytest

from tests.forge.gitlab_payload import payload


def granted(server, **how):
    """A payload whose job token the git server knows."""
    made = payload(**how)
    server.accept(made["token"])
    return made


def lines(trace: bytes) -> str:
    return trace.decode()


def three_deep(git):
    leaf = git.repo("group/leaf")
    leaf.commit({"leaf.txt": "leaf\n"})
    middle = git.repo("group/middle")
    middle.commit({"middle.txt": "middle\n"})
    middle.submodule("leaf", leaf, url="../leaf.git")
    top = git.repo("group/project")
    top.commit({"top.txt": "top\n"})
    top.submodule("lib/middle", middle, url="../middle.git")
    return top


def test_normal_takes_the_first_level(courser, git, as_user):
    job = granted(git, script=["cat top.txt lib/middle/middle.txt", "ls lib/middle/leaf | wc -l", "git status --short"],
                  git=three_deep(git), variables={"GIT_SUBMODULE_STRATEGY": "normal"})
    code, trace, result = courser.exec(job)
    assert code == 0, lines(trace)
    assert "top\n" in lines(trace) and "middle\n" in lines(trace)
    assert result["state"] == "success"


@pytest.mark.parametrize("how", [{"GIT_SUBMODULE_STRATEGY": "recursive"},
                                 {"GIT_SUBMODULE_STRATEGY": "normal", "GIT_SUBMODULE_UPDATE_FLAGS": "--recursive --jobs 4"}])
def test_recursive_takes_them_all(courser, git, as_user, how):
    job = granted(git, script=["cat lib/middle/leaf/leaf.txt", "git submodule status --recursive",
                               "git -C lib/middle/leaf log --oneline"],
                  git=three_deep(git), variables=how)
    code, trace, _ = courser.exec(job)
    assert code == 0, lines(trace)
    text = lines(trace)
    assert "leaf\n" in text and " lib/middle (" in text and " lib/middle/leaf (" in text
    assert job["token"].encode() not in trace


def test_a_submodule_elsewhere_is_refused_with_words(courser, git, as_user):
    top = git.repo("group/project")
    top.commit({"top.txt": "top\n"})
    other = git.repo("group/other")
    other.commit({"o.txt": "o\n"})
    top.submodule("evil", other, url="ext::sh -c id")
    job = granted(git, script=["true"], git=top, variables={"GIT_SUBMODULE_STRATEGY": "normal"})
    code, trace, result = courser.exec(job)
    assert code == 1 and result["fault"] == "config", lines(trace)
    assert "evil" in lines(trace)


def test_the_token_is_nowhere_in_the_tree(courser, git, as_user):
    job = granted(git, script=["grep -rs \"$CI_JOB_TOKEN\" . && exit 3; echo clean"], git=three_deep(git),
                  variables={"GIT_SUBMODULE_STRATEGY": "recursive"})
    code, trace, _ = courser.exec(job)
    assert code == 0 and "clean" in lines(trace), lines(trace)
