"""Actions of the workspace: composite ones within each other, node's with their posts. Module-wide daemon and server."""

from __future__ import annotations

import os

from test_workflows import Home, home, output, results, script  # noqa: F401

COMPOSITE = """name: c
inputs:
  who: {default: "${{ github.ref_name }}"}
  old: {deprecationMessage: use who}
  must: {required: true}
outputs:
  said: {value: "${{ steps.say.outputs.v }}"}
  none:
runs:
  using: composite
  steps:
    - id: say
      shell: bash
      run: |
        echo "v=${{ inputs.who }}:$OUTER:$OWN" >> $GITHUB_OUTPUT
        echo "FROM_ACTION=yes" >> $GITHUB_ENV
        echo "OUTER=changed" >> $GITHUB_ENV
        echo "${{ github.action_path }} $GITHUB_ACTION_PATH ${{ secrets }}"
      env: {OWN: mine}
    - shell: sh
      run: echo "after $OUTER ${OWN-none} $FROM_ACTION ${{ steps.say.outcome }}"
"""


def files(**texts: str) -> str:
    """A step that writes files into the workspace; __ is a slash, _yml and _js the ends of names."""
    lines = []
    for name, text in texts.items():
        path = name.replace("__", "/").replace("_yml", ".yml").replace("_js", ".js")
        lines += [f"mkdir -p $(dirname {path})", f"cat > {path} <<'E-O-F'", *text.strip("\n").split("\n"), "E-O-F"]
    return script(*lines, shell="bash").replace("${{", "${{ '${{' }}")


def test_a_composite_action(home):
    composite = COMPOSITE.replace(" ${{ secrets }}", "")
    task = home.steps(
        files(one__action_yml=composite),
        "id: c\nuses: ./one\nwith: {who: me, OLD: x, odd: y}\nenv: {OWN: outside}",
        "uses: ./one", script("echo '${{ steps.c.outputs.said }} ${{ steps.say.outcome }}' $FROM_ACTION $OUTER ${OWN-none}"),
        head="    env: {OUTER: job}\n")
    assert output(task, 3) == ["me:job:mine  yes changed none"], task.text
    rows = task.rows_of(1)
    assert "/builds/boss/demo/one /builds/boss/demo/one" in rows and "after changed outside yes success" in rows
    assert "##[warning]Input 'old' is deprecated: use who" in rows and "##[warning]Input 'odd' is none of the action's" in rows
    assert "##[warning]Input 'must' is required and not given" in task.rows_of(2) and results(task) == ["SUCCESS"] * 4
    assert "::group::Run ./one" in rows


def test_actions_within_actions(home):
    deep = "runs:\n  using: composite\n  steps:\n    - uses: ./deep\n"
    inner = ("inputs: {n: {}}\noutputs: {r: {value: '${{ steps.x.outputs.r }}'}}\nruns:\n  using: composite\n  steps:\n"
             "    - id: x\n      shell: sh\n      run: echo r=${{ inputs.n }}${{ inputs.n }} >> $GITHUB_OUTPUT\n")
    outer = ("outputs: {r: {value: '<${{ steps.in.outputs.r }}>'}}\nruns:\n  using: composite\n  steps:\n"
             "    - {id: in, uses: ./inner, with: {n: 4}}\n    - {shell: sh, run: exit 5}\n"
             "    - {shell: sh, run: echo never}\n    - {if: failure(), shell: sh, run: echo cleaned}\n")
    task = home.steps(files(deep__action_yml=deep, inner__action_yml=inner, outer__action_yml=outer),
                      "id: o\nuses: ./outer\ncontinue-on-error: true",
                      "run: echo '${{ steps.o.outputs.r }} ${{ steps.o.outcome }} ${{ job.status }}'",
                      "uses: ./deep", result="FAILURE")
    assert output(task, 2) == ["<44> failure success"], task.text
    assert "cleaned" in task.rows_of(1) and "never" not in task.rows_of(1)
    assert "##[error]Actions use each other more than 10 deep" in task.text and results(task)[3] == "FAILURE"


