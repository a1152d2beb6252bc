"""What a hostile job asks the kernel for: refused within the sandbox, and given to whoever asks without one.

The questions are a static program (tests/inside/probe.c). It knows two ways to be without a sandbox: `userns`, an
ordinary user in namespaces of its own, and `root`, the machine's root in a mount namespace of its own, for those that
change nothing. It is told the machine's mount namespace and refuses to ask anything in it.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from machine import require
from test_sandbox import Box, box, tools  # noqa: F401  (fixtures)

HERE = Path(__file__).resolve().parent
BUILD = Path(os.environ.get("COURSER_BUILD") or HERE.parents[1] / "build")
HOST = f"host={os.stat('/proc/self/ns/mnt').st_ino}"

# Probe: the answer within. Every one that is not in ALLOWED is a defence.
P, N = "EPERM", "ENOSYS"
WITHIN = {
    # namespaces
    "unshare_user": P, "unshare_mount": P, "unshare_time": P, "unshare_files": P, "clone_user": P, "clone_net": P,
    "clone_pid": P, "clone_ipc": P, "clone_uts": P, "clone_cgroup": P, "clone3_user": N, "setns": P,
    # keys, tracing, new interfaces
    "add_key": P, "keyring": P, "join_keyring": P, "bpf": P, "perf_event_open": P, "userfaultfd": P,
    "io_uring_setup": N, "io_uring_enter": N, "io_uring_register": N, "a_call_to_come": N,
    # the machine
    "kexec_load": P, "kexec_file_load": P, "init_module": P, "finit_module": P, "delete_module": P, "reboot": P,
    "swapon": P, "swapoff": P, "acct": P, "settimeofday": P, "clock_settime": P, "quotactl": P, "syslog": P,
    "vhangup": P, "open_by_handle_at": P, "fanotify_init": P, "pidfd_getfd": P, "kcmp": P, "process_madvise": P,
    "mbind": P, "sethostname": P, "sysfs": P, "ustat": P, "iopl": P, "ioperm": P, "int80": "SIGSYS", "x32": "SIGSYS",
    "no_randomize": P, "read_implies_exec": P, "set_mm": P, "realtime": P, "nicer": "EACCES", "core_again": P,
    # mounts
    "mount": P, "bind_mount": P, "remount_writable": P, "umount": P, "fsopen": P, "fspick": P, "fsconfig": P,
    "open_tree": P, "move_mount": P, "mount_setattr": P, "pivot_root": P, "chroot": P, "root_write": "EROFS",
    # devices, /proc, /sys
    "block_device": "EACCES", "char_device": P, "device_open": "ENOENT", "device_there": "ENOENT",
    "write_core_pattern": "EACCES", "write_sysrq": "ENOENT", "write_vm": "EACCES",
    "write_max_user_namespaces": "EACCES", "write_net": "EACCES", "write_hostname": "EACCES",
    "write_uevent_helper": "EROFS", "write_cgroup": "ENOENT", "read_cmdline": "ENODATA", "read_kcore": "ENOENT",
    "read_keys": "ENODATA", "read_kallsyms": "ENODATA", "read_timer_list": "ENODATA", "read_slabinfo": "ENODATA",
    "read_kpageflags": "ENODATA", "read_kmsg": "ENODATA", "read_firmware": "ENOENT",
    # init, other processes, descriptors
    "victim_environ": "EACCES", "victim_mem": "EACCES", "victim_exe": "EACCES", "victim_exe_write": "EACCES",
    "victim_maps": "EACCES", "victim_root": "EACCES", "victim_cwd": "EACCES", "victim_fds": "EACCES",
    "victim_attach": P, "victim_read": P, "victim_limits": P, "kill": P, "strangers": "ESRCH", "oom_less": "EACCES",
    "leaked_directory": "EBADF",
    # sockets and terminals
    "raw": P, "sctp": "EPROTONOSUPPORT", "dccp": "ESOCKTNOSUPPORT", "dccp6": "ESOCKTNOSUPPORT",
    "disguised_packet": "ESOCKTNOSUPPORT", "netfilter": "EPROTONOSUPPORT", "uevent": "EPROTONOSUPPORT",
    "audit": "EPROTONOSUPPORT", "generic": "EPROTONOSUPPORT", "push_input": P, "push_input_wide": P, "console": P,
    "line_discipline": P,
    **dict.fromkeys(("vsock", "packet", "alg", "bluetooth", "tipc", "can", "xdp", "rds", "pf_key", "pair_inet",
                     "pair_vsock", "pair_alg", "pair_tipc", "pair_netlink"), "EAFNOSUPPORT"),
}

# What must go on working: a sandbox that refuses everything proves nothing either.
ALLOWED = ("clone_plain", "own_filter", "what_personality", "whiteout", "fifo", "unix", "inet", "inet6", "route",
           "pair_unix", "window_size", "signal")

# Either, as the machine's settings have it.
OPEN = ("ping",)

# Without: what root gets that an ordinary user does not. "": it is given; else how much further one comes.
ROOT = {"bpf": "", "perf_event_open": "", "swapoff": "ENOENT", "acct": "ENOENT", "syslog": "", "fanotify_init": "EINVAL",
        "realtime": "", "nicer": "", "block_device": "", "char_device": "", "device_there": "", "write_core_pattern": "",
        "write_vm": "", "write_hostname": "", "read_cmdline": "", "read_kallsyms": "", "read_timer_list": "",
        "strangers": ""}

# The virtual machine shows these (tests/vm): this kernel, or a root without all its rights, refuses them to anybody.
ELSEWHERE = ("reboot", "vhangup", "set_mm", "oom_less", "device_open", "write_sysrq", "write_cgroup", "read_kcore",
             "read_kmsg", "read_slabinfo", "read_kpageflags", "victim_exe_write", "a_call_to_come")

# Lead nowhere by themselves: what would be found is a mistake of ours, shown by test_sandbox.py (cwd by number).
MISTAKES = ("leaked_directory",)

# Families that a kernel may lack; then it gives the same answer as the filter, which the unit test asks alone.
FAMILIES = ("alg", "bluetooth", "tipc", "can", "xdp", "rds", "pf_key", "sctp", "dccp", "dccp6", "pair_alg", "pair_tipc")


def answers(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())


@dataclass
class Prober:
    box: Box
    directory: Path

    def within(self, *names: str, options: tuple[str, ...] = ()) -> dict[str, str]:
        return answers(self.box.ok(*options, f"ro={self.directory}:/srv/inside", "/srv/inside/run", "probe", HOST, *names))

    def without(self, mode: str, *names: str) -> dict[str, str]:
        account = {} if mode == "root" else self.box.as_account()
        done = subprocess.run([self.directory / "run", "probe", HOST, mode, *names], capture_output=True, text=True,
                              cwd="/", timeout=50, **account)
        assert done.returncode == 0, done.stderr
        return answers(done.stdout)


@pytest.fixture
def prober(box: Box) -> Iterator[Prober]:  # noqa: F811
    directory = box.directory("inside")
    program = directory / "run"
    program.write_bytes((BUILD / "tests/inside/run").read_bytes())
    program.chmod(0o755)
    yield Prober(box, directory)


def other_than(found: dict[str, str], expected: dict[str, str]) -> dict[str, tuple[str, str]]:
    return {name: (found[name], answer) for name, answer in expected.items() if name in found and found[name] != answer}


@pytest.mark.parametrize("net", ["none", "host"])
def test_refused_within(prober: Prober, net: str) -> None:
    found = prober.within(options=(f"net={net}",))
    expected = {**WITHIN, **dict.fromkeys(ALLOWED, "")}
    if net == "host":  # no /sys of its own, and none of the host's
        expected |= {"write_uevent_helper": "ENOENT"}
    assert other_than(found, expected) == {}
    assert set(expected) - set(found) <= {"int80", "x32", "iopl", "ioperm", "sysfs", "ustat"}  # another architecture
    assert set(found) - set(expected) == set(OPEN)


def test_and_given_without(prober: Prober) -> None:
    """Every probe that is refused within comes further without: it can fail, so its failure within says something."""
    within, without = prober.within(), prober.without("userns")
    same = {name for name in WITHIN if within.get(name) == without.get(name)}
    assert same - set(ROOT) - set(ELSEWHERE) - set(MISTAKES) - set(FAMILIES) == set()
    mounts = ("mount", "bind_mount", "remount_writable", "fsopen", "open_tree", "mount_setattr", "chroot", "unshare_user",
              "clone_user", "unshare_time", "clone3_user", "add_key", "userfaultfd", "victim_attach", "victim_read",
              "victim_environ", "kill", "core_again", "disguised_packet", "packet", "pair_vsock")
    assert {name: without[name] for name in mounts} == dict.fromkeys(mounts, "")


def test_and_given_to_root(prober: Prober) -> None:
    if prober.box.who != "root":
        pytest.skip("the machine's root has one set of rights, seen with the box of root")
    assert other_than(prober.without("root"), ROOT) == {}


def test_the_prober_asks_nothing_of_the_machine_itself(prober: Prober) -> None:
    """The lock that keeps a slip in a test from hiding /tmp and /proc from everybody; tried without any rights."""
    nobody = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    for arguments in ([HOST, "mount"], ["host=1", "mount"], ["mount"], [HOST], []):
        done = subprocess.run([prober.directory / "run", "probe", *arguments], capture_output=True, text=True, **nobody)
        assert done.returncode in (64, 77) and done.stdout == "", arguments
    fuzz = subprocess.run([prober.directory / "run", "fuzz", "10", "1"], capture_output=True, text=True, **nobody)
    assert fuzz.returncode == 77


# --- profiles, and what was refused ---------------------------------------------------------------------------


def test_profile_strict(prober: Prober) -> None:
    assert prober.box.run("profile=strict", "sh", "-c", "ls / >/dev/null | cat; git --version").code == 0
    found = prober.within("what_personality", "clone_plain", "mount", options=("profile=strict",))
    assert found == {"what_personality": P, "clone_plain": "", "mount": P}
    assert prober.within("what_personality") == {"what_personality": ""}


def test_profile_nested(prober: Prober) -> None:
    """Namespaces and mounts of its own, as rootless image builds need them; and nothing of the host with them."""
    script = ("mount -t tmpfs x /mnt && touch /mnt/f && ls /mnt && hostname nested && hostname;"
              "mount -o remount,rw,bind /usr 2>&1; : >/usr/f; echo 1 >/proc/sys/kernel/core_pattern; cat /etc/shadow")
    ran = prober.box.run("profile=nested", "unshare", "-Urmu", "sh", "-c", script)
    assert ran.out.split("\n")[:2] == ["f", "nested"]
    assert "Read-only" in ran.err + ran.out and ran.code != 0
    refused = ("bpf", "add_key", "kexec_load", "perf_event_open", "victim_attach", "victim_mem", "kill", "core_again")
    found = prober.within(*refused, options=("profile=nested",))
    assert other_than(found, WITHIN) == {} and set(found) == set(refused)
    assert prober.box.run("unshare", "-Urmu", "true").code != 0


def test_what_was_refused_is_counted(prober: Prober) -> None:
    probe = [f"ro={prober.directory}:/srv/inside", "/srv/inside/run", "probe", HOST, "bpf", "mount", "vsock", "a_call_to_come"]
    ran = prober.box.run(*probe)
    assert ran.report["denied"] == "bpf, once; mount, once"
    assert answers(ran.out) == {"bpf": P, "a_call_to_come": N, "mount": P, "vsock": "EAFNOSUPPORT"}
    deaf = prober.box.run("deaf=1", *probe)  # nobody listens: refused all the same
    assert deaf.report["denied"] == ""
    assert answers(deaf.out) == {"bpf": N, "a_call_to_come": N, "mount": N, "vsock": "EAFNOSUPPORT"}


# --- random calls -------------------------------------------------------------------------------------------


def snapshot(directories: list[Path]) -> dict[str, tuple[int, int, int]]:
    found = {}
    for directory in directories:
        for path in [directory, *directory.rglob("*")]:
            state = path.lstat()
            found[str(path)] = (state.st_mode, state.st_size, state.st_mtime_ns)
    return found


@pytest.mark.timeout(120)
def test_random_calls_touch_nothing_outside(prober: Prober) -> None:
    """Three seconds of them: what is bound into the sandbox, its init and what the machine has once stay as they were."""
    data = prober.box.directory("data")
    (data / "kept").write_text("kept")
    before = snapshot([data, prober.directory])
    host = [Path(p).read_bytes() for p in ("/proc/sys/kernel/hostname", "/proc/sys/kernel/core_pattern")]
    number = str(int.from_bytes(os.urandom(4), "little"))
    ran = prober.box.run(f"ro={prober.directory}:/srv/inside", f"ro={data}:/srv/data", "nproc=200", "/srv/inside/run",
                         "fuzz", "3000" if prober.box.who == "root" else "1000", number)
    assert ran.code == 0, (number, ran.err, ran.report)
    counted = re.match(r"children=(\d+)", ran.out)
    assert counted and int(counted[1]) >= 1, (number, ran.out)  # one may wait until its alarm
    assert ran.report["init"] == "0", number  # its init was not ended either
    assert snapshot([data, prober.directory]) == before, number
    after = [Path(p).read_bytes() for p in ("/proc/sys/kernel/hostname", "/proc/sys/kernel/core_pattern")]
    assert after == host, number


# --- the list -----------------------------------------------------------------------------------------------

# Each number of the list of probes, and the tests that are it: [file, name …].
LIST = {
    1: ["test_probes.py", "test_refused_within", "test_and_given_without"], 2: ["test_probes.py", "test_refused_within"],
    3: ["test_probes.py", "test_refused_within"], 5: ["test_probes.py", "test_refused_within"],
    6: ["test_probes.py", "test_refused_within", "test_and_given_to_root"], 8: ["test_probes.py", "test_refused_within"],
    9: ["test_probes.py", "test_refused_within"], 10: ["test_probes.py", "test_refused_within"],
    11: ["test_probes.py", "test_refused_within"], 12: ["test_probes.py", "test_refused_within"],
    13: ["test_probes.py", "test_refused_within"], 15: ["test_probes.py", "test_refused_within"],
    17: ["test_probes.py", "test_refused_within"], 18: ["test_probes.py", "test_refused_within"],
    19: ["test_sandbox.py", "test_setuid_programs_gain_nothing", "test_no_privilege_is_left"],
    20: ["test_probes.py", "test_refused_within"], 21: ["test_probes.py", "test_refused_within"],
    22: ["test_probes.py", "test_refused_within"], 24: ["test_probes.py", "test_refused_within"],
    25: ["test_probes.py", "test_refused_within"], 26: ["test_probes.py", "test_refused_within"],
    27: ["test_probes.py", "test_refused_within"], 29: ["test_probes.py", "test_refused_within", "test_and_given_to_root"],
    30: ["test_sandbox.py", "test_a_fork_bomb_is_bounded"], 33: ["test_sandbox.py", "test_limits"],
    35: ["test_sandbox.py", "test_nothing_survives_the_socket", "test_without_a_sandbox_they_survive"],
    36: ["test_sandbox.py", "test_nothing_survives_the_job", "test_a_step_ends_with_its_main_process"],
    39: ["test_sandbox.py", "test_ten_thousand_processes_leave_no_zombie"],
    44: ["test_sandbox.py", "test_what_of_the_host_is_not_there"],
    54: ["test_sandbox.py", "test_private_places_are_empty_and_limited"],
    55: ["test_sandbox.py", "test_private_places_are_empty_and_limited", "test_every_namespace_is_its_own"],
    62: ["test_sandbox.py", "test_no_network_but_loopback"], 75: ["test_sandbox.py", "test_how_a_step_ended",
                                                                  "test_init_cannot_be_touched"],
}


@pytest.mark.parametrize("number", LIST)
def test_the_list_names_tests(number: int) -> None:
    file, *names = LIST[number]
    text = (HERE / file).read_text()
    assert [name for name in names if f"def {name}(" not in text] == []
