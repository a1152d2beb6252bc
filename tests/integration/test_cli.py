"""The command line: help, usage errors, the configuration's errors, and the verbs that need no daemon."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from machine import require

VERBS = ["run", "register", "verify", "unregister", "list", "exec", "eval", "status", "cancel", "redact", "doctor", "policy", "version"]


def said(done: subprocess.CompletedProcess) -> str:
    return done.stderr.decode()


# --- help and usage -------------------------------------------------------------------------------------


def test_help_lists_every_verb(courser):
    done = courser.command("--help")
    assert done.returncode == 0 and not done.stderr
    listed = [line.split()[0] for line in done.stdout.decode().splitlines() if line.startswith("  ")]
    assert listed == VERBS


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_each_verb(courser, verb):
    done = courser.command(verb, "--help")
    assert done.returncode == 0 and not done.stderr
    assert done.stdout.decode().startswith(f"Usage: courser {verb}")


def test_version(courser):
    for words in (["--version"], ["version"]):
        done = courser.command(*words)
        assert done.returncode == 0 and done.stdout.startswith(b"courser 0.")


@pytest.mark.parametrize("words, text", [
    ([], "no command"),
    (["stats"], 'did you mean "status"?'),
    (["exec", "--palyoad=x"], 'did you mean "--payload"?'),
    (["exec"], 'needs --payload=FILE'),
    (["exec", "--payload"], "needs a value"),
    (["eval"], "EXPRESSION"),
    (["eval", "1", "2"], "one word too many"),
    (["eval", "1", "--contxt=x"], 'did you mean "--context"?'),
    (["cancel"], "--all"),
    (["cancel", "x"], "not a job's number"),
    (["cancel", "1", "2"], "one word too many"),
    (["unregister"], "--all"),
    (["policy"], "explain"),
    (["policy", "show"], "what can be done is: explain"),
    (["register", "--url", "http://h"], "--token-file"),
    (["register", "--url", "http://h", "--token-file", "-", "--forge", "gitea"], "--labels"),
])
def test_usage_errors(courser, words, text):
    done = courser.command(*words)
    assert done.returncode == 64 and not done.stdout
    assert said(done).startswith("courser: error: ") and text in said(done) and "--help" in said(done)


@pytest.mark.parametrize("verb", ["run", "list", "verify"])
def test_errors_of_the_configuration_have_a_place(courser, verb):
    config = courser.write("bad.yaml", "concurent: 3\nrunners:\n  - url: ftp://x\n    token: t\n")
    done = courser.command(verb, "--config", config)
    assert done.returncode == 78
    lines = said(done).splitlines()
    assert lines[0] == f'{config}:1:1: unknown key "concurent"; did you mean "concurrent"?'
    assert lines[1].startswith(f"{config}:3:")
    assert lines[-1].startswith("courser: error: ")


def test_exec_with_a_wrong_override(courser):
    job = courser.write("job.json", "{}")
    done = courser.command("exec", "--payload", job, "-o", "nonsense=1")
    assert done.returncode == 78 and "nonsense" in said(done)


def test_no_daemon_is_said(courser):
    for words in (["status"], ["cancel", "--all"]):
        done = courser.command(*words)
        assert done.returncode == 69 and "no courser runs" in said(done)


# --- redact --------------------------------------------------------------------------------------------


def test_redact(courser):
    secrets = courser.write("secrets.json", json.dumps(["hunter2222", "correct horse"]))
    done = courser.command("redact", "--secrets", secrets, data=b"a hunter2222 b\ncorrect horse\nplain\n" * 10000)
    assert done.returncode == 0
    assert done.stdout == b"a [MASKED] b\n[MASKED]\nplain\n" * 10000


@pytest.mark.parametrize("content", ["", "{}", '["a", 1]', '["abcdefgh"', "[[]]"])
def test_redact_refuses_what_is_no_array_of_strings(courser, content):
    secrets = courser.write("secrets.json", content)
    done = courser.command("redact", "--secrets", secrets, data=b"x\n")
    assert done.returncode == 65 and not done.stdout
    assert "abcdefgh" not in said(done) and said(done).startswith("courser: error: secrets")


def test_redact_without_a_file(courser):
    assert courser.command("redact", "--secrets", "/nonexistent").returncode == 66
    assert courser.command("redact", "--secrets", "-").returncode == 64


# --- doctor --------------------------------------------------------------------------------------------


def test_doctor(courser, as_user, gitlab):
    config = courser.config_for(gitlab)
    done = courser.command("doctor", "--config", config, "--json", "--state", courser.path("st"))
    found = {}
    for line in done.stdout.decode().splitlines():
        one = json.loads(line)
        found.setdefault(one["check"], []).append(one)
    assert done.returncode == 0, done.stdout + done.stderr
    assert found["sandbox"][0]["level"] == "ok" and found["kernel"][0]["level"] == "ok"
    assert found["forge"][0]["level"] == "ok" and gitlab.url in found["forge"][0]["text"]
    assert all(one["level"] in ("ok", "warn") for some in found.values() for one in some)
    assert gitlab.token.encode() not in done.stdout + done.stderr


def test_doctor_says_what_is_wrong(courser):
    config = courser.write("bad.yaml", "nonsense: 1\n")
    done = courser.command("doctor", "--config", config, "--state", "/proc/nothing")
    assert done.returncode == 69
    assert b"\nfail  config " in done.stdout and b"\nfail  state " in done.stdout


def test_doctor_sees_a_closed_way(courser):
    """As root the roles are other accounts: a state directory that they cannot reach has no sources."""
    require(os.geteuid() == 0, "root")
    closed = courser.dir / "closed"
    closed.mkdir(0o700)
    for mode, level in ((0o700, "warn"), (0o711, "ok")):
        closed.chmod(mode)
        done = courser.command("doctor", "--json", "--state", closed / "state", user="root")
        way = next(one for one in map(json.loads, done.stdout.splitlines()) if one["check"] == "way")
        assert way["level"] == level and str(closed) in way["text"]
        assert level == "ok" or "chmod o+x" in way["text"]


# --- what an exit status says ---------------------------------------------------------------------------


POLICY = """
cgroup: off
runners:
- {name: one, url: 'http://localhost', token: secret-one, network: none, isolation: strict,
   limits: {memory: 1GiB, cpus: 2, nofile: 512}, mounts: ['/opt/a:/opt/a'], devices: [/dev/kvm]}
