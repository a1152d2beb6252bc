"""Jobs of a Gitea server from registration to result, with everything real but the server."""

from __future__ import annotations

import time
from typing import Any

import pytest
from courser import Courser, Daemon
from daemon_client import job_directories, until
from machine import require

from tests.forge.gitea import Gitea
from tests.forge.gitea_tasks import Task
from tests.forge.images import Image, busybox
from tests.forge.registry import Registry, available


def start(courser: Courser, gitea: Gitea, **how: Any) -> Daemon:
    runner = gitea.add_runner(["linux"])
    token = courser.write("tok", runner.credentials)
    return courser.run(courser.write_config(concurrent=2, listen_address="", runners=[
        {"name": "r", "forge": "gitea", "url": gitea.url, "token_file": str(token), "labels": ["linux"], **how}]))


def workflow(body: str, head: str = "") -> str:
    """A workflow with one job "a" of which body is all but runs-on, four spaces deep."""
    return f"name: w\n\"on\": push\n{head}jobs:\n  a:\n    runs-on: linux\n{body}"


def results(task: Task) -> list[str]:
    return [step["result"].removeprefix("RESULT_") for step in task.steps]


def output(task: Task, step: int) -> list[str]:
    """What the step's script printed: what follows its group."""
    rows = task.rows_of(step)
    return rows[rows.index("::endgroup::") + 1:]


EXPRESSIONS = workflow("""    env:
      LEVEL: job
      JOB: ${{ github.job }}-${{ matrix.x }}
    defaults:
      run:
        shell: sh
    strategy:
      matrix:
        x: [3]
    steps:
      - run: |
          echo "$LEVEL $TOP $JOB $MINE"
          echo "${{ secrets.MY_SECRET }} ${{ vars.MY_VAR }} ${{ needs.b.result }} ${{ needs.b.outputs.v }}"
        env:
          LEVEL: step
          MINE: "${{ env.LEVEL }} ${{ runner.os }}"
      - name: where ${{ github.ref_name }}
        working-directory: /usr
        shell: bash
        run: "pwd; echo $GITHUB_REPOSITORY $CI ${GITHUB_TOKEN-none} $RUNNER_OS; cat $GITHUB_EVENT_PATH | head -c 1"
      - run: "echo $0; pwd"
""", head="env:\n  TOP: top-${{ github.ref_name }}\n  LEVEL: workflow\n")


def test_a_job_with_expressions(gitea, courser, as_user):
    start(courser, gitea)
    task = gitea.queue(EXPRESSIONS, secrets={"MY_SECRET": "hush-hush-4711", "LINES": "first-line-x\nsecond-line-y"},
                       variables={"MY_VAR": "seen"},
                       needs={"b": {"outputs": {"v": "1"}, "result": "RESULT_SUCCESS"}})
    task.wait()
    assert task.result == "SUCCESS", task.text
    assert results(task) == ["SUCCESS"] * 3
    assert output(task, 0) == ["step top-main a-3 job Linux", "[MASKED] seen success 1"], task.text
    assert output(task, 1) == ["/usr", "boss/demo true none Linux", "{"]
    assert "::group::where main" in task.lines and "hush-hush" not in task.text
    assert output(task, 2)[-1] == "/builds/boss/demo"
    assert "shell: sh -e {0}" in task.rows_of(2) and "shell: bash --noprofile --norc -eo pipefail {0}" in task.rows_of(1)
    assert task.lines[-1] == "Job succeeded" or task.lines[-2] == "Job succeeded"
    until(lambda: not job_directories(courser.daemons[0]), message="the directory is gone")
    assert courser.stop() == 0
    for hidden in ("hush-hush-4711", task.token, task.runtime_token):
        assert not courser.files_with(hidden)


STEPS = workflow("""    steps:
      - run: exit 3
        continue-on-error: true
      - run: echo ${{ secrets.LINES }} | sed 's/ .*//'
      - run: "false"
      - run: echo never
      - if: always()
        run: echo ${{ job.status }} and on
      - if: ${{ failure() && github.ref_name == 'main' }}
        run: echo on main
      - if: success()
        run: echo never
""")


