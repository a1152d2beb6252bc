"""`container:` and `services:` of workflow jobs: images of real registries, one daemon and one server for all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from courser import Courser
from machine import require
from test_services import ASK, SERVE, pytestmark  # noqa: F401
from test_workflows import Home, output, script

from tests.forge.gitea import Gitea
from tests.forge.gitea_tasks import Task
from tests.forge.images import Entry, Image, busybox, layer
from tests.forge.registry import Registry, available

LOGIN = ("someone", "pass-word-of-somebody")
RUN = {"Env": ["PATH=/bin", "WHO=image"], "Entrypoint": ["/serve"], "Cmd": ["command"], "ExposedPorts": {"7000/tcp": {}}}

# Says what it knows, and again when it is asked.
SAY = """#!/bin/sh
echo x | nc -l -p $PORT; echo "before $WHO is asked"; echo x | nc -l -p $PORT; echo "asked by $WHO"; sleep 60
"""


class Shop(Home):
    """With an open registry and one that wants a password."""

    def __init__(self, registries: tuple[Registry, Registry], gitea: Gitea, courser: Courser) -> None:
        self.host, self.locked = (registry.host for registry in registries)
        super().__init__(gitea, courser, network="none", images={"insecure_registries": [self.host, self.locked]})

    def run(self, head: str, *steps: str, result: str = "SUCCESS", **how: Any) -> Task:
        return self.steps(*steps, head=head.replace("HOST", self.host).replace("LOCKED", self.locked), result=result, **how)


@pytest.fixture(scope="module")
def shop(binaries: Any, test_user: Any) -> Iterator[Shop]:
    require(available(), "docker-registry")
    serve = Image([busybox(), layer(Entry("serve", data=SERVE, mode=0o755), Entry("say", data=SAY, mode=0o755))], RUN)
    with Registry() as registry, Registry(LOGIN) as locked, Gitea() as gitea, Courser(binaries, test_user, "user") as courser:
        registry.push("team/server", "1", serve)
        registry.push("plain", "latest", Image([busybox()], {"Env": ["PATH=/bin", "A=image"]}))
        registry.push("act", "latest", Image([busybox(), layer(*(Entry(name, data=text, mode=0o755) for name, text in ACTS.items()))],
                                             {"Env": ["PATH=/bin", "WHO=image"], "Entrypoint": ["/act"]}))
        locked.push("own/server", "1", serve)
        yield Shop((registry, locked), gitea, courser)
        courser.stop_all()
        left, problems = courser.leftovers(), gitea.problems()
    assert not left and not problems, (left, problems)


SERVICE = r"""    services:
      db:
        image: HOST/team/server:1
        env: {PORT: "7000", WHO: "${{ github.ref_name }} ${{ env.TOP }} ${{ secrets.KEY }}"}
        ports: ["7000:7000", 7001/udp]
        volumes: [/data/of/db, "kept:/kept"]
        options: >-
          --health-cmd "test -d /data/of/db && test -d /kept && test -n \"$WHO\" -a $EXTRA = 1 && grep -q :1B58 /proc/net/tcp*" --health-interval=1s
          -u 1000 -e EXTRA=1 --network-alias other --cpus 2 --privileged
      none:
        image: ${{ github.event.no_image }}
"""


def test_services_of_a_job_on_the_host(shop):
    task = shop.run(
        "    env: {TOP: top}\n" + SERVICE,
        *(f"run: {ASK} {name} 7000" for name in ("localhost", "db", "other")),
        "run: echo '${{ job.services.db.ports[7000] }} ${{ job.services.db.ports['7001'] }} ${{ toJSON(job.services.none) }} "
        "${{ job.services.db.id }} ${{ job.services.db.network }} ${{ job.container.id }}.'", secrets={"KEY": "hush-hush"})
    assert [output(task, step) for step in range(3)] == [["> I am command, 1000, main top [MASKED], -"]] * 3, task.text
    assert output(task, 3) == ["7000 7001 null db job ."]
    assert "##[warning]WARNING: service db: options without effect here: --cpus, --privileged" in task.lines
    at = task.lines.index("::group::Log of service db")
    assert task.lines[at:at + 3] == ["::group::Log of service db", "starting command", "::endgroup::"]


def test_a_service_is_masked_by_what_a_step_says_later(shop):
    late = SERVICE.replace('"${{ github.ref_name }} ${{ env.TOP }} ${{ secrets.KEY }}"', "late-words").replace(
        "--health-cmd", "--entrypoint /say --health-cmd")
    task = shop.run(late, "run: echo ::add-mask::late-words", f"run: {ASK} db 7000", f"run: {ASK} db 7000", "run: sleep 0.2")
    at = task.lines.index("::group::Log of service db")
    assert task.lines[at + 1:at + 3] == ["before [MASKED] is asked", "asked by [MASKED]"], task.text
    assert "late-words" not in "\n".join(task.lines[at:])


def test_services_that_are_not_healthy(shop):
    for command, words in (("echo no luck; exit 1", "--health-cmd: no luck"), ("sleep 60", "--health-cmd: no end of it in time")):
        task = shop.run("    services:\n      db:\n        image: HOST/team/server:1\n        env: {PORT: 7000}\n        options: >-\n"
                        f"          --health-cmd '{command}' --health-interval 200ms --health-timeout 100ms --health-retries 2\n",
                        "run: echo never", result="FAILURE")
        assert "service db is unhealthy" in task.text and words in task.text and "never" not in task.text, task.text
    task = shop.run("    services:\n      db: {image: HOST/plain, options: --entrypoint /bin/true --health-cmd /bin/false}\n",
                    "run: echo", result="FAILURE")
    assert "service db has ended (exit status 0) and was never healthy" in task.text


def test_a_container_and_its_service(shop):
    head = """    env: {A: job, B: job}
    container:
      image: ${{ format('docker://{0}/plain', 'HOST') }}
      env: {A: "${{ github.ref_name }}"}
      ports: [80]
      volumes: [/some/where/new]
      options: --user node -e C=option --entrypoint /nowhere
