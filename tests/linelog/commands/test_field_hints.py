"""A search that finds nothing says which of its fields no line has, and what units its values have."""

from pathlib import Path

import pytest

from tests.parts.commands import logsrv
from tests.parts.stores import lines, make_store


@pytest.fixture
def store(tmp_path: Path) -> Path:
    messages = ["plain", "level=info duration=39ms client_ip=10.0.0.1", "size=12MB n=5"]
    return make_store(tmp_path / "logs", [lines(messages)])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--top", "client"],
            "none of the newest 3 lines has a field client (did you mean client_ip?)",
        ),
        (["x=1 OR level>=error"], "none of the newest 3 lines has a field x"),
        (["-c", "NOT plain y:z"], "none of the newest 3 lines has a field y"),
        (["duration>100"], "100 without a unit means seconds there; write duration>100ms"),
        (["size<5"], "5 without a unit means bytes there; write size<5MB"),
        (["zebra"], ""),
        (["n>5"], ""),
        (["duration>1s"], ""),
        (["level=error"], ""),
        (["sort", "ms"], "write | sort ms"),
        (["p95 ms"], "write | p95 ms"),
        (["sort order now"], ""),
        (["program=cron plain"], "none of the newest 3 lines has a field app"),
    ],
)
def test_a_search_in_vain_names_missing_fields(store, words, said):
    done = logsrv("search", "--directory", str(store), *words)
    told = done.stderr.decode().splitlines()
    assert done.returncode == 1
    assert told == [] if not said else len(told) == 1 and said in told[0], told


@pytest.mark.parametrize(
    ("query", "told"),
    [("failed Boom", b"--records shows it"), ("level=info Boom", b""), ("error Bang", b"")],
)
def test_a_search_in_vain_names_the_option_for_stack_traces(tmp_path, query, told):
    """The words are in two lines of a record."""
    messages = ["ERROR failed", "com.acme.Boom: no", "\tat a.b(C.java:1)", "INFO done"]
    store = make_store(tmp_path / "logs", [lines(messages)])
    done = logsrv("search", "--directory", str(store), query)
    assert (done.returncode, done.stdout) == (1, b"")
    assert told in done.stderr if told else not done.stderr


def test_a_search_that_finds_something_says_nothing(store):
    done = logsrv("search", "--directory", str(store), "plain OR x=1")
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_single_line_is_no_newest_of_several(tmp_path):
    store = make_store(tmp_path / "logs", [lines(["x=1"])])
    done = logsrv("search", "--directory", str(store), "y=1")
    assert b"the only line has no field y" in done.stderr


def test_names_in_lines_drive_no_terminal(tmp_path):
    store = make_store(tmp_path / "logs", [lines(['{"clie\\u001b[31m": 1}'])])
    done = logsrv("search", "--directory", str(store), "--top", "client")
    assert b"clie" in done.stderr and b"\x1b" not in done.stderr
