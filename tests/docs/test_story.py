"""A Story follows a page, and an error names the line of the page that is wrong."""

from pathlib import Path

import pytest

from logsrv.kit.testing import wait_until
from tests.parts.story import Story


def follow(page: str, folder: Path) -> None:
    with Story(folder, ports=(), environment={}) as reader:
        reader.follow(page)


def test_a_correct_page_is_followed_without_an_error(tmp_path):
    """Current folder and variables last from block to block; the output may have more lines."""
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
def test_an_error_names_the_line_of_a_wrong_page(page, sentence, tmp_path):
    with pytest.raises(AssertionError, match=f"line 4 of the page: .*{sentence}"):
        follow(f"# Page\n\n```console\n{page}```\n", tmp_path)


def test_no_process_of_a_story_is_left(tmp_path):
    """Also the daemon of a page that is wrong further down is ended."""
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
