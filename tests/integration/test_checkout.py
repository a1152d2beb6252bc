"""actions/checkout, built in: a workflow job's sources by a step, from real git over HTTP."""

from __future__ import annotations

import re
from typing import Any

import pytest
from courser import Courser
from daemon_client import job_directories, until

from tests.forge.git_server import GitServer, Repo
from tests.forge.gitea import Gitea
from tests.forge.gitea_tasks import Task


def start(courser: Courser, gitea: Gitea, **how: Any) -> None:
    token = courser.write("tok", gitea.add_runner(["linux"]).credentials)
    courser.run(courser.write_config(concurrent=3, listen_address="", runners=[
        {"name": "r", "forge": "gitea", "url": gitea.url, "token_file": str(token), "labels": ["linux"], **how}]))


def queue(gitea: Gitea, git: GitServer, repo: Repo, steps: str, **context: Any) -> Task:
    """A task of that repository; its token is a password there while it is known."""
    context = {"server_url": git.url + "/", "gitea_default_actions_url": git.url, "sha": repo.resolve("main"), **context}
    task = gitea.queue(f"\"on\": push\njobs:\n  a:\n    runs-on: linux\n    steps:\n{steps}", repository=repo.name,
                       context=context)
    git.accept(task.token)
    return task


def printed(task: Task, mark: str) -> list[str]:
    return [line.partition(" ")[2] for line in task.lines if line.startswith(f"{mark}-0 ")]


@pytest.fixture
def repo(git: GitServer) -> Repo:
    made = git.repo("boss/demo", {"README": "one\n", "dir/file": "inside\n"})
    made.commit({"second": "2\n", "dir/deep/f": "", "dir/side/no": "", "web/a/b": "", "rest/no": ""})
    made.tag("v1", message="one")
    made.commit({"README": "topic\n"}, branch="topic/a")
    return made


ALL_WAYS = """      - uses: actions/checkout@v4
        id: first
      - run: |
          echo "usual-$((0)) $(cat README second | xargs) $(git rev-parse --abbrev-ref HEAD) $(git status --porcelain | wc -l)"
          echo "outputs-$((0)) ${{ steps.first.outputs.commit }} ${{ steps.first.outputs.ref }}"
          git config --get-regexp extraheader || echo "token-$((0)) none"
          touch left
      - uses: https://example.org/actions/checkout@main
        with: {ref: topic/a, path: ./sub/x, fetch-depth: 0, show-progress: false, odd: 1}
      - run: |
          cd sub/x; echo "topic-$((0)) $(cat README) $(git rev-parse --abbrev-ref HEAD)"
          echo "refs-$((0)) $(git branch -r | sort | xargs) $(git tag)"
      - uses: actions/checkout@v4
        with: {ref: v1, path: tag}
      - run: cd tag; echo "tag-$((0)) $(git describe) $(git rev-parse --abbrev-ref HEAD)"
      - uses: actions/checkout@v4
        with: {repository: boss/other, path: other, submodules: true}
      - run: cd other; echo "other-$((0)) $(cat it) $(git rev-parse --abbrev-ref HEAD) $(cat mod/README)"
      - uses: actions/checkout@v4
        with: {path: part, sparse-checkout: "dir/deep\n\n/web/\n"}
      - uses: actions/checkout@v4
        with: {path: part, sparse-checkout: "dir/deep\n\n/web/\n", clean: false}
      - run: |
          cd part; echo "part-$((0)) $(find . -path ./.git -prune -o -type f -print | sort | xargs) $(git status --porcelain | wc -l)"
          git sparse-checkout list | sed 's/^/list-0 /'; rm -r web; git sparse-checkout reapply; git sparse-checkout add rest
          echo "grown-$((0)) $(ls -d rest/*) $(git status --porcelain)"; cd ..; rm -rf part
      - uses: actions/checkout@v4
        with: {clean: false, persist-credentials: true}
      - run: |
          test -e left && echo "kept-$((0)) $(git status --porcelain | sort | xargs)"
          git ls-remote origin refs/heads/main | sed 's/^/remote-0 /'
          grep -c extraheader .git/config || echo "inside-$((0)) no token"
          echo "where-$((0)) $(git config --show-origin --get-regexp extraheader | cut -f1 | sort -u)"
          git config --get-regexp extraheader
"""


