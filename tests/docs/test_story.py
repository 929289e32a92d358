"""The reader that follows pages: it notices when a page is wrong, and says where."""

from __future__ import annotations

from pathlib import Path

import pytest

from logsrv.kit.testing import wait_until
from tests.docs.story import Story, blocks


def follow(page: str, folder: Path) -> None:
    with Story(folder, ports=(), environment={}) as reader:
        reader.follow(page)


def test_a_page_that_is_true(tmp_path: Path) -> None:
    """Folders and variables last from block to block; other lines may stand between."""
    follow(
        "# Page\n\n```console\n$ mkdir sub && cd sub\n$ word=hello\n```\n"
        "```text a.txt\nfirst\n```\n"
        "```console\n$ cat a.txt \\\n    && echo $word, world\nfirst\nhello, …\n```\n",
        tmp_path,
    )


@pytest.mark.parametrize(
    ("page", "sentence"),
    [
        ("$ echo one\ntwo\n", "`echo one` should print"),
        ("$ printf 'one\\ntwo\\n'\ntwo\none\n", "should print"),
        ("$ false\n", "`false` ended with status 1"),
        ("$ exit\n", "ended the shell"),
    ],
)
def test_a_page_that_is_wrong(page: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=f"line 4 of the page: .*{sentence}"):
        follow(f"# Page\n\n```console\n{page}```\n", tmp_path)


def test_what_is_looked_for_may_take_a_moment(tmp_path: Path) -> None:
    """A `grep` that finds nothing yet has status 1."""
    follow(
        "```console\n$ touch a.log; (sleep 0.3; echo late >>a.log) &\n"
        "$ tail a.log | grep -c late\n1\n```\n",
        tmp_path,
    )


def test_a_file_that_is_there_has_to_be_as_shown(tmp_path: Path) -> None:
    page = "```console\n$ mkdir sub && echo other >sub/a.txt\n```\n```text sub/a.txt\nthis\n```\n"
    with pytest.raises(AssertionError, match=r"sub/a\.txt is not as the page shows it"):
        follow(page, tmp_path)


def test_what_a_server_prints_is_waited_for(tmp_path: Path) -> None:
    """And one that ends before is an error."""
    serve = (
        "```console server\n$ sh -c 'echo ready; {}'\nready\n```\n```console server\nagain\n```\n"
    )
    follow(serve.format("sleep 0.2; echo again; sleep 60"), tmp_path)
    folder = tmp_path / "second"
    folder.mkdir()
    with pytest.raises(AssertionError, match="ended"):
        follow(serve.format("true"), folder)


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    """Also of a page that is wrong after it has started a daemon."""
    daemon = "setsid sleep 60 >sleep.log 2>&1 & echo $! >sleep.pid"
    with pytest.raises(AssertionError, match="line 2 of the page"):
        follow(f"```console\n$ {daemon}\n$ false\n```\n", tmp_path)
    pid = (tmp_path / "home" / "sleep.pid").read_text().strip()
    wait_until(lambda: not is_alive(pid), "the end of the daemon")


def is_alive(pid: str) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_blocks_know_where_they_are() -> None:
    [block] = blocks("one\n\n```python a.py\nx = 1\n```\n")
    assert (block.language, block.argument, block.body, block.line) == (
        "python",
        "a.py",
        "x = 1\n",
        4,
    )
