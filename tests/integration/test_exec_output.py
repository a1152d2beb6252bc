"""What a job prints can neither end, stall nor bloat the runner."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from exec_client import BARE, HEADER, Running, execute, lines, state
from tests.forge.gitlab_payload import payload


def job(script, after=None, **more):
    return payload(script, after, variables={**BARE, **more.pop("variables", {})}, **more)


def memory_of(running: Running, kind: str = "RssAnon") -> int:
    """KiB of the worker; 0 when it has ended."""
    try:
        text = Path(f"/proc/{running.role('worker')}/status").read_text()
        return int(text.partition(f"{kind}:")[2].split()[0])
    except (AssertionError, OSError, IndexError):
        return 0


def peak(running: Running) -> tuple[int, int]:
    """Memory of the worker before and at most while the job prints."""
    running.until("$ echo begun")
    first = most = memory_of(running)
    while running.process.poll() is None:
        most = max(most, memory_of(running))
        time.sleep(0.1)
    return first, most


def test_head_and_tail(courser):
    done = execute(courser, job(["echo the beginning", "seq 1000000", "echo the end"], ["echo after"]))
    text = lines(done)
    assert done.returncode == 0 and text[-2] == "Job succeeded"
    assert "the beginning" in text and "the end" in text and "after" in text and "1000000" in text
    assert "Job's log exceeded limit of 4194304 bytes." in text
    assert any("bytes left out" in line for line in text)
    assert 4_000_000 < len(done.trace) < 4_200_000 + 300_000
    small = execute(courser, job(["seq 100000", "exit 9"]), "-o", "output_limit=16KiB")
    assert small.result["exit_code"] == 9 and lines(small)[-2] == "ERROR: Job failed: exit status 9"
    assert len(small.trace) < 20_000 and "99999" in lines(small)


def test_one_line_of_200_mb(courser):
    running = Running(courser, job(["echo begun", "head -c 200M /dev/zero | tr '\\0' x", "echo; echo ended"]))
    first, most = peak(running)
    done = running.end()
    assert done.returncode == 0 and "ended" in lines(done) and len(done.trace) < 5_000_000
    assert most - first < 30 * 1024, f"{first} KiB, then {most} KiB"


def test_100_mb_of_lines(courser):
    running = Running(courser, job(["echo begun", "(yes 0123456789012345678901234567890123456789 || true) | head -c 100M", "echo ended"],
                                   variables={"FF_TIMESTAMPS": "true"}))
    first, most = peak(running)
    done = running.end()
    assert done.returncode == 0 and "ended" in lines(done)
    assert most - first < 30 * 1024, f"{first} KiB, then {most} KiB"


def test_bytes_that_are_no_text(courser):
    done = execute(courser, job([r"printf 'a\000b\377\376c\303\n\xe2\x82'", "head -c 100000 /dev/urandom", "echo; echo ended"]))
    assert done.returncode == 0
    done.trace.decode("utf-8")
    assert "a\0b\ufffd\ufffdc\ufffd\n" in done.text and "ended" in lines(done)


def test_tiny_writes(courser):
    code = "import os\nfor i in range(200000): os.write(1 + i % 2, b'x' if i % 100 < 98 else b'\\n')"
    done = execute(courser, job([f'python3 -c "{code}"', "echo ended"], variables={"FF_TIMESTAMPS": "true"}))
    assert done.returncode == 0 and "ended" in lines(done)
    assert all(HEADER.match(line) for line in done.trace.split(b"\n")[:-1])
    assert sum(line.count("x") for line in lines(done) if set(line) == {"x"}) == 196000


def test_output_comes_while_it_is_made(courser):
    running = Running(courser, job(["echo first; printf partial; sleep 3; echo last"]))
    began = time.monotonic()
    running.until("first")
    running.until("\npart", 2.5)
    assert time.monotonic() - began < 2.9 and "last" not in running.text().split("sleep 3; echo last")[1]
    assert running.end().returncode == 0


def test_streams_do_not_mix_within_a_line(courser):
    code = "import sys\nfor i in range(300):\n print('o' * 50, flush=True)\n print('e' * 50, file=sys.stderr, flush=True)"
    done = execute(courser, job([f'python3 -c "{code}"']))
    assert lines(done).count("o" * 50) == 300 and lines(done).count("e" * 50) == 300


def test_slow_reader(courser):
    """Standard output that is read slowly slows nothing but itself."""
    import json
    import subprocess
    courser.write("slow.json", json.dumps(job(["seq 200000", "echo ended"])))
    process = subprocess.Popen([str(courser.binaries.courser), "exec", "--payload", str(courser.path("slow.json")),
                                "--state", str(state(courser))], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               cwd=courser.home(), env=courser.environment(), **courser.account())
    killer = threading.Timer(30, process.kill)
    killer.start()
    time.sleep(0.5)
    trace = process.stdout.read()
    assert process.wait() == 0 and trace.endswith(b"Job succeeded\x1b[0;m\n") and b"\n200000\n" in trace
    killer.cancel()
