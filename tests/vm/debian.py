"""A virtual machine with this machine's own Debian in it: systemd as its first process, nothing installed anew.

The disk is made of the files of some installed packages and of all that they depend on. The host gives it one command
at a time over a serial line; its network reaches the host's loopback as 10.0.2.2.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import stat
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.vm import machine

SEEDS = ("systemd", "dbus", "dbus-user-session", "libpam-systemd", "uidmap", "iproute2", "procps", "util-linux", "login",
         "passwd", "base-files", "grep", "sed", "coreutils", "bash", "dash")
MODULES = ("virtio_pci", "virtio_blk", "virtio_net", "ext4", "overlay")
BOOT_SECONDS = 90
HOST = "10.0.2.2"

INIT = """#!/bin/busybox sh
/bin/busybox mkdir -p /dev /root
/bin/busybox mount -t devtmpfs dev /dev
for module in {modules}; do /bin/busybox insmod /$module; done
until [ -b /dev/vda ]; do /bin/busybox sleep 0.1; done
/bin/busybox mount -t ext4 /dev/vda /root
exec /bin/busybox switch_root /root /lib/systemd/systemd
"""

# One line, one command; what it prints, and behind it how it ended. The line is that of a terminal made raw.
SERVER = r"""#!/bin/bash
exec <>/dev/ttyS1 >&0
stty raw -echo
ip link set lo up; ip link set eth0 up; ip address add 10.0.2.15/24 dev eth0
printf '\n\001ready\n'
while IFS= read -r line; do
	bash -c "$line" </dev/null 2>&1
	printf '\n\001%d\n' $?
