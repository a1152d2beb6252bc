"""Sources over TLS and through a proxy: the authority, the client's certificate, and what is said when they are wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from exec_client import BARE, execute, lines, script_output
from sources_client import Fetched, fetch

from tests.forge.certs import Authority
from tests.forge.git_server import GitServer, Repo
from tests.forge.gitlab_payload import payload
from tests.forge.proxy import Proxy

ENGINES = pytest.mark.parametrize("engine", ["", 'git=""\n'], ids=["git", "libgit2"])


@pytest.fixture(scope="module")
def stranger(authority: Authority) -> Authority:
    """An authority that signed none of the servers here."""
    return Authority(authority.directory, "stranger")


@pytest.fixture(scope="module")
def tls(authority: Authority) -> Iterator[GitServer]:
    pair = authority.issue("git")
    with GitServer(cert=pair.cert, key=pair.key) as server:
        yield server
    assert not server.httpd.crashes


@pytest.fixture(scope="module")
def picky(authority: Authority) -> Iterator[GitServer]:
    """Talks to those alone who show a certificate of the authority."""
    pair = authority.issue("picky")
    with GitServer(cert=pair.cert, key=pair.key, client_ca=authority.ca) as server:
        yield server


@pytest.fixture
def repo(tls: GitServer, request: pytest.FixtureRequest) -> Repo:
    return tls.repo(request.node.name, {"README": "over tls\n"})


def get(repo: Repo, mirror: Path, *settings: str) -> Fetched:
    """By name: Debian's libgit2 checks no certificate of an address."""
    return fetch(mirror, repo.url.replace("127.0.0.1", "localhost"), repo.resolve("main"), token=repo.server.token,
                 settings="".join(settings))


def line(key: str, value: str) -> str:
    return f'{key}="{value}"\n'


def silent_on(got: Fetched, *secrets: str) -> bool:
    return not any(secret in text for secret in secrets for text in (got.text, got.note, *got.progress))


@ENGINES
def test_private_authority(authority: Authority, repo: Repo, tmp_path: Path, engine: str) -> None:
    trust = line("ca_file", authority.ca)
    first = get(repo, tmp_path, trust, engine)
    repo.commit({"more": "1\n"})
    second = get(repo, tmp_path, trust, engine)
    assert (first.fault, second.fault) == ("ok", "ok"), (first, second)
    assert second.engine == ("git" if not engine else first.engine) and not second.hit


@ENGINES
@pytest.mark.parametrize("warm", [False, True], ids=["first", "incremental"])
def test_an_authority_that_is_not_trusted(authority: Authority, stranger: Authority, repo: Repo, tmp_path: Path,
                                          engine: str, warm: bool) -> None:
    if warm:
        assert get(repo, tmp_path, line("ca_file", authority.ca), engine).fault == "ok"
        repo.commit({"more": "1\n"})
    before = len(repo.server.requests())
    for trust in (line("ca_file", stranger.ca), ""):
        got = get(repo, tmp_path, trust, engine)
        assert got.fault == "network" and "tls_ca_file" in got.text and repo.name in got.text, got
        assert silent_on(got, repo.server.token)
    assert len(repo.server.requests()) == before, "nothing is said to a server that is not trusted"


def test_client_certificate(authority: Authority, picky: GitServer, tmp_path: Path) -> None:
    repo = picky.repo("group/project", {"README": "for those who show who they are\n"})
    trust, pair = line("ca_file", authority.ca), authority.issue("client")
    shown = line("cert_file", pair.cert) + line("key_file", pair.key)
    for _ in ("first", "incremental"):
        got = get(repo, tmp_path / "with", trust, shown)
        assert got.fault == "ok", got
        repo.commit({"more": got.engine})
    without = get(repo, tmp_path / "without", trust)
    assert without.fault == "network" and "tls_cert_file" in without.text and silent_on(without, picky.token), without
    alone = get(repo, tmp_path / "alone", trust, shown, 'git=""\n')
    assert alone.fault == "config" and "client certificate" in alone.text and "git" in alone.text, alone


def test_a_certificate_of_nobody(authority: Authority, stranger: Authority, picky: GitServer, tmp_path: Path) -> None:
    repo, pair = picky.repo("group/nobody"), stranger.issue("nobody")
    got = get(repo, tmp_path, line("ca_file", authority.ca), line("cert_file", pair.cert), line("key_file", pair.key))
    assert got.fault == "network" and "tls_cert_file" in got.text and silent_on(got, picky.token), got


