"""Payloads that no runner should get: each is a failed job with the reason in its log, never a crash."""

from __future__ import annotations

import json

import pytest
from exec_client import BARE, execute, lines
from tests.forge.gitlab_payload import payload, variable


def refused(courser, given, *words: str, fault: str = "config"):
    done = execute(courser, given)
    assert done.returncode == 1 and done.result["state"] == "failed", done.stderr
    assert done.result["fault"] == fault, done.result
    for word in words:
        assert word in done.text and word in done.result["verdict"], (word, done.result)
    assert lines(done)[-2].startswith("ERROR: Job failed (system failure): ")
    assert lines(done)[0].startswith("Running with courser ")
    return done


@pytest.mark.parametrize("text, words", [
    (b"", "payload"), (b"{", "payload"), (b"[]", "payload"), (b"not json at all", "payload"), (b"\xff\xfe{}", "payload"),
    (b"{}", "id"), (b"null", "payload"), (b"[" * 5000 + b"]" * 5000, "payload"), (b'{"id": 1, "id": 2}', "payload"),
    (b'{"id":1,"token":"t"} trailing', "payload"), (b"\0" * 100, "payload"),
])
def test_no_payload_at_all(courser, text, words):
    refused(courser, text, words)


@pytest.mark.parametrize("path, value", [
    ("id", None), ("id", "x"), ("id", -1), ("id", 1.5), ("token", None), ("token", 7), ("steps", "echo"),
    ("steps", [{"name": "script", "script": "echo"}]), ("steps", [{"script": ["a"]}]), ("steps", [7]),
    ("variables", [{"value": "x"}]), ("variables", [{"key": 7, "value": "x"}]), ("variables", {"A": "b"}),
    ("git_info", "x"), ("runner_info", []), ("job_info", 7), ("secrets", []), ("artifacts", "x"), ("cache", {"a": 1}),
    ("hooks", "x"), ("features", 3), ("steps", [{"name": "script", "script": [7]}]),
])
def test_wrong_types_name_the_place(courser, path, value):
    given = payload(["true"])
    given[path] = value
    refused(courser, given, path)


def test_unknown_fields_are_ignored(courser):
    given = payload(["echo fine"], future={"a": [1, {"b": None}]}, inputs=None, hooks=None, artifacts=None, cache=None,
                    dependencies=None, credentials=None, policy_options={"x": 1})
    given["steps"][0]["unknown"] = given["variables"][0]["unknown"] = True
    done = execute(courser, given)
    assert done.returncode == 0 and "fine" in lines(done)


def test_ten_megabytes_of_variables(courser):
    given = payload(["true"], variables=[variable(f"V{i}", "x" * 10_000) for i in range(1000)])
    done = execute(courser, given)
    assert done.returncode == 1 and done.result["fault"] == "config"
    many = payload(["env | grep -c ^V"], variables=[variable(f"V{i}", "x" * 100) for i in range(10_000)])
    fine = execute(courser, many)
    assert fine.returncode == 0 and "10000" in lines(fine), fine.result


@pytest.mark.parametrize("change, words", [
    ({"run": json.dumps([{"name": "a", "script": "echo"}])}, "`run:`"),
])
def test_what_is_not_there_yet_is_refused(courser, change, words):
    refused(courser, payload(["echo never"], **change), words, "this version of courser does not have")


@pytest.mark.parametrize("url", ["ssh://git@127.0.0.1/x.git", "file:///etc/passwd", "ext::sh -c id", "git://127.0.0.1/x",
                                 "/etc", "http://", "http://a b/", "http://h/\nx", "-uid"])
def test_other_urls(courser, url):
    given = payload(["echo never"], variables={**BARE, "GIT_STRATEGY": "fetch"}, git={"repo_url": url})
    done = execute(courser, given)
    assert done.returncode == 1 and "never" not in lines(done)
    assert done.result["fault"] == "config", done.result


@pytest.mark.parametrize("field, value", [
    ("ref", "main\x1b[2J\r\nsection_end:1:x"), ("ref", "-x"), ("sha", "$(id)"), ("sha", "zz"), ("ref", "a..b"),
    ("refspecs", ["+refs/heads/*:../../x"]), ("refspecs", ["\0"]), ("repo_object_format", "md5"),
])
def test_hostile_git_fields(courser, field, value):
    given = payload(["echo never"], variables={**BARE, "GIT_STRATEGY": "fetch"},
                    git={"repo_url": "http://127.0.0.1:1/x.git", field: value})
    done = execute(courser, given)
    assert done.returncode == 1 and "never" not in lines(done)
    assert "\x1b[2J" not in done.text and done.result["fault"] in ("config", "infra")


@pytest.mark.parametrize("path", ["../../etc", "/etc", "a/../../b", "a\nb", "a//b", "x" * 5000, "a/\x1b[2Jb", "..", "a/."])
def test_hostile_project_paths(courser, path):
    given = payload(["pwd"])
    given["job_info"]["project_full_path"] = path
    done = execute(courser, given)
    assert "\x1b[2J" not in done.text
    if done.returncode == 0:
        assert any(line.startswith("/builds/") and ".." not in line for line in lines(done)), done.text
    else:
        assert done.result["fault"] == "config", done.result


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "x" * 252, "x" * 300, "a\nb", "\x1b[2J"])
def test_hostile_step_and_variable_names(courser, name):
    step = execute(courser, payload(None, steps=[{"name": name, "script": ["echo ran"]}]))
    assert step.returncode in (0, 1) and step.result["fault"] in ("none", "config"), step.result
    assert "\x1b[2J" not in step.text
    file = execute(courser, payload(["echo ran"], variables=[variable(name, "x", file=True)]))
    assert file.returncode in (0, 1) and file.result["fault"] in ("none", "config"), file.result
    plain = execute(courser, payload(["echo ran"], variables=[variable(name, "x")]))
    assert plain.returncode in (0, 1) and plain.result["fault"] in ("none", "config"), plain.result


def test_usage(courser):
    missing = courser.command("exec", "--payload", courser.path("nowhere.json"), "--state", courser.path("st"))
    assert missing.returncode not in (0, 1) and b"nowhere.json" in missing.stderr
    assert courser.command("exec").returncode == 64
    stdin = courser.command("exec", "--payload", "-", "--state", courser.path("st"), data=json.dumps(payload(["echo in"])).encode())
    assert stdin.returncode == 0 and b"echo in" in stdin.stdout
