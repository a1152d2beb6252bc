"""What sandboxes share is prepared once, by root; what changes on the host must be seen by the next one all the same."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from machine import require

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("COURSER_BUILD") or ROOT / "build")

# In a mount namespace of its own; the change comes while the first of two sandboxes of one spawner runs.
SCENE = """
set -e
mount --make-rprivate /
cp -a /etc {work}/etc
mount --bind {work}/etc /etc
mount -t tmpfs none /opt
mkdir -p /etc/alternatives /etc/ssl
echo one >/opt/seen
echo one >/etc/alternatives/seen
rm -f /etc/resolv.conf
echo '# one' >/etc/resolv.conf
(sleep 0.7; {change}) &
exec {run} spawner={spawner} net=host repeat=2 ready={ready} sh -c '{look}; sleep 1.5'
"""

CHANGES = {
    "a mount of the host": ("mount -t tmpfs none /opt; echo two >/opt/seen", "cat /opt/seen"),
    "a file replaced deep below /etc": (
        "cat /etc/alternatives/seen; echo two >/etc/alternatives/new; mv /etc/alternatives/new /etc/alternatives/seen",
        "cat /etc/alternatives/seen"),
    "a name that was looked for in vain": ("echo two >/etc/ssl/seen", "cat /etc/ssl/seen 2>/dev/null || echo one"),
    "what is hidden": ("echo x >/etc/seen; chmod 600 /etc/seen; rm /etc/debian_version",
                       "test ! -e /etc/seen && test -e /etc/debian_version && echo one || echo two"),
    "resolv.conf written in place": ('echo "# two" >/etc/resolv.conf', "cut -c3- /etc/resolv.conf"),
}


def play(work: Path, change: str, look: str, ready: int) -> str:
    require(os.geteuid() == 0, "root")
    scene = SCENE.format(work=work, ready=ready, change=change, look=look, run=BUILD / "tests/sandbox-run",
                         spawner=BUILD / "courser-spawner")
    done = subprocess.run(["unshare", "-m", "sh", "-c", scene], capture_output=True, text=True, timeout=50,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("ready", [0, 1], ids=["made", "ready"])
@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_seen_by_the_next_sandbox(tmp_path: Path, what: str, ready: int) -> None:
    change, look = CHANGES[what]
    seen = play(tmp_path, f"({change}) >/dev/null", look, ready)
    assert seen.split() == ["one", "two"]


@pytest.mark.parametrize("ready", [0, 1], ids=["made", "ready"])
def test_nothing_of_one_sandbox_is_in_the_next(tmp_path: Path, ready: int) -> None:
    look = ("for f in / /etc /dev /usr /opt /proc /sys /var /mnt /home /tmp /run/job /dev/shm /home/job;"
            "do touch $f/left 2>/dev/null && chmod 777 $f 2>/dev/null; ls -d $f/left 2>/dev/null; done; "
            "find / -xdev -name left 2>/dev/null | wc -l")
    seen = play(tmp_path, ":", look, ready).split("\n")
    half = len(seen) // 2
    assert seen[:half] == seen[half:2 * half] == ["/tmp/left", "/run/job/left", "/dev/shm/left", "/home/job/left", "0"]
