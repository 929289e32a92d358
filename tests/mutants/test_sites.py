"""Mutants of a source: each compiles, and is a mistake that a programmer may make."""

from __future__ import annotations

import pytest

from tests.mutants.sites import mutants


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("x = a < b", ["x = (a <= b)"]),
        ("x = a < b != c", ["x = (a <= b != c)", "x = (a < b == c)"]),
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
        ("x = min(a, b)", ["x = (max(a, b))"]),
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
    ],
)  # fmt: skip
def test_the_mutants_of_a_source_are_these(source, found):
    changed = [mutant.applied(source) for mutant in mutants(source)]
    assert sorted(changed) == sorted(found)
    for each in changed:
        compile(each, "mutant", "exec", dont_inherit=True)
