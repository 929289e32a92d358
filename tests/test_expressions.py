"""Regular expressions mean the same on every Python that we promise.

Possessive quantifiers and atomic groups match wrongly before Python 3.11.5 (CPython issue 106052), and
Debian 12 has 3.11.2.
"""

import ast
import importlib
import re
from collections.abc import Iterable, Iterator
from re import _constants, _parser  # type: ignore[attr-defined]

import pytest

from tests.parts.modules import MODULES, name_of

UNTRUE = (_constants.POSSESSIVE_REPEAT, _constants.ATOMIC_GROUP)
_USES_RE = re.compile("^ *import re$", re.MULTILINE)
# How they look in a part of an expression that a function assembles.
_LOOKS_UNTRUE = re.compile(r"(?<!\\)[*+?}]\+|\(\?>")


def untrue(source: str, names: dict[str, object]) -> list[str]:
    """Return the expressions in the source of a module, which has these names, with one of the two."""
    found = [pattern.pattern for pattern in patterns(names.values()) if is_untrue(pattern)]
    tree = ast.parse(source)
    for handed in expressions(tree):
        try:
            code = compile(ast.Expression(handed), source, "eval")
            expression = eval(code, names)  # noqa: S307 - the project's own source
        except Exception:
            # It contains local variables of a function: check the texts of the module instead.
            found += [text for text in texts(tree) if _LOOKS_UNTRUE.search(text)]
        else:
            found += [expression] if is_untrue(expression) else []
    return [str(expression) for expression in found]


def patterns(values: Iterable[object]) -> Iterator[re.Pattern[str] | re.Pattern[bytes]]:
    for value in values:
        if isinstance(value, re.Pattern):
            yield value
        elif isinstance(value, (tuple, list, set, frozenset)):
            yield from patterns(value)
        elif isinstance(value, dict):
            yield from patterns([*value, *value.values()])


def expressions(tree: ast.Module) -> Iterator[ast.expr]:
    """Yield the expression that each call of a function of `re` gets."""
    for node in ast.walk(tree):
        assert not (isinstance(node, ast.ImportFrom) and node.module == "re")
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "re"
            and node.func.attr != "escape"
        ):
            # With its flags: without them the comments in a verbose expression would be a part of it.
            yield node if node.func.attr == "compile" else node.args[0]


def texts(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes)):
            value = node.value
            yield value if isinstance(value, str) else value.decode("latin-1")


def is_untrue(expression: object) -> bool:
    if not isinstance(expression, re.Pattern):
        assert isinstance(expression, (str, bytes))
        expression = re.compile(expression)
    parsed = _parser.parse(expression.pattern, expression.flags & ~re.DEBUG)
    # Compared by identity: the code of a character may equal the number of an operation.
    return any(op is other for op in operations(parsed) for other in UNTRUE)


def operations(parsed: object) -> Iterator[object]:
    """Yield everything in a parsed expression, at any depth."""
    if isinstance(parsed, (_parser.SubPattern, tuple, list)):
        for part in parsed:
            yield from operations(part)
    else:
        yield parsed


@pytest.mark.slow
def test_no_expression_is_matched_wrongly_by_an_older_python():
    found = {
        name_of(path): untrue(source, vars(importlib.import_module(name_of(path))))
        for path in MODULES
        if _USES_RE.search(source := path.read_text())
    }
    assert len(found) > 100
    assert not {name: expressions for name, expressions in found.items() if expressions}


@pytest.mark.parametrize(
    "source",
    [
        'A = re.compile("(?:ab?c)*+")',
        'A = re.compile(rb"x" + rb"(?>ab)")',
        'A = [(1, re.compile("[0-9]{1,9}+"))]',
        'A = {re.compile("a?+"): 1}',
        'A = "a+"\ndef f(text):\n    return re.fullmatch(A + "+", text)',
        'def f(text):\n    return re.findall("(?=(a|b*+))", text)',
        'A = ("(a", "++)")\ndef f():\n    whole = "".join(A)\n    return re.compile(whole)',
        'def f():\n    return re.compile("a # ++\\nb*+", re.VERBOSE)',
        'class A:\n    b = re.compile("(?(?=a)a|b++)" if 0 else "(a)(?(1)a|b++)")',
    ],
)
def test_a_possessive_or_atomic_expression_is_found(source):
    names: dict[str, object] = {"re": re}
    exec(source, names)  # noqa: S102 - as importing it would
    assert untrue(source, names)


@pytest.mark.parametrize(
    "source",
    [
        r'A = re.compile(r"a\*+|[*+]+|[*]\++")',
        'A = "!*+,"',
        'def f(text):\n    return re.sub("a", "*+", text)',
        'def f():\n    return re.compile("a # *+", re.VERBOSE)',
    ],
)
def test_other_expressions_are_not_reported(source):
    names: dict[str, object] = {"re": re}
    exec(source, names)  # noqa: S102 - as importing it would
    assert not untrue(source, names)