def test_actions_that_cannot_be_run(home):
    bad = {"a__action_yml": "runs: {using: docker, image: x}", "b__action_yml": "runs:\n  using: composite\n  steps:\n  - run: x",
           "c__action_yml": "name: [", "d__action_yml": "runs: {using: composite, steps: [{uses: 'docker://127.0.0.1:1/x'}]}",
           "e__action_yml": "runs: {using: node20, main: ../../x}",
           "f__action_yml": "runs: {using: composite, steps: [{shell: sh, run: 'echo ${{ secrets.A }}'}]}"}
    uses = [f"if: always()\nuses: ./{name}" for name in ("a", "b", "c", "d", "e", "f", "none", "link")]
    task = home.steps(files(**bad), "run: ln -s a link", *uses, result="FAILURE")
    words = ["./a/action.yml: line 1, column 30: an action that is built from a Dockerfile is not supported",
             "./b/action.yml: 4:5: a `run:` of an action needs `shell:`", "./c/action.yml: ",
             "image 127.0.0.1:1/x: ", "./e/action.yml: 1:29: a file of the action is expected",
             "line 1, column 51 of ./f/action.yml", "./none: there is no action.yml and no action.yaml", "./link: "]
    for i, word in enumerate(words):
        assert word in "\n".join(task.rows_of(i + 2)), (word, task.text)
    assert results(task) == ["SUCCESS"] * 2 + ["FAILURE"] * 8


NODE = """inputs: {the name: {default: d}, b.c: {}}
runs: {using: node20, main: ./main.js, post: post.js, post-if: "always() && env.SKIP != 'yes'"}
"""


def test_actions_of_node(home):
    """What runs is a shell that is called node: what counts is how it is run."""
    main = ("echo \"main $INPUT_THE_NAME ${STATE_a-none} $GITHUB_ACTION_PATH $PWD\"; tr '\\0' '\\n' < /proc/$$/environ | grep '^INPUT_B'\n"
            "echo a=$INPUT_WHO >> $GITHUB_STATE; echo ::save-state name=b::legacy; echo out=1 >> $GITHUB_OUTPUT; exit ${FAIL-0}\n")
    post = "echo \"post $STATE_a $STATE_b $INPUT_THE_NAME $WITH\"; test $STATE_a != bad\n"
    task = home.steps(
        files(n__action_yml=NODE, n__main_js=main, n__post_js=post),
        "run: mkdir bin; ln -s $(command -v bash) bin/node; echo $PWD/bin >> $GITHUB_PATH",
        "id: first\nuses: ./n\nwith: {who: one, b.c: x}\nenv: {WITH: env}", "uses: ./n\nwith: {who: skipped}\nenv: {SKIP: 'yes'}",
        "uses: ./n\nwith: {who: two}\nenv: {FAIL: 3}", "run: echo never", "if: always()\nrun: echo '${{ steps.first.outputs.out }}'",
        result="FAILURE")
    rows = task.rows_of(2)
    assert "main d none /builds/boss/demo/n /builds/boss/demo" in rows, task.text
    assert {"INPUT_B.C=x", "INPUT_B_C=x"} <= set(rows)
    posts = [row for row in task.lines if row.startswith("post ")]
    assert posts == ["post two legacy d ", "post one legacy d env"], task.text
    assert output(task, 6) == ["1"] and results(task)[2:] == ["SUCCESS", "SUCCESS", "FAILURE", "SKIPPED", "SUCCESS"]
    assert task.lines.index("::group::Post Run ./n") > task.lines.index("1")


def test_a_post_that_fails_fails_the_job(home):
    task = home.steps(
        files(n__action_yml=NODE, n__main_js="echo a=bad >> $GITHUB_STATE", n__post_js="exit 4"),
        "run: mkdir bin; ln -s $(command -v bash) bin/node; echo $PWD/bin >> $GITHUB_PATH", "uses: ./n", result="FAILURE")
    assert results(task) == ["SUCCESS"] * 3 and "Fault: script" in task.lines


