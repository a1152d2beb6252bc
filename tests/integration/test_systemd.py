"""courser as installed, started by systemd, in a machine of its own: delegation, restarts that end no job, the stop that
drains. `make install` and the units of contrib/systemd; as root and as a user's service.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from courser import TMP
from machine import require

from tests.forge.gitlab import GitLab
from tests.forge.gitlab_jobs import Job
from tests.vm import debian

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("COURSER_BUILD") or ROOT / "build")
TICKS = "for n in $(seq 1 {}); do echo tick-$n.; sleep 0.2; done"
HUNGRY = "tail -c 200M /dev/zero | tail -c 150M > /dev/null"
MINE = "runuser -u ci -- env XDG_RUNTIME_DIR=/run/user/1500 systemctl --user"

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(bool(os.environ.get("SAN") or os.environ.get("COV")), reason="an instrumented build is not installed"),
    pytest.mark.skipif(platform.machine() != "x86_64", reason="the kernel of the virtual machine is one for x86-64"),
]


def install(prefix: str, *more: str) -> None:
    subprocess.run(["make", "-s", f"BUILD={BUILD}", f"PREFIX={prefix}", *more], cwd=ROOT, check=True)


def put_courser(root: Path) -> None:
    """courser below root, and the libraries that the machine has not."""
    install("/usr", f"DESTDIR={root}", "install")
    for binary in [root / "usr/bin/courser", *(root / "usr/libexec/courser").iterdir()]:
        said = subprocess.run(["ldd", str(binary)], capture_output=True, text=True, check=False).stdout
        for name in re.findall(r"=> (/\S+)", said):
            if not (root / name[1:]).exists():
                shutil.copy2(name, root / name[1:])


def configure(vm: debian.Debian, gitlab: GitLab, place: str) -> None:
    port = gitlab.url.rpartition(":")[2]
    runner = {"name": "vm", "url": f"http://{debian.HOST}:{port}", "token_file": f"{place}/token",
              "limits": {"memory": "100MiB"}}
    text = json.dumps({"concurrent": 2, "runners": [runner]})
    done = vm.run(f"mkdir -p {place} && umask 077 && echo {gitlab.add_runner().token} > {place}/token && "
                  f"echo '{text}' > {place}/config.yaml")
    assert done.status == 0, done.text


def group_of(vm: debian.Debian, below: str) -> list[str]:
    """The groups in that of the jobs' unit."""
    return sorted(vm.run(f"cd /sys/fs/cgroup/{below} && ls -d */").text.split())


def out_of_memory(job: Job) -> None:
    job.wait(90)
    assert job.state == "failed" and "Job failed: out of memory" in job.text, job.text
    assert "allowed 100.0 MiB" in job.text and "(by cgroup)" in job.text, job.text


def test_started_by_systemd(tmp_path: Path) -> None:
    """One test, because each would start the machine again in another worker."""
    require(not debian.missing(), debian.missing())
    require(os.geteuid() == 0, "root, to make the disk of a virtual machine")
    with GitLab() as gitlab, debian.Debian(tmp_path, put_courser) as vm:
        of_the_system(vm, gitlab)
        of_a_user(vm, gitlab)


def of_the_system(vm: debian.Debian, gitlab: GitLab) -> None:
    below = "system.slice/courser-jobs.service"
    assert vm.run("systemctl start courser && systemctl is-active courser").text.strip() == "inactive"  # not configured
    configure(vm, gitlab, "/etc/courser")
    done = vm.run("systemctl start courser && systemctl is-active courser")
    assert done.text.strip() == "active", vm.run("journalctl -u courser").text
    job = gitlab.queue([TICKS.format(60)])
    job.wait_trace("tick-3.")
    (own,) = [group for group in group_of(vm, below) if group.startswith("job-")]
    assert vm.run(f"cat /sys/fs/cgroup/{below}/{own}memory.max").text.strip() == str(100 << 20)

    first = vm.run("systemctl show -P MainPID courser").text
    assert vm.run("systemctl restart courser").status == 0
    second = vm.run("systemctl show -P MainPID courser").text
    assert vm.run("kill -9 $(systemctl show -P MainPID courser); sleep 3; systemctl is-active courser").text.strip() == "active"
    assert len({first, second, vm.run("systemctl show -P MainPID courser").text}) == 3
    assert own in group_of(vm, below)
    assert not job.finished
    assert vm.run("systemctl stop courser").status == 0  # waits for the job
    job.wait(5)
    assert job.state == "success" and re.findall(r"tick-(\d+)\.", job.text)[-60:] == [str(n) for n in range(1, 61)], job.text
    assert vm.run("journalctl -u courser | grep -c 'taken over'").text.strip() == "2"

    assert vm.run("systemctl start courser").status == 0
    out_of_memory(gitlab.queue([HUNGRY]))
    assert vm.run("systemctl stop courser").status == 0
    assert group_of(vm, below) == ["holder/"]
    assert vm.run("systemctl stop courser-jobs; pgrep -c courser").text.strip() == "0"


def of_a_user(vm: debian.Debian, gitlab: GitLab) -> None:
    place = f"/home/{debian.USER}/.config/courser"
    below = "user.slice/user-1500.slice/user@1500.service/app.slice/courser-jobs.service"
    configure(vm, gitlab, place)
    assert vm.run(f"chown -R {debian.USER}: /home/{debian.USER} && loginctl enable-linger {debian.USER} && "
                  "until [ -S /run/user/1500/bus ]; do sleep 0.2; done").status == 0
    done = vm.run(f"{MINE} start courser && {MINE} is-active courser")
    assert done.text.strip() == "active", vm.run("journalctl --no-pager | tail -n 50").text
    job = gitlab.queue([TICKS.format(30)])
    job.wait_trace("tick-3.")
    assert vm.run(f"{MINE} restart courser").status == 0
    job.wait(60)
    assert job.state == "success" and len(re.findall(r"tick-\d+\.", job.text)) == 30, job.text
    out_of_memory(gitlab.queue([HUNGRY]))
    assert vm.run(f"{MINE} stop courser").status == 0
    assert group_of(vm, below) == ["holder/"]


def test_installed_and_taken_away(tmp_path: Path) -> None:
    """Below a prefix: the command finds its roles there, and nothing stays behind."""
    place = Path(TMP) / tmp_path.name
    try:
        install(str(place), "install")
        done = subprocess.run([str(place / "bin/courser"), "exec", "--payload", "tests/unit/vectors/payload-hello.json"],
                              cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0 and "Job succeeded" in done.stdout, done.stdout + done.stderr
        unit = (place / "lib/systemd/system/courser.service").read_text()
        assert f"ExecStart={place}/bin/courser run\n" in unit
        found = {str(file.relative_to(place)) for file in place.rglob("*") if file.is_file()}
        assert {"share/man/man5/courser.yaml.5", "share/bash-completion/completions/courser"} < found
        install(str(place), "uninstall")
        assert [file for file in place.rglob("*") if not file.is_dir()] == []
    finally:
        shutil.rmtree(place, ignore_errors=True)
