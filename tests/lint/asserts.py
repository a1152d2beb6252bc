#!/usr/bin/python3
"""Every test function asserts something, itself or by a function of its file that does.
usage: asserts.py FILE..."""
import sys

import ctokens


def bodies(ts):
    """(name, token texts) of every function and START_TEST in ts."""
    start = i = 0
    while i < len(ts):
        if ts[i].text == "{":
            end = ctokens.group_end(ts, i)
            head = ctokens.heading(ts[start:i])
            if head:
                before = [t.text for t in ts[start:i]]
                is_test = "START_TEST" in before
                name = before[before.index("START_TEST") + 2] if is_test else head[0]
                yield name, is_test, {t.text for t in ts[i:end]}
                start = end
            i = end
        else:
            start = i + 1 if ts[i].text == ";" else start
            i += 1


def is_assert(word):
    return word.startswith(("ck_assert", "ck_abort", "fail_"))


def faults(path, text):
    found = list(bodies(ctokens.tokens(text)))
    asserting, grew = set(), True
    while grew:
        more = {n for n, _, ws in found if any(is_assert(w) or w in asserting for w in ws)}
        grew, asserting = more != asserting, more
    for name, is_test, _ in found:
        if is_test and name not in asserting:
            yield f"{path}: {name} asserts nothing"
    if not any(is_test for _, is_test, _ in found):
        yield f"{path}: holds no test"


if __name__ == "__main__":
    sys.exit(ctokens.report(faults, sys.argv[1:]))
