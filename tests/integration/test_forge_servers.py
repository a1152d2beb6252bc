"""The other servers of the test bed: git serves real clones and fails as asked, OpenBao logs in, leases and revokes."""

from __future__ import annotations

import http.client
import ssl
import subprocess
from pathlib import Path

import pytest
from runner_client import RunnerClient

from tests.forge.git_server import Executable, GitServer, Symlink
from tests.forge.gitlab import GitLab
from tests.forge.openbao import BaoError, OpenBao
from tests.forge.proxy import Proxy

# --- git ----------------------------------------------------------------------------------------------


def clone(url: str, into: Path, *args: str) -> subprocess.CompletedProcess:
    return subprocess.run(["git", "-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=1", "clone", "-q", *args, url, str(into)],
                          capture_output=True, timeout=30, check=False,
                          env={"PATH": "/usr/bin:/bin", "HOME": str(into.parent), "GIT_TERMINAL_PROMPT": "0"})


def test_git_clone_with_the_job_token(gitlab, git: GitServer, tmp_path):
    library = git.repo("group/library", {"lib.c": "int x;\n"})
    repo = git.repo("group/project", {"a/b.txt": "one\n", "run.sh": Executable("#!/bin/sh\n"), "link": Symlink("a/b.txt")})
    repo.submodule("vendor/library", library, "../library.git")
    sha = repo.commit({"a/b.txt": "two\n", "run.sh": None})
    repo.tag("v1", message="first")
    job = gitlab.queue(git=repo, depth=1)
    info = job.payload["git_info"]
    assert info["sha"] == sha and f":{job.token}@" in info["repo_url"]
    assert repo.find(f"refs/pipelines/{job.payload['job_info']['pipeline_id']}") == sha
    assert clone(info["repo_url"], tmp_path / "c", "--recurse-submodules").returncode == 0
    assert (tmp_path / "c/a/b.txt").read_text() == "two\n" and (tmp_path / "c/link").is_symlink()
    assert (tmp_path / "c/vendor/library/lib.c").exists() and not (tmp_path / "c/run.sh").exists()
    assert git.fetches() == 2
    assert clone(repo.url_with("wrong"), tmp_path / "d").returncode != 0 and git.wrong_passwords >= 1
    with RunnerClient(gitlab.url, gitlab.token) as client:
        client.run(client.take(), b"fetched\n")
    assert clone(info["repo_url"], tmp_path / "e").returncode != 0, "the token outlived its job"


@pytest.mark.parametrize("how", [{"status": 401}, {"truncate": 200}, {"stall": 200}, {"redirect": "http://127.0.0.2:1/x"}])
def test_git_misbehaves(git, tmp_path, how):
    repo = git.repo(files={f"f{n}": f"{n}\n" * 100 for n in range(20)})
    git.fail_next("*", "git-upload-pack$" if {"truncate", "stall"} & set(how) else "info/refs", times=9, **how)
    assert clone(repo.url_with(git.token), tmp_path / "c").returncode != 0
    git.httpd.faults.clear()
    assert clone(repo.url_with(git.token), tmp_path / "c").returncode == 0


# --- OpenBao ------------------------------------------------------------------------------------------


def login(bao: OpenBao, role: str = "ci", **how) -> dict:
    return bao.call("POST", "auth/jwt/login", {"role": role, "jwt": bao.jwt(**how)}, token="")["auth"]


def test_openbao_login_read_lease_and_revocation(bao):
    token = login(bao)["client_token"]
    read = bao.call("GET", "ops/data/production/db", token=token)["data"]["data"]
    assert read["password"] == "kv2-Pa55word-of-production" and read["number"] == 4711
    assert bao.call("GET", "ops1/production/db", token=token)["data"]["username"] == "app"
    lease = bao.call("POST", "pki/issue/ci", {"common_name": "a.example.com"}, token=token)["lease_id"]
    assert bao.leases() == [lease] and len(bao.tokens()) == 1
    assert (bao.logins(), bao.reads()) == (1, 1)
    bao.call("POST", "auth/token/revoke-self", token=token)
    bao.wait_clean()
    assert bao.revocations() == 1
    with pytest.raises(BaoError):
        bao.call("GET", "ops/data/production/db", token=token)


@pytest.mark.parametrize("how, words", [
    ({"claims": {"project_id": "7"}, "role": "protected"}, "claim"), ({"lifetime": -3600}, "expired"),
    ({"audience": "https://elsewhere"}, "audience"), ({"role": "nope"}, "could not be found"),
])
def test_openbao_refuses_wrong_tokens(bao, how, words):
    with pytest.raises(BaoError, match=words) as caught:
        login(bao, **how)
    assert caught.value.status == 400 and bao.logins() == 0


def test_openbao_refuses_a_foreign_key_and_a_poor_policy(bao):
    with pytest.raises(BaoError, match="signature|verif"):
        login(bao, key=bao.stranger)
    with pytest.raises(BaoError, match="permission denied"):
        bao.call("GET", "ops/data/production/db", token=login(bao, "denied")["client_token"])


def test_openbao_short_tokens_and_namespaces(bao):
    assert login(bao, "short")["lease_duration"] == 4
    bao.namespace("team1")
    token = bao.call("POST", "auth/jwt/login", {"jwt": bao.jwt()}, token="", namespace="team1")["auth"]["client_token"]
    read = bao.call("GET", "ops/data/production/db", token=token, namespace="team1")
    assert read["data"]["data"]["password"] == "kv2-Pa55word-of-team1"


def test_openbao_behind_a_front_that_fails(bao, bao_front):
    bao_front.fail_next("POST", "/login$", status=503, body='{"errors":["Vault is sealed"]}')
    bao.port, direct = bao_front.httpd.port, bao.port
    try:
        with pytest.raises(BaoError, match="sealed"):
            login(bao)
        assert login(bao)["client_token"]
    finally:
        bao.port = direct
    assert [r.status for r in bao_front.requests("POST", "login")] == [503, 200] and bao.logins() == 1


# --- proxy --------------------------------------------------------------------------------------------


def test_proxy_tunnels_and_forwards(authority):
    pair = authority.issue("server")
    context = ssl.create_default_context(cafile=authority.ca)
    with Proxy("me", "pass") as proxy, GitLab(cert=pair.cert, key=pair.key) as tls, GitLab() as plain:
        login = {"Proxy-Authorization": proxy.credentials}
        through = http.client.HTTPSConnection("127.0.0.1", proxy.httpd.port, timeout=10, context=context)
        through.set_tunnel("127.0.0.1", tls.httpd.port, login)
        through.request("GET", "/api/v4/runners/router/discovery")
        assert through.getresponse().status == 501
        through.close()
        direct = http.client.HTTPConnection("127.0.0.1", proxy.httpd.port, timeout=10)
        direct.request("GET", f"{plain.url}/api/v4/runners/router/discovery", headers=login)
        assert direct.getresponse().status == 501
        direct.close()
        assert proxy.connected == [f"127.0.0.1:{tls.httpd.port}", f"127.0.0.1:{plain.httpd.port}"]
        direct.request("GET", f"{plain.url}/")
        assert direct.getresponse().status == 407 and len(proxy.connected) == 2
        direct.close()
