"""Mirrors and checkouts: the real fetcher and packer against real git over HTTP."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sources_client import ASK, OFFLINE, OTHERS, PUBLIC, REBUILD, TREE, Fetched, Fetcher, Packer, fetch, wait_for

from tests.forge.git_server import Executable, GitServer, Repo, Symlink, git as run_git

ALL = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"]
PACK = r"/git-upload-pack$"


@pytest.fixture
def repo(git: GitServer) -> Repo:
    return git.repo(files={f"dir{i}/file{i}": f"{i}\n" * 50 for i in range(40)})


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    return tmp_path / "mirror"


@pytest.fixture
def packer() -> Iterator[Packer]:
    with Packer() as p:
        yield p


def noise(n: int) -> bytes:
    return os.urandom(n)


def head(git: GitServer, repo: Repo, mirror: Path, **kw) -> Fetched:
    return fetch(mirror, repo.url, repo.resolve("main"), token=git.token, **kw)


def in_tree(tree: Path, *args: str) -> str:
    return run_git(*args, cwd=tree)


def everything_below(path: Path) -> bytes:
    return b"".join(p.read_bytes() for p in path.rglob("*") if p.is_file())


@pytest.fixture(params=[False, True], ids=["first", "incremental"])
def warm(request: pytest.FixtureRequest, git: GitServer, repo: Repo, mirror: Path) -> bool:
    """Twice: with nothing in the mirror, and with what the server had before."""
    if request.param:
        assert head(git, repo, mirror).fault == "ok"
    return request.param


# --- fetching ------------------------------------------------------------------------------------------------


def test_first_clone_then_hit(git: GitServer, repo: Repo, mirror: Path) -> None:
    first = head(git, repo, mirror)
    assert (first.fault, first.hit, first.text) == ("ok", False, "") and first.engine.startswith("libgit2")
    asked = len(git.requests())
    again = head(git, repo, mirror)
    assert again.hit and again.requests == 0 and len(git.requests()) == asked
    assert again.refs == first.refs and b"refs/remotes/origin/main\n" in first.refs


@pytest.mark.parametrize("settings", ["", 'git=""\n'], ids=["git", "libgit2"])
def test_incremental(git: GitServer, repo: Repo, mirror: Path, settings: str) -> None:
    repo.commit({"big": noise(2 << 20)})
    assert head(git, repo, mirror).bytes > 2 << 20
    new = repo.commit({"small": "1"})
    got = head(git, repo, mirror, settings=settings)
    assert (got.fault, got.hit) == ("ok", False) and new.encode() in got.refs
    if not settings:
        assert got.engine == "git" and 0 < got.bytes < 64 << 10


def test_pipelines_of_one_commit_share_it(git: GitServer, repo: Repo, mirror: Path) -> None:
    sha = repo.resolve("main")
    for pipeline in (1, 2):
        repo.set_ref(f"refs/pipelines/{pipeline}", sha)
    specs = ["+refs/pipelines/{}:refs/pipelines/{}", "+refs/heads/main:refs/remotes/origin/main"]
    one, two = ([s.format(n, n) for s in specs] for n in (1, 2))
    assert not fetch(mirror, repo.url, sha, one, token=git.token).hit
    got = fetch(mirror, repo.url, sha, two, token=git.token)
    assert got.hit and f"{sha} refs/pipelines/2\n".encode() in got.refs


def test_a_moved_branch_is_asked_for(git: GitServer, repo: Repo, mirror: Path) -> None:
    old = repo.resolve("main")
    repo.commit({"new": "1"})
    assert not head(git, repo, mirror).hit
    retry = fetch(mirror, repo.url, old, token=git.token)
    assert retry.fault == "ok" and not retry.hit


def test_patterns(git: GitServer, repo: Repo, mirror: Path) -> None:
    repo.branch("topic/a")
    repo.tag("v1", message="one")
    sha = repo.resolve("main")
    first = fetch(mirror, repo.url, sha, ALL, token=git.token)
    for name in (b"refs/remotes/origin/topic/a", b"refs/tags/v1", b"refs/remotes/origin/main"):
        assert name in first.refs
    assert fetch(mirror, repo.url, sha, ALL, token=git.token).hit
    repo.delete_ref("refs/heads/topic/a")
    repo.branch("topic")  # where a directory was
    for settings in ("", 'git=""\n'):
        got = fetch(mirror, repo.url, sha, ALL, token=git.token, force=ASK, settings=settings)
        assert got.fault == "ok" and b"topic/a" not in got.refs and b"origin/topic\n" in got.refs


def test_a_job_does_not_prune_anothers_ref(git: GitServer, repo: Repo, mirror: Path) -> None:
    repo.branch("other")
    other = ["+refs/heads/other:refs/remotes/origin/other"]
    sha = repo.resolve("main")
    fetch(mirror, repo.url, sha, other, token=git.token)
    assert head(git, repo, mirror, force=ASK).fault == "ok"
    assert fetch(mirror, repo.url, sha, other, token=git.token).hit


@pytest.mark.parametrize("settings", ["", 'git=""\n'], ids=["git", "libgit2"])
def test_deleted_branch_falls_back_to_the_commit(git: GitServer, repo: Repo, mirror: Path, settings: str) -> None:
    head(git, repo, mirror)
    sha = repo.commit({"x": "1"}, branch="gone")
    repo.delete_ref("refs/heads/gone")
    specs = ["+refs/heads/gone:refs/remotes/origin/gone"]
    got = fetch(mirror, repo.url, sha, specs, token=git.token, settings=settings)
    assert got.fault == "ok" and b"origin/gone" not in got.refs
    assert fetch(mirror, repo.url, sha, specs, token=git.token).hit


def test_ten_at_once_fetch_once(git: GitServer, repo: Repo, mirror: Path) -> None:
    sha = repo.commit({"big": noise(1 << 20)})
    with ThreadPoolExecutor(10) as pool:
        got = list(pool.map(lambda _: fetch(mirror, repo.url, sha, token=git.token), range(10)))
    assert [g.fault for g in got] == ["ok"] * 10
    assert git.fetches() == 1 and sum(not g.hit for g in got) == 1


def test_another_repository_is_never_served_unasked(git: GitServer, repo: Repo, mirror: Path) -> None:
    sha = repo.resolve("main")
    assert fetch(mirror, repo.url, sha, ALL, token=git.token, own=False).store >= 0
    refused = fetch(mirror, repo.url, sha, ALL, token="wrong", own=False)
    assert refused.fault == "auth" and refused.store == -1
    asked = len(git.requests())
    assert fetch(mirror, repo.url, sha, ALL, token=git.token, own=False).fault == "ok"
    assert len(git.requests()) > asked


ENGINES = pytest.mark.parametrize("settings", ["", 'git=""\n'], ids=["git", "libgit2"])


@ENGINES
def test_a_name_in_place_of_a_commit(git: GitServer, repo: Repo, mirror: Path, settings: str) -> None:
    def get(ref: str) -> Fetched:
        return fetch(mirror, repo.url, "", [], token=git.token, own=OTHERS, ref=ref, settings=settings)

    first = repo.resolve("main")
    repo.tag("v1", message="one")
    repo.tag("both")
    second = repo.commit({"x": "1"}, branch="topic/a")
    repo.branch("both", "topic/a")
    for ref, sha, whole in (("topic/a", second, "refs/heads/topic/a"), ("v1", first, "refs/tags/v1"),
                            ("both", second, "refs/heads/both"), ("refs/tags/both", first, "refs/tags/both"),
                            ("HEAD", first, "refs/heads/main")):
        got = get(ref)
        assert (got.fault, got.sha, got.ref) == ("ok", sha, whole), (ref, got)
    assert get("v1").hit and f"{second} refs/remotes/origin/topic/a\n".encode() in get("topic/a").refs
    assert get("none").fault == "not_found" and 'no tag "none"' in get("none").text
    assert get("-x").fault == get("a..b").fault == "config"
    moved = repo.commit({"x": "2"}, branch="topic/a")
    assert get("topic/a").sha == moved


def test_public_commits_are_served_unasked_and_offline(git: GitServer, repo: Repo, mirror: Path) -> None:
    git.public.add(repo.name)
    sha = repo.resolve("main")
    assert fetch(mirror, repo.url, "", [], own=PUBLIC, ref="main", force=OFFLINE).fault == "not_found"
    assert not fetch(mirror, repo.url, "", [], own=PUBLIC, ref="main").hit
    asked = len(git.requests())
    by_name = fetch(mirror, repo.url, "", [], own=PUBLIC, ref="main", force=OFFLINE)
    by_commit = fetch(mirror, repo.url, sha, [], own=PUBLIC)
    assert by_name.sha == by_commit.sha == sha and by_name.hit and by_commit.hit and len(git.requests()) == asked
    gone = fetch(mirror, repo.url, "", [], own=PUBLIC, ref="other", force=OFFLINE)
    assert gone.fault == "not_found" and "other is not on this machine" in gone.text and len(git.requests()) == asked


def test_a_commit_that_the_server_gives_to_nobody_by_its_name(git: GitServer, repo: Repo, mirror: Path) -> None:
    old = repo.resolve("main")
    repo.commit({"x": "1"})
    run_git("config", "uploadpack.allowAnySHA1InWant", "false", cwd=repo.path)
    got = fetch(mirror, repo.url, old, [], token=git.token, own=OTHERS)
    assert (got.fault, got.sha) == ("ok", old)


def test_the_files_of_a_commit(git: GitServer, mirror: Path, tmp_path: Path) -> None:
    files = {"action.yml": "name: x\n", "dist/run.js": Executable("run\n"), "dist/link": Symlink("run.js"), "empty": ""}
    repo = git.repo("actions/one", files)
    tree, kept = tmp_path / "tree", []
    for _ in range(2):
        got = fetch(mirror, repo.url, "", [], token=git.token, own=OTHERS, ref="main", want=TREE)
        assert got.fault == "ok" and got.store >= 0
        kept.append((mirror / "trees" / got.sha).stat().st_ino)
        with Packer() as p:
            packed = p.unpack(tree, got.store)
        os.close(got.store)
        assert (packed.fault, packed.files) == ("ok", 4)
    assert kept[0] == kept[1], "it is made once"
    assert (tree / "dist/run.js").read_text() == "run\n" and os.access(tree / "dist/run.js", os.X_OK)
    assert os.readlink(tree / "dist/link") == "run.js" and (tree / "empty").read_bytes() == b""
    assert not (tree / ".git").exists() and not os.access(tree / "action.yml", os.X_OK)


@pytest.mark.parametrize("path", [b"../out", b"/out", b"a//b", b"link/out", b".", b"a/../../out", b"x" * 5000])
def test_files_that_may_not_be_written(tmp_path: Path, path: bytes) -> None:
    tree, fd = tmp_path / "tree", os.memfd_create("tree")
    for name, mode, content in ((b"link", 0o120000, b".."), (path, 0o100644, b"bad")):
        os.write(fd, struct.pack("=IIQ", mode, len(name), len(content)) + name + content)
    with Packer() as p:
        packed = p.unpack(tree, fd)
    os.close(fd)
    assert packed.fault != "ok" and not (tmp_path / "out").exists()


def test_head_on_a_branch(git: GitServer, repo: Repo, mirror: Path, tmp_path: Path) -> None:
    got = head(git, repo, mirror)
    tree, extra = tmp_path / "tree", tmp_path / "extra"
    extra.write_text("[some]\n\tkey = value\n")
    with Packer() as p:
        assert p.checkout(tree, mirror, got.sha, got.refs, branch="feature/x", include=str(extra)).fault == "ok"
        assert run_git("rev-parse", "--abbrev-ref", "HEAD", cwd=tree) == "feature/x"
        assert run_git("config", "branch.feature/x.merge", cwd=tree) == "refs/heads/feature/x"
        assert run_git("config", "some.key", cwd=tree) == "value" and run_git("status", "--porcelain", cwd=tree) == ""
        assert p.checkout(tree, mirror, got.sha, got.refs, branch="a..b").fault != "ok"


# --- failures, each with its kind ----------------------------------------------------------------------------


def test_wrong_token(git: GitServer, repo: Repo, mirror: Path, warm: bool) -> None:
    sha = repo.commit({"x": "1"})
    got = fetch(mirror, repo.url, sha, token="a-wrong-token")
    assert got.fault == "auth" and "refused the token" in got.text and "a-wrong-token" not in got.text
    assert git.wrong_passwords <= 4


def test_missing_repository_and_commit(git: GitServer, repo: Repo, mirror: Path, warm: bool) -> None:
    missing = fetch(mirror, f"{git.url}/group/none.git", "1" * 40, token=git.token)
    assert missing.fault == "not_found"
    commit = fetch(mirror, repo.url, "1" * 40, token=git.token)
    assert commit.fault == "not_found" and "1" * 40 in commit.text


def test_bad_requests(git: GitServer, repo: Repo, mirror: Path) -> None:
    sha = repo.resolve("main")
    with Fetcher(mirror) as f:
        assert f.get("file:///etc", sha).fault == "config"
        assert f.get("http://user:pw@127.0.0.1/x.git", sha).fault == "config"
        assert f.get(repo.url, "main").fault == "config"
        assert f.get(repo.url, sha, ["+refs/heads/*:refs/x"]).fault == "config"
        sha256 = f.get(repo.url, "a" * 64, object_format="sha256")
        assert sha256.fault == "config" and "sha256" in sha256.text
        assert f.get(repo.url, sha, token=git.token).fault == "ok"
    assert not any(r.path.startswith("/etc") for r in git.requests())


def test_server_gone(mirror: Path) -> None:
    assert fetch(mirror, "http://127.0.0.1:9/group/project.git", "1" * 40).fault == "network"


def test_truncated_pack_then_recovery(git: GitServer, repo: Repo, mirror: Path, warm: bool) -> None:
    repo.commit({"big": noise(1 << 20)})
    git.fail_next("POST", PACK, truncate=100_000, times=2)
    got = head(git, repo, mirror, settings="" if warm else 'git=""\n')
    assert got.fault in ("network", "protocol", "corrupt") and got.text
    git.httpd.faults.clear()
    assert head(git, repo, mirror).fault == "ok"
    assert not list((mirror / "objects" / "pack").glob("*tmp*"))


def test_stall(git: GitServer, repo: Repo, mirror: Path, warm: bool) -> None:
    repo.commit({"big": noise(1 << 20)})
    git.fail_next("POST", PACK, stall=100_000, times=9)
    begin = time.monotonic()
    got = head(git, repo, mirror, settings="stall_s=2\n")
    assert got.fault == "timeout" and time.monotonic() - begin < 20


def test_time_is_up(git: GitServer, repo: Repo, mirror: Path) -> None:
    git.fail_next("GET", "info/refs", delay=8, times=9)
    begin = time.monotonic()
    assert head(git, repo, mirror, timeout_s=1).fault == "timeout"
    assert time.monotonic() - begin < 5


def test_redirect_elsewhere_never_gets_the_token(git: GitServer, repo: Repo, mirror: Path, warm: bool) -> None:
    sha = repo.commit({"x": "1"})
    with GitServer() as other:
        for target in (other.url, other.url.replace("127.0.0.1", "localhost")):
            git.httpd.faults.clear()
            git.fail_next("GET", "info/refs", times=9, redirect=f"{target}/group/project.git/info/refs?service=git-upload-pack")
            got = fetch(mirror, repo.url, sha, token=git.token)
            assert got.fault in ("network", "protocol") and "redirect" in got.text
        assert not any(r.header("authorization") for r in other.requests())


def test_size_limit(git: GitServer, repo: Repo, mirror: Path) -> None:
    repo.commit({"big": noise(1 << 20)})
    got = head(git, repo, mirror, settings="max_bytes=100000\n")
    assert got.fault == "protocol"


# --- accidents -----------------------------------------------------------------------------------------------


def test_killed_fetcher_leaves_nothing_that_matters(git: GitServer, repo: Repo, mirror: Path) -> None:
    repo.commit({"big": noise(4 << 20)})
    git.fail_next("POST", PACK, stall=1_000_000)
    f = Fetcher(mirror)
    f.ask(repo.url, repo.resolve("main"), token=git.token)
    wait_for(lambda: any((mirror / "objects" / "pack").glob("pack_git2_*")))
    os.kill(f.process.pid, signal.SIGKILL)
    assert f.close() == -signal.SIGKILL
    (mirror / "refs" / "heads" / "main.lock").write_text("")
    got = head(git, repo, mirror)
    assert got.fault == "ok"
    assert [p.name for p in (mirror / "objects" / "pack").iterdir() if not p.name.startswith("pack-")] == []


def test_cancel_ends_the_transfer(git: GitServer, repo: Repo, mirror: Path) -> None:
    repo.commit({"big": noise(4 << 20)})
    git.fail_next("POST", PACK, stall=1_000_000)
    f = Fetcher(mirror)
    f.ask(repo.url, repo.resolve("main"), token=git.token)
    wait_for(lambda: any((mirror / "objects" / "pack").glob("pack_git2_*")))
    assert f.close() == 0
    assert head(git, repo, mirror).fault == "ok"


def spoil_pack(mirror: Path) -> None:
    for pack in (mirror / "objects" / "pack").glob("*.pack"):
        pack.chmod(0o600)
        data = bytearray(pack.read_bytes())
        data[len(data) // 4:] = b"\0" * (len(data) - len(data) // 4)
        pack.write_bytes(data)


@pytest.mark.parametrize("spoil", [
    spoil_pack,
    lambda m: [p.unlink() for p in (m / "objects" / "pack").glob("*.idx")],
    lambda m: (m / "HEAD").write_text("garbage"),
    lambda m: (m / "config").write_text("[core\n"),
    lambda m: (m / "refs/heads/main").write_text("garbage"),
], ids=["pack", "index", "HEAD", "config", "ref"])
def test_damaged_mirror_mends(git: GitServer, repo: Repo, mirror: Path, packer: Packer, tmp_path: Path, spoil) -> None:
    head(git, repo, mirror)
    inode = (mirror / "objects").stat().st_ino
    spoil(mirror)
    sha = repo.commit({"x": "1"})
    got = head(git, repo, mirror)
    assert got.fault == "ok" and bool(got.note) == bool(list(mirror.glob("set-aside-*")))
    done = packer.checkout(tmp_path / "tree", mirror, sha, got.refs)
    if done.fault == "corrupt":
        got = head(git, repo, mirror, force=REBUILD)
        done = packer.checkout(tmp_path / "tree", mirror, sha, got.refs)
    assert done.fault == "ok" and in_tree(tmp_path / "tree", "status", "--porcelain") == ""
    assert (mirror / "objects").stat().st_ino == inode
    assert head(git, repo, mirror).hit


def test_rebuilding_sets_aside_once(git: GitServer, repo: Repo, mirror: Path) -> None:
    head(git, repo, mirror)
    for _ in range(2):
        (mirror / "config").write_text("[core\n")
        got = head(git, repo, mirror)
        assert got.fault == "ok" and "set aside" in got.note and len(list(mirror.glob("set-aside-*"))) == 1


def test_checkout_finds_damage_and_a_rebuild_mends_it(git: GitServer, repo: Repo, mirror: Path, packer: Packer,
                                                      tmp_path: Path) -> None:
    sha = repo.commit({"big": noise(100_000)})
    got = head(git, repo, mirror)
    blob = run_git("rev-parse", f"{sha}:big", cwd=repo.path)
    names = run_git("rev-list", "--objects", "--all", cwd=mirror).split()
    pack = next((mirror / "objects" / "pack").glob("*.pack"))
    moved = tmp_path / pack.name
    pack.rename(moved)
    for idx in (mirror / "objects" / "pack").iterdir():
        idx.unlink()
    run_git("unpack-objects", "-q", cwd=mirror, data=moved.read_bytes())
    (mirror / "objects" / blob[:2] / blob[2:]).unlink()
    assert blob in names
    tree = tmp_path / "tree"
    assert packer.checkout(tree, mirror, sha, got.refs).fault == "corrupt"
    again = head(git, repo, mirror, force=REBUILD)
    assert again.fault == "ok" and again.note
    assert packer.checkout(tree, mirror, sha, again.refs).fault == "ok"


# --- checking out --------------------------------------------------------------------------------------------


def test_checkout(git: GitServer, repo: Repo, mirror: Path, packer: Packer, tmp_path: Path) -> None:
    repo.tag("v1", message="one")
    sha = repo.commit({"run.sh": Executable("#!/bin/sh\n"), "link": Symlink("dir1/file1"), "a b/\u00e4": "x"})
    got = head(git, repo, mirror)
    tree = tmp_path / "tree"
    done = packer.checkout(tree, mirror, sha, got.refs)
    assert (done.fault, done.head, done.files) == ("ok", sha[:8], 43)
    assert os.readlink(tree / "link") == "dir1/file1" and (tree / "run.sh").stat().st_mode & 0o777 == 0o755
    assert (tree / "a b" / "\u00e4").read_text() == "x" and (tree / "dir1/file1").stat().st_mode & 0o777 == 0o644
    assert in_tree(tree, "status", "--porcelain", "--ignored") == ""
    assert in_tree(tree, "rev-parse", "HEAD", "origin/main").split() == [sha, sha]
    assert in_tree(tree, "describe") == f"v1-1-g{sha[:7]}"
    assert len(in_tree(tree, "log", "--oneline").splitlines()) == 2
    in_tree(tree, "fsck", "--strict")
    config = (tree / ".git/config").read_text()
    assert "checkStat = minimal" in config and "trustctime = false" in config
    assert in_tree(tree, "remote", "get-url", "origin") == "http://host/group/project.git"


def test_no_token_is_left_anywhere(git: GitServer, repo: Repo, mirror: Path, packer: Packer, tmp_path: Path) -> None:
    head(git, repo, mirror)
    sha = repo.commit({"x": "1"})
    git.fail_next("GET", "info/refs", delay=1)
    f = Fetcher(mirror)
    f.ask(repo.url, sha, token=git.token)
    seen = set()

    def look() -> bool:
        for p in Path("/proc").iterdir():
            if p.name.isdigit() and int(p.name) > f.process.pid:
                for part in ("cmdline", "environ"):
                    try:
                        data = (p / part).read_bytes()
                    except OSError:
                        continue
                    assert git.token.encode() not in data
                    if b"git\0--git-dir=." in data:
                        seen.add(p.name)
        return bool(seen)

    wait_for(look)
    got = f.answer()
    f.close()
    assert got.fault == "ok" and got.engine == "git"
    tree = tmp_path / "tree"
    packer.checkout(tree, mirror, sha, got.refs)
    for place in (mirror, tree):
        assert git.token.encode() not in everything_below(place)


def test_fresh_means_nothing_of_before(git: GitServer, repo: Repo, mirror: Path, packer: Packer,
                                       tmp_path: Path) -> None:
    sha, got, tree = repo.resolve("main"), head(git, repo, mirror), tmp_path / "tree"
    (tree / ".git/hooks").mkdir(parents=True)
    (tree / ".git/hooks/post-checkout").write_text("#!/bin/sh\ntouch /tmp/owned\n")
    (tree / ".git/config").write_text('[core]\n\tfsmonitor = "touch /tmp/owned"\n')
    (tree / "junk/deep").mkdir(parents=True)
    (tree / "junk").chmod(0)
    assert packer.checkout(tree, mirror, sha, got.refs).fault == "ok"
    assert not (tree / "junk").exists() and not (tree / ".git/hooks").exists()
    assert "fsmonitor" not in (tree / ".git/config").read_text()


def test_kept_tree(git: GitServer, repo: Repo, mirror: Path, packer: Packer, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    repo.commit({".gitignore": "*.o\n", "leaves": "1"})
    packer.checkout(tree, mirror, repo.resolve("main"), head(git, repo, mirror).refs)
    same = (tree / "dir2/file2").stat()
    (tree / "build").mkdir()
    for name in ("build/out", "junk", "x.o"):
        (tree / name).write_text("x")
    (tree / "dir1/file1").write_text("changed by the job")
    (tree / "dir3/file3").unlink()
    (tree / ".git/config").write_text('[core]\n\tfsmonitor = "touch /tmp/owned"\n\tworktree = /etc\n')
    sha = repo.commit({"dir4/file4": "new\n", "leaves": None})
    refs = head(git, repo, mirror).refs
    assert packer.checkout(tree, mirror, sha, refs, fresh=False, clean="-ffdx -e build/").fault == "ok"
    now = (tree / "dir2/file2").stat()
    assert (now.st_mtime_ns, now.st_ino) == (same.st_mtime_ns, same.st_ino)
    assert (tree / "dir1/file1").read_text() == "1\n" * 50 and (tree / "dir4/file4").read_text() == "new\n"
    assert (tree / "build/out").exists() and not (tree / "junk").exists() and not (tree / "x.o").exists()
    assert not (tree / "leaves").exists()
    assert in_tree(tree, "status", "--porcelain") == "?? build/"


@pytest.mark.parametrize("flags", ["", "-ffdx", "-fd", "-f", "-ffdX", "-fdx -e *.log", "-ffd", "-fdx"])
def test_clean_is_gits_clean(git: GitServer, repo: Repo, mirror: Path, packer: Packer, tmp_path: Path,
                             flags: str) -> None:
    sha = repo.commit({".gitignore": "*.o\nbin/\n"})
    refs, left = head(git, repo, mirror).refs, []
    for name in ("ours", "theirs"):
        tree = tmp_path / name
        packer.checkout(tree, mirror, sha, refs)
        for path in ("a.o", "new/b", "new/c.o", "bin/d", "dir1/e", "dir1/f.log", "new/sub/g.o", "h.log"):
            (tree / path).parent.mkdir(exist_ok=True, parents=True)
            (tree / path).write_text("x")
        (tree / "nested").mkdir()
        run_git("init", "-q", cwd=tree / "nested")
        if name == "ours":
            assert packer.checkout(tree, mirror, sha, refs, fresh=False, clean=flags).fault == "ok"
        else:
            run_git("clean", "-q", *(flags or "-ffdx").split(), cwd=tree)
        left.append(sorted(str(p.relative_to(tree)) for p in tree.rglob("*")
                           if not str(p.relative_to(tree)).startswith((".git/", "nested/.git/"))))
    assert left[0] == left[1]


def test_unknown_clean_flag(git: GitServer, repo: Repo, mirror: Path, packer: Packer, tmp_path: Path) -> None:
    sha, got = repo.resolve("main"), head(git, repo, mirror)
    bad = packer.checkout(tmp_path / "tree", mirror, sha, got.refs, fresh=False, clean="-ffdx --interactive")
    assert bad.fault == "config" and "--interactive" in bad.text


def test_without_files(git: GitServer, repo: Repo, mirror: Path, packer: Packer, tmp_path: Path) -> None:
    sha, got, tree = repo.resolve("main"), head(git, repo, mirror), tmp_path / "tree"
    assert packer.checkout(tree, mirror, sha, got.refs, files=False).fault == "ok"
    assert os.listdir(tree) == [".git"] and in_tree(tree, "rev-parse", "HEAD") == sha


def test_remove_and_clear(packer: Packer, tmp_path: Path) -> None:
    tree, outside = tmp_path / "tree", tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("x")
    (tree / "a/b").mkdir(parents=True)
    (tree / "a/link").symlink_to(outside)
    (tree / "a/b").chmod(0)
    assert packer.clear(tree).fault == "ok" and os.listdir(tree) == []
    (tree / "link").symlink_to(outside)
    assert packer.remove(tree).fault == "ok" and not tree.exists()
    assert (outside / "file").exists()
    (tmp_path / "to").symlink_to(outside)
    assert packer.remove(tmp_path / "to").fault == "disk" and (outside / "file").exists()


# --- hostile commits -----------------------------------------------------------------------------------------


def hostile_commit(repo: Repo, entries: bytes, sub: bytes | None = None) -> str:
    """A commit whose tree git itself would not make."""
    def write(kind: str, data: bytes) -> str:
        return run_git("hash-object", "-t", kind, "-w", "--stdin", "--literally", cwd=repo.path, data=data)

    blob = bytes.fromhex(write("blob", b"owned\n"))
    inner = bytes.fromhex(write("tree", (sub or b"100644 x\0") + blob))
    tree = write("tree", entries.replace(b"BLOB", blob).replace(b"TREE", inner))
    commit = write("commit", f"tree {tree}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nx\n".encode())
    repo.set_ref("refs/heads/main", commit)
    return commit


@pytest.mark.parametrize("entries", [
    b"40000 .git\0TREE", b"40000 .GIT\0TREE", b"40000 git~1\0TREE", b"40000 ..\0TREE", b"100644 ../x\0BLOB",
    b"40000 .g\xe2\x80\x8cit\0TREE", b"100644 .git \0BLOB", b"100644 .git::$INDEX_ALLOCATION\0BLOB",
    b"40000 .\0TREE", b"100644 .git/x\0BLOB", b"100644 .git\\x\0BLOB", b"120000 .gitmodules\0BLOB",
], ids=["git", "case", "ntfs-short", "dotdot", "slash-dotdot", "hfs", "ntfs-blank", "ntfs-stream", "dot", "slash",
        "backslash", "modules-link"])
def test_hostile_names_are_refused(git: GitServer, repo: Repo, mirror: Path, packer: Packer, tmp_path: Path,
                                   entries: bytes) -> None:
    sha = hostile_commit(repo, entries)
    got = head(git, repo, mirror)
    tree = tmp_path / "tree"
    if got.fault == "ok":
        done = packer.checkout(tree, mirror, sha, got.refs)
        assert done.fault in ("hostile", "corrupt"), done
    assert not (tmp_path / "x").exists() and not (tree / ".git/x").exists()
    assert not any(p.read_bytes() == b"owned\n" for p in tmp_path.rglob("*") if p.is_file() and mirror not in p.parents)


def test_a_link_is_not_written_through(git: GitServer, repo: Repo, mirror: Path, packer: Packer, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    sha = repo.commit({"sub/file": "from the commit"})
    got, tree = head(git, repo, mirror), tmp_path / "tree"
    packer.checkout(tree, mirror, sha, got.refs)
    subprocess.run(["rm", "-r", tree / "sub"], check=True)
    (tree / "sub").symlink_to(outside)
    assert packer.checkout(tree, mirror, sha, got.refs, fresh=False).fault == "ok"
    assert os.listdir(outside) == [] and (tree / "sub/file").read_text() == "from the commit"
    subprocess.run(["rm", "-r", tree / "sub"], check=True)
    (tree / "sub").symlink_to(outside)
    (outside / "file").write_text("mine")
    (tree / "dir1/file1").unlink()
    (tree / "dir1/file1/inside").mkdir(parents=True)
    gone = repo.commit({"sub/file": None})
    assert packer.checkout(tree, mirror, gone, head(git, repo, mirror).refs, fresh=False).fault == "ok"
    assert (outside / "file").read_text() == "mine" and not (tree / "sub").exists() and (tree / "dir1/file1").is_file()


# --- submodules ----------------------------------------------------------------------------------------------


def test_submodules(git: GitServer, repo: Repo, mirror: Path, packer: Packer, tmp_path: Path) -> None:
    inner, outer = git.repo("group/inner", {"i": "inner"}), git.repo("group/outer", {"o": "outer"})
    outer.submodule("deep/inner", inner, "../inner.git")
    sha = repo.submodule("libs/outer", outer, "../outer.git")
    tree = tmp_path / "tree"
    done = packer.checkout(tree, mirror, sha, head(git, repo, mirror).refs, modules=True)
    assert done.modules == [f"libs/outer libs/outer ../outer.git {outer.resolve('main')}"]
    one = fetch(tmp_path / "m2", outer.url, outer.resolve("main"), ALL, token=git.token, own=False)
    sub = packer.checkout(tree, mirror, outer.resolve("main"), one.refs, modules=True, url=outer.url, parent=".git",
                          name="libs/outer", worktree="libs/outer", store=one.store)
    assert sub.fault == "ok" and sub.modules[0].startswith("deep/inner deep/inner ../inner.git ")
    two = fetch(tmp_path / "m3", inner.url, inner.resolve("main"), ALL, token=git.token, own=False)
    deep = packer.checkout(tree, mirror, inner.resolve("main"), two.refs, url=inner.url, worktree="libs/outer/deep/inner",
                           parent=".git/modules/libs/outer", name="deep/inner", store=two.store)
    assert deep.fault == "ok" and (tree / "libs/outer/deep/inner/i").read_text() == "inner"
    status = in_tree(tree, "submodule", "status", "--recursive").splitlines()
    assert [line.strip()[:40] for line in status] == [outer.resolve("main"), inner.resolve("main")]
    assert all(not line.startswith(("-", "+", "U")) for line in status)
    assert in_tree(tree, "status", "--porcelain") == "" and in_tree(tree / "libs/outer", "log", "--oneline")
    in_tree(tree / "libs/outer/deep/inner", "fsck")


@pytest.mark.parametrize("name", ["../../x", "a/../b", "modules/x", "-x", ".git", "a//b", "/abs"])
def test_hostile_submodule_names(git: GitServer, repo: Repo, mirror: Path, packer: Packer, tmp_path: Path,
                                 name: str) -> None:
    inner = git.repo("group/inner", {"i": "inner"})
    repo.submodule("sub", inner)
    modules = f'[submodule "{name}"]\n\tpath = sub\n\turl = {inner.url}\n'
    sha = repo.commit({".gitmodules": modules})
    done = packer.checkout(tmp_path / "tree", mirror, sha, head(git, repo, mirror).refs, modules=True)
    assert done.fault == "config" or done.modules == []
