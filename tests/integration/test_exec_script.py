"""What a job's script does, as `courser exec` shows it: the log's order and words, exit codes, steps, after_script."""

from __future__ import annotations

import re

import pytest
from exec_client import BARE, HEADER, execute, lines, script_output
from tests.forge.gitlab_payload import payload, step


def job(script, after=None, **more):
    return payload(script, after, variables={**BARE, **more.pop("variables", {})}, **more)


def test_order_of_the_log(courser, as_user):
    code, trace, result = done = execute(courser, payload(["echo one", "echo two"], ["echo three"]))
    assert (code, result["state"], result["failure_reason"]) == (0, "success", "")
    assert result["exit_code"] == 0 and result["fault"] == "none"
    assert {"prepare", "steps", "after", "total"} <= set(result["phases"])
    words = ["Running with courser ", "  on local exec, system ID: ", 'Preparing the "courser" executor',
             "Using Shell (bash) executor", "Preparing environment", "Running on ",
             "Skipping Git repository setup", 'Executing "step_script" stage of the job script', "$ echo one", "one",
             "$ echo two", "two", "Running after_script", "$ echo three", "three", "Time: queue 0.250s, prepare ",
             "Sandbox: network profile host", "Job succeeded"]
    text, at = lines(done), 0
    for word in words:
        at = next((i for i, line in enumerate(text) if i >= at and word in line), None)
        assert at is not None, f"{word} is not where it belongs"
    assert trace.endswith(b"\x1b[32;1mJob succeeded\x1b[0;m\n")
    for line in trace.split(b"\n")[:-1]:
        assert HEADER.match(line), line


def test_sections(courser):
    execution = execute(courser, job(["true"], ["true"]))
    starts = re.findall(r"section_start:(\d{10}):(\w+)\r\x1b\[0K", execution.text)
    ends = re.findall(r"section_end:(\d{10}):(\w+)\r\x1b\[0K", execution.text)
    names = ["prepare_executor", "prepare_script", "get_sources", "step_script", "after_script"]
    assert [name for _, name in starts] == names == [name for _, name in ends]
    without = execute(courser, job(["true"], ["true"], features={"trace_sections": False}))
    assert "section_" not in without.text and 'Executing "step_script"' in without.text


@pytest.mark.parametrize("timestamps", ["true", "false", "bogus"])
def test_timestamps(courser, timestamps):
    done = execute(courser, job(["echo out; echo err >&2"], variables={"FF_TIMESTAMPS": timestamps}))
    whole = done.trace.split(b"\n")[:-1]
    assert all(bool(HEADER.match(line)) == (timestamps != "false") for line in whole)
    if timestamps != "false":
        assert any(line.endswith(b"Z 01E err") for line in whole) and any(line.endswith(b"Z 01O out") for line in whole)
    assert ('FF_TIMESTAMPS: "bogus" is neither true nor false' in done.text) == (timestamps == "bogus")


def test_multi_line_commands_and_empty_lines(courser):
    done = execute(courser, job(["  echo a\necho b  ", "", "if true; then\n  echo c\nfi"]))
    assert script_output(done) == ["a", "b", "", "c"]
    assert "$ echo a # collapsed multi-line command" in lines(done)
    assert "$ if true; then # collapsed multi-line command" in lines(done)
    sections = execute(courser, job(["echo a\necho b", "echo c"], variables={"FF_SCRIPT_SECTIONS": "true"}))
    assert re.search(r"section_start:\d+:section_script_step_0\[hide_duration=true,collapsed=true\]\r\x1b\[0K"
                     r"\x1b\[32;1m\$ echo a\necho b\x1b\[0;m\nsection_end:\d+:section_script_step_0\r\x1b\[0K\na\nb\n",
                     sections.text)
    off = execute(courser, job(["echo a\necho b"], variables={"FF_SCRIPT_SECTIONS": "true"},
                               features={"trace_sections": False}))
    assert "section_" not in off.text and "# collapsed multi-line command" in off.text


