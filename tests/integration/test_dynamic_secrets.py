"""Dynamic secrets: a role of a real PostgreSQL, made by OpenBao for one job and gone when the job is over."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from courser import TestUser
from exec_client import BARE, Running, execute, script_output, wait
from machine import require

from tests.forge.gitlab_payload import payload, variable
from tests.forge.openbao import OpenBao
from tests.forge.postgres import Postgres, programs


@pytest.fixture(scope="module")
def server(bao_server: OpenBao, test_user: TestUser | None) -> Iterator[Postgres]:
    try:
        programs()
    except FileNotFoundError as error:
        require(False, str(error))
    with Postgres((test_user.uid, test_user.gid) if test_user else None) as made:
        made.serve(bao_server)
        yield made
        bao_server.call("DELETE", "sys/mounts/database")


@pytest.fixture
def postgres(server: Postgres, bao: OpenBao) -> Postgres:
    assert server.roles() == []
    return server


def job(bao: OpenBao, script: list[str], **more) -> dict:
    """Two fields of one secret: one read, one role."""
    secrets = {key: bao.secret("creds/ci", field, "database", engine="generic")
               for key, field in (("DB_USER", "username"), ("DB_PASSWORD", "password"))}
    listed = [variable(key, value) for key, value in {**BARE, "GIT_STRATEGY": "none"}.items()]
    return payload(script, secrets=secrets, variables=[*listed, bao.id_token()], **more)


def using(postgres: Postgres) -> str:
    return postgres.psql("$DB_USER", "$DB_PASSWORD")


def test_a_role_for_one_job(courser, as_user, bao, postgres) -> None:
    ask = using(postgres)
    script = [f"{ask} \"SELECT count(*) FROM pg_roles WHERE rolname LIKE 'v-%' AND rolname = current_user\"",
              f"{ask} 'SELECT current_user'", "echo $DB_PASSWORD"]
    done = execute(courser, job(bao, script))
    assert script_output(done) == ["1", "[MASKED]", "[MASKED]"], done.text
    assert postgres.roles() == [], "dropped before the job was over"
    bao.wait_clean()
    assert bao.reads("database/creds") == 1 and bao.revocations() == 1


@pytest.mark.parametrize("end", ["failure", "cancel", "worker", "keeper", "command"])
def test_the_role_is_gone_whatever_the_end_was(courser, bao, postgres, end) -> None:
    script = [f"{using(postgres)} 'SELECT 41 + 1'", "exit 3" if end == "failure" else "echo begun; exec sleep 4714.1"]
    running = Running(courser, job(bao, script))
    running.until("42")
    if end != "failure":
        running.until("begun")
        assert len(postgres.roles()) == 1
    if end == "cancel":
        running.interrupt()
    elif end in ("worker", "keeper"):
        os.kill(running.role(end), signal.SIGKILL)
    elif end == "command":
        running.process.kill()
    if end == "keeper":  # the job goes on; what it was lent is taken back
        assert wait(lambda: not postgres.roles())
        running.interrupt()
    done = running.end()
    assert done.returncode == (-9 if end == "command" else 1), done.text
    assert wait(lambda: not postgres.roles()), postgres.roles()
    bao.wait_clean(10)