def test_the_ways_of_checkout(gitea, courser, as_user, git, repo):
    courser.home().chmod(0o711)  # roles of root's courser have ids of their own
    other = git.repo("boss/other", {"it": "other\n"})
    other.submodule("mod", repo, "../demo.git")
    start(courser, gitea)
    task = queue(gitea, git, repo, ALL_WAYS)
    assert task.wait(40).result == "SUCCESS", task.text
    sha = repo.resolve("main")
    assert printed(task, "usual") == ["one 2 main 0"] and printed(task, "outputs") == [f"{sha} refs/heads/main"]
    assert printed(task, "token") == ["none"] and printed(task, "topic") == ["topic topic/a"]
    assert printed(task, "refs") == ["origin/main origin/topic/a v1"] and printed(task, "tag") == ["v1 HEAD"]
    assert printed(task, "other") == ["other main one"] and 'Unexpected input "odd"' in task.text
    assert printed(task, "part") == ["./README ./dir/deep/f ./dir/file ./second ./web/a/b 0"], task.text
    assert printed(task, "list") == ["dir/deep", "web"] and printed(task, "grown") == ["rest/no  D web/a/b"]
    assert printed(task, "kept") == ["?? left ?? other/ ?? sub/ ?? tag/"], task.text
    assert printed(task, "remote") == [f"{sha}\trefs/heads/main"] and printed(task, "inside") == ["no token"]
    assert printed(task, "where") == ["file:/builds/boss/demo.tmp/git-credentials-1"]
    assert task.token not in task.text and re.search(r"Authorization: Basic .*\[MASKED\]", task.text)
    until(lambda: not job_directories(courser.daemons[0]), message="nothing is left of the job")
    assert courser.stop() == 0
    assert not courser.files_with(task.token)
    # the next job of this commit asks nobody
    start(courser, gitea)
    asked = len(git.requests())
    again = queue(gitea, git, repo, "      - uses: Actions/Checkout@v4\n      - run: echo again-$((0)) $(cat README)\n")
    assert again.wait().result == "SUCCESS" and printed(again, "again") == ["one"], again.text
    assert len(git.requests()) == asked


REFUSED = [
    ("ref: nothing", "config", 'there is no branch and no tag "nothing"'),
    ("repository: boss/nothing", "config", "not found"),
    ("token: wrong-token-0815, ref: main", "config", "authentication"),
    ("github-server-url: 'http://127.0.0.1:9', repository: a/b", "infra", "Connection refused"),
    ("path: ../elsewhere", "config", "is not below /builds/boss/demo"),
    ("repository: nonsense", "config", "not of the form owner/name"),
    ("lfs: true", "config", "lfs: files of Git LFS are not supported yet"),
    ("sparse-checkout: '*.c'", "config", "patterns are not supported yet"),
]


def test_what_cannot_be_checked_out(gitea, courser, git, repo):
    start(courser, gitea, get_sources_timeout="3s")
    tasks = [queue(gitea, git, repo, f"      - uses: actions/checkout@v4\n        with: {{{inputs}}}\n"
                                     "      - run: echo never\n      - if: always()\n        run: echo always-$((0)) on\n")
             for inputs, _, _ in REFUSED]
    for task, (_, fault, words) in zip(tasks, REFUSED):
        assert task.wait(40).result == "FAILURE" and words in task.text, task.text
        assert f"Fault: {fault}" in task.lines and printed(task, "always") == ["on"], task.text
        assert [s["result"] for s in task.steps] == ["RESULT_FAILURE", "RESULT_SKIPPED", "RESULT_SUCCESS"]


HASHES = """      - uses: actions/checkout@v4
      - run: mkdir -p app/.dot z; echo 3 >app/.dot/go.sum; echo 4 >'z/a{b}.txt'; ln -s ../README z/link; ln -s app circle
      - run: |
          echo "all-$((0)) ${{ hashFiles('**/go.sum', 'README') }} ${{ hashFiles('app/') }}"
          echo "more-$((0)) ${{ hashFiles('z', '!z/a{b}.txt') }} ${{ hashFiles('nothing/**') }}-"
          hash() { for f; do sha256sum "$f"; done | cut -c1-64 | xxd -r -p | sha256sum | cut -c1-64; }
          echo "own-$((0)) $(hash README app/.dot/go.sum) $(hash app/.dot/go.sum) $(hash z/link)"
      - if: hashFiles('README') != ''
        run: echo there-$((0)) yes
      - run: echo ${{ hashFiles('[') }}
"""


