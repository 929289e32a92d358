"""Mutants of a source: each compiles, and is a mistake that a programmer may make."""

import pytest

from tests.mutants.sites import mutants


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("x = a < b", ["x = (a <= b)"]),
        (
            "x = a < b != c",
            ["x = (a <= b != c)", "x = (a < b == c)", "x = (a < b)", "x = (b != c)"],
        ),
        ("x = a and b", ["x = (a or b)", "x = (b)", "x = (a)"]),
        ("x = not a", ["x = (a)"]),
        ("x = a + b", ["x = (a - b)"]),
        ("x = a + 'b'", []),
        ("x = 7", ["x = 8", "x = 6"]),
        ("x = 0", ["x = 1"]),
        ("x = True", ["x = False"]),
        ("x = 1.5", ["x = 4.0"]),
        ("x = b'ab'", ['x = b""']),
        ("x = 'é' + a if a else b", ["x = 'é' + a if (not a) else b"]),
        ("f(a, b)", ["pass", "(f(b, a))"]),
        ("x = min(a, b)", ["x = (max(a, b))", "x = (a)", "x = (b)"]),
        ("x = isinstance(a, b)", []),
        ("a.b = c", ["pass"]),
        ("a = c", []),
        ("a += b", ["pass", "a -= b"]),
        ("del a", ["pass"]),
        ("def f(): return a", ["def f(): return None"]),
        ("def f(): return", ["def f(): pass"]),
        ("raise ValueError(a + b)", ["pass"]),
        ("raise NotImplementedError", []),
        ("while a: break", ["while (not a): break", "while a: continue"]),
        ("for a in b: continue", ["for a in b: break"]),
        ("def f(a: int = 0) -> x[2]: ...", ["def f(a: int = 1) -> x[2]: ..."]),
        ("assert a < b", []),
        ("if TYPE_CHECKING: f()", []),
        ("'text'", []),
        ("@f(1)\ndef g(): ...", []),
        ("x: int = 0", ["x: int = 1"]),
        ("x = max(a, key=b)", ["x = (min(a, key=b))"]),
        ("def f(): a(); b.c = x", [
            "def f(): b.c = x; a()", "def f(): pass; b.c = x", "def f(): a(); pass",
        ]),
        # Neither order is of any use where a name is not there yet, or nothing depends on it.
        ("def f(): a = b; c = a; d.e = c", ["def f(): a = b; c = a; pass"]),
        ("try: a = b\nfinally: a = c; d = c", ["try: a = b\nfinally: pass"]),
        ("def f():\n if a: return b\n elif c: return d", [
            "def f():\n if (not a): return b\n elif c: return d",
            "def f():\n if a: return b\n elif (not c): return d",
            "def f():\n if a: return None\n elif c: return d",
            "def f():\n if a: return b\n elif c: return None",
        ]),
        ("while True:\n if a < b: continue", [
            "while False:\n if a < b: continue",
            "while True:\n if (a <= b): continue",
            "while True:\n if a < b: break",
            "while True:\n pass",
        ]),
        ("async def f(): x = await a", ["async def f(): x = (a)"]),
    ],
)  # fmt: skip
def test_the_mutants_of_a_source_are_these(source, found):
    changed = [mutant.applied(source) for mutant in mutants(source)]
    assert sorted(changed) == sorted(found)
    for each in changed:
        compile(each, "mutant", "exec", dont_inherit=True)