@pytest.mark.parametrize("script, code, output", [
    (["exit 3"], 3, []),
    (["echo a", "false", "echo b"], 1, ["a"]),
    (["false | true", "echo b"], 1, []),
    (["(exit 7)", "echo b"], 7, []),
    (["no_such_command_here", "echo b"], 127, None),
    (["/etc/passwd", "echo b"], 126, None),
    (["kill -9 $$"], 137, None),
    (["kill -TERM $BASHPID; sleep 5"], 143, None),
    (["sh -c 'kill -SEGV $$'"], 139, None),
    (["f() { false; }", "f", "echo b"], 1, []),
    (["exit 255"], 255, []),
    (["echo 'unbalanced"], 2, None),
    (["if true; then"], 2, None),
    (["echo a", "exit 0", "false"], 0, ["a"]),
    (["set +e", "false", "echo on"], 0, ["on"]),
    (["false || echo rescued"], 0, ["rescued"]),
    (["cd /tmp; X=1; f() { echo f$X; }", "pwd; f"], 0, ["/tmp", "f1"]),
    (["export Y=2", "sh -c 'echo $Y'", "cat", "read line || echo eof"], 0, ["2", "eof"]),
])
def test_how_a_script_ends(courser, script, code, output):
    done = execute(courser, job(script, ["echo after $CI_JOB_STATUS"]))
    assert done.result["exit_code"] == code, done.text
    assert done.returncode == (1 if code else 0)
    assert done.result["failure_reason"] == ("script_failure" if code else "")
    assert ("after failed" if code else "after success") in lines(done)
    if output is not None:
        assert script_output(done) == output
    if code:
        assert lines(done)[-2] == f"ERROR: Job failed: exit status {code}"
        assert done.result["verdict"].startswith(f"exit status {code}; fault: script; evidence: ")


def test_verdicts_name_signal_and_last_command(courser):
    done = execute(courser, job(["echo first", "kill -9 $$"]))
    assert "SIGKILL" in done.result["verdict"] and "last command: kill -9 $$" in done.result["verdict"]
    missing = execute(courser, job(["no_such_command_here"]))
    assert "a command was not found" in missing.result["verdict"]


def test_after_script_errors(courser):
    ignored = execute(courser, job(["true"], ["exit 4"]))
    assert ignored.returncode == 0
    assert "WARNING: after_script failed, but job will continue unaffected: exit status 4" in lines(ignored)
    counted = execute(courser, job(["true"], ["exit 4"], variables={"AFTER_SCRIPT_IGNORE_ERRORS": "false"}))
    assert (counted.returncode, counted.result["exit_code"]) == (1, 4)
    assert counted.result["failure_reason"] == "script_failure"
    first = execute(courser, job(["exit 3"], ["exit 4"], variables={"AFTER_SCRIPT_IGNORE_ERRORS": "false"}))
    assert first.result["exit_code"] == 3
    fresh = execute(courser, job(["X=1; cd /tmp"], ["echo [$X] $PWD"]))
    assert "[] /builds/group/project" in lines(fresh)


def test_several_steps(courser):
    steps = [step("script", ["echo one; X=1; echo A=1 >> $GITLAB_ENV"], 60), step("release", ["echo [$X] [$A]"], 60),
             step("never", [], 60), step("after_script", ["echo three"], 60, "always", True)]
    done = execute(courser, job(None, steps=steps))
    text = lines(done)
    assert done.returncode == 0 and [line for line in text if line in ("one", "[] [1]", "three")] == ["one", "[] [1]", "three"]
    assert any('Executing "step_release"' in line for line in text) and "step_never" not in done.text
    steps[0] = step("script", ["exit 5"], 60)
    failed = execute(courser, job(None, steps=steps))
    assert "step_release" not in failed.text and "three" in lines(failed) and failed.result["exit_code"] == 5
    nothing = execute(courser, job(None, steps=[]))
    assert (nothing.returncode, nothing.result["fault"]) == (1, "config") and "steps: empty" in nothing.text


def test_debug_trace_and_exit_code_check(courser):
    done = execute(courser, job(["echo traced"], variables={"CI_DEBUG_TRACE": "true"}))
    assert "+ echo traced" in lines(done)
    checked = execute(courser, job(["set +e", "false\nfalse", "echo b"],
                                   variables={"FF_ENABLE_BASH_EXIT_CODE_CHECK": "true"}))
    assert checked.result["exit_code"] == 1 and script_output(checked) == []


@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_shells_and_the_operators_scripts(courser, shell):
    script = ["echo out of $X", "false | true || echo pipefail", "echo $(ps -o comm= -p $$)", "X=2\necho $X", "(exit 6)"]
    options = ["-o", f"shell={shell}", "-o", "pre_build_script=echo before; X=1", "-o", "post_build_script=echo never"]
    done = execute(courser, job(script, ["echo after [$X]"]), *options)
    assert done.result["exit_code"] == 6 and "before" in lines(done) and "never" not in lines(done)
    assert "out of 1" in lines(done) and "after []" in lines(done) and shell in lines(done)
    assert ("pipefail" in lines(done)) == (shell == "bash")
    assert f"Using Shell ({shell}) executor" in done.text
    fine = execute(courser, job(["echo $X"]), *options)
    assert fine.returncode == 0 and "never" in lines(fine)


def test_network_profile_is_said(courser):
    done = execute(courser, job(["sed 's/^ *//' /proc/net/dev"]), "-o", "network=none")
    assert done.returncode == 0 and "Sandbox: network profile none" in lines(done)
    assert "network profile none..." in done.text
    assert [line.split(":")[0] for line in script_output(done) if ":" in line] == ["lo"]
