"""courser-keeper against a real OpenBao: logins, reads, failures, renewal, revocation, audit."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import select
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from keeper_client import Keeper, wait_for

from tests.forge.certs import Authority
from tests.forge.front import Front
from tests.forge.openbao import OpenBao

KV2, KV1, GENERIC = "kv2-Pa55word-of-production", "kv1-Pa55word-of-production", "generic-value-of-a-thing"


@pytest.fixture
def build() -> Path:
    path = Path(os.environ.get("COURSER_BUILD") or Path(__file__).resolve().parents[2] / "build")
    assert (path / "courser-keeper").is_file(), f"{path}/courser-keeper is not built"
    return path


@pytest.fixture
def keep(build: Path, tmp_path: Path) -> Iterator[Callable[..., Keeper]]:
    """Starts keepers, and sees each of them to its end."""
    made: list[Keeper] = []

    def start(settings: dict[str, Any] | None = None, records: str | None = None) -> Keeper:
        directory = tmp_path / str(len(made))
        directory.mkdir()
        made.append(Keeper(build, directory, settings, records))
        return made[-1]

    yield start
    for keeper in made:
        with keeper:
            pass
    for keeper in made:
        assert "Sanitizer" not in keeper.errors.read_text()


def want(bao: OpenBao, **changes: str) -> dict[str, str]:
    """The fields of a READ of ops/production/db#password."""
    return {"name": "DB_PW", "provider": "vault", "url": bao.url, "auth_name": "jwt", "auth_path": "jwt",
            "jwt": changes.pop("jwt", None) or bao.jwt(), "role": "ci", "engine": "kv-v2", "mount": "ops",
            "path": "production/db", "field": "password", **changes}


def test_one_login_for_all_and_one_read_a_path(bao: OpenBao, keep) -> None:
    keeper, jwt = keep(), bao.jwt()
    assert keeper.read(**want(bao, jwt=jwt)).value == KV2.encode()
    assert keeper.read(**want(bao, jwt=jwt, name="USER", field="username")).value == b"app"
    assert keeper.read(**want(bao, jwt=jwt, engine="kv-v1", mount="ops1")).value == KV1.encode()
    assert keeper.read(**want(bao, jwt=jwt, engine="generic", mount="generic", path="thing", field="value")
                       ).value == GENERIC.encode()
    assert bao.logins() == 1
    assert bao.reads("ops/data/production/db") == 1
    assert len(bao.tokens()) == 1
    assert keeper.leave() == (1, 0, "")
    assert bao.tokens() == []
    assert keeper.process.returncode == 0


def test_a_login_for_each_identity(bao: OpenBao, keep) -> None:
    keeper = keep()
    first, second = bao.jwt(), bao.jwt({"job_id": "2"})
    for jwt in (first, second, first):
        assert keeper.read(**want(bao, jwt=jwt)).value == KV2.encode()
    assert keeper.read(**want(bao, jwt=first, role="protected")).failure in ("", "config")
    assert bao.logins() >= 2
    assert len(bao.tokens()) == bao.logins()
    revoked, failed, _ = keeper.leave()
    assert (revoked, failed) == (bao.logins(), 0)
    assert bao.tokens() == []


@pytest.mark.parametrize(("field", "value", "masks"), [
    ("number", b"4711", []),
    ("flag", b"true", []),
    ("object", b'{"a":1,"b":"leaf-of-the-object"}', ["leaf-of-the-object"]),
    ("multiline", b"first line\nsecond line of the key\nlast\n", []),
])
def test_values_come_out_as_they_went_in(bao: OpenBao, keep, field: str, value: bytes, masks: list[str]) -> None:
    answer = keep().read(**want(bao, field=field))
    assert answer.value == value
    assert answer.masks == masks


def test_a_value_longer_than_a_message(bao: OpenBao, keep) -> None:
    long = base64.b64encode(os.urandom(150_000)).decode()
    bao.put("ops/data/long", {"data": {"password": long}})
    assert keep().read(**want(bao, path="long")).value == long.encode()


def test_paths_are_encoded(bao: OpenBao, keep) -> None:
    bao.put("ops/data/a%20b/%C3%A4", {"data": {"password": "odd-path-value"}})
    assert keep().read(**want(bao, path="a b/ä")).value == b"odd-path-value"


