"""Services of a job: sandboxes beside it in the same network, from images of a real docker-registry."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from courser import Courser, Result
from daemon_client import ended, job_directories, lines_of, until
from exec_client import Running, execute, lines
from machine import require

from tests.forge.gitlab_payload import payload
from tests.forge.images import Entry, Image, busybox, layer, write_layout
from tests.forge.postgres import programs
from tests.forge.registry import Registry, available

BUILD = Path(os.environ.get("COURSER_BUILD") or Path(__file__).parents[2] / "build")
# An init with sanitizers needs libraries, which an image does not have.
pytestmark = pytest.mark.skipif(b"/ld-linux" in (BUILD / "courser-init").read_bytes(), reason="this build's init is not static")

# Answers every connection with a line: its words, its ids, what it knows.
SERVE = """#!/bin/sh
echo starting "$@"
while true; do
	echo "I am $1, $(id -u), $WHO, $SECRET-" | nc -l -p "$PORT" || exit 7
done
"""
BASE = busybox()


def server(run: dict[str, Any] | None = None) -> Image:
    script = layer(Entry("serve", data=SERVE, mode=0o755), Entry("fall", data="#!/bin/sh\necho falling down\nexit 7\n", mode=0o755))
    how = {"Env": ["PATH=/bin", "WHO=image"], "Entrypoint": ["/serve"], "Cmd": ["command"], "ExposedPorts": {"7000/tcp": {}}}
    return Image([BASE, script], {**how, **(run or {})})


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    require(available(), "docker-registry")
    with Registry() as made:
        made.push("team/server", "1", server())
        made.push("plain", "latest", Image([BASE], {"Env": ["PATH=/bin"]}))
        yield made


def service(registry: Registry, **how: Any) -> dict[str, Any]:
    return {"name": f"{registry.host}/team/server:1", "variables": [{"key": "PORT", "value": "7000"}], **how}


def run(courser: Courser, registry: Registry, services: list[dict[str, Any]], script: list[str], *args: str, **more: Any) -> Result:
    variables = {"FF_TIMESTAMPS": "false", **more.pop("variables", {})}
    return execute(courser, payload(script, services=services, variables=variables, **more), *options(registry), *args)


def options(registry: Registry) -> list[str]:
    return ["-o", f"images.insecure_registries={registry.host}", "-o", "network=none"]


def output(result: Result) -> list[str]:
    return [line for line in lines(result) if line.startswith("> ")]


def says(result: Result, words: str) -> None:
    assert words in "\n".join(lines(result)), (words, lines(result), result.stderr)


ASK = """python3 -c 'import socket,sys; print(">", socket.create_connection((sys.argv[1], int(sys.argv[2]))).makefile().read().strip())'"""


def test_a_job_reaches_its_service_by_every_name(courser: Courser, as_user: str, registry: Registry) -> None:
    host = registry.host.split(":")[0]
    names = [f"{host}__team__server", f"{host}-team-server", "db", "other.name"]
    result = run(courser, registry, [service(registry, alias="db, other.name")], [f"{ASK} {name} 7000" for name in names])
    assert result.returncode == 0, lines(result)
    assert output(result) == ["> I am command, 0, image, -"] * 4
    assert "didn't start properly" not in "\n".join(lines(result))
    assert "I am" not in "\n".join(line for line in lines(result) if not line.startswith("> "))


def test_a_job_in_an_image_and_the_files_of_each(courser: Courser, as_user: str, registry: Registry) -> None:
    script = ["echo '>' $(nc team 7000); echo mine > /serve; ls / | grep -c serve", "echo '>' $(cat /proc/[0-9]*/comm | grep -c serve) $(grep -c '^127.0.0.1 .*team' /etc/hosts)"]
    result = run(courser, registry, [service(registry, alias="team")], script, image={"name": f"{registry.host}/plain"})
    assert result.returncode == 0, lines(result)
    assert output(result) == ["> I am command, 0, image, -", "> 0 3"]


def test_what_a_service_is_given(courser: Courser, registry: Registry) -> None:
    made = service(registry, alias="db", command=["other words"], executor_opts={"docker": {"user": "node"}})
    made["variables"].append({"key": "WHO", "value": "$MINE"})
    variables = [{"key": "MINE", "value": "the job's"}, {"key": "SECRET", "value": "not-for-services", "public": False},
                 {"key": "FF_TIMESTAMPS", "value": "false"}]
    for one in variables:
        one.setdefault("public", True)
    result = execute(courser, payload([f"{ASK} db 7000"], services=[made], variables=variables), *options(registry))
    assert output(result) == ["> I am other words, 1000, the job's, -"], lines(result)


def test_an_entrypoint_of_ones_own_has_no_command_of_the_image(courser: Courser, registry: Registry) -> None:
    result = run(courser, registry, [service(registry, alias="db", entrypoint=["/serve"])], [f"{ASK} db 7000"])
    assert output(result) == ["> I am , 0, image, -"]


def test_two_services_and_a_name_that_is_taken(courser: Courser, registry: Registry) -> None:
    first = service(registry, alias="one")
    second = {"name": f"{registry.host}/plain", "alias": "two", "entrypoint": ["/bin/sh", "-c", "echo second | nc -l -p 7001; sleep 50"],
              "variables": [{"key": "HEALTHCHECK_TCP_PORT", "value": "7001"}]}
    result = run(courser, registry, [first, second, service(registry)], [f"{ASK} one 7000", f"{ASK} two 7001"])
    assert output(result) == ["> I am command, 0, image, -", "> second"], lines(result)
    says(result, "is already created. Ignoring.")


def test_one_port_for_two(courser: Courser, registry: Registry) -> None:
    late = {"name": f"{registry.host}/plain", "alias": "two", "entrypoint": ["/bin/sh", "-c", "nc -l -p 7000; sleep 50"],
            "variables": [{"key": "HEALTHCHECK_TCP_PORT", "value": "7000"}]}
    slow = [{"name": f"{registry.host}/plain", "alias": f"pause{i}", "entrypoint": ["/bin/sleep", "50"]} for i in range(3)]
    result = run(courser, registry, [service(registry, alias="one"), *slow, late], ["true"])
    says(result, "service two: port 7000 of the job's network is already taken by another")


def files_of(binaries: list[Path], *more: Path) -> list[Entry]:
    """Programs of this machine with their libraries, and more files and trees, where they are here."""
    linked = subprocess.run(["ldd", *binaries], capture_output=True, text=True, check=True).stdout
    paths = {*binaries, *(Path(word) for word in re.findall(r"(/\S+) \(", linked))}
    for one in more:
        paths |= {path for path in one.rglob("*") if path.is_file()} if one.is_dir() else {one}
    return [Entry(str(path).lstrip("/"), data=path.read_bytes(), mode=0o755) for path in sorted(paths)]


INITIALISE = """#!/bin/sh
# As the well-known image does it: begins as root, goes on as another.
[ $(id -u) = 0 ] && mkdir /data && chown node /data && exec /bin/su -s /bin/sh node -c "$0 $1"
cd /data && PGB/initdb -D /data -U $POSTGRES_USER -A trust >/dev/null && exec PGB/postgres -D /data -k /data -c fsync=off "$@"
"""


def programs_there() -> bool:
    try:
        return programs().is_dir()
    except FileNotFoundError:
        return False


@pytest.fixture(scope="module")
def database() -> Iterator[Path]:
    """An image with PostgreSQL in it, on the disk."""
    require(programs_there(), "PostgreSQL")
    place = programs()
    version = place.parent
    files = files_of([place / "postgres", place / "initdb"], version / "lib/dict_snowball.so", version / "lib/plpgsql.so",
                     Path("/usr/share/postgresql") / version.name)
    entry = Entry("entry", data=INITIALISE.replace("PGB", str(place)), mode=0o755)
    made = Image([busybox(("sh", "id", "mkdir", "chown", "su")), layer(*files, entry, packing="plain")],
                 {"Env": ["PATH=/bin"], "Entrypoint": ["/entry"], "Cmd": ["-clisten_addresses=*"], "ExposedPorts": {"5432/tcp": {}}})
    with tempfile.TemporaryDirectory(prefix="layout-", dir="/tmp") as top:
        Path(top).chmod(0o755)
        yield write_layout(Path(top) / "postgres", made)


def test_a_real_database(courser: Courser, registry: Registry, database: Path) -> None:
    psql = f"echo '>' $({programs()}/psql -h postgres -U $POSTGRES_USER -d postgres -XtAc 'select current_user, 6*7')"
    variables = [{"key": "POSTGRES_USER", "value": "somebody", "public": True}, {"key": "FF_TIMESTAMPS", "value": "false"}]
    one = payload([psql], services=[{"name": f"oci:{database}"}], variables=variables)
    result = execute(courser, one, *options(registry), "-o", f"images.paths={database.parent}")
    assert output(result) == ["> somebody|42"], "\n".join(lines(result)[-30:])


# --- logs, and what goes wrong ---------------------------------------------------------------------------------------


def test_the_log_of_a_service_on_demand_is_masked(courser: Courser, registry: Registry) -> None:
    made = service(registry, alias="db", command=["hush-hush-word"])
    variables = [{"key": "CI_DEBUG_SERVICES", "value": "true", "public": True}, {"key": "FF_TIMESTAMPS", "value": "false", "public": True},
                 {"key": "S", "value": "hush-hush-word", "masked": True}]
    result = execute(courser, payload([f"{ASK} db 7000"], services=[made], variables=variables), *options(registry))
    says(result, "[service:db] starting [MASKED]")
    assert b"hush-hush-word" not in result.trace


def test_a_service_that_does_not_answer_is_said_and_waited_for_no_longer(courser: Courser, registry: Registry) -> None:
    mute = service(registry, alias="db", entrypoint=["/bin/sh", "-c", "echo last words; sleep 60"])
    before = time.monotonic()
    result = run(courser, registry, [mute], ["echo '> ran'"], "-o", "services.wait=1s")
    assert output(result) == ["> ran"] and 1 < time.monotonic() - before < 20
    says(result, "probably didn't start properly")
    says(result, "no answer on port 7000 after 1s")
    says(result, "[service:db] last words")


def test_a_service_that_falls_is_not_waited_for(courser: Courser, registry: Registry) -> None:
    result = run(courser, registry, [service(registry, alias="db", entrypoint=["/fall"])], ["echo '> ran'; exit 3"])
    assert output(result) == ["> ran"] and result.returncode == 1
    says(result, "It ended: exit status 7")
    says(result, "[service:db] falling down")
    says(result, "had ended (exit status 7)")


@pytest.mark.parametrize(("how", "words"), [
    ({"entrypoint": ["/nothing"]}, "cannot be started: /nothing: No such file"),
    ({"name": "{host}/plain"}, "neither the image nor the job names a command"),
    ({"name": "{host}/none:1"}, "MANIFEST_UNKNOWN"),
    ({"name": ""}, "a service has no image"),
])
def test_a_service_that_cannot_be(courser: Courser, registry: Registry, how: dict[str, Any], words: str) -> None:
    made = {key: value.format(host=registry.host) if isinstance(value, str) else value for key, value in how.items()}
    result = run(courser, registry, [{**service(registry, alias="db"), **made}], ["echo '> ran'"])
    assert result.returncode == 1 and output(result) == []
    says(result, words)
    says(result, "Fault: config")


def test_nobody_waits_where_the_operator_says_so(courser: Courser, registry: Registry) -> None:
    mute = service(registry, alias="db", entrypoint=["/bin/sh", "-c", "sleep 60"])
    result = run(courser, registry, [mute], ["echo '> ran'"], "-o", "services.wait=0")
    assert output(result) == ["> ran"] and "Waiting for services" not in "\n".join(lines(result))
    result = run(courser, registry, [{**mute, "entrypoint": ["/nothing"]}], ["echo '> ran'"], "-o", "services.wait=0")
    assert output(result) == [] and result.returncode == 1
    says(result, "service db: cannot be started: /nothing: No such file")


def test_too_many(courser: Courser, registry: Registry) -> None:
    result = run(courser, registry, [service(registry)] * 17, ["true"])
    says(result, "17 services, at most 16")


def test_on_the_hosts_network_that_is_said(courser: Courser, registry: Registry) -> None:
    port = str(20000 + os.getpid() % 20000)
    made = service(registry, alias="db", variables=[{"key": "PORT", "value": port}, {"key": "HEALTHCHECK_TCP_PORT", "value": port}])
    result = run(courser, registry, [made], [f"{ASK} db {port}"], "-o", "network=host")
    assert output(result) == ["> I am command, 0, image, -"], lines(result)
    says(result, "services listen on this machine's own ports")


def test_everything_ends_with_the_job_however_it_ends(courser: Courser, as_user: str, registry: Registry, snooze: str) -> None:
    made = service(registry, alias="db", entrypoint=["/bin/sh", "-c", f"{snooze} & /serve x"])
    for how in ("interrupt", "kill"):
        job = Running(courser, payload(["echo up; sleep 50"], services=[made], variables={"FF_TIMESTAMPS": "false"}), *options(registry))
        job.until("up\n")
        assert courser.alive(snooze)
        if how == "kill":
            os.kill(job.role("worker"), 9)
        else:
            job.interrupt()
        assert job.end().returncode != 0
        assert not courser.alive(snooze)


def test_a_supervisor_that_is_killed_ends_no_service(gitlab: Any, courser: Courser, as_user: str, registry: Registry, snooze: str) -> None:
    token = courser.write("token", gitlab.token + "\n")
    daemon = courser.start(gitlab, runners=[{"name": "runner0", "url": gitlab.url, "token_file": str(token), "network": "none",
                                             "images": {"insecure_registries": [registry.host]}}])
    made = service(registry, alias="db", entrypoint=["/bin/sh", "-c", f"{snooze} & exec /serve x"])
    script = ["echo up; sleep 1.5", ASK.replace('">"', '"said"') + " db 7000"]
    job = gitlab.queue(script=script, raw=lambda p: json.dumps({**p, "services": [made]}).encode())
    until(lambda: "up" in job.text, message="the script runs")
    daemon.kill()
    assert courser.alive(snooze)
    second = courser.run(daemon.config)
    ended(job)
    assert lines_of(job, "said I am x, 0, image, -"), job.text
    until(lambda: not job_directories(second), message="the directory is gone")
    assert not courser.alive(snooze)
    assert second.stop() == 0