""" + SERVICE
    task = shop.run(
        head, "run: echo $A $B $C $(id -u) ${{ env.A }} $(nc db 7000); ls -d /some/where/*; pwd",
        "run: echo '${{ job.container.id }} ${{ job.container.network }} ${{ job.services.db.ports[7000] }}'; echo A=set >> $GITHUB_ENV",
        "run: echo $A", "run: echo $0\nshell: sh -eu {0}", "run: exit 0\nshell: bash", result="FAILURE")
    assert output(task, 0) == ["main job option 1000 main I am command, 1000, main , -", "/some/where/new", "/builds/boss/demo"], task.text
    assert output(task, 1) == ["job job 7000"] and output(task, 2) == ["set"] and "shell: sh -e {0}" in task.lines
    assert "##[warning]WARNING: container: ports have no effect" in task.lines
    assert "##[warning]WARNING: container: --entrypoint and --health-cmd have no effect" in task.lines
    assert "bash: No such file" in "\n".join(task.rows_of(4))


def test_passwords_of_registries(shop):
    head = """    services:
      db:
        image: LOCKED/own/server:1
        env: {PORT: 7000}
        credentials: {username: "${{ vars.WHO }}", password: "pass-word-of-${{ vars.REST }}"}
"""
    task = shop.run(head, f"run: {ASK} db 7000; echo pass-word-of-somebody", variables={"WHO": LOGIN[0], "REST": "somebody"})
    assert output(task, 0) == ["> I am command, 0, image, -", "[MASKED]"], task.text
    wrong = shop.run(head, "run: echo never", variables={"WHO": LOGIN[0], "REST": "nobody"}, result="FAILURE")
    assert "never" not in wrong.text and "pass-word-of-nobody" not in wrong.text


@pytest.mark.parametrize("text, words", [
    ("container: {image: HOST/plain, volumes: ['/srv:/srv']}",
     'of the workflow: volumes: "/srv:/srv": a directory of this machine is not shown in containers'),
    ("container: {image: HOST/plain, options: --frob}", "of the workflow: options: --frob is no option of a container"),
    ("container: {image: HOST/plain, volumes: [/proc/x]}", '"/proc/x" is no place for a volume'),
    ("services: {a: {image: HOST/plain, ports: ['80-90:80']}}", '"80-90:80" is no port like 8080:80'),
    ("services: {a: {image: \"${{ fromJSON('{}') }}\"}}", "an expression that gives a mapping is not supported"),
    ("services: {a: {image: '${{ none( }}'}}", "of the workflow"),
    ("services: {a: {env: {A: b}}}", "6:16: a service needs `image:`"),
])
def test_containers_that_cannot_be(shop, text, words):
    task = shop.run(f"    {text}\n", "run: echo never", result="FAILURE")
    assert words in task.text and "never" not in task.text, task.text


def test_a_port_of_another_number_and_a_volume_of_two(shop):
    one = SERVICE.replace('"7000:7000"', '"7777:7000"')
    two = "      web: {image: HOST/plain, volumes: ['kept:/x'], options: '--entrypoint /bin/true'}\n"
    task = shop.run(one + two, f"run: {ASK} localhost ${{{{ job.services.db.ports[7000] }}}}")
    assert output(task, 0) == ["> I am command, 1000, main  , -"], task.text
    assert "service db: port 7000 is reached as 7000, not as 7777" in task.text
    assert task.text.count("volume kept: each container has one of its own, which the others do not see") == 1


# --- actions that are images ---------------------------------------------------------------------------------------

# Says how it was started and where it is, and to the runner what its arguments are.
ACT = """#!/bin/sh
echo "act $# $1|$2|$WHO|$INPUT_WHO|$(id -u)|$PWD|$HOME|$GITHUB_WORKSPACE|$PATH|$STATE_s"
echo "args=$*" >> $GITHUB_OUTPUT; echo "FROM_ACT=yes" >> $GITHUB_ENV; echo s=kept >> $GITHUB_STATE; echo made > made-by-act
test -s $GITHUB_EVENT_PATH && cat in-the-tree && touch $HOME/x $RUNNER_TEMP/x && echo ::set-output name=old::$WITH
"""
ACTS = {"act": ACT, "pre": "#!/bin/sh\necho pre of it; echo s=early >> $GITHUB_STATE\n", "post": "#!/bin/sh\necho post $STATE_s $#\n"}
IMAGE_ACTION = """inputs: {who: {default: nobody}, code: {default: '0'}}
runs:
  using: docker
  image: docker://HOST/act
  args: [-x, "${{ inputs.who }} here"]
  env: {WITH: "${{ inputs.who }}"}
  pre-entrypoint: /pre
  post-entrypoint: /post
