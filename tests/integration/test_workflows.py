"""What a workflow's steps can say and see, with a real sandbox: one daemon and one server for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from courser import Courser

from tests.forge.gitea import Gitea
from tests.forge.gitea_tasks import Task


class Home:
    """A server with a runner."""

    def __init__(self, gitea: Gitea, courser: Courser, **runner: Any) -> None:
        self.gitea, self.courser = gitea, courser
        token = courser.write("tok", gitea.add_runner(["linux"]).credentials)
        courser.run(courser.write_config(concurrent=2, listen_address="", check_interval="100ms", runners=[
            {"name": "r", "forge": "gitea", "url": gitea.url, "token_file": str(token), "labels": ["linux"], **runner}]))

    def job(self, body: str, result: str = "SUCCESS", **how: Any) -> Task:
        """A job of which body is all but runs-on, four spaces deep, and its end."""
        task = self.gitea.queue(f"name: w\n\"on\": push\njobs:\n  a:\n    runs-on: linux\n{body}", **how)
        task.wait()
        assert task.result == result, task.text
        return task

    def steps(self, *steps: str, result: str = "SUCCESS", head: str = "", **how: Any) -> Task:
        return self.job(head + "    steps:\n" + "".join(block(step) for step in steps), result, **how)


def block(step: str) -> str:
    """A step as an item of the list: "run: …" or several keys, a line each."""
    first, *rest = step.strip("\n").split("\n")
    return f"      - {first}\n" + "".join(f"        {line}\n" for line in rest)


def script(*lines: str, **keys: str) -> str:
    head = "".join(f"{key.replace('_', '-')}: {value}\n" for key, value in keys.items())
    return head + "run: |\n" + "".join(f"  {line}\n" for line in lines)


@pytest.fixture(scope="module")
def home(binaries: Any, test_user: Any) -> Iterator[Home]:
    with Gitea() as gitea, Courser(binaries, test_user, "user") as courser:
        yield Home(gitea, courser)
        courser.stop_all()
        left, problems = courser.leftovers(), gitea.problems()
    assert not left and not problems, (left, problems)


def results(task: Task) -> list[str]:
    return [step["result"].removeprefix("RESULT_") for step in task.steps]


def output(task: Task, step: int) -> list[str]:
    """What the step's script printed: what follows its group."""
    rows = task.rows_of(step)
    return rows[rows.index("::endgroup::") + 1:]


# --- files ------------------------------------------------------------------------------------------------------


def test_what_steps_say_by_files(home):
    task = home.steps(
        script("echo A=one >> $GITHUB_ENV", "printf 'B<<EOF\\nx=1\\ny\\nEOF\\n' >> $GITEA_ENV", "echo GITHUB_SHA=no >> $GITHUB_ENV",
               "echo /opt/first >> $GITHUB_PATH", "echo /opt/second >> $GITHUB_PATH",
               "echo v=${A-none} >> $GITHUB_OUTPUT", "echo '# Title' >> $GITHUB_STEP_SUMMARY", id="one"),
        script("echo \"$A|$B|${GITHUB_SHA:0:4}|${PATH:0:22}\"", "test ! -s $GITHUB_ENV && test -f $GITHUB_STATE && echo fresh",
               "echo '${{ steps.one.outputs.v }} ${{ steps.one.outcome }} ${{ env.A }} ${{ steps.x.outputs.y }}.'",
               env="{A: step}"),
        "run: echo $A")
    assert output(task, 1) == ["step|x=1", "y|85fe|/opt/second:/opt/first", "fresh", "none success step ."], task.text
    assert output(task, 2) == ["one"]
    assert "##[warning]GITHUB_ENV: GITHUB_SHA is the runner's own and is not set" in task.text
    assert task.rows_of(0)[-3:] == ["::group::Step summary", "# Title", "::endgroup::"]