done
"""

UNIT = """[Unit]
After=dbus.socket systemd-user-sessions.service
[Service]
ExecStart=/bin/server
[Install]
WantedBy=multi-user.target
"""

# The accounts of packages, and one for somebody who is not root.
USER = "ci"
FILES = {
    "etc/fstab": "", "etc/hostname": "vm\n", "etc/hosts": "127.0.0.1 localhost vm\n", "etc/machine-id": "",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files\n",
    "etc/subuid": f"{USER}:100000:65536\n", "etc/subgid": f"{USER}:100000:65536\n",
    "etc/systemd/system/server.service": UNIT,
}


def missing() -> str:
    """What this machine lacks to run one; "" nothing."""
    absent = [seed for seed in SEEDS if not status().get(seed)]
    if absent:
        return f"{', '.join(absent)} (packages)"
    if not shutil.which("mkfs.ext4") or not Path("/bin/busybox").exists():
        return "mkfs.ext4 and /bin/busybox (packages e2fsprogs and busybox-static)"
    return machine.missing()


def status() -> dict[str, str]:
    """Installed package, or what it provides -> what it depends on."""
    form = "${db:Status-Status}\t${Package}\t${Provides}\t${Pre-Depends}, ${Depends}\n"
    said = subprocess.run(["dpkg-query", "-W", "-f", form], capture_output=True, text=True, check=True).stdout
    found = {}
    for row in said.splitlines():
        state, package, provides, depends = row.split("\t")
        if state == "installed":
            for name in [*re.findall(r"[a-z0-9][a-z0-9+.-]+(?=[ ,(]|$)", provides), package]:
                found[name] = f"{package}\t{depends}"
    return found


def closure(seeds: tuple[str, ...]) -> list[str]:
    """The packages and all that they depend on, of alternatives the first that is installed."""
    known, wanted, todo = status(), {}, list(seeds)
    while todo:
        name = todo.pop()
        if name not in known:
            continue
        package, depends = known[name].split("\t")
        if package in wanted:
            continue
        wanted[package] = True
        for clause in depends.split(","):
            names = [re.split(r"[ :(]", option.strip())[0] for option in clause.split("|")]
            todo += [option for option in names if option in known][:1]
    return list(wanted)


def fill(root: Path) -> None:
    """The files of the packages below root."""
    listed = subprocess.run(["dpkg-query", "-L", *closure(SEEDS)], capture_output=True, text=True, check=True).stdout
    left_out = ("/usr/share/doc/", "/usr/share/man/", "/usr/share/locale/", "/usr/share/info/", "/boot/")
    names = sorted({name for name in listed.splitlines()
                    if name.startswith("/") and not name.startswith(left_out) and os.path.lexists(name)})
    for place in ("usr/bin", "usr/sbin", "usr/lib", "usr/lib64"):
        (root / place).mkdir(parents=True)
        (root / Path(place).name).symlink_to(place)
    archive = subprocess.Popen(["tar", "-C", "/", "--no-recursion", "-cf", "-", "--null", "-T", "-"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    unpack = subprocess.Popen(["tar", "-C", str(root), "--keep-directory-symlink", "-xf", "-"], stdin=archive.stdout)
    assert archive.stdin
    archive.stdin.write(b"\0".join(b"." + os.fsencode(name) for name in names if name != "/."))
    archive.stdin.close()
    if unpack.wait() or archive.wait():
        raise AssertionError("the disk could not be filled")
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for name in ("passwd", "group"):
        rows = [row.split(":") for row in Path("/etc", name).read_text().splitlines()]
        kept = [":".join([row[0], "*", *row[2:]]) for row in rows if int(row[2]) < 1000 or row[0] in ("nobody", "nogroup")]
        own = f"{USER}:*:1500:1500::/home/{USER}:/bin/bash" if name == "passwd" else f"{USER}:*:1500:"
        (root / "etc" / name).write_text("\n".join([*kept, own, ""]))
    for name in Path("/etc/pam.d").glob("common-*"):
        shutil.copy2(name, root / "etc/pam.d")
    (root / "home" / USER).mkdir(parents=True)
    os.chown(root / "home" / USER, 1500, 1500)
    server = root / "bin/server"
    server.write_text(SERVER)
    server.chmod(0o755)
    wants = root / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True, exist_ok=True)
    (wants / "server.service").symlink_to("../server.service")
    for name in ("getty@tty1", "serial-getty@ttyS0"):
        (root / f"etc/systemd/system/{name}.service").symlink_to("/dev/null")


def modules(kernel: Path) -> list[Path]:
    """The files of MODULES and of what they need, in the order in which they can be loaded."""
    place = Path("/lib/modules", kernel.name.removeprefix("vmlinuz-"))
    needs = {}
    for row in (place / "modules.dep").read_text().splitlines():
        name, _, rest = row.partition(":")
        needs[Path(name).name.split(".")[0].replace("-", "_")] = [place / name, *(place / other for other in rest.split())]
    order: dict[Path, None] = {}
    for module in MODULES:
        order |= dict.fromkeys(reversed(needs.get(module, [])))
    return list(order)


def initramfs(kernel: Path) -> bytes:
    files = modules(kernel)
    init = INIT.format(modules=" ".join(file.name for file in files))
    members = [machine.member("init", stat.S_IFREG | 0o755, init.encode()),
               machine.member("bin", stat.S_IFDIR | 0o755),
               machine.member("bin/busybox", stat.S_IFREG | 0o755, Path("/bin/busybox").read_bytes()),
               machine.member("dev", stat.S_IFDIR | 0o755),
               machine.member("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))]
    members += [machine.member(file.name, stat.S_IFREG | 0o644, file.read_bytes()) for file in files]
    return b"".join(members) + machine.member("TRAILER!!!", 0)


@dataclass
class Done:
    status: int
    text: str


class Debian:
    """The machine: made, started and waited for; `run` has it do something; `close` switches it off."""

    def __init__(self, directory: Path, add: Callable[[Path], None]) -> None:
        kernel = machine.kernel()
        assert kernel
        root, disk = directory / "root", directory / "disk"
        root.mkdir()
        fill(root)
        add(root)
        with disk.open("wb") as file:
            file.truncate(1 << 30)
        subprocess.run(["mkfs.ext4", "-q", "-d", str(root), str(disk)], check=True)
        shutil.rmtree(root)
        (directory / "initramfs").write_bytes(initramfs(kernel))
        self.console = directory / "console"
        command = [machine.QEMU, "-M", "q35", "-accel", "tcg,thread=multi", "-m", "768", "-smp", "2", "-nodefaults",
                   "-no-user-config", "-nographic", "-no-reboot", "-kernel", str(kernel),
                   "-initrd", str(directory / "initramfs"), "-drive", f"file={disk},if=virtio,format=raw,cache=unsafe",
                   "-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile=",
                   "-serial", f"file:{self.console}", "-serial", f"unix:{directory}/line,server=on,wait=off",
                   "-append", "console=ttyS0 quiet panic=-1 mitigations=off net.ifnames=0 systemd.show_status=no"]
        self.qemu = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.line = socket.socket(socket.AF_UNIX)
        self.read = b""
        try:
            self.connect(str(directory / "line"))
            self.until(b"\n\x01ready\n", BOOT_SECONDS)
        except BaseException:
            self.close()
            raise

    def connect(self, path: str) -> None:
        for _ in range(100):
            try:
                self.line.connect(path)
                return
            except OSError:
                time.sleep(0.1)
        raise AssertionError("qemu did not start")

    def until(self, mark: bytes, seconds: float) -> bytes:
        end = time.monotonic() + seconds
        while mark not in self.read:
            self.line.settimeout(max(end - time.monotonic(), 0.001))
            try:
                got = self.line.recv(65536)
            except TimeoutError:
                got = b""
            if not got:
                raise AssertionError(f"no {mark!r} from the machine in {seconds} s; it said {self.read!r}\n"
                                     f"{self.console.read_text(errors='replace')[-4000:]}")
            self.read += got.replace(b"\r", b"")
        before, _, self.read = self.read.partition(mark)
        return before

    def run(self, command: str, seconds: float = 60) -> Done:
        """One line of shell in the machine, as root."""
        assert "\n" not in command
        self.line.sendall(command.encode() + b"\n")
        text = self.until(b"\n\x01", seconds)
        return Done(int(self.until(b"\n", seconds)), text.decode(errors="replace"))

    def close(self) -> None:
        self.qemu.kill()
        self.qemu.wait()
        self.line.close()

    def __enter__(self) -> Debian:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
