"""The sandbox from within and from without: the real spawner and init, driven by sandbox-run."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from courser import TestUser
from machine import require

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ID_BASE = 1879048192
PROBE = (HERE / "sandbox_probe.py").read_text()
NAMESPACES = ("user", "mnt", "pid", "ipc", "uts", "net", "cgroup", "time")


@dataclass
class Ran:
    code: int
    out: str
    err: str
    report: dict[str, str]


@dataclass
class Box:
    """Makes sandboxes as root, as the unprivileged account, or as that account without an id range."""

    who: str
    tools: Path
    user: TestUser | None
    work: Path
    always: list[str] = field(default_factory=list)

    def as_account(self) -> dict[str, object]:
        if self.who == "root" or not self.user:
            return {}
        return {"user": self.user.uid, "group": self.user.gid, "extra_groups": []}

    def outside(self, *command: str, **options: object) -> subprocess.CompletedProcess[str]:
        """The same command without a sandbox, by the same account."""
        return subprocess.run(command, capture_output=True, text=True, cwd="/", timeout=50, **self.as_account(),
                              **options)

    def run(self, *args: str, env: dict[str, str] | None = None) -> Ran:
        report = self.work / f"report-{uuid.uuid4().hex}"
        command = [str(self.tools / "sandbox-run"), f"spawner={self.tools}/courser-spawner", f"report={report}",
                   *self.always, *args]
        environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **(env or {})}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd="/", timeout=55,
                              stdin=subprocess.DEVNULL, **self.as_account())
        values: dict[str, str] = {}
        key = ""
        for line in report.read_text().splitlines() if report.exists() else []:
            if line.partition("=")[0].replace("_", "").isalpha():
                key, _, line = line.partition("=")
                values[key] = line
            elif key:
                values[key] += "\n" + line
        return Ran(done.returncode, done.stdout, done.stderr, values)

    def ok(self, *args: str, **options: dict[str, str]) -> str:
        ran = self.run(*args, **options)
        assert ran.code == 0, (ran.err, ran.report)
        return ran.out

    def sh(self, script: str, *options: str) -> str:
        return self.ok(*options, "sh", "-c", script)

    def python(self, script: str, *options: str) -> str:
        return self.ok(*options, "/usr/bin/python3", "-c", script)

    def directory(self, name: str) -> Path:
        path = self.work / name
        path.mkdir()
        if self.user and self.who != "root":
            os.chown(path, self.user.uid, self.user.gid)
        return path

    def job_uid(self) -> int:
        """Who the job is outside."""
        if self.who == "root":
            return ID_BASE + 1000
        if self.who == "single" or not self.user:
            return os.getuid() if not self.user else self.user.uid
        for line in Path("/etc/subuid").read_text().splitlines():
            name, first, _ = line.split(":")
            if name == self.user.name:
                return int(first) + 1000
        raise AssertionError(f"{self.user.name} has no subordinate ids")


@pytest.fixture(scope="session")
def tools() -> Iterator[Path]:
    build = Path(os.environ.get("COURSER_BUILD") or ROOT / "build")
    with tempfile.TemporaryDirectory(prefix="cs-", dir="/tmp") as made:
        path = Path(made)
        path.chmod(0o755)
        for name in ("courser-spawner", "courser-init", "tests/sandbox-run", "tests/confine-try"):
            shutil.copy2(build / name, path / Path(name).name)
        yield path


@pytest.fixture(params=["root", "user", "single", "root ready", "user ready"])
def box(request: pytest.FixtureRequest, tools: Path, test_user: TestUser | None) -> Iterator[Box]:
    who, _, ready = request.param.partition(" ")  # ready: made before it was asked for
    if who == "root":
        require(os.geteuid() == 0, "root")
    elif os.geteuid() == 0 and who == "user":
        require(shutil.which("newuidmap"), "newuidmap")
    with tempfile.TemporaryDirectory(prefix="cw-", dir="/tmp") as made:
        work = Path(made)
        if test_user and who != "root":
            os.chown(work, test_user.uid, test_user.gid)
        work.chmod(0o755)
        always = ["map=single"] if who == "single" else []
        yield Box(who, tools, test_user, work, always + (["ready=1"] if ready else []))


# --- who and where -------------------------------------------------------------------------------------


def test_every_namespace_is_its_own(box: Box) -> None:
    lines = box.sh("for n in " + " ".join(NAMESPACES) + "; do readlink /proc/self/ns/$n; done").split()
    here = [os.readlink(f"/proc/self/ns/{n}") for n in NAMESPACES]
    assert len(lines) == len(here)
    assert not set(lines) & set(here)


def test_the_hosts_network_only_when_asked_for(box: Box) -> None:
    assert box.sh("readlink /proc/self/ns/net", "net=host").strip() == os.readlink("/proc/self/ns/net")


def test_the_job_is_1000_and_nobody_is_the_hosts_root(box: Box) -> None:
    assert box.sh("id -u; id -g; id -G").split() == ["1000", "1000", "1000"]
    rows = [[int(n) for n in line.split()] for line in box.sh("cat /proc/self/uid_map").splitlines()]
    rows += [[int(n) for n in line.split()] for line in box.sh("cat /proc/self/gid_map").splitlines()]
    assert rows and all(outside > 0 for _, outside, _ in rows)
    assert ("single-id map" in box.run("true").report["notes"]) == (box.who == "single")


def test_no_privilege_is_left(box: Box) -> None:
    status = dict(line.split(":\t", 1) for line in box.sh("cat /proc/self/status").splitlines() if ":\t" in line)
    for capabilities in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[capabilities], 16) == 0, capabilities
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    assert status["Uid"].split() == ["1000"] * 4
    assert box.sh("ulimit -Hc").strip() == "0"


def test_setuid_programs_gain_nothing(box: Box) -> None:
    require(os.stat("/usr/bin/su").st_mode & 0o4000, "a setuid su")
    assert box.python("import os, subprocess; print(subprocess.run(['su', '-c', 'id -u'],"
                      "stdin=subprocess.DEVNULL, capture_output=True).stdout)").strip() == "b''"


def test_only_three_descriptors(box: Box) -> None:
    found = box.python("import os; print(sorted(int(n) for n in os.listdir('/proc/self/fd')))")
    assert found.strip() == "[0, 1, 2, 3]"  # 3 is the listing itself
    assert box.sh("readlink /proc/self/fd/0").strip() == "/dev/null"
    for number in range(3, 64):
        ran = box.run(f"cwd=/proc/self/fd/{number}", "pwd") if number in (3, 4, 7, 10) else None
        assert ran is None or ran.code == 125


def test_a_session_without_a_terminal(box: Box) -> None:
    assert box.sh("ps -o pid=,sid= -p $$").split() in ([a, a] for a in map(str, range(2, 50)))
    assert box.run("sh", "-c", ": </dev/tty").code != 0


def test_hostname(box: Box) -> None:
    before = socket.gethostname()
    assert box.sh("hostname; cat /etc/hostname", "hostname=box-7").split() == ["box-7", "box-7"]
    assert socket.gethostname() == before


# --- files ---------------------------------------------------------------------------------------------


def test_nothing_of_the_host_can_be_written(box: Box) -> None:
    script = """
