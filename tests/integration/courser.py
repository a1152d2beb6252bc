"""courser under test: its binaries, the account it runs as, one-shot runs and daemons."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ACCOUNT = "courser-test"
SUBIDS = 65536
TMP = os.environ.get("COURSER_TEST_TMP", "/tmp")  # short (sockets) and open to every account


@dataclass
class TestUser:
    """The unprivileged account with a range of subordinate ids."""

    __test__ = False
    name: str
    uid: int
    gid: int

    @classmethod
    def ensure(cls) -> TestUser:
        """Creates what is missing; safe when several test processes do it at once."""
        with open("/run/lock/courser-test-account", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                entry = pwd.getpwnam(ACCOUNT)
            except KeyError:
                subprocess.run(["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent",
                                "--shell", "/usr/sbin/nologin", ACCOUNT], check=True, capture_output=True)
                entry = pwd.getpwnam(ACCOUNT)
            for table, option in (("/etc/subuid", "--add-subuids"), ("/etc/subgid", "--add-subgids")):
                rows = id_rows(table)
                if not any(name == ACCOUNT for name, _, _ in rows):
                    start = free_range(rows)
                    subprocess.run(["usermod", option, f"{start}-{start + SUBIDS - 1}", ACCOUNT], check=True,
                                   capture_output=True)
        return cls(ACCOUNT, entry.pw_uid, entry.pw_gid)


def id_rows(table: str) -> list[tuple[str, int, int]]:
    try:
        lines = Path(table).read_text().splitlines()
    except FileNotFoundError:
        return []
    rows = [line.split(":") for line in lines if line.count(":") == 2]
    return [(name, int(start), int(count)) for name, start, count in rows]


def free_range(rows: list[tuple[str, int, int]]) -> int:
    start = 100_000
    while any(start < first + count and first < start + SUBIDS for _, first, count in rows):
        start += SUBIDS
    return start


def written(path: Path) -> None:
    """On disk: pages that still have to go there would count as dirty memory of whoever runs the file."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())


class Binaries:
    """The executables of a build directory, copied where every account can run them."""

    def __init__(self, build: Path, place: str = TMP) -> None:
        self.build = build
        self.directory = tempfile.TemporaryDirectory(prefix="cb-", dir=place)
        self.path = Path(self.directory.name)
        self.path.chmod(0o755)
        for file in build.glob("courser*"):
            if file.is_file() and os.access(file, os.X_OK):
                shutil.copy2(file, self.path / file.name)
                (self.path / file.name).chmod(0o755)
                written(self.path / file.name)
        self.courser = self.path / "courser"

    def __enter__(self) -> Binaries:
        return self

    def __exit__(self, *_: object) -> None:
        self.directory.cleanup()


@dataclass
class Result:
    """What `courser exec` left: unpacks as (returncode, trace, result)."""

    returncode: int
    trace: bytes
    result: dict[str, Any]
    stderr: str

    def __iter__(self):
        return iter((self.returncode, self.trace, self.result))

    @property
    def text(self) -> str:
        return self.trace.decode("utf-8", "replace")


class Daemon:
    """One `courser run`; its log is what it wrote to stderr and stdout."""

    def __init__(self, process: subprocess.Popen, log: Path, config: Path, state: Path) -> None:
        self.process = process
        self.log_path = log
        self.config = config
        self.state = state

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def wait_log(self, text: str, timeout: float = 10) -> str:
        """Until `text` is in the log; the whole log."""
        end = time.monotonic() + timeout
        while text not in self.log():
            if time.monotonic() > end or not self.running:
                raise AssertionError(f"{text!r} not in the log{'' if self.running else ' (it has ended)'}:\n{self.log()}")
            time.sleep(0.02)
        return self.log()

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self, timeout: float = 30) -> int:
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"courser did not end in {timeout} s; its log:\n{self.log()}") from None

    def stop(self, timeout: float = 20) -> int:
        """SIGTERM, and its exit status."""
        if self.running:
            self.signal(signal.SIGTERM)
        return self.wait(timeout)

    def kill(self) -> None:
        """SIGKILL to the supervisor alone: as a crash."""
        self.process.kill()
        self.process.wait()


