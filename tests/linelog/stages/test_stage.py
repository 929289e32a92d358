"""Each module of stages has one, found by its names alone; a query without a stage imports none."""

import subprocess
import sys
from pathlib import Path

import pytest

import logsrv.linelog.stages
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.commands import search_command as search
from logsrv.linelog.query.pipeline import parse_question
from logsrv.linelog.query.stage import KINDS, all_stages, find_stage
from logsrv.linelog.read.figures.grouping import OF_FIELDS

MODULES = {one.stem for one in Path(logsrv.linelog.stages.__path__[0]).glob("[a-z]*.py")}


def loaded_by(query: str) -> set[str]:
    """The modules of stages that a new process has loaded after reading a query, and whether NumPy."""
    code = (
        "import sys; from logsrv.linelog.query.pipeline import parse_question;"
        f"parse_question({query!r});"
        "print(*[name.rpartition('.')[2] for name in sys.modules if '.stages.' in name],"
        " *{'numpy', 'logsrv.linelog.read.search'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    return {*done.stdout.split()}


def test_every_module_has_a_stage_with_words_for_people():
    assert len(all_stages()) == len(MODULES)
    for one in all_stages():
        assert all(find_stage(name) is one for name in one.names)
        assert one.kind in KINDS
        parsers = (one.parse_filter, one.parse_answer, one.parse_limit, one.needs or None)
        assert sum(each is not None for each in parsers) == 1
        for written, _ in one.help:
            if written.partition(" ")[0] in one.names and "," not in written:
                before = one.needs.rpartition("|")[0]
                parse_question(f"| {before} | {written}" if before else f"| {written}")
        for written, _ in one.examples:
            parse_question(written.replace("…", "a"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "modules"),
    [
        ("a", set()),
        ("a | where b=1 | limit 5", {"where", "limit"}),
        ("a | sort ms", {"sort"}),
        ("a | sample 5", {"sample"}),
        ("a | p95 ms by app", {"figures"}),
        ("a | patterns", {"patterns"}),
        ("a | count | let b = count * 2", {"figures", "let"}),
    ],
)
def test_a_query_loads_the_stages_that_it_names_and_no_machine(query, modules):
    assert loaded_by(query) == modules


def test_every_function_of_figures_is_an_option_of_the_terminal():
    assert (*search.FUNCTIONS,) == OF_FIELDS