import os
for line in open('/proc/self/mountinfo'):
    f = line.split()
    if not os.path.isdir(f[4]):
        continue
    try:
        path = os.path.join(f[4], 'probe')
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
        print(f[4], line.split(' - ')[1].split()[0])
    except OSError:
        pass
"""
    places = {line.split()[0]: line.split()[1] for line in box.python(script).splitlines()}
    allowed = {"/tmp", "/dev/shm", "/home/job"} | ({"/run", "/dev/pts"} & set(places))
    assert {"/tmp", "/dev/shm", "/home/job"} <= set(places) <= allowed
    assert set(places.values()) == {"tmpfs"}
    for path in ("/usr/bin/true", "/etc/passwd", "/etc/profile", "/usr/lib/os-release"):
        assert box.run("sh", "-c", f": >> {path}").code != 0


def test_what_of_the_host_is_not_there(box: Box) -> None:
    secret = box.work / "secret"
    secret.write_text("s")
    secret.chmod(0o644)
    assert box.outside("cat", str(secret)).stdout == "s"
    absent = [str(secret), "/root", "/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/ssh", "/etc/machine-id",
              "/etc/ssl/private", "/etc/subuid", "/var/lib/dpkg", "/boot", "/srv", "/dev/sda", "/dev/vda", "/dev/mem",
              "/dev/kmsg", "/dev/kvm", "/dev/fuse", "/dev/net", "/run/systemd", str(ROOT)]
    found = box.sh("for f in " + " ".join(absent) + "; do [ -e $f ] && echo $f; done; :")
    assert found == ""
    assert box.sh("ls /home").split() == ["job"]
    assert box.sh("cut -d: -f1 /etc/passwd").split() == ["root", "job", "nobody"]


def test_what_of_the_host_is_there(box: Box) -> None:
    assert box.sh("ls -d /usr/bin /bin/sh /lib /etc/ssl /etc/alternatives /etc/ld.so.cache").count("\n") == 6
    assert box.sh("getent passwd $(id -u)").startswith("job:x:1000:1000:job:/home/job:")
    assert box.sh("getent hosts localhost").split()[-1].startswith("localhost")


def test_private_places_are_empty_and_limited(box: Box) -> None:
    assert box.sh("ls -A /tmp /home/job /dev/shm /run/job; ls /run").split() == [
        "/dev/shm:", "/home/job:", "/run/job:", "/tmp:", "job"]
    size = box.python("import os\nfor p in ('/tmp', '/home/job', '/dev/shm'):\n"
                      " s = os.statvfs(p); print(s.f_blocks * s.f_frsize)", "tmp=1048576")
    assert size.split() == ["1048576"] * 3
    ran = box.run("tmp=1048576", "dd", "if=/dev/zero", "of=/tmp/x", "bs=1M", "count=2")
    assert ran.code != 0 and "No space left" in ran.err
    box.sh("touch /tmp/left")
    assert box.sh("ls /tmp") == ""


def test_the_tree_is_the_jobs(box: Box) -> None:
    tree = box.directory("tree")
    assert box.sh("pwd; stat -c %u:%g .; echo text >file; mkdir d; mv file d/", f"tree={tree}").split() == [
        "/builds/tree", "1000:1000"]
    made = tree / "d" / "file"
    assert made.stat().st_uid == box.job_uid() == tree.stat().st_uid
    assert made.read_text() == "text\n"


def test_read_only_binds(box: Box) -> None:
    data = box.directory("data")
    (data / "file").write_text("kept")
    for option in (f"ro={data}:/srv/data", f"path={data}:/srv/data"):
        assert box.sh("cat /srv/data/file", option) == "kept"
        ran = box.run(option, "sh", "-c", "echo x >/srv/data/file || echo x >/srv/data/new || rm /srv/data/file")
        assert ran.code != 0 and "Read-only file system" in ran.err
    assert [p.name for p in data.iterdir()] == ["file"]


def test_targets_do_not_follow_links_of_the_tree(box: Box) -> None:
    tree, data = box.directory("tree"), box.directory("data")
    (tree / "link").symlink_to("/proc")
    ran = box.run(f"tree={tree}", f"ro={data}:/builds/tree/link/self", "true")
    assert ran.code == 125 and "symbolic link" in ran.report["error"]


def test_file_variables(box: Box) -> None:
    ran = box.sh("cat /files/KEY; stat -c ' %a %u' /files/KEY; stat -f -c %T /files; ls /files",
                 "file=KEY:top secret", "file=CA:x")
    assert ran.split("\n") == ["top secret 600 1000", "tmpfs", "CA", "KEY", ""]
    for name in ("../x", ".hidden", "a/b"):
        assert box.run(f"file={name}:x", "sleep", "1").code == 125


# --- what the kernel must not give ----------------------------------------------------------------------

REFUSED = {
    "add_key": "EPERM", "keyctl": "EPERM", "bpf": "EPERM", "perf_event_open": "EPERM", "userfaultfd": "EPERM",
    "io_uring_setup": "ENOSYS", "clone3": "ENOSYS", "mount": "EPERM", "pivot_root": "EPERM", "personality": "EPERM",
    "a_call_to_come": "ENOSYS", "vsock": "EAFNOSUPPORT", "alg": "EAFNOSUPPORT", "netlink_netfilter": "EPROTONOSUPPORT",
    "netlink_route": "", "unix": "", "inet": "", "push": "EPERM", "push_wide": "EPERM", "attach": "EPERM",
    "environ": "EACCES", "exe": "EACCES", "unshare": "EPERM", "read_memory": "",
}


def sysctl(name: str) -> str:
    path = Path("/proc/sys") / name
    return path.read_text().strip() if path.exists() else ""


def test_refused_within(box: Box) -> None:
    found = json.loads(box.python(PROBE))
    assert {name: code for name, code in found.items() if code != REFUSED[name]} == {}
    assert set(found) == set(REFUSED)


def test_and_given_without(box: Box) -> None:
    """The probes are worth something: outside the same account gets what the sandbox refuses."""
    victim = subprocess.Popen(["sleep", "60"], env={"A": "b"}, **box.as_account())
    try:
        found = json.loads(box.outside("/usr/bin/python3", "-c", PROBE, str(victim.pid)).stdout)
    finally:
        victim.kill()
        victim.wait()
    given = ["add_key", "keyctl", "userfaultfd", "personality", "environ", "exe", "unshare"]
    if sysctl("kernel/io_uring_disabled") in ("", "0"):
        given.append("io_uring_setup")
    if sysctl("kernel/yama/ptrace_scope") in ("", "0"):
        given.append("attach")
    assert {name: found[name] for name in given} == dict.fromkeys(given, "")
    assert found["clone3"] == "EINVAL"
    if sysctl("dev/tty/legacy_tiocsti") in ("", "1"):
        assert found["push"] == "" == found["push_wide"]


def test_nested_user_namespaces(box: Box) -> None:
    ran = box.run("unshare", "-Ur", "true")
    assert ran.code != 0 and "Operation not permitted" in ran.err
    assert box.outside("unshare", "-Ur", "true").returncode == 0
    assert box.sh("cat /proc/sys/user/max_user_namespaces").strip() == "0"


def test_proc_tells_little(box: Box) -> None:
    for name in ("cmdline", "kcore", "keys", "kallsyms", "timer_list"):
        assert box.sh(f"head -c 64 /proc/{name} | wc -c").strip() == "0", name
    assert Path("/proc/cmdline").read_text() != ""
    for path in ("sys/kernel/core_pattern", "sys/kernel/hostname", "sysrq-trigger", "sys/vm/drop_caches"):
        assert box.run("sh", "-c", f"test -e /proc/{path} && echo 0 >/proc/{path} && test -s /proc/{path}").code != 0
    assert set(box.sh("ls /proc | grep '^[0-9]'").split()) <= {str(n) for n in range(1, 20)}


def test_init_cannot_be_touched(box: Box) -> None:
    script = "kill -9 1; kill -TERM 1; (: >/proc/1/exe); cat /proc/1/environ /proc/1/maps; ls /proc/1/fd; echo still"
    ran = box.run("sh", "-c", script)
    assert ran.code == 0 and ran.out == "still\n"
    assert ran.report["init"] == "0"


# --- network -------------------------------------------------------------------------------------------


CONNECT = "import socket, sys; s = socket.socket(%s); s.settimeout(5); s.connect(%s); print('through')"


def test_no_network_but_loopback(box: Box) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        to_host = CONNECT % ("", repr(server.getsockname()))
        assert "Connection refused" in box.run("/usr/bin/python3", "-c", to_host).err
        assert box.python(to_host, "net=host") == "through\n"
    assert box.sh("tail -n +3 /proc/net/dev | cut -d: -f1").split() == ["lo"]
    assert box.python("import socket\nl = socket.create_server(('127.0.0.1', 0))\n"
                      "socket.create_connection(l.getsockname()); print('up')") == "up\n"
    assert "unreachable" in box.run("/usr/bin/python3", "-c", CONNECT % ("", "('192.0.2.1', 80)")).err


def test_abstract_sockets_of_the_host(box: Box) -> None:
    name = f"\0courser-{uuid.uuid4().hex}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        script = CONNECT % ("socket.AF_UNIX", repr(name))
        assert box.outside("/usr/bin/python3", "-c", script).stdout == "through\n"
        assert box.run("/usr/bin/python3", "-c", script).code != 0
        ran = box.run("net=host", "/usr/bin/python3", "-c", script)
        require("landlock" not in ran.report["notes"], "Landlock with scopes")
        assert "Operation not permitted" in ran.err


# --- processes -----------------------------------------------------------------------------------------


def alive(mark: str) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark.encode() in (entry / "cmdline").read_bytes().split(b"\0"):
                found.append(entry.name)
        except OSError:
            continue
    return found


def gone(mark: str) -> bool:
    end = time.monotonic() + 5
    while alive(mark) and time.monotonic() < end:
        time.sleep(0.05)
    return not alive(mark)


ESCAPES = "setsid nohup sleep {0} >/dev/null 2>&1 & (setsid sleep {0} & ) & (trap '' TERM HUP INT; sleep {0} & ) & "


def test_nothing_survives_the_socket(box: Box) -> None:
    mark = f"4242.{uuid.uuid4().int % 10**12:012d}"
    before = time.monotonic()
    ran = box.run("close_ms=600", "sh", "-c", ESCAPES.format(mark) + "wait")
    assert ran.report["ended"] == "-1"  # the step had not ended: its socket was closed
    assert gone(mark)
    assert time.monotonic() - before < 15


def test_nothing_survives_the_job(box: Box) -> None:
    mark = f"4243.{uuid.uuid4().int % 10**12:012d}"
    assert box.run("sh", "-c", ESCAPES.format(mark) + "sleep 0.2").code == 0
    assert gone(mark)


def test_without_a_sandbox_they_survive(box: Box) -> None:
    mark = f"4244.{uuid.uuid4().int % 10**12:012d}"
    box.outside("sh", "-c", f"setsid nohup sleep {mark} >/dev/null 2>&1 & sleep 0.2")
    left = alive(mark)
    for pid in left:
        os.kill(int(pid), 9)
    assert len(left) == 1


def test_a_step_ends_with_its_main_process(box: Box) -> None:
    before = time.monotonic()
    assert box.run("sh", "-c", "sleep 30 & exit 3").code == 3
    assert time.monotonic() - before < 15


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 42", 42), ("kill -9 $$", 137),
                                              ("kill -TERM $$", 143)])
def test_how_a_step_ended(box: Box, script: str, code: int) -> None:
    assert box.run("sh", "-c", script).report["ended"] == str(code)


def test_signals_reach_the_whole_tree(box: Box) -> None:
    script = "(trap 'echo inner; exit' TERM; setsid sleep 20 & wait) & trap 'wait; echo outer; exit 9' TERM; wait"
    ran = box.run("signal=15:800", "sh", "-c", script)
    assert ran.report["ended"] == "9" and ran.out.split() == ["inner", "outer"]


def test_what_is_running(box: Box) -> None:
    ran = box.run("list_ms=500", "sh", "-c", "sleep 1.75 & wait")
    lines = [line.split("\t") for line in ran.report["processes"].splitlines() if "\t" in line]
    assert any(command == "sleep 1.75" for _, command in lines)
    assert all(pid != "1" for pid, _ in lines)


def test_what_cannot_be_started(box: Box) -> None:
    for args, word in ((["/no/such/program"], "/no/such/program: No such file"), (["nothing-of-that-name"], "No such"),
                       (["cwd=/nowhere", "true"], "/nowhere: No such file"), (["/etc/passwd"], "Permission denied")):
        ran = box.run(*args)
        assert ran.code == 125 and word in ran.report["error"], ran.report


C_ORPHANS = r"""
#include <sys/wait.h>
#include <unistd.h>
int main(void)
{
	for (int i = 0; i < 5000; i++) {
		pid_t p = fork();
		if (p == 0) { if (fork() == 0) _exit(0); _exit(0); }
		if (p > 0) waitpid(p, 0, 0);
	}
	return 0;
}
"""


@pytest.mark.timeout(120)
def test_ten_thousand_processes_leave_no_zombie(box: Box) -> None:
    require(shutil.which("gcc"), "gcc")
    script = (f"cat >/tmp/o.c <<'E'\n{C_ORPHANS}\nE\ngcc -o /tmp/o /tmp/o.c && /tmp/o && sleep 0.3;"
              "cat /proc/[0-9]*/stat | grep -c ' Z '")
    ran = box.run("sh", "-c", script)
    assert ran.out.strip() == "0", ran.err


def test_a_fork_bomb_is_bounded(box: Box) -> None:
    script = """