def test_namespaces(bao: OpenBao, keep) -> None:
    try:
        bao.namespace("team1")
    except Exception as error:  # noqa: BLE001 - an older server made it in another test of this process
        assert "already" in str(error) or "exist" in str(error)
    keeper = keep()
    assert keeper.read(**want(bao, space="team1")).value == b"kv2-Pa55word-of-team1"
    unknown = keeper.read(**want(bao, space="nowhere"))
    assert unknown.failure == "config"
    assert keeper.leave()[1] == 0


def test_inline_authentication_leaves_nothing(bao: OpenBao, keep) -> None:
    keeper = keep()
    answer = keeper.read(**want(bao, provider="gitlab_secrets_manager", auth_name="", auth_path="auth/jwt/login"))
    assert answer.value == KV2.encode(), answer.text
    assert bao.tokens() == []
    assert keeper.records() == {}
    assert keeper.leave() == (0, 0, "")


# --- failures --------------------------------------------------------------------------------------------

LOGIN = ("initializing Vault service: preparing authenticated client: authenticating Vault client: writing to Vault: "
         "api error: status code 400: ")
READING = "reading secret: reading from Vault: api error: status code 403: "


@pytest.mark.parametrize(("changes", "failure", "text"), [
    ({"path": "nothing/here"}, "missing", "ops/nothing/here: there is no such secret"),
    ({"field": "pasword"}, "missing", 'ops/production/db: it has no field "pasword"; did you mean "password"?'),
    ({"field": "nothing"}, "missing", 'its field "nothing" is null'),
    ({"field": ""}, "config", "no field is named"),
    ({"role": "denied"}, "config", READING),
    ({"role": "nope"}, "config", LOGIN + 'role "nope" could not be found'),
    ({"role": "other"}, "config", LOGIN),
    ({"jwt": "eyJhbGciOiJSUzI1NiJ9.e30.AAAA"}, "config", LOGIN),
    ({"auth_path": "nowhere"}, "config", "api error: status code 403: "),
    ({"auth_name": "approle"}, "config", "jwt is"),
    ({"engine": "pki"}, "config", '"pki" is not supported'),
    ({"provider": "azure_key_vault"}, "config", "no resolver"),
    ({"path": "../../sys/seal-status"}, "config", "a part of it is empty"),
    ({"path": "a?version=1"}, "config", "it holds a control byte"),
    ({"url": "http://vault.example.com"}, "config", "is not https"),
    ({"url": "file:///etc/passwd"}, "config", "not an http or https address"),
])
def test_failures_say_why(bao: OpenBao, keep, changes: dict[str, str], failure: str, text: str) -> None:
    answer = keep().read(**want(bao, **changes))
    assert (answer.failure, answer.value) == (failure, None)
    assert text in answer.text
    assert KV2 not in answer.text


@pytest.mark.parametrize("how", [{"audience": "https://other.example.com"}, {"lifetime": -3600},
                                 {"issuer": "https://evil.example.com"}, {"key": "stranger"}])
def test_a_jwt_that_is_refused(bao: OpenBao, keep, how: dict[str, Any]) -> None:
    if "key" in how:
        how = {"key": bao.stranger}
    keeper, jwt = keep(), bao.jwt(**how)
    answer = keeper.read(**want(bao, jwt=jwt))
    assert answer.failure == "config"
    assert answer.text.startswith(LOGIN)
    assert jwt not in answer.text
    assert bao.logins() == 0
    assert keeper.leave() == (0, 0, "")


def test_deleted_versions_are_named(bao: OpenBao, keep) -> None:
    bao.put("ops/data/gone", {"data": {"password": "was-here"}})
    bao.call("DELETE", "ops/data/gone")
    answer = keep().read(**want(bao, path="gone"))
    assert answer.failure == "missing"
    assert "version 1 of it was deleted at 20" in answer.text


def test_an_operators_list_of_addresses(bao: OpenBao, keep) -> None:
    keeper = keep({"allowed": "https://vault.example.com"})
    assert "vault.allowed" in keeper.read(**want(bao)).text
    assert bao.audit() == []
    assert keep({"allowed": f"https://vault.example.com {bao.url}"}).read(**want(bao)).value == KV2.encode()


def test_nobody_listens(bao: OpenBao, keep) -> None:
    answer = keep().read(**want(bao, url="http://127.0.0.1:1"))
    assert answer.failure == "system"
    assert "127.0.0.1" in answer.text


