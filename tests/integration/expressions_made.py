"""Expressions at random, within what GitHub's JavaScript evaluator and its runner (in C#) agree on."""

from __future__ import annotations

import random

CONTEXTS = {
    "github": {"ref": "refs/heads/Main", "event": {"n": 3, "list": [10, 20, 30], "empty": {}}, "token": None},
    "env": {"A": "1", "B": "x", "EMPTY": "", "ON": "true"},
    "steps": {"one": {"outputs": {"x": "1"}, "ok": True}, "two": {"outputs": {"x": "2", "y": "3"}}, "three": {"ok": False}},
    "matrix": {"os": [{"name": "linux", "tags": ["a", "b"]}, {"name": "bsd", "tags": ["c"]}, 7, None], "n": -1.5},
}

TEXTS = ["", " ", "1", "01", "1.5", "-3", "+4", ".5", "5.", "1e3", " 7 ", "0x1F", "0o17", "Infinity", "-Infinity", "NaN", "abc",
         "ABC", "abd", "true", "null", "Main", "refs/heads/main", "it''s", "é", "É", "ж", "日本", "😀", "a,b", "_", "[", "{}", "name",
         "x", "list", "0", "}}"]
# Printed alike by both; the others are for comparisons only.
NUMBERS = ["0", "1", "2", "-1", "+3", "1.5", "-2.25", ".5", "10", "20", "0x1f", "0o17", "1e3", "25E-2", "123456789", "NaN", "Infinity"]
ODD_NUMBERS = NUMBERS + ["1e400", "-1e400", "1e-7", "1e21", "-0", "9007199254740993", "0.1", "-Infinity", "0x7fffffff"]
JSON = ['[]', '{}', '[1,[2,3],{"x":"y"}]', '{"a":{"b":[1,2]},"c":null,"d":"é"}', '"text"', '12.5', 'true', 'null', '[[1],[2,[3]]]',
        '{"x":1,"y":{"x":[{"x":2}]}}', ' [ 1 , "\\u0041\\n\\"" ] ', '"\\ud83d\\ude00"', '[0,-1,1e2]']
BAD_JSON = ['', ' ', '{', '[1,]', '{a:1}', "x", '01', '"\\x"', '[1 2]', 'nul', '1.', '"a', '{"a":1,}', '[1]]']
FORMATS = ["{0}", "{0}-{1}", "a{1}b{0}", "{{0}}", "{{{0}}}", "plain", "", "{0}{0}", "}}{{", "é{1}"]
BAD_FORMATS = ["{", "}", "{}", "{0", "{2}", "{0}}", "{{}", "{a}", "{-1}", "{ 0}"]
NAMES = ["ref", "event", "list", "n", "token", "A", "B", "EMPTY", "one", "two", "outputs", "x", "ok", "os", "name", "tags", "none", "REF"]
COMPARISONS = ["==", "!=", "<", "<=", ">", ">="]
LITERALS = ["true", "false", "null"]


class Maker:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def space(self) -> str:
        return self.random.choice(["", "", " ", "  ", "\n", "\t"])

    def text(self) -> str:
        return f"'{self.random.choice(TEXTS)}'"

    def literal(self) -> str:
        return self.random.choice([self.text(), self.text(), self.random.choice(NUMBERS), self.random.choice(LITERALS)])

    def path(self) -> str:
        """A context and what is in it, or is not."""
        made = self.random.choice(list(CONTEXTS))
        for _ in range(self.random.randrange(5)):
            made += self.random.choice([lambda: f".{self.random.choice(NAMES)}"] * 4 + [
                lambda: ".*", lambda: "[*]", lambda: f"[{self.literal()}]", lambda: f"['{self.random.choice(NAMES)}']",
                lambda: f" [ {self.value(1)} ] "])()
        return made

    def json(self) -> str:
        made = f"fromJSON('{self.random.choice(JSON)}')"
        for _ in range(self.random.randrange(4)):
            made += self.random.choice([".a", ".b", ".x", ".*", "[0]", "[1]", "[*]", ".c", "['x']"])
        return made

    def call(self, depth: int) -> str:
        v = lambda: self.value(depth - 1)  # noqa: E731
        return self.random.choice([
            lambda: f"contains({v()}, {v()})", lambda: f"startsWith({v()},{v()})", lambda: f"ENDSWITH({v()}, {v()} )",
            lambda: f"join({v()})", lambda: f"join({v()}, {self.text()})", lambda: f"join( {self.path()},{v()})",
            lambda: f"format('{self.random.choice(FORMATS)}', {v()}, {v()})", lambda: f"fromJson(toJSON({self.path()}))",
            lambda: f"case({self.truth(depth - 1)}, {v()}, {v()})",
            lambda: f"case({self.truth(depth - 1)},{v()},{self.truth(depth - 1)},{v()},{v()})",
            lambda: f"contains({self.path()}, {self.literal()})", lambda: f"toJSON({self.path()})",
        ])()

    def truth(self, depth: int) -> str:
        """Something that is true or false."""
        operand = self.random.choice(ODD_NUMBERS) if self.random.random() < .2 else self.value(depth - 1)
        return self.random.choice([
            lambda: f"{self.value(depth - 1)}{self.space()}{self.random.choice(COMPARISONS)}{self.space()}{operand}",
            lambda: f"!{self.space()}{self.tight(depth - 1)}",
            lambda: f"{operand} {self.random.choice(COMPARISONS)} {self.tight(depth - 1)}",
        ])()

    def tight(self, depth: int) -> str:
        return self.random.choice([self.literal, self.path, self.json, lambda: f"({self.value(depth)})"])()

    def value(self, depth: int = 4) -> str:
        if depth <= 0:
            return self.random.choice([self.literal, self.path])()
        return self.random.choice([
            self.literal, self.path, self.json, lambda: self.call(depth), lambda: self.call(depth), lambda: f"({self.truth(depth)})",
            lambda: f"({self.value(depth - 1)}{self.space()})",
            lambda: f"({self.value(depth - 1)}{self.space()}&&{self.space()}{self.value(depth - 1)})",
            lambda: f"({self.value(depth - 1)} || {self.value(depth - 1)})",
        ])()

    def whole(self) -> str:
        """An expression whose outermost operators have no brackets."""
        if self.random.random() < .4:
            return self.value()
        parts = [self.random.choice([self.truth, self.value])(3) for _ in range(self.random.randrange(2, 5))]
        return parts[0] + "".join(f" {self.random.choice(['&&', '||', *COMPARISONS])} {part}" for part in parts[1:])

    def failing(self) -> str:
        """Fails while it is evaluated, unless an operator before it has decided."""
        made = self.random.choice([
            lambda: f"fromJSON('{self.random.choice(BAD_JSON)}')",
            lambda: f"format('{self.random.choice(BAD_FORMATS)}', {self.value(1)})",
            lambda: f"case({self.text()}, 1, 2)",
        ])()
        return self.random.choice([made, f"{self.value(2)} && {made}", f"{self.value(2)} || {made}", f"{made} == 1"])

    def broken(self) -> str:
        """An expression with a character too many, too few or in another's place: it may still be one."""
        made = self.whole()
        at = self.random.randrange(len(made) + 1)
        put = self.random.choice(["", *"()[],.'!<>=&|* x1"])
        return made[:at] + put + made[at + self.random.randrange(2):]