def test_conditions_and_failures(gitea, courser):
    start(courser, gitea)
    task = gitea.queue(STEPS, secrets={"LINES": "first-line-x\nsecond-line-y"})
    task.wait()
    assert task.result == "FAILURE"
    assert results(task) == ["SUCCESS", "SUCCESS", "FAILURE", "SKIPPED", "SUCCESS", "SUCCESS", "SKIPPED"], task.text
    assert output(task, 0) == ["##[error]Process completed with exit code 3."]
    assert output(task, 4) == ["failure and on"] and output(task, 5) == ["on main"]
    assert task.rows_of(3) == [] and "first-line-x" not in task.text
    assert "Fault: script" in task.lines and any("exit status 1" in line for line in task.lines)


@pytest.mark.parametrize("body, words", [
    ("    steps:\n      - run: echo\n      - uses: docker://127.0.0.1:1/alpine\n",
     "line 8, column 15: `uses: docker://127.0.0.1:1/alpine`: image 127.0.0.1:1/alpine: "),
    ("    services: x\n    steps:\n      - run: echo\n", "line 6, column 15: `services:` is expected to be a mapping"),
    ("    steps:\n      - run: print(1)\n        shell: cmd\n", "neither bash, sh, python, pwsh nor a command"),
    ("    steps:\n      - run: echo ${{ secrets.A \n", "line 7, column 14 of the workflow"),
    ("    steps:\n      - run: echo ${{ step.a.outputs.b }}\n", "step"),
    ("    steps:\n      - run: echo\n        if: ${{ nothing( }}\n", "line 8, column 13 of the workflow"),
    ("    steps: 3\n", "6:12: steps are expected to be a list"),
    ("    steps: [\n", ""),
])
def test_what_is_not_run_fails_with_words(gitea, courser, body, words):
    """…and takes nothing else down: the next job runs."""
    start(courser, gitea)
    task, good = gitea.queue(workflow(body)), gitea.run("echo fine")
    task.wait()
    assert task.result == "FAILURE" and words in task.text, task.text
    assert good.wait().result == "SUCCESS" and "SUCCESS" not in results(task)


@pytest.mark.parametrize("how", ["label", "container"])
def test_a_job_in_an_image(gitea, courser, binaries, how):
    if b"/ld-linux" in (binaries.path / "courser-init").read_bytes():
        pytest.skip("this build's init is not static")  # with sanitizers; an image does not have its libraries
    require(available(), "docker-registry")
    with Registry() as registry:
        name = registry.push("t/job", "1", Image([busybox()], {"Env": ["PATH=/bin", "FROM_IMAGE=yes"],
                                                                "Entrypoint": ["/nowhere"]}))
        runner = gitea.add_runner(["linux"])
        token = courser.write("tok", runner.credentials)
        courser.run(courser.write_config(
            concurrent=1, listen_address="", runners=[
                {"name": "r", "forge": "gitea", "url": gitea.url, "token_file": str(token),
                 "images": {"insecure_registries": [registry.host]},
                 "labels": [f"linux:docker://{name}" if how == "label" else "linux"]}]))
        head = f"    container: {name}\n" if how == "container" else ""
        task = gitea.queue(workflow(head + "    steps:\n      - run: echo $FROM_IMAGE $HOME $PATH $GITHUB_JOB; pwd\n"))
        assert task.wait(40).result == "SUCCESS", task.text
        assert output(task, 0) == ["yes /root /bin a", "/builds/boss/demo"] and "shell: sh -e {0}" in task.lines


def test_odd_yaml_is_no_error(gitea, courser):
    start(courser, gitea, environment=["FROM=the operator", "A=low"])
    odd = gitea.queue("name:\n\"on\":\n  push:\n  workflow_dispatch: ''\nenv: ''\ndefaults:\njobs:\n  a:\n    env:\n"
                      "    timeout-minutes: \"7\"\n    steps:\n      - run: echo $A $FROM\n        env: {A: 1}\n")
    assert odd.wait().result == "SUCCESS" and output(odd, 0) == ["1 the operator"]


def test_a_job_whose_condition_does_not_hold(gitea, courser):
    start(courser, gitea)
    task = gitea.queue(workflow("    if: github.ref_name == 'other'\n    steps:\n      - run: echo\n"))
    assert task.wait().result == "SKIPPED" and results(task) == ["SKIPPED"]