@pytest.mark.parametrize(("status", "failure"), [(503, "external"), (500, "external"), (429, "system")])
def test_a_server_in_trouble(bao: OpenBao, bao_front: Front, keep, status: int, failure: str) -> None:
    bao_front.fail_next("GET", "/v1/ops/", status=status, body='{"errors":["Vault is sealed"]}', times=99)
    answer = keep().read(**want(bao, url=bao_front.url))
    assert answer.failure == failure
    assert answer.text == f"reading secret: reading from Vault: api error: status code {status}: Vault is sealed"
    assert len(bao_front.requests("GET", "/v1/ops/")) == (2 if status == 500 else 5)
    assert len(bao_front.requests("POST", "/v1/auth/jwt/login")) == 1


def test_trouble_that_passes(bao: OpenBao, bao_front: Front, keep) -> None:
    bao_front.fail_next("POST", "/login", status=503, times=2)
    bao_front.fail_next("GET", "/v1/ops/", close=True)
    bao_front.fail_next("GET", "/v1/ops/", status=429, headers={"Retry-After": "1"})
    assert keep().read(**want(bao, url=bao_front.url)).value == KV2.encode()


def test_a_generic_read_is_never_repeated_blindly(bao: OpenBao, bao_front: Front, keep) -> None:
    bao_front.fail_next("GET", "/v1/generic/", close=True, processed=True)
    answer = keep().read(**want(bao, url=bao_front.url, engine="generic", mount="generic", path="thing"))
    assert answer.failure == "system"
    assert len(bao_front.requests("GET", "/v1/generic/")) == 1


@pytest.mark.parametrize("how", [{"garbage": True}, {"endless": True}, {"status": 200, "body": "<html>"},
                                 {"status": 200, "body": '{"data":{}} {}'}, {"status": 204}])
def test_garbage(bao: OpenBao, bao_front: Front, keep, how: dict[str, Any]) -> None:
    bao_front.fail_next("GET", "/v1/ops/", times=99, **how)
    keeper = keep()
    answer = keeper.read(**want(bao, url=bao_front.url))
    assert answer.failure == "system"
    assert answer.text
    assert keeper.leave() == (1, 0, "")


def test_redirects(bao: OpenBao, bao_front: Front, keep) -> None:
    bao_front.fail_next("GET", "/v1/ops/", redirect=f"{bao.url}/v1/ops/data/production/db")
    assert keep().read(**want(bao, url=bao_front.url)).value == KV2.encode()
    bao_front.fail_next("GET", "/v1/ops/", redirect=f"http://localhost:{bao.port}/v1/ops/data/production/db")
    answer = keep().read(**want(bao, url=bao_front.url))
    assert answer.failure == "config"
    assert "another host" in answer.text


def test_tls(bao: OpenBao, authority: Authority, keep) -> None:
    pair = authority.issue("vault")
    with Front(bao.port, cert=pair.cert, key=pair.key) as front:
        unknown = keep().read(**want(bao, url=front.url))
        assert unknown.failure == "system"
        assert "certificate" in unknown.text
        keeper = keep({"ca_file": authority.ca})
        assert keeper.read(**want(bao, url=front.url)).value == KV2.encode()
        assert keeper.leave() == (1, 0, "")


# --- the life of a login ---------------------------------------------------------------------------------


def test_a_token_is_renewed(bao: OpenBao, keep) -> None:
    keeper = keep()
    assert keeper.read(**want(bao, role="short")).value == KV2.encode()
    wait_for(lambda: len(bao.audit("auth/token/renew-self")) >= 2, 12, "the second renewal")
    assert len(bao.tokens()) == 1
    assert keeper.leave() == (1, 0, "")
    assert bao.tokens() == []


def test_an_expired_token_is_replaced(bao: OpenBao, keep) -> None:
    keeper, jwt = keep(), bao.jwt()
    assert keeper.read(**want(bao, jwt=jwt, role="brief")).value == KV2.encode()
    wait_for(lambda: not bao.tokens(), 10, "the token's end")
    assert keeper.read(**want(bao, jwt=jwt, role="brief", path="production/db", engine="kv-v1", mount="ops1")
                       ).value == KV1.encode()
    assert bao.logins() == 2


def test_a_revoked_token_is_replaced_once(bao: OpenBao, keep) -> None:
    keeper, jwt = keep(), bao.jwt()
    assert keeper.read(**want(bao, jwt=jwt)).value == KV2.encode()
    bao.sweep()
    assert keeper.read(**want(bao, jwt=jwt, engine="kv-v1", mount="ops1")).value == KV1.encode()
    assert bao.logins() == 2
    assert keeper.leave()[1] == 0
    assert bao.tokens() == []


