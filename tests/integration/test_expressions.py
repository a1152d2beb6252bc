"""Our evaluator of expressions beside GitHub's own, the npm package @actions/expressions: thousands at random, and where
the two differ because the runner, which is what we follow, differs from the package."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from expressions_made import CONTEXTS, Maker
from machine import require

HERE = Path(__file__).parent
Evaluate = Callable[[list[str]], list[tuple[bool, Any]]]


def lines_of(expressions: list[str], contexts: Any = CONTEXTS) -> bytes:
    return "".join(json.dumps(x, ensure_ascii=False) + "\n" for x in [contexts, *expressions]).encode()


def answers(command: list[str], expressions: list[str]) -> list[tuple[bool, Any]]:
    done = subprocess.run(command, input=lines_of(expressions), capture_output=True, check=True, timeout=60)
    lines = done.stdout.decode().splitlines()
    assert len(lines) == len(expressions)
    return [(line[0] == "=", json.loads(line[2:])) for line in lines]


@pytest.fixture(scope="module")
def ours() -> Evaluate:
    tool = str(Path(os.environ["COURSER_BUILD"]) / "tests" / "expr-eval")

    def evaluate(expressions: list[str]) -> list[tuple[bool, Any]]:
        return [(good, json.loads(value) if good else value) for good, value in answers([tool], expressions)]
    return evaluate


@pytest.fixture(scope="module")
def theirs() -> Evaluate:
    require(shutil.which("node") and shutil.which("npm"), "node and npm")
    installed = subprocess.run([str(HERE / "expressions-install")], capture_output=True, check=False, text=True)
    require(installed.returncode == 0, f"@actions/expressions: {installed.stderr}")
    command = ["node", str(HERE / "expressions" / "evaluate.mjs"), installed.stdout.strip()]
    return lambda expressions: answers(command, expressions)


def printed(value: Any) -> Any:
    """A value with its numbers as the runner prints them."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"number {value}" if not math.isfinite(value) else f"number {float(value):.15G}"
    if isinstance(value, list):
        return [printed(item) for item in value]
    if isinstance(value, dict):
        return [[key, printed(item)] for key, item in value.items()]
    return value


def compare(expressions: list[str], ours: Evaluate, theirs: Evaluate) -> tuple[int, list[str]]:
    """How many had a value, and those on which the two do not agree."""
    pairs = list(zip(expressions, ours(expressions), theirs(expressions), strict=True))
    differ = [f"{text!r}: {mine} here, {other} there" for text, mine, other in pairs
              if mine[0] != other[0] or (mine[0] and printed(mine[1]) != printed(other[1]))]
    return sum(other[0] for _, _, other in pairs), differ


def test_values_are_theirs(ours, theirs):
    maker = Maker(7)
    expressions = [maker.whole() for _ in range(4000)]
    good, differ = compare(expressions, ours, theirs)
    assert not differ, "\n".join(differ[:20])
    assert good > 3900


def test_what_fails_there_fails_here(ours, theirs):
    maker = Maker(8)
    good, differ = compare([maker.failing() for _ in range(500)], ours, theirs)
    assert not differ, "\n".join(differ[:20])
    assert 20 < good < 400


def test_what_is_no_expression_there_is_none_here(ours, theirs):
    maker = Maker(9)
    # Behind "false &&" nothing is evaluated; what the table below says of texts is left out.
    made = (f"false && ({maker.broken()})" for _ in range(2500))
    expressions = [x for x in made if not re.search(r",\s*\)|\d[xX]", x)]
    good, differ = compare(expressions, ours, theirs)
    assert not differ, "\n".join(differ[:20])
    assert len(expressions) > 1000 and 100 < good < len(expressions) - 500


# The expression, its value here and in the runner, its value in the package (an exception: an error), and why.
ERROR = RuntimeError
DIFFERENCES = [
    ("format('{0}', 1e18)", "1E+18", "1000000000000000000", "the runner prints 15 digits, in the form of C#"),
    ("format('{0}', 1e-7)", "1E-07", "1e-7", "the same"),
    ("format('{0}', 0.1234567890123456)", "0.123456789012346", "0.123456789012346", "15 digits here; the package cuts decimals"),
    ("format('{0}', 123.45678901234567)", "123.456789012346", "123.45678901234567", "15 digits, not 15 decimals"),
    ("format('{0}', -0)", "-0", "0", ".NET prints the sign"),
    ("toJSON(NaN)", "NaN", "null", "the runner prints the number's text"),
    ("toJSON(1e21)", "1E+21", "1e+21", "the same"),
    ("0xffffffff == -1", True, False, "the runner reads 32 bits with their sign"),
    ("0x100000000", ERROR, 4294967296, "the same"),
    ("'infinity' == Infinity", True, False, ".NET reads the word in any case"),
    ("'0X1F' == 31", False, True, "the runner knows 0x only"),
    ("'0b11' == 3", False, True, "the runner knows no binary numbers"),
    ("'ß' == 'SS'", False, True, "OrdinalIgnoreCase maps character by character"),
    ("'a''b''c'", "a'b'c", "a'b''c", "the package replaces the first pair only"),
    ("format('a',)", ERROR, "a", "the runner takes no comma before the bracket"),
    ("format('{0:x}', 1)", ERROR, "1", "the runner refuses format specifiers"),
    ("format('{0x}', 1)", ERROR, "1", "the package skips to the next brace"),
    ("format('{0}', 'a', fromJSON('{'))", "a", ERROR, "the runner evaluates what is used only"),
    ("case(true, 1, fromJSON('{'))", 1, ERROR, "the same"),
    ("github.ref[fromJSON('{')]", None, ERROR, "the same"),
    ("fromJSON('{\"a\":1,\"A\":2}').a", 2, 1, "the runner lets the last one count"),
    ("fromJSON('{\"constructor\":1}').constructor", 1, None, "the package loses the names of JavaScript's own members"),
    ("fromJSON('NaN') == 1", False, ERROR, "toJSON writes it, so fromJSON reads it"),
]


def test_known_differences(ours, theirs):
    expressions = [text for text, *_ in DIFFERENCES]
    for row, mine, other in zip(DIFFERENCES, ours(expressions), theirs(expressions), strict=True):
        text, here, there, _ = row
        assert (here is ERROR) is not mine[0] and (mine[1] == here or here is ERROR), (text, mine)
        assert (there is ERROR) is not other[0] and (other[1] == there or there is ERROR), (text, other)