import os, time
n = 0
try:
    while n < 5000:
        if os.fork() == 0:
            time.sleep(20)
            os._exit(0)
        n += 1
except BlockingIOError:
    print(n)
"""
    assert 20 <= int(box.python(script, "nproc=64")) < 64


def test_limits(box: Box) -> None:
    assert box.sh("ulimit -n; ulimit -Hn", "nofile=128").split() == ["128", "128"]
    ran = box.run("fsize=4096", "dd", "if=/dev/zero", "of=/tmp/x", "bs=8192", "count=1")
    assert ran.code != 0


# --- what must work ------------------------------------------------------------------------------------

C_LEAK = "#include <stdlib.h>\nvolatile char *p; int main(void) { p = malloc(7); p = 0; return 0; }"


def test_compilers_and_sanitizers(box: Box) -> None:
    require(shutil.which("gcc"), "gcc")
    ran = box.run("sh", "-c", f"cat >/tmp/l.c <<'E'\n{C_LEAK}\nE\ngcc -g -fsanitize=address -o /tmp/l /tmp/l.c && /tmp/l")
    assert ran.code == 23 or "detected memory leaks" in ran.err, ran.err
    assert "ptrace" not in ran.err


def test_a_debugger(box: Box) -> None:
    require(shutil.which("gdb"), "gdb")
    ran = box.run("gdb", "-nx", "-batch", "-ex", "run", "-ex", "quit", "/bin/true")
    assert "exited normally" in ran.out, ran.err


@pytest.mark.timeout(120)
@pytest.mark.parametrize("command", ["node -e console.log(6*7)", "java -version", "go version", "perl -e print(42)",
                                     "python3", "strace -f true"])
def test_languages(box: Box, command: str) -> None:
    program, *arguments = command.split()
    path = shutil.which(program, path="/usr/local/bin:/usr/bin:/bin")
    if not path:
        pytest.skip(f"{program} is not installed, and nothing here needs it")
    if program == "python3":
        arguments = ["-c", "import multiprocessing as m\nwith m.Pool(2) as p: assert p.map(abs, [-1, 2]) == [1, 2]"]
    ran = box.run(path or program, *arguments, env={"HOME": "/home/job"})
    assert ran.code == 0, ran.err


def test_git(box: Box) -> None:
    tree = box.directory("tree")
    script = ("git init -q . && git config user.email a@example.org && git config user.name a && echo x >f &&"
              "git add f && git commit -qm one && mkdir d && git mv f d/ && git commit -qm two && git log --oneline")
    assert box.sh(script, f"tree={tree}").count("\n") == 2


def test_a_terminal_of_its_own(box: Box) -> None:
    assert box.python("import os, pty\npid, fd = pty.fork()\nif pid == 0: os.execv('/bin/echo', ['echo', 'hello'])\n"
                      "print(os.read(fd, 64))").strip() == repr(b"hello\r\n")


def test_one_that_was_ready_is_taken(box: Box) -> None:
    """Its init is older than the request."""
    tree, waited = box.directory("tree"), 100
    for ready, used in (("ready=0", False), (f"ready={waited * 10}", True)):
        init, shell = box.sh("cut -d' ' -f22 /proc/1/stat /proc/$$/stat", f"tree={tree}", ready).split()
        assert (int(shell) - int(init) >= waited // 2) == used
    init, shell = box.sh("cut -d' ' -f22 /proc/1/stat /proc/$$/stat", "path=/usr/share:/elsewhere", ready).split()
    assert int(shell) - int(init) < waited // 2, "a mount outside of its work directory cannot be added to it"


def test_many_in_a_row(box: Box) -> None:
    ran = box.run("repeat=20", "true")
    assert ran.code == 0 and int(ran.report["started_us"]) > 0


def test_it_starts_in_a_cgroup(box: Box) -> None:
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    cgroup2 = [fields[1] for fields in mounts if fields[2] == "cgroup2"]
    if box.who != "root":
        pytest.skip("groups that the runner's user may write are handed to it by an administrator")
    require(cgroup2, "cgroup v2")
    group = Path(cgroup2[0]) / f"courser-test-{uuid.uuid4().hex}"
    group.mkdir()
    try:
        assert "0::/\n" in box.sh("cat /proc/self/cgroup", f"cgroup={group}")
        assert "populated 0" in (group / "cgroup.events").read_text()
    finally:
        group.rmdir()


# --- roles of courser ----------------------------------------------------------------------------------


def test_joining_a_sandbox(box: Box) -> None:
    tree = box.directory("tree")
    assert box.sh("stat -c '%u %g' made", f"tree={tree}", "join=/builds/tree/made") == "1000 1000\n"
    assert (tree / "made").stat().st_uid == box.job_uid()
    assert box.sh("stat -c '%u' /tmp/made", "join=/tmp/made") == "1000\n"
    ran = box.run("join=/usr/made", "true")
    assert ran.code == 125 and "join" in ran.report["error"]


@pytest.fixture(params=["root", "user"])
def confined(request: pytest.FixtureRequest, tools: Path, test_user: TestUser | None) -> Iterator[Box]:
    if request.param == "root":
        require(os.geteuid() == 0, "root")
    with tempfile.TemporaryDirectory(prefix="cw-", dir="/tmp") as made:
        work = Path(made)
        work.chmod(0o777)
        yield Box(request.param, tools, test_user, work)


def confine(box: Box, *args: str) -> subprocess.CompletedProcess[str]:
    return box.outside(str(box.tools / "confine-try"), *args, stdin=subprocess.DEVNULL)


def as_shipped(box: Box) -> None:
    """Sanitizers and gcov need files and programs that a role has not: what it is refused is tested without them."""
    if confine(box, "instrumented").returncode == 0:
        pytest.skip("an instrumented build")


def test_a_role_keeps_nothing(confined: Box) -> None:
    ids = f"ids={ID_BASE}:{ID_BASE}" if confined.who == "root" else "ids=-"
    done = confine(confined, ids, "status")
    status = dict(line.split(":\t", 1) for line in done.stdout.splitlines() if ":\t" in line)
    assert all(int(status[name], 16) == 0 for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"))
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2" and status["Groups"].strip() == ""
    if confined.who == "root":
        assert int(status["CapBnd"], 16) == 0
        assert set(status["Uid"].split()) == {str(ID_BASE)}


def test_a_role_sees_only_its_files(confined: Box) -> None:
    as_shipped(confined)
    work = str(confined.work)
    assert confine(confined, "open", "/etc/hostname").returncode == 1
    assert confine(confined, "read=/etc", "open", "/etc/hostname").returncode == 0
    assert confine(confined, f"read={work}", "create", f"{work}/a").returncode == 1
    assert confine(confined, f"write={work}", "create", f"{work}/b").returncode == 0
    assert sorted(p.name for p in confined.work.iterdir()) == ["b"]


def test_a_role_is_killed_for_what_it_never_does(confined: Box) -> None:
    as_shipped(confined)
    assert confine(confined, "socket").returncode == -31  # SIGSYS
    assert confine(confined, "exec=/usr", "exec", "/bin/true").returncode == -31
    assert confine(confined, "profile=fetcher", "read=/", "exec=/usr", "exec", "/bin/true").returncode == 0
    assert confine(confined, "profile=fetcher", "read=/", "exec", "/bin/true").returncode == 1


def test_a_role_connects_only_if_it_may(confined: Box) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        assert confine(confined, "profile=courier", "network=1", "connect", port).returncode == 0
        refused = confine(confined, "profile=courier", "connect", port)
        assert refused.returncode == 1 and "Permission denied" in refused.stderr


def test_a_role_that_cannot_be_confined_does_not_run(confined: Box) -> None:
    assert confine(confined, "profile=nobody", "open", "/etc/hostname").returncode == 125
    assert confine(confined, "read=/no/such/place", "open", "/etc/hostname").returncode == 125
    assert confine(confined, "ids=0:0", "open", "/etc/hostname").returncode == 125