# --- proxies -------------------------------------------------------------------------------------------------


def test_through_a_proxy(authority: Authority, repo: Repo, git: GitServer, tmp_path: Path) -> None:
    plain = git.repo()
    with Proxy("me", "proxy-password") as proxy:
        settings = line("ca_file", authority.ca) + line("proxy", proxy.url)
        for there in (repo, plain):
            for _ in ("first", "incremental"):
                got = get(there, tmp_path / there.server.url[-5:], settings)
                assert got.fault == "ok", got
                there.commit({"more": got.engine})
        assert {server.httpd.port for server in (repo.server, git)} == \
            {int(where.rpartition(":")[2]) for where in proxy.connected}
        alone = get(repo, tmp_path / "alone", settings, 'git=""\n')
        assert alone.fault == "config" and "a proxy needs the git program" in alone.text, alone


@pytest.mark.parametrize("secure", [True, False], ids=["https", "http"])
def test_a_proxy_that_refuses(authority: Authority, repo: Repo, git: GitServer, tmp_path: Path, secure: bool) -> None:
    there = repo if secure else git.repo()
    with Proxy("me", "proxy-password") as proxy:
        wrong = proxy.url.replace("proxy-password", "a-wrong-password")
        got = get(there, tmp_path, line("ca_file", authority.ca), line("proxy", wrong))
        assert got.fault == "network" and "the proxy refused" in got.text, got
        assert silent_on(got, there.server.token, "a-wrong-password") and not proxy.connected


def test_hosts_without_the_proxy(git: GitServer, tmp_path: Path) -> None:
    repo = git.repo()
    with Proxy() as proxy:
        for hosts, used in (("example.com, localhost", False), ("*", False), ("example.com,.localhost.org", True)):
            got = get(repo, tmp_path, line("proxy", proxy.url), line("no_proxy", hosts))
            assert got.fault == "ok" and bool(proxy.connected) == used, (hosts, got)
            repo.commit({"more": hosts})


@pytest.mark.parametrize("warm", [False, True], ids=["first", "incremental"])
def test_a_certificate_for_an_address(authority: Authority, repo: Repo, tmp_path: Path, warm: bool) -> None:
    if warm:
        assert get(repo, tmp_path, line("ca_file", authority.ca)).fault == "ok"
    sha = repo.commit({"more": "1\n"})
    got = fetch(tmp_path, repo.url, sha, token=repo.server.token, settings=line("ca_file", authority.ca))
    assert "127.0.0.1" in repo.url and got.fault == "ok", got


# --- a whole job ---------------------------------------------------------------------------------------------


def test_a_job(courser, as_user, authority: Authority, stranger: Authority, picky: GitServer) -> None:
    repo, pair = picky.repo(f"group/{as_user}", {"README": "hello\n"}), authority.issue(as_user)
    trust = ["-o", f"tls_cert_file={pair.cert}", "-o", f"tls_key_file={pair.key}"]
    with Proxy() as proxy:
        given = payload(["cat README"], git=repo, variables=BARE)
        picky.accept(given["token"])
        done = execute(courser, given, *trust, "-o", f"tls_ca_file={authority.ca}", "-o", f"proxy={proxy.url}", "-o",
                       "no_proxy=example.com")
        assert script_output(done) == ["hello"] and proxy.connected, done.text
        assert given["token"] not in done.text + done.stderr
    repo.commit({"more": "1\n"})
    given = payload(["echo never"], git=repo, variables=BARE)
    done = execute(courser, given, *trust, "-o", f"tls_ca_file={stranger.ca}")
    assert (done.result["failure_reason"], done.result["fault"]) == ("runner_external_dependency_failure", "infra"), done.result
    assert "certificate" in done.result["verdict"] and "never" not in lines(done), done.result
    assert given["token"] not in done.text + done.stderr


def test_a_certificate_that_cannot_be_read(courser, as_user, git: GitServer) -> None:
    given = payload(["echo never"], git=git.repo(), variables=BARE)
    done = execute(courser, given, "-o", "tls_ca_file=/nonexistent/ca.crt")
    assert (done.result["failure_reason"], done.result["fault"]) == ("runner_configuration_error", "config")
    assert "/nonexistent/ca.crt" in done.result["verdict"] and "never" not in lines(done), done.result
