"""Variables of a job as its script sees them, files among them, and what the log masks."""

from __future__ import annotations

import base64
import json

import pytest
from exec_client import BARE, execute, lines, script_output
from tests.forge.gitlab_payload import payload, variable

SECRET = "s3cr3t-Pa55phrase-xyz"


def job(script, variables=(), after=None, **more):
    listed = [variable(key, value) for key, value in BARE.items()] + [variable("GIT_STRATEGY", "none")]
    return payload(script, after, variables=listed + [variable(**entry) for entry in variables], **more)


def test_precedence_expansion_and_raw(courser):
    done = execute(courser, job(
        ["echo $A $B $C $D; echo \"$E\"; echo \"$F\"; echo $CI_PROJECT_DIR $CI_SERVER $CI_JOB_STATUS",
         "env | grep -c ^CI_DISPOSABLE_ENVIRONMENT=true"],
        [{"key": "A", "value": "first"}, {"key": "A", "value": "second"}, {"key": "B", "value": "[$A]"},
         {"key": "C", "value": "<${B}>"}, {"key": "D", "value": "$$x ${nothing}."},
         {"key": "E", "value": "$A $(id)", "raw": True}, {"key": "F", "value": "$(id) it's \"q\" \\n"},
         {"key": "CI_PROJECT_DIR", "value": "/elsewhere"}, {"key": "CI_DISPOSABLE_ENVIRONMENT", "value": "no"}]))
    assert script_output(done) == ["second [second] <[$A]> $x .", "$A $(id)", "$(id) it's \"q\" \\n",
                                   "/builds/group/project yes running", "1"]


def test_unusual_names_and_values(courser):
    done = execute(courser, job(
        ["python3 -c 'import os, json; print(json.dumps(dict(os.environ)))' > /tmp/e",
         "python3 -c 'import json; e = json.load(open(\"/tmp/e\")); print(sorted(k for k in e if k.startswith(\"odd\")))'",
         "printf '%s' \"$odd_lines\" | wc -l; echo \"$odd_utf\""],
        [{"key": "odd.dot", "value": "1"}, {"key": "odd-dash", "value": "2"}, {"key": "odd_lines", "value": "a\nb\nc"},
         {"key": "odd_utf", "value": "grüße\t€"}, {"key": "odd_empty", "value": ""}]))
    assert script_output(done)[0] == "['odd-dash', 'odd.dot', 'odd_empty', 'odd_lines', 'odd_utf']"
    assert script_output(done)[1:] == ["2", "grüße\t€"]


def test_nothing_of_the_daemon_leaks(courser, as_user):
    plain = job(["env -0 | tr '\\0' '\\n' | sed 's/=.*//' | sort -u; env | grep -c Le[a]k || true", "ls /proc/self/fd | wc -l"])
    courser.write("leak.json", json.dumps(plain))
    done = courser.command("exec", "--payload", courser.path("leak.json"), "--state", courser.path("st"),
                           env={"LEAKY": "Leak-1", "LD_PRELOAD_X": "Leak-2", "BASH_ENV": "/etc/Leak-3"})
    text = done.stdout.decode()
    assert done.returncode == 0 and "Leak" not in text and "LEAKY" not in text and "XDG_" not in text
    assert str(courser.dir) not in text


def test_file_variables(courser, as_user):
    done = execute(courser, job(
        ["echo $KUBE; stat -c '%a %U %s' $KUBE; stat -f -c %T $KUBE; cat $KUBE; echo; echo \"$REF\"",
         "echo $CI_PROJECT_DIR.tmp; stat -c %a $EMPTY; echo more >> $KUBE; tail -c5 $KUBE"],
        [{"key": "KUBE", "value": "line $WHO\nno newline", "file": True}, {"key": "WHO", "value": "me"},
         {"key": "REF", "value": "path $KUBE"}, {"key": "EMPTY", "value": "", "file": True}]))
    path = "/builds/group/project.tmp/KUBE"
    assert script_output(done) == [path, "600 job 18", "tmpfs", "line me", "no newline", f"path {path}",
                                   "/builds/group/project.tmp", "600", "more"]


