"""Files that name their columns: W3C extended files are UTC, or what they say; VPC flow logs too."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.importing.files import LogFile
from logsrv.linelog.importing.summary import file_sentence

pytestmark = pytest.mark.usefixtures("berlin")
WRITTEN = 1_795_255_200
"""2026-11-21T10:00:00Z."""
IIS = """\
#Software: Microsoft Internet Information Services 10.0
#Version: 1.0
#Date: 2026-11-20 06:18:40
#Fields: date time s-ip cs-method cs-uri-stem
"""


def read(path: Path, text: str, *, exact: bool = False) -> LogFile:
    path.write_bytes(text.encode())
    os.utime(path, (WRITTEN, WRITTEN))
    file = LogFile(str(path), pytest.fail)
    file.exact = exact
    file.read_first_moment()
    return file


def times(file: LogFile, *, with_comments: bool = False) -> list[str]:
    """Return the time of each line, without its day, if it is the 20th; without those of directives."""
    found = []
    for moment, lines in file.read_dated_lines():
        said = datetime.fromtimestamp(moment / 1e6, UTC).isoformat().removesuffix("+00:00")
        kept = [one for one in lines.splitlines() if with_comments or not one.startswith(b"#")]
        found += [said.removeprefix("2026-11-20T")] * len(kept)
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            IIS + "2026-11-20 06:18:42 10.0.0.9 GET /\n2026-11-20 06:18:43 10.0.0.9 GET /a\n",
            ["06:18:42", "06:18:43"],
            id="of IIS",
        ),
        pytest.param(
            "#Software: SGOS 7.3\n#Version: 1.0\n#Fields: c-ip date time\n"
            "10.0.0.1 2026-11-20 06:18:42\n10.0.0.2 2026-11-20 06:18:42\n",
            ["06:18:42", "06:18:42"],
            id="with another column first",
        ),
        pytest.param(
            "#Fields: time c-ip cs(User-Agent) date x\n"
            '06:18:42.5 10.0.0.1 "a b" 2026-11-20 y\n06:18:43.25\t-\t""\t2026-11-20\tz\n',
            ["06:18:42.500000", "06:18:43.250000"],
            id="with date behind time, quotes, tabs and fractions",
        ),
        pytest.param(
            "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes\n"
            "2026-11-20\t06:18:42\tFRA2\t17\n",
            ["06:18:42"],
            id="of CloudFront",
        ),
        pytest.param(
            "#Version: 1.5\n#Software: Microsoft Windows Firewall\n#Time Format: Local\n"
            "#Fields: date time action\n2026-11-20 06:18:42 DROP\n",
            ["05:18:42"],
            id="in local time",
        ),
        pytest.param(
            "#Fields: date time action\n#Time Format: Local\n2026-11-20 06:18:42 DROP\n",
            ["05:18:42"],
            id="in local time, said behind the fields",
        ),
        pytest.param(
            "#Fields: date-local time-local cs-method\n2026-11-20 06:18:42 GET\n",
            ["05:18:42"],
            id="with local columns",
        ),
        pytest.param(
            "#Date: 2026-11-19 23:59:58\n#Fields: time c-ip\n"
            "23:59:59 a\n23:59:59 b\n00:00:01 c\n00:00:01 d\n12:00:00 e\n",
            ["2026-11-19T23:59:59"] * 2 + ["00:00:01"] * 2 + ["12:00:00"],
            id="without a date, over midnight",
        ),
        pytest.param(
            "#Date: 20-Nov-2026 06:00:00\n#Fields: time c-ip\n06:18:42 a\n",
            ["06:18:42"],
            id="with the date of the standard's example",
        ),
        pytest.param(
            "#Fields: date time c-ip\n2026-11-20 06:18:42 a\n"
            "#Fields: c-ip date time\na 2026-11-20 06:18:42\na 2026-11-20 06:18:44\n"
            "#Fields: c-ip\na\n"
            "#Date: 2026-11-20 07:00:00\n#Fields: time\n07:00:01\n",
            ["06:18:42", "06:18:42", "06:18:44", "06:18:44", "07:00:01"],
            id="whose fields change in the middle",
        ),
        pytest.param(
            IIS + "2026-11-20 06:18:42 10.0.0.9 GET /\nnonsense\n2026-11-20 99:18:42 - - /\n"
            "2026-11-20 06:18:45\n2026-11-20 06:18:46 - - /\n",
            ["06:18:42"] * 3 + ["06:18:45", "06:18:46"],
            id="with lines that are broken",
        ),
        pytest.param(
            "2026-11-20 06:18:42 #Fields: date time\n2026-11-20 06:18:43 x #Date: 2026-11-20\n",
            ["05:18:42", "05:18:43"],
            id="with these words in a line",
        ),
        pytest.param(
            "#Date: 2026-11-20\n2026-11-20 06:18:42 x\n", ["05:18:42"], id="without fields"
        ),
        pytest.param(
            "#Software: Microsoft Exchange Server\n#Fields: date-time,client-ip\n"
            "2026-11-20T06:18:42.123Z,10.0.0.1\n",
            ["06:18:42.123000"],
            id="of Exchange",
        ),
        pytest.param(
            "version account-id interface-id start end action\n"
            "2 1 eni-1 1795155522 1795155582 ACCEPT\n2 1 eni-1 1795155523 1795155582 REJECT\n",
            ["06:18:42", "06:18:42", "06:18:43"],
            id="of a VPC with chosen columns",
        ),
    ],
)
@pytest.mark.parametrize("exact", [False, True])
def test_a_file_that_names_its_columns_has_their_times(tmp_path, text, expected, exact):
    file = read(tmp_path / "log", text, exact=exact)
    assert times(file) == expected
    assert not file.dated.late


def test_a_directive_that_no_block_has_whole_holds_on(tmp_path):
    lines = [
        f"2026-11-20 06:{n // 60 % 60:02}:{n % 60:02} 10.0.0.9 GET /{'x' * 90}\n"
        for n in range(3000)
    ]
    file = read(tmp_path / "log", IIS + "".join(lines))
    assert times(file) == [line[11:19] for line in lines]
    assert file.dated.forms == {"W3C": 3000}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "#Fields: c-ip cs-method\na GET\nb GET\n",
            "2 lines whose columns (#Fields) have no date and time have a neighbour's time",
        ),
        (
            "version account-id interface-id action\n2 1 eni-1 ACCEPT\n",
            "2 lines whose columns (#Fields) have no date and time have a neighbour's time",
        ),
        (
            IIS + "2026-11-20 06:18:42 - - -\n#Fields: c-ip\nx\n",
            "1 line whose columns (#Fields) have no date and time has a neighbour's time",
        ),
        (
            "2026-11-20 06:18:42 IST x\n",
            "1 line with the zone IST, whose name does not tell which it is, counts as local time",
        ),
        (
            "Fri Nov 20 06:18:42 XYZ 2026 x\n" * 2,
            "2 lines with the zone XYZ, whose name does not tell which it is, count as local time",
        ),
    ],
)
def test_what_is_not_read_is_told(tmp_path, text, told):
    file = read(tmp_path / "log", text)
    times(file)
    assert told in file_sentence(file)


NAMES = st.sampled_from(
    ["date", "time", "c-ip", "date-local", "time-local", "x", "`", "é", "date,time"]
)
VALUES = st.sampled_from(
    ["2026-11-20", "06:18:42", "06:18:43.5", "x", '"a b"', '"', "-", "1795155522", "#"]
)
LINES = st.lists(
    st.one_of(
        st.lists(NAMES, max_size=5).map(lambda names: "#Fields: " + " ".join(names)),
        st.lists(VALUES, max_size=5).map(" ".join),
        st.sampled_from(
            ["#Date: 2026-11-20", "#Date: 9999-12-31", "#Date: 2026-02-31", "#Time Format: Local"]
        ),
    ),
    max_size=12,
)


@given(LINES, st.integers(0, 400))
def test_no_byte_is_lost_and_blocks_do_not_matter(tmp_path_factory, lines, at):
    path = tmp_path_factory.mktemp("w3c") / "log"
    text = "".join(line + "\n" for line in lines)
    file = read(path, text)
    assert b"".join(part for _, part in file.read_dated_lines()) == path.read_bytes()
    assert file.dated.lines == len(lines)
    start = text.rfind("\n", 0, at) + 1
    whole, cut = (type(file.dated)(WRITTEN * 1_000_000, begin=0) for _ in range(2))
    once = [*whole.runs_with_moments(text.encode())]
    twice = [
        run for part in (text[:start], text[start:]) for run in cut.runs_with_moments(part.encode())
    ]
    assert whole.said == cut.said
    if whole.said is not None:
        assert each_line(once)[-1] == each_line(twice)[-1]


def each_line(runs: list[tuple[int, bytes]]) -> list[int]:
    return [moment for moment, lines in runs for _ in lines.splitlines()]