def test_no_token_outlives_the_job_by_far(bao: OpenBao, keep) -> None:
    keeper = keep({"life_max_s": 120})
    assert keeper.read(**want(bao)).value == KV2.encode()
    assert [token["ttl"] <= 120 for token in bao.tokens()] == [True]


@pytest.mark.parametrize("end", ["leave", "close", "close in a read"])
def test_revoked_whatever_the_end_was(bao: OpenBao, bao_front: Front, keep, end: str) -> None:
    keeper = keep()
    assert keeper.read(**want(bao, url=bao_front.url)).value == KV2.encode()
    assert len(bao.tokens()) == 1
    if end == "leave":
        assert keeper.leave() == (1, 0, "")
    elif end == "close":
        keeper.worker.close()
    else:
        bao_front.fail_next("GET", "/v1/ops/", delay=20)
        keeper.ask(**want(bao, url=bao_front.url, jwt=bao.jwt({"job_id": "9"}), path="other"))
        wait_for(lambda: len(bao.tokens()) == 2, what="the second login")
        keeper.worker.close()
    keeper.process.wait(10)
    assert bao.tokens() == []
    assert keeper.records() == {}


def test_another_keeper_revokes_after_a_death(bao: OpenBao, keep) -> None:
    keeper = keep()
    assert keeper.read(**want(bao)).value == KV2.encode()
    assert keeper.read(**want(bao, jwt=bao.jwt({"job_id": "2"}))).value == KV2.encode()
    keeper.process.send_signal(signal.SIGKILL)
    keeper.process.wait()
    assert len(bao.tokens()) == 2
    records = keeper.records()
    assert len(records) == 2
    second = keep(records="\n".join(records.values()) + "\n")
    assert second.done() == (2, 0, "")
    assert second.process.returncode == 0
    assert bao.tokens() == []


@pytest.mark.parametrize("how", [{"status": 500, "times": 3}, {"close": True}], ids=["engine", "broken"])
def test_a_revocation_that_fails_is_tried_again(bao: OpenBao, bao_front: Front, keep, how: dict[str, Any]) -> None:
    """An engine's trouble is asked twice by the client; more is the keeper's patience."""
    keeper = keep()
    assert keeper.read(**want(bao, url=bao_front.url)).value == KV2.encode()
    keeper.process.send_signal(signal.SIGKILL)
    keeper.process.wait()
    bao_front.fail_next("*", "/v1/auth/token/revoke-self", **how)
    second = keep(records=keeper.records()[0] + "\n")
    assert second.done() == (1, 0, "") and second.process.returncode == 0
    assert bao.tokens() == []
    assert len(bao_front.requests("POST", "/v1/auth/token/revoke-self")) == how.get("times", 1) + 1


def test_a_refusal_is_not_asked_again(bao: OpenBao, bao_front: Front, keep) -> None:
    bao_front.fail_next("*", "/v1/auth/token/revoke-self", status=405, body='{"errors":["never"]}', times=9)
    second = keep(records=f"address={bao_front.url} token=s.nothing\n")
    assert second.done() == (0, 1, "never") or "never" in second.errors.read_text()
    assert len(bao_front.requests("POST", "/v1/auth/token/revoke-self")) == 1


def test_a_later_supervisor_gets_every_record(bao: OpenBao, keep) -> None:
    keeper = keep()
    assert keeper.read(**want(bao)).value == KV2.encode()
    before = keeper.records()
    keeper.supervisor.close()
    keeper.come()
    wait_for(lambda: select.select([keeper.supervisor], [], [], 0)[0], what="its word")
    assert keeper.greeted() and keeper.records() == before
    assert keeper.read(**want(bao, jwt=bao.jwt({"job_id": "2"}))).value == KV2.encode()
    assert len(keeper.records()) == 1, "what is new is told to who is there now"
    keeper.come()
    wait_for(lambda: select.select([keeper.supervisor], [], [], 0)[0], what="its word")
    assert keeper.greeted() and len(keeper.records()) == 2
    assert keeper.leave() == (2, 0, "") and keeper.records() == {}


def test_what_cannot_be_revoked_is_said(bao: OpenBao, bao_front: Front, keep) -> None:
    keeper = keep()
    assert keeper.read(**want(bao, url=bao_front.url)).value == KV2.encode()
    bao_front.fail_next("*", "/v1/auth/token/revoke-self", status=501, body='{"errors":["not today"]}', times=99)
    revoked, failed, text = keeper.leave()
    assert (revoked, failed) == (0, 1)
    assert "not today" in text
    assert len(keeper.records()) == 1
    records = "address=%s token=s.nothing\nnonsense\n" % bao.url
    second = keep(records=records)
    assert second.done()[1] == 0
    assert second.process.returncode == 1