class Courser:
    """Runs courser as root ("root") or as the unprivileged account ("user"), in a short directory of its own."""

    def __init__(self, binaries: Binaries, test_user: TestUser | None, who: str) -> None:
        self.binaries = binaries
        self.test_user = test_user
        self.who = who
        self.dir = Path(tempfile.mkdtemp(prefix="ct-", dir=TMP))
        self.dir.chmod(0o755)
        self.daemons: list[Daemon] = []
        self.count = 0

    def __enter__(self) -> Courser:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_all()
        subprocess.run(["rm", "-rf", "--one-file-system", str(self.dir)], check=False, capture_output=True)

    def account(self, user: str | None = None) -> dict[str, Any]:
        """Arguments of subprocess that make the child that account."""
        who = user or self.who
        if who == "root" or self.test_user is None:
            return {}
        return {"user": self.test_user.uid, "group": self.test_user.gid, "extra_groups": []}

    def home(self, user: str | None = None) -> Path:
        """A directory that belongs to the account, its HOME and below it the XDG directories."""
        who = user or self.who
        path = self.dir / who[0]
        if not path.exists():
            path.mkdir(mode=0o700)
            for name in ("run", "config", "state", "cache", "tmp"):
                (path / name).mkdir(mode=0o700)
            self.give(path, user)
        return path

    def give(self, path: Path, user: str | None = None) -> None:
        """Makes a file, or a directory with all below it, the account's own."""
        ids = self.account(user)
        if ids:
            for one in [path, *path.rglob("*")]:
                os.lchown(one, ids["user"], ids["group"])

    def environment(self, user: str | None = None) -> dict[str, str]:
        home = self.home(user)
        env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(home),
               "LANG": "C.UTF-8", "XDG_RUNTIME_DIR": str(home / "run"), "XDG_CONFIG_HOME": str(home / "config"),
               "XDG_STATE_HOME": str(home / "state"), "XDG_CACHE_HOME": str(home / "cache"),
               "TMPDIR": str(home / "tmp")}
        env.update({key: value for key, value in os.environ.items() if key.startswith(("ASAN_", "UBSAN_", "LSAN_"))})
        return env

    def path(self, name: str, user: str | None = None) -> Path:
        """A file name in the account's own directory."""
        return self.home(user) / name

    def write(self, name: str, content: str | bytes, user: str | None = None, mode: int = 0o600) -> Path:
        path = self.path(name, user)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(mode)
        self.give(path, user)
        return path

    def write_config(self, name: str = "config.yaml", user: str | None = None, **keys: Any) -> Path:
        """The keys as YAML."""
        return self.write(name, yaml.safe_dump(keys, sort_keys=False), user)

    def config_for(self, *servers: Any, user: str | None = None, name: str = "config.yaml", **keys: Any) -> Path:
        """A configuration with one registration for each coordinator, its token in a file beside it."""
        runners = []
        for number, server in enumerate(servers):
            token = self.write(f"token{number}", server.token + "\n", user)
            runners.append({"name": f"runner{number}", "url": server.url, "token_file": str(token)})
        return self.write_config(name, user, **{"concurrent": 4, "listen_address": "", "runners": runners, **keys})

    def command(self, *args: str | Path, user: str | None = None, data: bytes | None = None, timeout: float = 30,
                env: dict[str, str] | None = None) -> subprocess.CompletedProcess:
        """Any verb to its end; stdout and stderr are bytes."""
        return subprocess.run([str(self.binaries.courser), *map(str, args)], input=data if data is not None else b"",
                              capture_output=True, timeout=timeout, check=False, cwd=self.home(user),
                              env={**self.environment(user), **(env or {})}, **self.account(user))

    def exec(self, payload: dict[str, Any] | bytes, *args: str, user: str | None = None,
             timeout: float = 50) -> Result:
        """`courser exec` of one payload."""
        self.count += 1
        text = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        job = self.write(f"job{self.count}.json", text, user)
        result = self.path(f"result{self.count}.json", user)
        done = self.command("exec", "--payload", job, "--result", result, *args, user=user, timeout=timeout)
        parsed = json.loads(result.read_text()) if result.exists() and result.stat().st_size else {}
        return Result(done.returncode, done.stdout, parsed, done.stderr.decode("utf-8", "replace"))

    def run(self, config: Path, *args: str, user: str | None = None, state: Path | None = None,
            env: dict[str, str] | None = None) -> Daemon:
        """Starts the daemon. `state` defaults to one directory of this test, so that a second run is a restart."""
        self.count += 1
        state = state or self.path("st", user)
        log = self.dir / f"log{self.count}"
        with open(log, "wb") as out:
            process = subprocess.Popen(
                [str(self.binaries.courser), "run", "--config", str(config), "--state", str(state), *args],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, cwd=self.home(user),
                env={**self.environment(user), **(env or {})}, **self.account(user))
        daemon = Daemon(process, log, config, state)
        self.daemons.append(daemon)
        return daemon

    def start(self, *servers: Any, user: str | None = None, **keys: Any) -> Daemon:
        """Writes a configuration for the coordinators and runs it."""
        return self.run(self.config_for(*servers, user=user, **keys), user=user)

    def stop(self, daemon: Daemon | None = None, timeout: float = 20) -> int:
        return (daemon or self.daemons[-1]).stop(timeout)

    def stop_all(self) -> None:
        """Ends every daemon; one that does not end by itself is killed, which leftovers() then shows."""
        for daemon in self.daemons:
            if daemon.running:
                daemon.signal(signal.SIGTERM)
        for daemon in self.daemons:
            try:
                daemon.process.wait(15)
            except subprocess.TimeoutExpired:
                daemon.kill()

    def files_with(self, needle: bytes | str) -> list[Path]:
        """Files of this test (state, logs, configuration) that hold `needle`. What goes in the meantime holds nothing."""
        wanted = needle.encode() if isinstance(needle, str) else needle
        found = []
        for top, _, names in os.walk(self.dir):
            for path in (Path(top, name) for name in names):
                with contextlib.suppress(FileNotFoundError):
                    if path.is_file() and not path.is_symlink() and wanted in path.read_bytes():
                        found.append(path)
        return found

    def processes(self) -> list[tuple[int, str]]:
        """Living processes of these binaries (every test process has its own copy): pid and command line."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    exe = os.readlink(entry / "exe")
                    line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
                except OSError:
                    continue
                if exe.startswith(f"{self.binaries.path}/"):
                    found.append((int(entry.name), line))
        return found

    @staticmethod
    def alive(marker: str) -> list[int]:
        """Processes of the machine whose command line holds `marker` (a job's own: `sleep 4711.5`)."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    line = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
                except OSError:
                    continue
                if marker.encode() in line:
                    found.append(int(entry.name))
        return found

    def leftovers(self, patience: float = 3.0) -> list[tuple[int, str]]:
        """Processes that are still there after a moment; they are then killed, by their own ids."""
        end = time.monotonic() + patience
        while (left := self.processes()) and time.monotonic() < end:
            time.sleep(0.05)
        for pid, _ in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return left
