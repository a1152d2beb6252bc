"""A real PostgreSQL on loopback: a private cluster in a temporary directory, whose roles OpenBao makes and drops."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.forge.openbao import OpenBao, free_port

CREATE = """CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'"""
DROP = 'DROP ROLE IF EXISTS "{{name}}"'


def programs() -> Path:
    """The newest installed version's directory; FileNotFoundError when there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        raise FileNotFoundError("/usr/lib/postgresql/*/bin/initdb: install postgresql")
    return found[-1].parent


class Postgres:
    """One cluster; `account` are the uid and gid to run it as, since it refuses to be root's."""

    def __init__(self, account: tuple[int, int] | None = None) -> None:
        self.bin = programs()
        self.who: dict[str, Any] = {"user": account[0], "group": account[1], "extra_groups": []} if account else {}
        self.directory = tempfile.TemporaryDirectory(prefix="cp-", dir="/tmp")
        self.root = Path(self.directory.name)
        if account:
            os.chown(self.root, *account)
        self.password = "root-" + secrets.token_urlsafe(12)
        self.port = free_port()
        self.make()
        self.start()

    def __enter__(self) -> Postgres:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.process.send_signal(signal.SIGINT)  # a fast end: clients are put out
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.directory.cleanup()

    def make(self) -> None:
        word = self.root / "word"
        word.write_text(self.password + "\n")
        word.chmod(0o644)
        done = subprocess.run([self.bin / "initdb", "-D", self.root / "data", "-U", "root", "-A", "scram-sha-256",
                               f"--pwfile={word}", "--no-sync", "--locale=C", "-E", "UTF8"], cwd="/", check=False,
                              capture_output=True, env={"PATH": "/usr/bin:/bin"}, **self.who)
        word.unlink()
        if done.returncode:
            raise RuntimeError(f"initdb: {done.stderr.decode()}")

    def start(self) -> None:
        settings = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": "", "fsync": "off",
                    "shared_buffers": "4MB", "max_connections": 20, "max_wal_senders": 0, "autovacuum": "off"}
        flags = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        with open(self.root / "log", "wb") as log:
            self.process = subprocess.Popen([self.bin / "postgres", "-D", self.root / "data", *flags], cwd="/",
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env={"PATH": "/usr/bin:/bin"}, **self.who)
        end = time.monotonic() + 15
        while not self.listens():
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"postgres does not start: {(self.root / 'log').read_text()}")
            time.sleep(0.02)
        self.ask("SELECT 1")

    def listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return "ready to accept connections" in (self.root / "log").read_text()

    def psql(self, user: str, password: str) -> str:
        """The command line of a job that asks this server; the statement follows."""
        return f"PGPASSWORD={password} {self.bin}/psql -h 127.0.0.1 -p {self.port} -U {user} -d postgres -XtAc"

    def ask(self, statement: str) -> list[str]:
        """Rows, as the superuser."""
        done = subprocess.run([self.bin / "psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "root", "-d", "postgres",
                               "-XtAc", statement], capture_output=True, check=True, stdin=subprocess.DEVNULL,
                              env={"PATH": "/usr/bin:/bin", "PGPASSWORD": self.password})
        return done.stdout.decode().splitlines()

    def roles(self) -> list[str]:
        """Those that were made for jobs."""
        return self.ask("SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-%'")

    def serve(self, bao: OpenBao, mount: str = "database") -> None:
        """Lets `bao` make roles here: `mount`/creds/ci."""
        bao.mount(mount, "database")
        bao.call("POST", f"{mount}/config/pg", {
            "plugin_name": "postgresql-database-plugin", "allowed_roles": ["ci"], "username": "root",
            "password": self.password,
            "connection_url": "postgresql://{{username}}:{{password}}@127.0.0.1:%d/postgres?sslmode=disable" % self.port})
        bao.call("POST", f"{mount}/roles/ci", {"db_name": "pg", "creation_statements": [CREATE],
                                               "revocation_statements": [DROP], "default_ttl": "10m", "max_ttl": "1h"})
