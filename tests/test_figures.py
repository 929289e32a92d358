"""How much is left of what a reader trips over; `make figures` prints it.

A kind of statement that a reader trips over has a bound: it may fall, and then the bound is lowered with
it, but not rise. Sums of lines, files and words have none, and no test fails by them: they are printed, to
show what has become longer. Bounds on them made tests that say five things in one statement, and pages
that save on verbs.
"""

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
# The template of `logsrv new` is Jinja, not Python.
SOURCES = [path for path in sorted((ROOT / "logsrv").rglob("*.py")) if "template" not in path.parts]
TESTS = sorted((ROOT / "tests").rglob("*.py"))

# Each says why: it loads what is slow (NumPy, Arrow, TLS, a web server), an extra that may be missing, or
# Twisted's reactor.
IMPORTS_INSIDE_FUNCTIONS = 52
CLAUSES_INSTEAD_OF_SENTENCES = 1
CLASSES_WITH_MORE_THAN_THREE_FLAGS = 0
REACHES_INTO_PRIVATES = 25
PATCHES_OF_PRIVATES = 11
# Kinds of classes for values: attrs.frozen, attrs.define, named tuples, and what quick commands have
# (logsrv/value.py). Ways to start a Python child: logsrv/kit/children/starting.py.
KINDS_OF_VALUES, WAYS_TO_START_PYTHON = 4, 3

# Words that begin a clause: a reader has to decode a comment or a docstring that begins so. A sentence that
# begins with "If …," is plain.
CLAUSE = re.compile(
    r"(What|Whatever|Of|As|Who|Whoever|Whose|Where|Whether|How|Which|Why|From|Else|That|So|Nor|Then)\b"
)
# Those of them that no public docstring begins with.
NEVER_IN_PUBLIC = {
    *("What", "Where", "Whether", "How", "One", "Who"),
    *("Whose", "Which", "Why", "If", "As", "From"),
}
# These begin with an underscore and belong to the public interface of the standard library.
PUBLIC_ANYWAY = {"_replace", "_asdict", "_fields", "_field_defaults", "_exit"}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def hold(found: Sequence[str], bound: int, what: str) -> None:
    """Print a figure with what it consists of, and fail if there is more than `bound`."""
    print(f"\n{len(found):6} of at most {bound:3}: {what}")
    for each in found:
        print(f"           {each}")
    assert len(found) <= bound, what


def report(number: int, what: str) -> None:
    """Print a sum, which has no bound."""
    print(f"\n{number:6}: {what}")


def long_files(paths: Sequence[Path], most: int) -> Iterator[str]:
    """Yield name and length of each file with more lines than `most`."""
    for path in paths:
        if (lines := path.read_text().count("\n")) > most:
            yield f"{path.relative_to(ROOT)}: {lines}"