def test_leases_are_renewed_and_revoked_before_the_token(bao: OpenBao, bao_front: Front, keep) -> None:
    lease = "database/creds/ci/1234"
    bao_front.fail_next("GET", "/v1/database/creds/ci", status=200, body=json.dumps(
        {"request_id": "r-1", "lease_id": lease, "renewable": True, "lease_duration": 3,
         "data": {"username": "v-ci", "password": "dynamic-Pa55word"}, "warnings": ["TTL capped\nat 3 s"]}))
    bao_front.fail_next("PUT", "/v1/sys/leases/renew", status=200, times=99, body=json.dumps(
        {"lease_id": lease, "renewable": True, "lease_duration": 3}))
    bao_front.fail_next("PUT", "/v1/sys/leases/revoke", status=204)
    keeper, jwt = keep(), bao.jwt()
    how = want(bao, url=bao_front.url, jwt=jwt, engine="generic", mount="database", path="creds/ci")
    answer = keeper.read(**how)
    assert answer.value == b"dynamic-Pa55word"
    assert answer.notes == ["secret DB_PW: TTL capped at 3 s"]
    assert keeper.read(**{**how, "name": "DB_USER", "field": "username"}).value == b"v-ci"
    assert len(bao_front.requests("GET", "/v1/database/")) == 1
    assert f"lease={lease}" in keeper.records()[0]
    wait_for(lambda: bao_front.requests("PUT", "/v1/sys/leases/renew"), what="the renewal of the lease")
    assert keeper.leave() == (2, 0, "")
    order = [request.path for request in bao_front.requests() if "revoke" in request.path]
    assert order == ["/v1/sys/leases/revoke", "/v1/auth/token/revoke-self"]
    revoke = bao_front.requests("PUT", "/v1/sys/leases/revoke")[0]
    assert json.loads(revoke.body) == {"sync": True, "lease_id": lease}
    hashed = hashlib.sha256(lease.encode()).hexdigest()[:16]
    assert keeper.audit()[0]["lease"] == hashed
    assert bao.tokens() == []


# --- what is written down --------------------------------------------------------------------------------


def test_audit(bao: OpenBao, keep) -> None:
    keeper, jwt = keep(), bao.jwt()
    keeper.read(**want(bao, jwt=jwt))
    keeper.read(**want(bao, jwt=jwt, name="USER", field="username"))
    keeper.read(**want(bao, jwt=jwt, name="NOPE", path="nope"))
    keeper.leave()
    first, second, third, last = keeper.audit()
    requests = {entry["request"]["id"] for entry in bao.audit("ops/data/production/db")}
    assert {key: first[key] for key in ("ev", "job", "secret", "mount", "path", "field", "version", "result", "cached")
            } == {"ev": "secret_read", "job": "4711", "secret": "DB_PW", "mount": "ops", "path": "production/db",
                  "field": "password", "version": "1", "result": "ok", "cached": "0"}
    assert first["request"] in requests
    assert (second["secret"], second["cached"]) == ("USER", "1")
    assert (third["secret"], third["result"]) == ("NOPE", "missing")
    assert (last["ev"], last["revoked"], last["failed"]) == ("secret_revoke", "1", "0")
    text = keeper.audit_path.read_text() + keeper.errors.read_text()
    for hidden in (KV2, jwt, jwt.split(".")[2]):
        assert hidden not in text


def test_confined(bao: OpenBao, keep) -> None:
    keeper = keep()
    assert keeper.read(**want(bao)).value == KV2.encode()
    status = dict(line.split(":\t", 1) for line in
                  Path(f"/proc/{keeper.process.pid}/status").read_text().splitlines() if ":\t" in line)
    assert (status["NoNewPrivs"], status["Seccomp"], int(status["CapEff"], 16)) == ("1", "2", 0)
    limits = Path(f"/proc/{keeper.process.pid}/limits").read_text().splitlines()
    core = next(line for line in limits if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["1", "1"], "no dump of what it holds, and 1, not 0: no handler of the host either"


def test_out_of_step(bao: OpenBao, keep) -> None:
    keeper = keep()
    assert keeper.read(**want(bao)).value == KV2.encode()
    keeper.worker.send(b"\x63\0\0\0")
    keeper.process.wait(10)
    assert keeper.process.returncode == 1
    assert bao.tokens() == []
