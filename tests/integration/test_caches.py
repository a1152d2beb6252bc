"""Caches of real jobs: keys, policies, trust, budget, damage, a restore that is whole or not at all."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from daemon_client import ended, role
from exec_client import BARE, execute, lines, state

from tests.forge.gitlab_payload import payload

OPTIONS = ("-o", "cache_free=0")
FRESH = {"GIT_STRATEGY": "empty"}
SHOW = "cat m/a 2>/dev/null || echo no'thing'"
MAKE = "mkdir -p m/deep; echo {} > m/a; seq 30000 > m/deep/big; ln -sf a m/l; echo run > m/run; chmod 755 m/run"


def job(script: list[str], cache, **more):
    return payload(script, cache=cache, variables={**BARE, **FRESH, **more.pop("variables", {})}, **more)


def run(courser, script, cache, *options, code: int = 0, **more) -> list[str]:
    done = execute(courser, job(script, cache, **more), *(options or OPTIONS))
    assert done.returncode == code, done.text
    return lines(done)


def store(courser) -> Path:
    return state(courser) / "caches"


def objects(courser) -> list[Path]:
    return sorted(p for p in store(courser).glob("*/objects/*"))


def has(text: list[str], *words: str) -> None:
    for word in words:
        assert any(word in line for line in text), f"{word!r} not in\n" + "\n".join(text)


def test_saved_and_restored(courser, as_user):
    cache = {"key": "$CI_JOB_NAME-é", "paths": ["m/", "none"]}
    first = run(courser, [SHOW, MAKE.format("one")], cache)
    has(first, "Checking cache for test-é...", "failed to extract cache", "nothing", "Creating cache test-é...",
        "m/: found 6 matching cache files and directories", "Created cache (3 files, 3 of them new)",
        "WARNING: none: no matching files. Ensure that the cache path", "restore_cache", "archive_cache")
    again = [SHOW, "cat m/l; stat -c '%a %U' m/run; tail -n 1 m/deep/big",
             'for f in m/a m/run; do [ $f -ot $0 ] || [ $(stat -c %Y $f) -lt $(($(date +%s) - 8)) ] && echo older; done',
             "ls -A"]
    second = run(courser, again, cache)
    has(second, "Successfully extracted cache (3 files", "755 job", "30000", "Created cache (3 files, 0 of them new)")
    assert second.count("one") == 2 and second.count("older") == 2
    assert ".courser-restore" not in second and second[second.index("30000"):].count("m") == 1


def test_keys_policies_and_when(courser):
    cache = {"key": "a/../b\\%2e%2e/c ", "paths": ["m"]}
    has(run(courser, [MAKE.format("first")], cache), 'sanitized to "c"', "Creating cache c...")
    pull = run(courser, [SHOW, "echo changed > m/a"], {"key": "c", "paths": ["m"], "policy": "$HOW"}, variables={"HOW": "pull"})
    has(pull, "first", "Not uploading cache c due to policy")
    push = run(courser, [SHOW, MAKE.format("second")], {"key": "c", "paths": ["m"], "policy": "push"})
    has(push, "nothing", "Not downloading cache c due to policy", "Created cache")
    back = run(courser, [SHOW], {"key": "new", "paths": ["m"], "fallback_keys": ["no", "c", "never"], "policy": "pull"})
    has(back, "Checking cache for no...", "Checking cache for c...", "second")
    assert not any("never" in line for line in back)
    last = run(courser, [SHOW], {"key": "new", "paths": ["m"], "policy": "pull"}, variables={"CACHE_FALLBACK_KEY": "c"})
    has(last, "second")
    has(run(courser, [SHOW], {"key": "n", "paths": ["m"], "policy": "pull"}, variables={
        "CACHE_FALLBACK_KEY": "c-protected"}), "nothing", "is not allowed to end in -protected")
    has(run(courser, ["true"], {"key": "n", "paths": ["m"], "policy": "odd"}), 'unknown cache policy "odd"')
    failed = run(courser, [MAKE.format("failed"), "exit 1"], [
        {"key": "s", "paths": ["m"]}, {"key": "f", "paths": ["m"], "when": "on_failure"},
        {"key": "w", "paths": ["m"], "when": "always"}], code=1)
    has(failed, "Saving cache for failed job", "archive_cache_on_failure", "Creating cache f...", "Creating cache w...")
    assert "Creating cache s..." not in failed
    has(run(courser, ["true"], {"key": "e", "paths": ["nothing"]}), "no files to cache")


def test_unchanged_files_are_stored_once(courser):
    cache = {"key": "k", "paths": ["m"]}
    run(courser, ["mkdir m; for i in {1..100}; do echo $i > m/$i; done"], cache)
    before = {p: p.stat().st_mtime_ns for p in objects(courser)}
    text = run(courser, ["echo changed > m/7; rm m/8"], cache)
    has(text, "Created cache (99 files, 1 of them new)")
    now = {p: p.stat().st_mtime_ns for p in objects(courser)}
    assert len(before) == 100 and len(now) == 101 and {p: now[p] for p in before} == before


def test_damage_is_a_miss(courser):
    cache = {"key": "k", "paths": ["m"]}
    run(courser, [MAKE.format("good")], cache)
    big = max(objects(courser), key=lambda p: p.stat().st_size)
    data = bytearray(big.read_bytes())
    data[len(data) // 2] ^= 1
    big.write_bytes(data)
    text = run(courser, [SHOW, "ls -A | wc -l", MAKE.format("mended")], cache)
    has(text, "WARNING: Failed to extract cache", "its object is damaged", "nothing", "Created cache")
    assert "0" in text, "nothing of it is in the tree"
    has(run(courser, [SHOW], cache), "mended")
    key = next(store(courser).glob("*/keys/*"))
    key.write_bytes(key.read_bytes()[:-40])
    has(run(courser, [SHOW, MAKE.format("x")], cache), "the list of the cache is damaged", "nothing")
    has(run(courser, [SHOW], cache), "Successfully extracted cache")


def test_the_budget_and_the_floor(courser):
    make = "head -c 1500000 /dev/urandom > m"
    options = ("-o", "cache_size=4MiB", "-o", "cache_free=0")
    for number in range(5):
        run(courser, [make], {"key": f"k{number}", "paths": ["m"]}, *options)
        assert sum(p.stat().st_blocks * 512 for p in store(courser).rglob("*")) <= 4 << 20
    has(run(courser, ["ls"], {"key": "k4", "paths": ["m"], "policy": "pull"}, *options), "Successfully extracted cache")
    has(run(courser, ["ls"], {"key": "k0", "paths": ["m"], "policy": "pull"}, *options), "no cache of this key")
    has(run(courser, ["head -c 9000000 /dev/urandom > m"], {"key": "huge", "paths": ["m"]}, *options),
        "WARNING: Failed to create cache", "larger than")
    has(run(courser, [make], {"key": "k9", "paths": ["m"]}, "-o", "cache_free=900TiB"), "WARNING: Failed to create cache",
        "are free on the disk")


def test_a_restore_follows_no_link(courser):
    """What the tree has already, links to elsewhere above all, is not written through."""
    cache = {"key": "k", "paths": ["m"]}
    run(courser, ["mkdir -p m/d; echo evil > m/d/passwd; echo f > m/f"], cache)
    before = Path("/etc/passwd").read_bytes()
    keep = ("-o", "cache_free=0")
    flags = {"GIT_STRATEGY": "none"}
    first = execute(courser, job(["rm -rf m; mkdir m; ln -s /etc m/d; mkdir m/f"], {**cache, "policy": "push", "paths": ["x"]},
                                 variables=flags), *keep)
    assert first.returncode == 0
    second = run(courser, ["readlink m/d; ls -d m/f"], {**cache, "policy": "pull"}, *keep, variables=flags)
    has(second, "2 paths of the cache are of another kind", "/etc")
    assert Path("/etc/passwd").read_bytes() == before


def test_trust_is_kept_apart(gitlab, courser):
    courser.start(gitlab, cache_free=0)
    cache = {"key": "k", "paths": ["m"]}
    ended(gitlab.queue([MAKE.format("protected")], cache=cache, variables=FRESH))
    other = ended(gitlab.queue([SHOW], cache=cache, variables=FRESH, git={"protected": False}))
    assert "nothing" in other.text
    same = ended(gitlab.queue([SHOW], cache=cache, variables=FRESH))
    assert "Successfully extracted cache" in same.text
    third = ended(gitlab.queue([SHOW], cache=cache, variables=FRESH, project_id=43, project="other/project"))
    assert "nothing" in third.text


@pytest.mark.timeout(90)
def test_a_killed_storer_harms_nobody(gitlab, courser):
    courser.start(gitlab, cache_free=0)
    cache = {"key": "k", "paths": ["m"]}
    ended(gitlab.queue([MAKE.format("kept")], cache=cache, variables=FRESH))
    for wait in (0.0, 0.1):
        job_ = gitlab.queue(["mkdir m; for i in {1..400}; do echo $i-$RANDOM > m/$i; done; "
                             "head -c 12000000 /dev/urandom > m/r"], cache={**cache, "policy": "push"}, variables=FRESH)
        pid = role(courser, "storer")
        time.sleep(wait)
        try:
            os.kill(pid, 9)
        except ProcessLookupError:
            pass
        ended(job_)
        assert "Created cache" in job_.text or "WARNING: Failed to create cache: the storer died" in job_.text
    last = ended(gitlab.queue([SHOW], cache={**cache, "policy": "pull"}, variables=FRESH))
    assert "Successfully extracted cache" in last.text