def test_hashes_of_files(gitea, courser, git, repo):
    start(courser, gitea)
    task = queue(gitea, git, repo, HASHES).wait(40)
    one, two, three = printed(task, "own")[0].split()
    assert printed(task, "all") == [f"{one} {two}"] and printed(task, "more") == [f"{three} -"], task.text
    assert printed(task, "there") == ["yes"] and task.result == "FAILURE"
    assert 'the pattern "["' in task.text and "Fault: config" in task.lines


def action(text: str) -> str:
    return f"""name: x
runs:
  using: composite
  steps:
    - shell: bash
      run: |
        echo "found-$((0)) ${{{{ github.action_path }}}} {text}"
"""


ACTIONS = """      - uses: boss/act@v1
      - uses: boss/act/sub/dir@release/2
      - run: |
          cd /builds/_actions; echo "files-$((0)) $(find . -type f | sort | xargs)"; touch boss/mine
      - uses: URL/pub/act@main
"""


@pytest.mark.timeout(90)
def test_actions_of_other_repositories(gitea, courser, as_user, git, repo):
    courser.home().chmod(0o711)  # roles of root's courser have ids of their own
    act = git.repo("boss/act", {"action.yml": action("v1"), "dist/index.js": "1\n"})
    act.tag("v1", message="one")
    act.commit({"sub/dir/action.yml": action("sub")}, branch="release/2")
    start(courser, gitea)
    with GitServer() as public:
        out = public.repo("pub/act", {"action.yml": action("public")})
        public.public.add("pub/act")
        steps = ACTIONS.replace("URL", public.url)
        first = queue(gitea, git, repo, steps)
        assert first.wait(40).result == "SUCCESS", first.text
        assert printed(first, "found") == [
            "/builds/_actions/boss/act/v1 v1", "/builds/_actions/boss/act/release-2/sub/dir sub",
            "/builds/_actions/pub/act/main public"], first.text
        for repository, sha in (("boss/act@v1", act.resolve("v1")), ("boss/act@release/2", act.resolve("release/2")),
                                ("pub/act@main", out.resolve("main"))):
            at = first.lines.index(f"Download action repository '{repository}'")
            assert f"Its commit is {sha}" in first.lines[at:at + 3]
        assert not public.wrong_passwords and not [r for r in public.requests() if r.header("authorization")]
        assert printed(first, "files") == ["./boss/act/release-2/sub/dir/action.yml ./boss/act/v1/action.yml "
                                           "./boss/act/v1/dist/index.js ./pub/act/main/action.yml"]
        until(lambda: not job_directories(courser.daemons[0]), message="nothing is left of the job")
        packs = public.fetches()
        assert queue(gitea, git, repo, steps).wait(40).result == "SUCCESS" and public.fetches() == packs
        courser.stop()
        start(courser, gitea, actions_offline=True)
        asked = len(public.requests())
        assert queue(gitea, git, repo, steps).wait(40).result == "SUCCESS" and len(public.requests()) == asked
        lost = queue(gitea, git, repo, f"      - run: echo\n      - uses: {public.url}/pub/other@v1\n")
        assert lost.wait().result == "FAILURE" and "line 7, column 15: `uses: " in lost.text, lost.text
        assert "v1 is not on this machine, and nobody is asked for it" in lost.text and "Fault: config" in lost.lines
    courser.stop()
    start(courser, gitea, get_sources_timeout="2s")
    down = queue(gitea, git, repo, "      - uses: http://127.0.0.1:9/a/b@v1\n")
    none = queue(gitea, git, repo, "      - uses: boss/act@v7\n")
    assert none.wait().result == "FAILURE" and 'line 6, column 15: `uses: boss/act@v7`' in none.text
    assert 'no branch and no tag "v7"' in none.text and "Fault: config" in none.lines
    assert down.wait(40).result == "FAILURE" and "Connection refused" in down.text and "Fault: infra" in down.lines
    assert not courser.files_with(first.token)
