"""Fixtures of the integration tests: real servers, courser as root and as an ordinary user, a time limit a test."""

from __future__ import annotations

import faulthandler
import os
import random
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "tests" / "integration"))

from courser import Binaries, Courser, TestUser  # noqa: E402
from machine import require  # noqa: E402
from tests.forge.certs import Authority  # noqa: E402
from tests.forge.front import Front  # noqa: E402
from tests.forge.git_server import GitServer  # noqa: E402
from tests.forge.gitea import Gitea  # noqa: E402
from tests.forge.gitlab import GitLab  # noqa: E402
from tests.forge.openbao import OpenBao, binary  # noqa: E402

DEFAULT_TIMEOUT = 60.0


# --- a time limit for each phase of each test -----------------------------------------------------------


class OutOfTime(BaseException):
    """Raised in the main thread, wherever it is; no `except Exception` of a test swallows it."""


def seconds_of(item: pytest.Item) -> float:
    mark = item.get_closest_marker("timeout")
    return float(mark.args[0]) if mark else DEFAULT_TIMEOUT


def limited(item: pytest.Item) -> Iterator[None]:
    seconds = seconds_of(item)

    def expired(number: int, frame: object) -> None:
        raise OutOfTime(f"{item.nodeid} took more than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, expired)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    faulthandler.dump_traceback_later(seconds + 20, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    yield from limited(item)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    yield from limited(item)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    yield from limited(item)


# --- servers ------------------------------------------------------------------------------------------


@pytest.fixture
def gitlab(request: pytest.FixtureRequest) -> Iterator[GitLab]:
    """A coordinator of the test's own. What the runner did wrong fails the test at its end."""
    with GitLab() as server:
        yield server
        found = server.problems()
    if not request.node.get_closest_marker("violations"):
        assert not found, "\n".join(["the runner broke the protocol:", *found])


@pytest.fixture
def gitea(request: pytest.FixtureRequest) -> Iterator[Gitea]:
    """A Gitea server of the test's own. What the runner did wrong fails the test at its end."""
    with Gitea() as server:
        yield server
        found = server.problems()
    if not request.node.get_closest_marker("violations"):
        assert not found, "\n".join(["the runner broke the protocol:", *found])


@pytest.fixture
def git() -> Iterator[GitServer]:
    """A git server of the test's own (tests count requests and make it misbehave)."""
    with GitServer() as server:
        yield server
    assert not server.httpd.crashes and not server.httpd.malformed


@pytest.fixture(scope="session")
def bao_server() -> Iterator[OpenBao]:
    try:
        binary()
    except FileNotFoundError as error:
        require(False, f"OpenBao ({error})")
    with OpenBao() as server:
        yield server


@pytest.fixture
def bao(bao_server: OpenBao) -> Iterator[OpenBao]:
    """OpenBao, shared by the tests of one process: counts start at zero, tokens left behind by a test are revoked."""
    bao_server.fresh()
    yield bao_server
    bao_server.thaw()
    bao_server.sweep()


@pytest.fixture
def bao_front(bao: OpenBao) -> Iterator[Front]:
    """The way to `bao` that can be made to fail: use its url in place of the server's."""
    with Front(bao.port) as made:
        yield made


@pytest.fixture(scope="session")
def authority() -> Iterator[Authority]:
    """A certificate authority; its files can be read by every account (the keys of a test are no secret)."""
    with tempfile.TemporaryDirectory(prefix="cc-", dir="/tmp") as directory:
        path = Path(directory)
        path.chmod(0o755)
        yield Authority(path)


# --- courser ------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def test_user() -> TestUser | None:
    """The unprivileged account; None when the tests themselves do not run as root."""
    return TestUser.ensure() if os.geteuid() == 0 else None


@pytest.fixture(params=["root", "user"])
def as_user(request: pytest.FixtureRequest) -> str:
    """Runs the test twice: courser as root and as the unprivileged account."""
    if request.param == "root":
        require(os.geteuid() == 0, "root")
    return request.param


@pytest.fixture(scope="session")
def binaries() -> Iterator[Binaries]:
    """The built executables, where the unprivileged account can read them."""
    build = Path(os.environ.get("COURSER_BUILD") or ROOT / "build")
    if not (build / "courser").is_file():
        pytest.fail(f"{build}/courser is not built", pytrace=False)
    with Binaries(build) as made:
        yield made


@pytest.fixture
def snooze() -> str:
    """A command that sleeps for long and that no other test has: look for it with `courser.alive`."""
    return f"sleep {random.randrange(10 ** 6, 10 ** 7)}.{os.getpid()}"


@pytest.fixture
def courser(request: pytest.FixtureRequest, binaries: Binaries, test_user: TestUser | None) -> Iterator[Courser]:
    """courser: as the account that `as_user` says, else as the unprivileged one."""
    who = request.getfixturevalue("as_user") if "as_user" in request.fixturenames else "user"
    with Courser(binaries, test_user, who) as made:
        yield made
        made.stop_all()
        left = made.leftovers()
    assert not left, f"courser left processes behind: {left}"