def test_actions_of_other_repositories(home, git):
    """Each is fetched once, before the first step; one that another uses, when it is reached."""
    repo = git.repo("acts/hello", {
        "action.yml": "inputs: {who: {}}\noutputs: {o: {value: '${{ steps.s.outputs.v }}'}}\nruns:\n  using: composite\n  steps:\n"
                      "    - {id: s, shell: sh, run: 'echo v=$(cat $GITHUB_ACTION_PATH/text) >> $GITHUB_OUTPUT'}\n"
                      f"    - {{uses: '{git.url}/acts/hello/sub@main', with: {{n: '${{{{ inputs.who }}}}'}}}}\n",
        "text": "from-there", "sub/action.yml": NODE.replace("b.c", "n").replace("main:", "pre: pre.js, main:"),
        "sub/main.js": "echo \"sub $INPUT_N $GITHUB_ACTION_REPOSITORY ${STATE_p-none}\"\n", "sub/pre.js": "echo p=1 >> $GITHUB_STATE\n",
        "sub/post.js": "echo post of sub\n"})
    repo.tag("v1")
    git.public.add("acts/hello")
    task = home.steps("run: mkdir bin; ln -s $(command -v bash) bin/node; echo $PWD/bin >> $GITHUB_PATH",
                      f"id: h\nuses: {git.url}/acts/hello@v1\nwith: {{who: me}}", f"uses: {git.url}/acts/hello@v1",
                      "run: echo '${{ steps.h.outputs.o }}'")
    assert output(task, 3) == ["from-there"] and "sub me acts/hello none" in task.rows_of(1), task.text
    assert task.lines.index("Download action repository 'acts/hello@v1'") < task.lines.index("::group::Run mkdir bin; ln -s "
                                                                                             "$(command -v bash) bin/node; echo $PWD/bin >> $GITHUB_PATH")
    assert task.text.count("Download action repository") == 2 and task.lines.count("post of sub") == 2
    home.steps(f"uses: {git.url}/acts/none@v1", result="FAILURE")


def test_what_an_action_does_before_the_first_step(home, git):
    """With the node of this machine, if it has one: no step has said where another is."""
    repo = git.repo("acts/early", {
        "action.yml": "inputs: {n: {default: 7}}\nruns: {using: node20, pre: pre.js, main: main.js, post: post.js}\n",
        "pre.js": "require('fs').appendFileSync(process.env.GITHUB_STATE, 'p=' + process.env.INPUT_N + '\\n'); console.log('early')\n",
        "main.js": "console.log('main ' + process.env.STATE_p); console.log('::save-state name=m::8')\n",
        "post.js": "console.log('late ' + process.env.STATE_p + process.env.STATE_m)\n"})
    repo.tag("v1")
    git.public.add("acts/early")
    node = os.path.exists("/usr/bin/node")
    task = home.steps("run: echo first", f"uses: {git.url}/acts/early@v1", result="SUCCESS" if node else "FAILURE")
    assert f"Pre {git.url}/acts/early@v1" in task.lines
    if not node:
        assert "this action needs node in the PATH of the job" in task.text and results(task)[0] == "SKIPPED"
        return
    marks = [row for row in task.lines if row in ("early", "first", "main 7", "late 78")]
    assert marks == ["early", "first", "main 7", "late 78"], task.text


def test_without_node_it_is_said(home):
    task = home.steps(files(n__action_yml=NODE), "uses: ./n\nenv: {PATH: /nothing}", result="FAILURE")
    assert "this action needs node in the PATH of the job" in task.text


def test_time_and_cancel_within_an_action(home, snooze):
    slow = f"runs:\n  using: composite\n  steps:\n    - {{shell: bash, run: echo started; {snooze}}}\n    - {{if: always(), shell: sh, run: echo cleaned}}\n"
    task = home.steps(files(s__action_yml=slow), "uses: ./s\ntimeout-minutes: 0.01", "if: failure()\nrun: echo on", result="FAILURE")
    assert "##[error]The step took longer than 600ms" in task.text and output(task, 2) == ["on"]
    task = home.gitea.queue("jobs:\n  a:\n    runs-on: linux\n    steps:\n" + "".join(
        f"      - {step.strip().replace(chr(10), chr(10) + '        ')}\n" for step in (files(s__action_yml=slow), "uses: ./s")))
    task.wait_row("started")
    task.cancel()
    assert task.wait().result == "CANCELLED" and "cleaned" in task.rows_of(1), task.text
