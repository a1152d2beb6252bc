"""A job's files as the bench needs them, and what other programs take for them."""

from __future__ import annotations

import os
import random
import subprocess
import time
from pathlib import Path


def mixed(path: Path, size: int) -> None:
    """About `size` bytes: half of it sources and logs, a quarter programs, a quarter what is compressed already."""
    choose = random.Random(7)
    words = [bytes(choose.choices(b"abcdefghijklmnopqrstuvwxyz_", k=choose.randint(2, 11))) for _ in range(4000)]
    programs = [p.read_bytes() for p in Path("/usr/lib/x86_64-linux-gnu").glob("lib[cg]*.so.*") if p.is_file()][:40]
    done = count = 0
    while done < size:
        count += 1
        kind = choose.random()
        if kind < 0.9:
            data = b" ".join(choose.choices(words, k=choose.choice((50, 500, 5000, 50000))))
        elif kind < 0.95:
            data = choose.choice(programs)
        else:
            data = os.urandom(choose.choice((10_000, 1_000_000, 4_000_000)))
        place = path / f"d{count % 50}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"f{count}").write_bytes(data)
        done += len(data)


def many_small(path: Path, count: int) -> None:
    """As a node_modules: `count` files of a few hundred bytes to some KiB in directories of ten."""
    choose = random.Random(11)
    words = [bytes(choose.choices(b"abcdefghijklmnopqrstuvwxyz(){};= ", k=choose.randint(3, 12))) for _ in range(2000)]
    for number in range(count):
        place = path / f"p{number // 100}" / f"lib{number // 10 % 10}"
        if number % 10 == 0:
            place.mkdir(parents=True, exist_ok=True)
        (place / f"f{number % 10}.js").write_bytes(b" ".join(choose.choices(words, k=choose.choice((40, 200, 800)))))


def timed(*command: str, cwd: Path) -> float:
    begin = time.monotonic()
    subprocess.run(command, cwd=cwd, check=True)
    return time.monotonic() - begin


def zip_and_curl(tree: Path, scratch: Path, url: str, token: str) -> float:
    """Seconds of `zip -r` and then `curl`, as scripts do it."""
    begin = time.monotonic()
    subprocess.run(["zip", "-qr", str(scratch / "a.zip"), "."], cwd=tree, check=True)
    subprocess.run(["curl", "-sSf", "-o", "/dev/null", "-H", f"JOB-TOKEN: {token}", "-F", f"file=@{scratch / 'a.zip'}", url],
                   check=True)
    return time.monotonic() - begin
