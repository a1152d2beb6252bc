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

    def __init__(self, gitea: Gitea, courser: Courser) -> None:
        self.gitea, self.courser = gitea, courser
        token = courser.write("tok", gitea.add_runner(["linux"]).credentials)
        courser.run(courser.write_config(concurrent=2, listen_address="", check_interval="100ms", runners=[
            {"name": "r", "forge": "gitea", "url": gitea.url, "token_file": str(token), "labels": ["linux"]}]))

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