def test_cancel_runs_what_always_runs(gitea, courser, snooze):
    start(courser, gitea)
    task = gitea.queue(workflow(f"""    steps:
      - run: echo started; {snooze}
      - run: echo never
      - if: cancelled()
        run: echo cleaned up
"""))
    task.wait_row("started")
    began = time.monotonic()
    task.cancel()
    until(lambda: not courser.alive(snooze), 4, "the script is dead")
    assert time.monotonic() - began < 3
    assert task.wait().result == "CANCELLED"
    assert results(task) == ["CANCELLED", "SKIPPED", "SUCCESS"] and output(task, 2) == ["cleaned up"]


def test_a_step_that_takes_too_long(gitea, courser):
    start(courser, gitea, cancel={"int": "1s", "term": "1s"})
    task = gitea.queue(workflow("    steps:\n      - run: sleep 30\n        timeout-minutes: 0.01\n"))
    assert task.wait().result == "FAILURE" and "longer than 600ms" in task.text


def test_kill_of_the_courier_loses_no_row(gitea, courser):
    from daemon_client import kill, role
    start(courser, gitea)
    task = gitea.run("for i in $(seq 40); do echo row $i; sleep 0.05; done")
    task.wait_row("row 5")
    kill(role(courser, "courier"))
    assert task.wait().result == "SUCCESS"
    assert [line for line in output(task, 0)] == [f"row {n}" for n in range(1, 41)]


def test_register_verify_unregister(gitea, courser):
    token = courser.write("tok", gitea.registration_token + "\n")
    made = courser.command("register", "--forge=gitea", "--url", gitea.url, "--token-file", token, "--name=here",
                           "--labels=linux,ubuntu-latest:host", "--ephemeral")
    assert made.returncode == 0, made.stderr
    runner = gitea.runners[0]
    assert (runner.name, runner.labels, runner.ephemeral) == ("here", {"linux", "ubuntu-latest"}, True)
    config = courser.path("config/courser/config.yaml").read_text()
    assert "forge: \"gitea\"" in config and "labels: [\"linux\", \"ubuntu-latest:host\"]" in config
    assert "ephemeral: true" in config and runner.credentials in config
    checked = courser.command("verify")
    assert checked.returncode == 0 and b"the token is valid" in checked.stdout
    shown = courser.command("doctor")
    assert b"the token is valid" in shown.stdout
    daemon = courser.run(courser.path("config/courser/config.yaml"))
    first, second = gitea.run("echo once"), gitea.run("echo twice")
    assert first.wait().result == "SUCCESS" and gitea.runners == []
    assert daemon.wait() == 0 and "nothing is left to do" in daemon.log()
    assert second.runner is None
    assert courser.command("verify").returncode == 1
    gone = courser.command("unregister", "--all")
    assert gone.returncode == 0 and b"must be deleted at the server" in gone.stdout
    assert courser.command("list").stdout == b""


def test_registering_offline_at_forgejo(gitea, courser):
    secret = "7c31591e8b67225a116d4a4519ea8e507e08f71f"
    runner = gitea.add_runner(["old"], secret=secret)
    assert runner.uuid == "37633331-3539-3165-3862-363732323561"
    token = courser.write("tok", secret)
    made = courser.command("register", "--forge=forgejo", "--offline", "--url", gitea.url, "--token-file", token,
                           "--labels=linux")
    assert made.returncode == 0, made.stderr
    assert runner.labels == {"linux"} and len(gitea.runners) == 1
    courser.run(courser.path("config/courser/config.yaml"), "-o", "listen_address=")
    assert gitea.run("echo $GITEA_ACTIONS").wait().result == "SUCCESS"


@pytest.mark.parametrize("words, text", [
    (["--forge=gitea"], "--labels"), (["--forge=svn"], "gitlab, gitea and forgejo"), (["--labels=a"], "--forge=gitea"),
    (["--forge=gitea", "--labels=a:lxc"], "no LXC containers"),
    (["--forge=forgejo", "--labels=a", "--offline"], "40 hex digits"),
])
def test_registrations_that_make_no_sense(gitea, courser, words, text):
    token = courser.write("tok", "x" * 39)
    done = courser.command("register", "--url", gitea.url, "--token-file", token, *words)
    assert done.returncode != 0 and text in done.stderr.decode() and not gitea.requests("Register")