def place(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def functions(module: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in statements(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_class_names_that_exist_twice():
    """Public ones of modules; who searches for a name wants one answer."""
    homes: dict[str, list[str]] = defaultdict(list)
    for path in SOURCES:
        for node in tree(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(str(path.relative_to(ROOT)))
    twice = {name: paths for name, paths in sorted(homes.items()) if len(paths) > 1}
    found = [f"{name}: {', '.join(paths)}" for name, paths in twice.items()]
    hold(found, 0, "class names that exist more than once")


def test_imports_inside_functions():
    found = [
        place(path, line)
        for path in SOURCES
        for line in sorted(
            {
                node.lineno
                for function in functions(tree(path))
                for node in ast.walk(function)
                if isinstance(node, ast.Import | ast.ImportFrom)
            }
        )
    ]
    hold(found, IMPORTS_INSIDE_FUNCTIONS, "imports inside functions")


def comments(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and text of each block of comments, by its first line."""
    before = ""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        line = line.strip()
        if line.startswith("# ") and not before.startswith("#"):
            yield number, line[2:]
        before = line


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and text of each docstring, private ones too."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield node.body[0].lineno, text


def test_comments_and_docstrings_that_begin_with_a_clause():
    found = [
        f"{place(path, line)} {text.splitlines()[0]}"
        for path in SOURCES
        for line, text in sorted([*comments(path), *docstrings(path)])
        if CLAUSE.match(text)
    ]
    hold(found, CLAUSES_INSTEAD_OF_SENTENCES, "comments and docstrings that begin with a clause")


def test_public_docstrings_begin_with_a_noun_or_a_verb():
    """Of the module and of all that is public in it."""
    wrong = [
        f"{place(path, node.body[0].lineno)} {text.splitlines()[0]}"
        for path in SOURCES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if not getattr(node, "name", "the module").startswith("_")
        if (text := ast.get_docstring(node) or "").partition(" ")[0] in NEVER_IN_PUBLIC
    ]
    assert not wrong


def flags(cls: ast.ClassDef) -> set[str]:
    """Return the names that a class sets on itself to True or False: its state in booleans.

    A constant of the class is none: nothing changes it.
    """
    found = set()
    for node in ast.walk(cls):
        if isinstance(node, ast.Assign):
            if isinstance(node.value, ast.Constant) and isinstance(node.value.value, bool):
                for target in node.targets:
                    found |= names_set(target)
        elif isinstance(node, ast.AnnAssign) and node in cls.body:
            field = isinstance(node.target, ast.Name) and ast.unparse(node.annotation) == "bool"
            found |= {ast.unparse(node.target)} if field else set()
    return found


def names_set(target: ast.expr) -> set[str]:
    if isinstance(target, ast.Tuple):
        return {name for each in target.elts for name in names_set(each)}
    if isinstance(target, ast.Attribute) and ast.unparse(target.value) == "self":
        return {target.attr}
    return set()


def test_classes_with_more_than_three_flags():
    """Four booleans are sixteen states; a table says which of them there are."""
    found = [
        f"{place(path, node.lineno)} {node.name}: {', '.join(sorted(flags(node)))}"
        for path in SOURCES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef) and len(flags(node)) > 3
    ]
    hold(found, CLASSES_WITH_MORE_THAN_THREE_FLAGS, "classes with more than three flags")


def kind_of_value(cls: ast.ClassDef) -> str:
    """Return what makes a class one of values; "" for any other class."""
    words = [ast.unparse(each).partition("(")[0] for each in (*cls.decorator_list, *cls.bases)]
    makers = {
        "define": "attrs.define",
        "frozen": "attrs.frozen",
        "dataclasses.dataclass": "dataclass",
    }
    makers |= {each: each for each in (*makers.values(), "NamedTuple", "Value")}
    return next((makers[word] for word in words if word in makers), "")


def test_kinds_of_values():
    kinds = Counter(
        kind
        for path in SOURCES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef) and (kind := kind_of_value(node))
    )
    found = [f"{kind}: {number} classes" for kind, number in kinds.most_common()]
    hold(found, KINDS_OF_VALUES, "kinds of classes for values")


STARTS = ("fork", "forkpty", "spawnProcess", "Popen", "posix_spawn", "run", "check_output", "call")


def starts_of_python(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and name of each call that starts a Python child; not of other programs."""
    for node in statements(tree(path)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        text = ast.unparse(node)
        # A fork that executes another program is none of Python.
        names: tuple[str, ...] = () if "os.exec" in text else ("fork", "forkpty")
        names += STARTS if "sys.executable" in text else ()
        for call in ast.walk(node):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
                owner = ast.unparse(call.func.value)
                if call.func.attr in names and owner in (
                    "os",
                    "subprocess",
                    "reactor",
                    "self._reactor",
                ):
                    yield call.lineno, call.func.attr


def test_ways_to_start_a_python_child():
    found = [
        f"{place(path, line)} {name}"
        for path in SOURCES
        if "testing" not in path.parts
        for line, name in starts_of_python(path)
    ]
    hold(found, WAYS_TO_START_PYTHON, "ways to start a Python child")


def test_parsers_that_yield_to_a_scheduler():
    """A message is parsed by a plain function, here or in a worker: there are these two ways."""
    rooms = [ROOT / "logsrv" / "linelog" / room for room in ("formats", "intake", "lines")]
    found = [
        place(path, node.lineno)
        for room in rooms
        for path in sorted(room.rglob("*.py"))
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Yield) and node.value is None
    ]
    hold(found, 0, "yields of nothing where messages are parsed")


def is_private(name: object) -> bool:
    return (
        isinstance(name, str)
        and name.startswith("_")
        and not name.startswith("__")
        and name not in PUBLIC_ANYWAY
    )


def reaches() -> Iterator[tuple[str, ast.AST]]:
    """Yield what tests may do to privates: place and node, of the files that have an underscore at all."""
    for path in TESTS:
        if re.search(r"[.\"']_[a-zA-Z]", path.read_text()):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Attribute | ast.Call):
                    yield place(path, node.lineno), node


def test_reaches_of_tests_into_privates():
    """`thing._private`, where the thing is another's; a user would notice something else."""
    found = [
        f"{where} {ast.unparse(node)}"
        for where, node in reaches()
        if isinstance(node, ast.Attribute) and is_private(node.attr)
        if ast.unparse(node.value) not in ("self", "cls", "super()")
    ]
    hold(found, REACHES_INTO_PRIVATES, "reaches of tests into privates")


def test_patches_of_privates_by_tests():
    """`monkeypatch.setattr(thing, "_private", …)`: mostly a bound made small enough to be reached."""
    found = [
        f"{where} {ast.unparse(node)}"
        for where, node in reaches()
        if isinstance(node, ast.Call)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "setattr"
        if any(isinstance(word, ast.Constant) and is_private(word.value) for word in node.args[1:2])
    ]
    hold(found, PATCHES_OF_PRIVATES, "patches of privates by tests")


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and the statements in it, without their expressions, which are most of a tree."""
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            yield from statements(child)


def code_lines(path: Path) -> int:
    """Return the number of lines of a file without blanks, comments and docstrings."""
    documented = {
        line
        for node in statements(tree(path))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if ast.get_docstring(node, clean=False) is not None
        for line in range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)
    }
    lines = enumerate(path.read_text().splitlines(), 1)
    return sum(
        number not in documented and bool(line.strip()) and not line.lstrip().startswith("#")
        for number, line in lines
    )


def test_lines_files_and_words_are_printed():
    """By `make figures`, without a bound."""
    of_code, of_tests = (sum(map(code_lines, paths)) for paths in (SOURCES, TESTS))
    report(of_code, "lines of code in logsrv")
    report(of_tests, f"lines of code in tests, {of_tests / of_code:.2f} for each in logsrv")
    report(len(SOURCES), "files of Python in logsrv")
    report(len({path.parent for path in SOURCES}), "folders of them")
    pages = (ROOT / "docs").glob("*.md")
    report(sum(len(page.read_text().split()) for page in pages), "words in docs/*.md")
    for paths, most in ((SOURCES, 400), (TESTS, 500)):
        found = [*long_files(paths, most)]
        report(len(found), f"files of {paths[0].relative_to(ROOT).parts[0]} over {most} lines")
        for each in found:
            print(f"           {each}")