- {name: two, url: 'http://localhost', token: secret-two, isolation: nested}
"""


def test_policy_explain(courser, as_user):
    config = courser.write("policy.yaml", POLICY)
    done = courser.command("policy", "explain", "--config", str(config))
    text = done.stdout.decode()
    assert done.returncode == 0 and "secret" not in text
    one, two = (dict(line.split(": ", 1) for line in part.splitlines()) for part in text.split("\n\n"))
    assert one["registration"].startswith("one ") and two["registration"].startswith("two ")
    assert "net" in one["namespaces"].split("; ")[0].split(", ") and one["namespaces"].endswith("refused")
    assert "net" not in two["namespaces"].split("; ")[0].split(", ") and two["namespaces"].endswith("allowed")
    assert one["network"] == "none but loopback" and "not isolated" in two["network"]
    assert one["memory (bytes)"] == f"{1 << 30}, by samples each 200 ms (cgroups are off)"
    assert one["CPUs"].startswith("2, by affinity") and two["CPUs"] == "no limit of ours"
    assert one["open files"].startswith("512, ") and one["mount"] == "/opt/a:/opt/a" and one["device"] == "/dev/kvm"
    assert "isolation strict" in one["system calls"] and "not used" in two["landlock"]
    assert ("a block of 65536 ids" in one["ids"]) == (as_user == "root")
    named = courser.command("policy", "explain", "-c", str(config), "-n", "two").stdout.decode()
    assert named.startswith("registration: two ") and "registration: one" not in named
    absent = courser.command("policy", "explain", "-c", str(config), "-n", "three")
    assert absent.returncode == 78 and b'there is no registration "three"' in absent.stderr


def test_only_the_configuration_is_a_configuration_error(courser, gitlab):
    config = courser.config_for(gitlab)
    done = courser.command("run", "--config", config, "--state", "/proc/nothing")
    assert done.returncode == 71 and "/proc/nothing" in said(done)
    if os.geteuid() == 0:
        done = courser.command("run", "--config", courser.config_for(gitlab, user="root", id_base=65536), "--state",
                               courser.dir / "st", user="root")
        assert done.returncode == 78 and "set id_base to a free range" in said(done)


# --- registrations --------------------------------------------------------------------------------------


def register(courser, gitlab, token, *words, name="one"):
    return courser.command("register", "--config", courser.path("c.yaml"), "--url", gitlab.url, "--token-file", "-",
                           "--name", name, *words, data=token.encode() + b"\n")


def listed(courser) -> list[dict]:
    done = courser.command("list", "--config", courser.path("c.yaml"), "--json")
    assert done.returncode == 0, said(done)
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def verb(courser, name, *words):
    return courser.command(name, "--config", courser.path("c.yaml"), *words)


def test_register_list_verify_unregister(courser, as_user, gitlab):
    done = register(courser, gitlab, gitlab.token)
    assert done.returncode == 0, said(done)
    done = register(courser, gitlab, gitlab.registration_token, "--tags", "a,b", "--maximum-timeout", "2h", name="two")
    assert done.returncode == 0, said(done)
    body = gitlab.requests("POST", "runners$")[0].json()
    assert body["tag_list"] == "a,b" and body["description"] == "two" and body["run_untagged"] is False
    assert body["maximum_timeout"] == 7200
    assert [(one["name"], one["url"]) for one in listed(courser)] == [("one", gitlab.url), ("two", gitlab.url)]
    assert os.stat(courser.path("c.yaml")).st_mode & 0o777 == 0o600
    done = verb(courser, "verify")
    assert done.returncode == 0 and done.stdout == b"one: the token is valid\ntwo: the token is valid\n"
    assert verb(courser, "unregister", "--name", "two").returncode == 0
    assert [one["name"] for one in listed(courser)] == ["one"]
    assert verb(courser, "unregister", "--all").returncode == 0
    assert listed(courser) == []


def test_a_token_that_is_refused(courser, gitlab):
    done = register(courser, gitlab, "glrt-t1_notATokenAtAll0001")
    assert done.returncode == 69 and "glrt-" not in said(done)
    assert not courser.path("c.yaml").exists()
    assert register(courser, gitlab, gitlab.token).returncode == 0
    text = courser.path("c.yaml").read_text().replace(gitlab.token, "glrt-t1_notATokenAtAll0002")
    courser.write("c.yaml", text)
    done = verb(courser, "verify")
    assert done.returncode == 1 and b"valid" not in done.stdout
    assert verb(courser, "unregister", "--all").returncode == 0
    assert listed(courser) == []


def test_a_coordinator_that_is_away(courser, gitlab):
    assert register(courser, gitlab, gitlab.token).returncode == 0
    gitlab.down()
    assert verb(courser, "verify").returncode == 75
    done = verb(courser, "unregister", "--all")
    assert done.returncode == 75 and "stays in the configuration" in said(done)
    gitlab.up()
    assert len(listed(courser)) == 1


def test_a_name_is_taken_once(courser, gitlab):
    assert register(courser, gitlab, gitlab.token).returncode == 0
    done = register(courser, gitlab, gitlab.token)
    assert done.returncode == 64 and "already" in said(done)
    assert verb(courser, "verify", "--name", "other").returncode == 69


def test_the_token_may_be_a_credential(courser, gitlab):
    directory = courser.path("creds")
    directory.mkdir()
    (directory / "forge").write_text(gitlab.token + "\n")
    courser.give(directory)
    done = courser.command("register", "--config", courser.path("c.yaml"), "--url", gitlab.url, "--token-file", "forge",
                           "--name", "one", env={"CREDENTIALS_DIRECTORY": str(directory)})
    assert done.returncode == 0, said(done)
    done = register(courser, gitlab, "", name="two")
    assert done.returncode == 65 and "holds no token" in said(done)


# --- expressions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("words, value", [
    (["1 == '1' && github.ref"], "null"),
    (["format('{0}', 1e18)"], '"1E+18"'),
    (["fromJSON('{\"a\":[1,{}]}')"], '{\n  "a": [\n    1,\n    {}\n  ]\n}'),
    (["a ${{ github.REF }}"], '"a "'),
    (["format('a ${{{{ {0} }}}}', 1)"], '"a ${{ 1 }}"'),
    (["success() && !cancelled()"], "true"),
    (["--", "-1"], "-1"),
])
def test_eval_prints_the_value(courser, words, value):
    done = courser.command("eval", *words)
    assert done.returncode == 0 and not done.stderr
    assert done.stdout.decode() == value + "\n"


def test_eval_with_contexts(courser):
    context = courser.write("context.json", json.dumps({"github": {"ref": "x"}, "own": [1], "job": {"status": "failure"}}))
    for expression, value in {"github.ref": "x", "own[0]": 1, "failure()": True, "success()": False}.items():
        done = courser.command("eval", expression, "--context", context)
        assert done.returncode == 0 and json.loads(done.stdout) == value


@pytest.mark.parametrize("expression, message", [
    ("github.ref == secrts.x", 'line 1, column 15: unknown context "secrts"; did you mean "secrets"?\n'
                               "github.ref == secrts.x\n              ^"),
    ("1 ==\n  foo(2)", 'line 2, column 3: unknown function "foo"\n  foo(2)\n  ^'),
    ("x ${{ 1 }", 'line 1, column 3: "${{" is not closed by "}}"\nx ${{ 1 }\n  ^'),
    ("hashFiles('x')", "line 1, column 1: hashFiles cannot be called here\nhashFiles('x')\n^"),
])
def test_eval_shows_where_an_expression_is_wrong(courser, expression, message):
    done = courser.command("eval", expression)
    assert done.returncode == 1 and not done.stdout
    assert said(done) == f"courser: error: {message}\n"


def test_eval_with_a_context_file_that_is_wrong(courser):
    for text, message in {"[1]": "a JSON object", '{"a":\n1,}': "line 2, column 3: a key is expected here"}.items():
        path = courser.write("bad.json", text)
        done = courser.command("eval", "1", "-x", path)
        assert done.returncode == 65 and str(path) in said(done) and message in said(done)
    done = courser.command("eval", "1", "-x", "/nowhere")
    assert done.returncode == 66 and "/nowhere" in said(done)


# --- the bench's own command ----------------------------------------------------------------------------


@pytest.mark.parametrize("words, status, text", [(["--help"], 0, "usage: "), (["{build}", "nonsense"], 64, "no figure"),
                                                 (["/nonexistent"], 66, "is not built")])
def test_bench_says_how_it_is_used(binaries, words, status, text):
    run = Path(__file__).resolve().parents[1] / "bench" / "run"
    done = subprocess.run([run, *(word.format(build=binaries.build) for word in words)], capture_output=True, check=False)
    assert done.returncode == status and text in (done.stdout + done.stderr).decode()
    assert b"Traceback" not in done.stderr
