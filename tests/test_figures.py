"""How much is left of what a reader trips over; `make figures` prints it.

Each figure has a bound: it may fall, and then the bound is lowered with it, but not rise.
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

# Four of them load Arrow, which a search for a text does not need.
IMPORTS_INSIDE_FUNCTIONS = 77
CLAUSES_INSTEAD_OF_SENTENCES = 1
CLASSES_WITH_MORE_THAN_THREE_FLAGS = 0
REACHES_INTO_PRIVATES = 25
PATCHES_OF_PRIVATES = 11
TEST_FILES_OVER_500_LINES = 0
FILES_OVER_400_LINES = 1
# Columns of segments and the lake are 33 files and 3,500 lines of code, of which 1,600 were asked for.
FILES, FOLDERS = 666, 62
# Whoever adds lines finds others that have become needless; if none have, it grows, with a reason. Lines of
# tests are printed only: a ceiling made tests that say five things in one statement.
CODE = 75_445
# Kinds of classes for values: attrs.frozen, attrs.define, named tuples, and what quick commands have
# (logsrv/value.py). Ways to start a Python child: logsrv/kit/children/starting.py.
KINDS_OF_VALUES, WAYS_TO_START_PYTHON = 4, 3
# Of docs/*.md, as `wc -w` counts: a new page tells each thing once too, and links to what stands elsewhere.
WORDS = 58_270

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


def test_test_files_over_500_lines():
    lengths = {path: len(path.read_text().splitlines()) for path in TESTS}
    found = [
        f"{path.relative_to(ROOT)}: {length}" for path, length in lengths.items() if length > 500
    ]
    hold(found, TEST_FILES_OVER_500_LINES, "test files over 500 lines")


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


def test_lines_of_code():
    lines, of_tests = (sum(map(code_lines, paths)) for paths in (SOURCES, TESTS))
    print(f"\n{lines:6} of at most {CODE}: lines of code in logsrv")
    print(f"{of_tests:6}: in tests, {of_tests / lines:.2f} for each in logsrv")
    assert lines <= CODE


def test_files_and_folders():
    """Who takes it over opens few drawers: a file has a story, and a folder a subject."""
    folders = {path.parent for path in SOURCES}
    print(f"\n{len(SOURCES):6} of at most {FILES}: files of Python in logsrv")
    print(f"{len(folders):6} of at most {FOLDERS}: folders of them")
    assert len(SOURCES) <= FILES and len(folders) <= FOLDERS


def test_files_over_400_lines():
    found = [
        f"{path.relative_to(ROOT)}: {lines}"
        for path in SOURCES
        if (lines := path.read_text().count("\n")) > 400
    ]
    hold(found, FILES_OVER_400_LINES, "files over 400 lines")


def test_words_of_the_pages():
    words = sum(len(page.read_text().split()) for page in (ROOT / "docs").glob("*.md"))
    print(f"\n{words:6} of at most {WORDS}: words in docs/*.md")
    assert words <= WORDS