@pytest.mark.parametrize("line, words", [
    ("echo novalue >> $GITHUB_OUTPUT", "GITHUB_OUTPUT: line 1: neither NAME=VALUE nor"),
    ("printf 'a<<E\\nb' >> $GITHUB_ENV", "GITHUB_ENV: line 1: \"a\" is not closed"),
    ("head -c 1100000 /dev/zero | tr '\\0' x > $GITHUB_STEP_SUMMARY", "GITHUB_STEP_SUMMARY: "),
    ("ln -sf /etc/passwd $GITHUB_OUTPUT", "GITHUB_OUTPUT: "),
    ("rm $GITHUB_ENV; mkfifo $GITHUB_ENV", "not a regular file"),
    ("rm $GITHUB_ENV; mkdir $GITHUB_ENV", "not a regular file"),
])
def test_files_that_are_wrong_fail_the_step(home, line, words):
    task = home.steps(script(line), "if: always()\nrun: echo on", result="FAILURE")
    assert words in task.text and results(task) == ["FAILURE", "SUCCESS"], task.text
    assert any("Fault: script" in row for row in task.lines)


def test_a_file_that_is_gone_says_nothing(home):
    home.steps(script("rm $GITHUB_ENV $GITHUB_OUTPUT"))


def test_outputs_of_the_job(home):
    head = """    outputs:
      plain: ${{ steps.s.outputs.v }}-${{ github.job }}
      long: ${{ steps.s.outputs.long }}
      secret: x${{ secrets.KEY }}x
      derived: ${{ steps.s.outputs.encoded }}
      bad: ${{ fromJSON('{') }}
      none: ${{ steps.skipped.outputs.v }}
"""
    task = home.steps(
        script("echo v=é1 >> $GITHUB_OUTPUT", "printf 'long<<E\\n%s\\nE\\n' \"$(seq 20000)\" >> $GITHUB_OUTPUT",
               "echo encoded=$(printf %s \"$KEY\" | base64) >> $GITHUB_OUTPUT", id="s", env="{KEY: '${{ secrets.KEY }}'}"),
        script("echo v=1 >> $GITHUB_OUTPUT", id="skipped", **{"if": "false"}),
        head=head, secrets={"KEY": "a-secret-of-some-length"})
    assert task.outputs == {"plain": "é1-a", "long": "\n".join(str(n) for n in range(1, 20001))}
    for name in ("secret", "derived"):
        assert f"##[warning]The output {name} is left out: it may contain a secret" in task.lines
    assert any(row.startswith("##[warning]The output bad is left out: ") for row in task.lines)


def test_a_failed_job_has_outputs(home):
    task = home.steps(script("echo v=1 >> $GITHUB_OUTPUT", "exit 3", id="s"), result="FAILURE",
                      head="    outputs:\n      v: ${{ steps.s.outputs.v }}\n      r: ${{ steps.s.conclusion }}\n")
    assert task.outputs == {"v": "1", "r": "failure"}


def test_contexts(home):
    task = home.steps(
        script("echo '${{ runner.arch }} ${{ runner.os }} ${{ runner.temp }} ${{ runner.workspace }}'",
               "echo '${{ strategy.fail-fast }} ${{ strategy.job-total }} ${{ github.workflow }} ${{ github.action }}'",
               "echo $GITHUB_ACTION $GITHUB_WORKFLOW $GITHUB_RETENTION_DAYS $RUNNER_ARCH ${RUNNER_DEBUG-no}",
               "echo $GITHUB_TRIGGERING_ACTOR ${ACTIONS_RUNTIME_URL##*/api} ${GITHUB_ACTION_PATH-none}", id="here"),
        "run: 'false'\ncontinue-on-error: true\nid: soft",
        script("echo '${{ steps.soft.outcome }} ${{ steps.soft.conclusion }} ${{ job.status }}'"),
        head="    strategy:\n      fail-fast: false\n")
    arch = output(task, 0)[0].split()[0]
    assert output(task, 0) == [f"{arch} Linux /tmp /builds/boss/demo", "false 1 w here", f"here w 0 {arch} no",
                               "boss /actions_pipeline/ none"], task.text
    assert arch in ("X64", "ARM64") and output(task, 2) == ["failure success success"]


