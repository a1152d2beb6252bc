#!/usr/bin/python3
"""Keep C within budget. usage: budget.py [--stats] FILE..."""
import statistics
import sys
from pathlib import Path

import ctokens

FUNCTION = {"lines": 60, "branches": 12, "params": 5, "nesting": 3}
SHOWN = {
    "lines": "lines",
    "branches": "cyclomatic complexity",
    "params": "parameters",
    "nesting": "levels of nesting",
}
# Functions whose parameters a library dictates.
DICTATED = {("runner/metrics_http.c", "asked")}
# The first row whose ends fit.
FILE_LINES = (("tests/", ".c", 800), ("", ".c", 500), ("", ".h", 120))


def file_limit(path):
    for folder, suffix, limit in FILE_LINES:
        if path.endswith(suffix) and (path.startswith(folder) or f"/{folder}" in path):
            return limit
    return None


def token_faults(path, text):
    ts = list(ctokens.scan(text))
    for t in ts:
        if t.kind == "comment" and t.text.startswith("//"):
            yield f"{path}:{t.line}: a comment is written /* */"
    ts = [t for t in ts if t.kind == "word"]
    for t, following in zip(ts, ts[1:] + [None]):
        if t.text == "goto":
            yield f"{path}:{t.line}: goto"
        if t.text == "typedef" and following and following.text in ("struct", "union"):
            yield f"{path}:{t.line}: typedef of a {following.text}"


def faults(path, text):
    """One line for each rule that text breaks."""
    lines, limit = text.count("\n"), file_limit(path)
    if limit and lines > limit:
        yield f"{path}:{lines}: {lines} lines, at most {limit}"
    yield from token_faults(path, text)
    for f in ctokens.functions(text):
        for key, most in FUNCTION.items():
            have = getattr(f, key)
            if key == "params" and (path, f.name) in DICTATED:
                continue
            if have > most:
                yield f"{path}:{f.line}: {f.name}: {have} {SHOWN[key]}, at most {most}"


def stats(texts):
    fs = [f for text in texts for f in ctokens.functions(text)]
    for key in FUNCTION if fs else ():
        values = sorted(getattr(f, key) for f in fs)
        p95 = values[min(len(values) - 1, len(values) * 95 // 100)]
        print(f"{SHOWN[key]}: median {statistics.median(values):g}, p95 {p95}, most {values[-1]}")
    print(f"functions: {len(fs)}")


def main(args):
    paths = [a for a in args if a != "--stats"]
    if "--stats" not in args:
        return ctokens.report(faults, paths)
    stats([Path(path).read_text(encoding="utf-8") for path in paths])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