def test_environment_file(courser):
    done = execute(courser, job(
        ["echo \"FROM_FIRST=it's $(echo here) \\$HOME\" >> $GITLAB_ENV", "echo junk >> $GITLAB_ENV",
         "echo '1bad=x' >> $GITLAB_ENV", "printf 'LAST=no newline' >> $GITLAB_ENV"], after=["echo [$FROM_FIRST] [$LAST]"]))
    assert done.returncode == 0 and "[it's here $HOME] [no newline]" in lines(done)


@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_bad_environment_file_is_no_failure(courser, shell):
    done = execute(courser, job(["echo 'a b=1' >> $GITLAB_ENV; echo '=x' >> $GITLAB_ENV; echo OK=1 >> $GITLAB_ENV"],
                                after=["echo after [$OK]"]), "-o", f"shell={shell}")
    assert "after [1]" in lines(done)


def test_a_value_that_no_process_can_have_is_named(courser):
    done = execute(courser, job(["true"], [{"key": "HUGE_ONE", "value": "x" * 140_000}]))
    assert done.returncode == 1 and done.result["fault"] == "config" and "HUGE_ONE" in done.result["verdict"]
    fits = execute(courser, job(["echo ${#LARGE}; wc -c < $FILE"], [{"key": "LARGE", "value": "x" * 120_000},
                                                    {"key": "FILE", "value": "x" * 1_000_000, "file": True}]))
    assert script_output(fits) == ["120000", "1000000"]


def test_masking_end_to_end(courser, as_user):
    coded = base64.b64encode(b"user:" + SECRET.encode()).decode()
    script = ["echo $S; printf '%s' ${S:0:7}; sleep 0.3; echo ${S:7}",
              "printf 's3cr\\033[1m3t-Pa55\\033[0mphrase-xyz\\n'", "printf 'user:%s' $S | base64",
              "echo $CI_JOB_TOKEN; echo glpat-AbCdEf12345678901234 >&2", "echo \"url?private_token=abcdefgh1234&x=1\"",
              f"echo {SECRET} >&2; exit 3 # {SECRET}"]
    secret = {"key": "S", "value": SECRET, "masked": True}
    whole = job(script, [secret], [f"echo {SECRET}"], name=f"job {SECRET}")
    done = execute(courser, whole)
    for leak in (SECRET, SECRET[:12], coded[6:30], whole["token"], "AbCdEf12345678901234", "abcdefgh1234"):
        assert leak not in done.text, leak
        assert leak not in json.dumps(done.result)
    assert done.text.count("[MASKED]") >= 8 and done.result["exit_code"] == 3
    assert "[MASKED]" in done.result["verdict"]
    assert not [path for path in courser.files_with(SECRET) if not path.name.startswith("job")]


def test_overridden_and_expanded_values_are_masked(courser):
    done = execute(courser, job(["echo 'first-secret-value' 'outer-inner-secret'", "cat $F; echo"],
                                [{"key": "S", "value": "first-secret-value", "masked": True},
                                 {"key": "S", "value": "second-secret-value", "masked": True},
                                 {"key": "I", "value": "inner-secret"},
                                 {"key": "O", "value": "outer-$I", "masked": True},
                                 {"key": "F", "value": "file-secret-value", "masked": True, "file": True}]))
    assert script_output(done) == ["[MASKED] [MASKED]", "[MASKED]"]


def test_a_secret_in_the_words_of_the_runner(courser):
    secret = {"key": "S", "value": SECRET, "masked": True}
    done = execute(courser, job(["true"], [secret, {"key": "RUNNER_SCRIPT_TIMEOUT", "value": SECRET}], ["true"]))
    assert SECRET not in done.text and 'Ignoring malformed RUNNER_SCRIPT_TIMEOUT "[MASKED]"' in done.text