"""


def put(path: str, text: str) -> str:
    return script(f"mkdir -p {path}", f"cat > {path}/action.yml <<'E-O-F'", *text.replace("${{", "${{ '${{' }}").split("\n"), "E-O-F")


def test_an_image_as_an_action(shop):
    task = shop.run(
        SERVICE, "run: echo of the job > in-the-tree", f"id: a\nuses: docker://{shop.host}/act\nwith: {{args: one 'two three', who: me}}\nenv: {{WITH: step}}",
        "run: echo '${{ steps.a.outputs.args }} ${{ steps.a.outputs.old }}' $FROM_ACT; cat made-by-act; stat -c %U made-by-act",
        f"uses: docker://{shop.host}/act\nwith: {{entrypoint: nc db 7000}}", f"uses: docker://{shop.host}/act\nwith: {{entrypoint: sh, args: -c 'exit 7'}}",
        f"if: failure()\nuses: docker://{shop.host}/act\nwith: {{entrypoint: /nowhere}}", result="FAILURE")
    rows = task.rows_of(1)
    assert "act 2 one|two three|image|me|0|/github/workspace|/github/home|/github/workspace|/bin|" in rows, task.text
    assert "of the job" in rows and output(task, 2)[:2] == ["one two three step yes", "made"]
    assert any(row.startswith("I am command") for row in task.rows_of(3))
    assert "##[error]Process completed with exit code 7." in task.rows_of(4)
    assert "##[error]/nowhere: No such file or directory (in the image)" in task.rows_of(5)
    assert task.text.count("Pulling image") == 2 and task.lines.index(f"Pulling image {shop.host}/act ...") < task.lines.index("of the job")


def test_an_action_of_docker(shop):
    action = IMAGE_ACTION.replace("HOST", shop.host)
    task = shop.run(
        "", "run: echo of the job > in-the-tree", put("act", action), "id: a\nuses: ./act\nwith: {who: me}", "uses: ./act\nwith: {args: other}",
        "run: echo '${{ steps.a.outputs.args }} ${{ steps.a.outputs.old }}'")
    assert "act 2 -x|me here|image|me|0|/github/workspace|/github/home|/github/workspace|/bin|" in task.rows_of(2), task.text
    assert "act 1 other||image|nobody|0|/github/workspace|/github/home|/github/workspace|/bin|" in task.rows_of(3)
    assert output(task, 4) == ["-x me here me"] and [row for row in task.lines if row.startswith("post ")] == ["post kept 0"] * 2
    assert "pre of it" not in task.lines


def test_an_action_of_docker_from_another_repository(shop, git):
    repo = git.repo("acts/image", {"action.yml": IMAGE_ACTION.replace("HOST", shop.host), "built/Dockerfile": "FROM x\n",
                                   "named/action.yml": "runs: {using: docker, image: Dockerfile}\n", "absent/action.yml":
                                   f"runs: {{using: docker, image: 'docker://{shop.host}/absent'}}\n"})
    repo.tag("v1")
    git.public.add("acts/image")
    task = shop.run("", "run: echo of the job > in-the-tree", f"uses: {git.url}/acts/image@v1\nwith: {{who: me}}")
    assert task.lines.index("pre of it") < task.lines.index("shell: bash -e {0}") and "act 2 -x|me here|image|me|0|" in "\n".join(task.rows_of(1)), task.text
    for path, words in (("built", "an action that is built from a Dockerfile is not supported"), ("absent", "MANIFEST_UNKNOWN"),
                        ("named", "line 1, column 30: an action that is built from a Dockerfile is not supported")):
        bad = shop.run("", "run: echo never", f"uses: {git.url}/acts/image/{path}@v1", result="FAILURE")
        assert words in bad.text and "never" not in bad.text, bad.text


def test_an_action_of_docker_in_a_container(shop):
    task = shop.run("    container: HOST/plain\n", "run: echo of the job > in-the-tree", f"uses: docker://{shop.host}/act\nwith: {{args: x}}",
                    "run: cat made-by-act; echo more > made-by-act; ls /github 2>&1 || true")
    assert "act 1 x||image||0|/github/workspace|" in "\n".join(task.rows_of(1)), task.text
    assert output(task, 2)[0] == "made" and "/github: No such file" in task.text


def test_a_docker_action_that_takes_too_long(shop):
    task = shop.run("", f"uses: docker://{shop.host}/act\nwith: {{entrypoint: sleep, args: '60'}}\ntimeout-minutes: 0.01", "if: always()\nrun: echo on", result="FAILURE")
    assert "longer than 600ms" in task.text and output(task, 1) == ["on"]
