"""A virtual machine that is gone in a few seconds: Debian's cloud kernel, emulated, with one static program as its all."""

from __future__ import annotations

import shutil
import stat
import subprocess
from pathlib import Path

QEMU = "qemu-system-x86_64"
SECONDS = 35


def kernel() -> Path | None:
    """The newest of Debian's cloud kernels that is installed (package linux-image-cloud-amd64)."""
    found = sorted(Path("/boot").glob("vmlinuz-*-cloud-amd64"), key=lambda path: path.stat().st_mtime)
    return found[-1] if found else None


def missing() -> str:
    """What this machine lacks to run one; "" nothing."""
    if not shutil.which(QEMU):
        return f"{QEMU} (package qemu-system-x86)"
    return "" if kernel() else "a kernel for the virtual machine (package linux-image-cloud-amd64)"


def member(name: str, mode: int, content: bytes = b"", device: tuple[int, int] = (0, 0)) -> bytes:
    """One file of a cpio archive, as the kernel unpacks it."""
    path = name.encode() + b"\0"
    fields = (0, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(path), 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + path
    return head + b"\0" * (-len(head) % 4) + content + b"\0" * (-len(content) % 4)


def archive(program: Path) -> bytes:
    return (member("dev", stat.S_IFDIR | 0o755) + member("dev/console", stat.S_IFCHR | 0o600, device=(5, 1)) +
            member("init", stat.S_IFREG | 0o755, program.read_bytes()) + member("TRAILER!!!", 0))


def boot(program: Path, directory: Path) -> str:
    """What the program, started as the first process, wrote to the console until it switched the machine off."""
    initramfs = directory / "initramfs"
    initramfs.write_bytes(archive(program))
    command = [QEMU, "-M", "q35", "-accel", "tcg", "-m", "768", "-smp", "2", "-nodefaults", "-no-user-config", "-nographic",
               "-serial", "stdio", "-no-reboot", "-kernel", str(kernel()), "-initrd", str(initramfs),
               "-append", "console=ttyS0 quiet panic=-1 mitigations=off"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, cwd=directory)
    return done.stdout.decode(errors="replace").replace("\r", "") + done.stderr.decode(errors="replace")