# --- commands ---------------------------------------------------------------------------------------------------


def test_commands_in_the_output(home):
    task = home.steps(
        script("echo ::set-output name=old::a%250Ab", "echo '  ::notice file=a.c,line=3,col=4::note'",
               "sleep 0.1; echo '::warning::be careful' >&2; sleep 0.1", "echo '::error file=b.c,line=7,title=Bad::wrong%0Anext'; sleep 0.1",
               "echo ::group::mine; echo in; echo ::endgroup::", "echo ::debug::hidden", "echo '##[set-output name=older;]x'",
               "echo '::stop-commands::t0ken'; echo ::set-output name=old::no; echo '::t0ken::'; echo ::set-output name=new::yes",
               "printf 'no end'", id="s"),
        script("echo '${{ steps.s.outputs.old }}|${{ steps.s.outputs.older }}|${{ steps.s.outputs.new }}'"))
    rows = output(task, 0)
    assert rows == ["::notice::a.c:3:4: note", "##[warning]be careful", "##[error]b.c:7: Bad: wrong", "next", "::group::mine",
                    "in", "::endgroup::",
                    "::stop-commands::t0ken", "::set-output name=old::no", "::t0ken::", "no end"], rows
    assert output(task, 1) == ["a%0Ab|x|yes"]
    assert "Annotations: 1 error, 1 warning, 1 notice" in task.lines


def test_masks_from_the_next_byte_on(home):
    task = home.steps(
        script("echo before-word-9", "echo ::add-mask::word-9", "echo after-word-9; sleep 0.1; echo err-word-9 >&2",
               "printf '%s' wor; sleep 1.3; echo d-9.", "echo '::add-mask::two words%0Aof-lines'; echo two words, of-lines; echo word-9"),
        "run: echo later word-9 of-lines", "name: name word-9\nrun: 'true'")
    rows = output(task, 0)
    assert rows == ["before-word-9", "after-[MASKED]", "err-[MASKED]", "[MASKED].", "[MASKED], [MASKED]", "[MASKED]"], rows
    assert output(task, 1) == ["later [MASKED] [MASKED]"] and "::group::name [MASKED]" in task.lines


def test_commands_that_cannot_be_carried_out(home):
    task = home.steps(
        "run: 'echo ::set-env name=A::1; echo on'", "if: always()\nrun: 'echo ::add-matcher::none.json'",
        "if: always()\nenv: {ACTIONS_ALLOW_UNSECURE_COMMANDS: true}\nrun: 'echo ::set-env name=A::1; echo ::add-path::/there'",
        "if: always()\nrun: echo $A ${PATH%%:*}", result="FAILURE")
    assert results(task) == ["FAILURE", "FAILURE", "SUCCESS", "SUCCESS"], task.text
    assert "set-env" in task.text and "on" in output(task, 0) and "##[error]add-matcher: none.json: " in task.text
    assert output(task, 3) == ["1 /there"]


MATCHER = """{"problemMatcher": [{"owner": "cc", "pattern": [{"regexp": "^(.+):(\\\\d+):(\\\\d+): (warning|error): (.*)$",
  "file": 1, "line": 2, "column": 3, "severity": 4, "message": 5}]}]}"""


