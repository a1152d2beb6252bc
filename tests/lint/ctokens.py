"""C as tokens and functions: enough for our own style, without a compiler and without packages.

Comments and preprocessor lines are no tokens. Both branches of an #if are seen, which is what a
budget wants. Statement macros that loop ("each(x, y) { … }") count as loops.
"""
import re
from typing import NamedTuple

TOKEN = re.compile(
    r"""(?P<comment>/\*.*?\*/|//[^\n]*)
    |(?P<directive>(?<![^\n])[ \t]*\#(?:/\*.*?\*/|\\\n|[^\n])*)
    |(?P<string>(?:u8|[uUL])?"(?:\\.|[^"\\\n])*")
    |(?P<char>[uUL]?'(?:\\.|[^'\\\n])*')
    |(?P<word>[A-Za-z_]\w*)
    |(?P<number>\.?\d(?:[eEpP][+-]|[\w.])*)
    |(?P<op>\.\.\.|&&|\|\||->|<<=?|>>=?|[-+*/%&|^=!<>]=|\+\+|--|[^\s\w])""",
    re.S | re.X,
)
OPEN, CLOSE = {"(": ")", "[": "]", "{": "}"}, {")", "]", "}"}
LOOPS = {"for", "while", "switch"}


class Token(NamedTuple):
    kind: str
    text: str
    line: int


class Function(NamedTuple):
    name: str
    line: int
    lines: int
    params: int
    branches: int
    nesting: int


def scan(text):
    """Every token of text, comments and directives too."""
    line, at = 1, 0
    for m in TOKEN.finditer(text):
        line += text.count("\n", at, m.start())
        at = m.start()
        yield Token(m.lastgroup, m.group(), line)


def tokens(text):
    """The tokens that the compiler proper sees."""
    return [t for t in scan(text) if t.kind not in ("comment", "directive")]


def group_end(ts, i):
    """The index behind the bracket that closes the one at i."""
    depth = 0
    while i < len(ts):
        if ts[i].text in OPEN:
            depth += 1
        elif ts[i].text in CLOSE:
            depth -= 1
            if depth == 0:
                return i + 1
        i += 1
    return i


def without_attributes(ts):
    out, i = [], 0
    while i < len(ts):
        if ts[i].text == "__attribute__" and i + 1 < len(ts):
            i = group_end(ts, i + 1)
        else:
            out.append(ts[i])
            i += 1
    return out


class Body:
    """Counts branches and nesting in the statements of one function."""

    def __init__(self, ts):
        self.ts, self.i, self.nesting = ts, 0, 0
        words = ("if", "for", "while", "case", "&&", "||", "?")
        self.branches = 1 + sum(t.kind in ("word", "op") and t.text in words for t in ts)

    def text(self, ahead=0):
        i = self.i + ahead
        return self.ts[i].text if i < len(self.ts) else ""

    def skip_group(self):
        self.i = group_end(self.ts, self.i)

    def block(self, depth):
        self.i += 1
        while self.i < len(self.ts) and self.text() != "}":
            self.statement(depth)
        self.i += 1

    def nested(self, depth):
        self.nesting = max(self.nesting, depth)
        self.statement(depth)

    def choice(self, depth):
        self.i += 1
        self.skip_group()
        self.nested(depth + 1)
        if self.text() != "else":
            return
        self.i += 1
        if self.text() == "if":
            self.choice(depth)
        else:
            self.nested(depth + 1)

    def loop(self, depth):
        self.i += 1
        self.skip_group()
        self.nested(depth + 1)

    def until(self, depth):
        self.i += 1
        self.nested(depth + 1)
        self.simple(depth)

    def label(self):
        while self.text() not in (":", ""):
            self.i += 1
        self.i += 1

    def simple(self, depth):
        """An expression or declaration up to its ';', or a loop macro with its block."""
        start = self.i
        while self.i < len(self.ts) and self.text() not in (";", "}"):
            if self.text() not in OPEN:
                self.i += 1
                continue
            is_call = self.text() == "(" and self.i == start + 1 and self.ts[start].kind == "word"
            self.skip_group()
            if is_call and self.text() == "{" and self.ts[start].text not in ("return", "sizeof"):
                self.branches += 1
                self.nested(depth + 1)
                return
        if self.text() == ";":
            self.i += 1

    def statement(self, depth):
        word = self.text()
        if word == "{":
            self.block(depth)
        elif word == "if":
            self.choice(depth)
        elif word in LOOPS:
            self.loop(depth)
        elif word == "do":
            self.until(depth)
        elif word in ("case", "default"):
            self.label()
        else:
            self.simple(depth)


def count_params(ts):
    """ts: the tokens between the parentheses. The '...' of a variadic function is not counted."""
    if not ts or (len(ts) == 1 and ts[0].text == "void"):
        return 0
    commas, i = 0, 0
    while i < len(ts):
        if ts[i].text in OPEN:
            i = group_end(ts, i)
            continue
        commas += ts[i].text == ","
        i += 1
    return commas + (ts[-1].text != "...")


def heading(ts):
    """(name, number of parameters) if the tokens before a '{' are a function's heading, else None."""
    ts = without_attributes(ts)
    if not ts or ts[-1].text != ")" or any(t.text == "=" for t in ts):
        return None
    for i, t in enumerate(ts):
        if t.text == "(" and i > 0 and ts[i - 1].kind == "word":
            inside = ts[i + 1 : group_end(ts, i) - 1]
            return ts[i - 1].text, count_params(inside)
    return None


def functions(text):
    """Every function that is defined in text."""
    ts = tokens(text)
    start = i = 0
    while i < len(ts):
        t = ts[i].text
        if t == "{":
            end = group_end(ts, i)
            head = heading(ts[start:i])
            if head:
                body = Body(ts[i:end])
                body.block(0)
                first = next(x for x in ts[start:i] if x.text != "END_TEST").line
                lines = ts[end - 1].line - first + 1
                yield Function(head[0], first, lines, head[1], body.branches, body.nesting)
                start = end
            i = end
        elif t in OPEN:
            i = group_end(ts, i)
        else:
            i += 1
            if t == ";":
                start = i


def calls(text):
    """(name, line, argument tokens) of everything that looks like a call."""
    ts = tokens(text)
    for i, t in enumerate(ts[:-1]):
        is_member = i > 0 and ts[i - 1].text in (".", "->")
        if t.kind == "word" and ts[i + 1].text == "(" and not is_member:
            yield t.text, t.line, ts[i + 2 : group_end(ts, i + 1) - 1]


def report(faults, paths):
    """Prints what faults(path, text) yields for each file; the exit status."""
    found = []
    for path in paths:
        with open(path, encoding="utf-8") as f:
            found.extend(faults(path, f.read()))
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0