def test_problem_matchers(home):
    task = home.steps(
        script(f"echo '{MATCHER.splitlines()[0]}' > m.json", f"echo '{MATCHER.splitlines()[1]}' >> m.json",
               "echo ::add-matcher::m.json", "echo src/a.c:3:4: error: no such thing", "echo fine"),
        script("echo 'b.c:1:2: warning: odd' >&2; sleep 0.1", "echo ::remove-matcher owner=cc::", "echo c.c:1:1: error: unseen; exit 2"),
        result="FAILURE")
    assert output(task, 0)[:2] == ["##[error]src/a.c:3:4: error: no such thing", "fine"], task.text
    assert output(task, 1)[:2] == ["##[warning]b.c:1:2: warning: odd", "c.c:1:1: error: unseen"]
    assert "Annotations: 1 error, 1 warning" in task.lines


def test_an_error_is_evidence(home):
    task = home.steps("run: 'echo ::error file=x.c::it is broken; exit 7'", result="FAILURE")
    assert "Evidence: step 1: Run echo ::error file=x.c::it is broken; exit 7; x.c: it is broken" in task.lines


def test_output_streams_while_it_is_looked_at(home):
    """A line that does not end is shown after a while; one that may be a command is not."""
    task = home.gitea.queue("jobs:\n  a:\n    runs-on: linux\n    steps:\n      - run: |\n"
                            "          printf 'progress'; sleep 1.3; printf ' ::add-mask'; sleep 1.1; echo '::x'\n"
                            "          printf '::add-mask'; sleep 1.1; echo '::hush-now'; echo hush-now\n")
    task.wait_row("progress", 4)
    assert task.result is None
    assert task.wait().result == "SUCCESS" and "".join(output(task, 0)) == "progress ::add-mask::x[MASKED]", task.text


# --- keys -------------------------------------------------------------------------------------------------------


def test_shells(home):
    task = home.steps(
        "shell: python\nrun: |\n  import sys\n  print('py', sys.version_info[0], __file__)",
        "shell: 'env X=\"a b\" bash -u {0}'\nrun: echo \"$X $-\"",
        "shell: ${{ 'sh' }}\nrun: echo $0",
        "shell: nothing-there {0}\nrun: x\ncontinue-on-error: ${{ github.job == 'a' }}",
        "working-directory: /nowhere\nrun: x\nif: always()", "if: failure()\nrun: echo on", result="FAILURE")
    assert output(task, 0) == ["py 3 /run/job/step_1.py"] and output(task, 1) == ["a b huB"], task.text
    assert output(task, 2) == ["/run/job/step_3"] and "shell: env X=\"a b\" bash -u {0}" in task.rows_of(1)
    assert results(task) == ["SUCCESS"] * 4 + ["FAILURE", "SUCCESS"]
    assert "nothing-there" in "\n".join(output(task, 3)) and "/nowhere" in "\n".join(output(task, 4))


def test_times_that_are_evaluated(home):
    task = home.job("    timeout-minutes: ${{ fromJSON('0.03') }}\n    steps:\n      - run: sleep 9\n"
                    "        timeout-minutes: ${{ 1 / 0 }}\n", "FAILURE")
    assert "column 26 of the workflow" in task.text
    task = home.job("    timeout-minutes: ${{ fromJSON('0.03') }}\n    steps:\n      - run: sleep 9\n      - if: always()\n"
                    "        run: echo never\n", "FAILURE")
    assert "execution took longer than 1s seconds" in task.text and results(task) == ["CANCELLED", "SKIPPED"]


def test_the_jobs_condition_is_about_its_needs(home):
    needs = {"b": {"result": "RESULT_FAILURE"}}
    home.job("    steps:\n      - run: echo\n", "SKIPPED", needs=needs)
    task = home.job("    if: failure() && needs.b.result == 'failure'\n    steps:\n      - run: echo ${{ job.status }}\n", needs=needs)
    assert output(task, 0) == ["success"]


def test_a_job_that_continues_on_error(home):
    task = home.job("    continue-on-error: ${{ github.ref_name == 'main' }}\n    steps:\n      - run: exit 3\n      - run: echo\n")
    assert results(task) == ["FAILURE", "SKIPPED"]
    assert "##[warning]The job has failed (exit status 3), and continue-on-error is set" in task.lines
