"""`logsrv search` as its user meets it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from logsrv.cli.main import main
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.commands import LOGSRV, logsrv
from tests.parts.indexes import flipped
from tests.parts.stores import line, lines, make_store
from tests.parts.waits import line_of

MESSAGES = [
    "connection from 10.0.0.7 opened",
    '{"level": "error", "msg": "Timeout talking to db", "status": 503, "ms": 12.5}',
    '10.1.2.3 - alice [20/Nov/2026:06:00:02 +0000] "GET /api/users?id=7 HTTP/1.1" 200 512 "-" "curl/8"',
    "<11>1 2026-11-20T06:00:03Z web1 sshd 77 - - Failed password for root",
    "level=warning user=bob took=12ms",
    "the end",
]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    every = lines(MESSAGES)
    return make_store(tmp_path / "logs", [every[:3], every[3:5], every[5:]])


def search(store: Path, *words: str, status: int = 0) -> list[str]:
    done = logsrv("search", "--directory", str(store), *words)
    assert done.stderr == b""
    assert done.returncode == status
    return done.stdout.decode().splitlines()


def numbers(store: Path, *words: str) -> list[int]:
    return [MESSAGES.index(one) for one in search(store, *words, "--output", "raw")]


def test_what_is_no_file_in_the_place_of_a_segment_is_said(store):
    """It is not opened: a pipe would never end."""
    os.mkfifo(store / "0000000002-20261120T060003Z.log")
    (store / "0000000009-20261120T060003Z.log.zst").mkdir()
    done = logsrv("search", "--directory", str(store), "-c")
    said = done.stderr.decode().splitlines()
    assert len(said) == 2 and done.returncode == 2
    assert "0000000002-20261120T060003Z.log is no plain file, so it is not read" in said[0]


def test_lines_are_shown_as_they_are_stored(store):
    assert search(store) == [one.decode().rstrip("\n") for one in lines(MESSAGES)]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["timeout"], [1]),
        (["Timeout"], [1]),
        (["TIMEOUT"], None),
        (["level=error"], [1, 3]),
        (["level>=warn"], [1, 3, 4]),
        (["status>=500", "OR", "app=sshd"], [1, 3]),
        (["path:/api", "user=alice"], [2]),
        (["the", "-failed", "-n5"], [5]),
        (["--", "-connection", "NOT", "e"], None),
        (["/^the end$/"], [5]),
        (["--since", "2026-11-20T06:00:02Z", "--until", "2026-11-20T06:00:04Z"], [2, 3]),
        (["--utc", "--since", "2026-11-20 06:00:04"], [4, 5]),
        (["--reverse", "-n", "2"], [5, 4]),
        (["-n", "1", "the", "end"], [5]),
        (["--source", "tcp:127.*", "the"], [5]),
        (["--source", "udp:*"], None),
    ],
)
def test_options_choose_the_lines(store, words, found):
    if found is None:
        assert search(store, *words, status=1) == []
    else:
        assert numbers(store, *words) == found


def test_json_is_an_object_a_line(store):
    [shown] = search(store, "--output", "json", "timeout")
    assert json.loads(shown) == {
        "position": f"1:{len(lines(MESSAGES)[0])}",
        "time": "2026-11-20T06:00:01.000000Z",
        "source": "tcp:127.0.0.1:51234",
        "message": MESSAGES[1],
        "level": "error",
        "fields": {"level": "error", "msg": "Timeout talking to db", "status": 503, "ms": 12.5},
    }
    found = [json.loads(one) for one in search(store, "--output", "json", "-C1", "timeout")]
    assert [one.get("context") for one in found] == [True, None, True]


def test_neighbours_are_grouped_as_grep_does(store):
    shown = search(store, "--output", "raw", "-A", "1", "opened", "OR", "bob")
    assert shown == [MESSAGES[0], MESSAGES[1], "--", MESSAGES[4], MESSAGES[5]]


def test_count_and_top_print_numbers(store):
    assert search(store, "-c", "level=error") == ["2"]
    assert search(store, "-c", "-n", "1", "level=error") == ["1"]
    assert search(store, "-c", "nothing", status=1) == ["0"]
    assert search(store, "--top", "level") == [
        "         2  error",
        "         1  info",
        "         1  warning",
    ]
    assert search(store, "--top", "level", "-n", "1") == ["         2  error"]
    assert search(store, "--top", "", status=1) == []


def test_a_histogram_prints_a_bar_for_each_step(store):
    shown = search(store, "--histogram", "--every", "2s")
    assert [one.split()[:2] for one in shown] == [
        ["2026-11-20T06:00:00Z", "2"],
        ["2026-11-20T06:00:02Z", "2"],
        ["2026-11-20T06:00:04Z", "2"],
    ]
    assert all("█" in one for one in shown)


def test_local_shows_the_bars_with_their_offset(store):
    for step, begin in (
        ("1d", "2026-11-20"),
        ("6h", "2026-11-20T06:00+05:45"),
        ("2s", "2026-11-20T11:45:00+05:45"),
    ):
        shown = ("--local", "--histogram", "--every", step)
        done = logsrv(
            "search", "--directory", str(store), *shown, environment={"TZ": "Asia/Kathmandu"}
        )
        assert done.stdout.decode().split()[0] == begin


@pytest.mark.parametrize(
    ("zone", "options", "begins"),
    [
        ("Europe/Berlin", ("--local",), ["2026-11-20T00:00:00.000000+01:00"]),
        ("CET-1", ("--local",), ["2026-11-20T00:00:00.000000+01:00"]),
        ("Europe/Berlin", (), ["2026-11-20T00:00:00.000000Z"]),
        ("Europe/Berlin", ("--utc",), ["2026-11-20T00:00:00.000000Z"]),
    ],
)
def test_days_begin_at_the_midnight_of_the_times_that_are_shown(store, zone, options, begins):
    query = "| count every 1d"
    done = logsrv(
        "search",
        "--directory",
        str(store),
        *options,
        "--output=csv",
        query,
        environment={"TZ": zone},
    )
    assert [one.split(",")[0] for one in done.stdout.decode().splitlines()[1:]] == begins


def test_local_time_has_its_offset(store):
    done = logsrv(
        "search", "--directory", str(store), "--local", "end", environment={"TZ": "Asia/Kolkata"}
    )
    assert done.stdout.startswith(b"2026-11-20T11:30:05.000000+05:30 tcp:127.0.0.1:51234 the end")


def test_colours_only_when_they_are_wanted(store):
    assert not any("\x1b" in one for one in search(store, "end"))
    [shown] = search(store, "--color", "always", "end")
    assert "\x1b[1;30;43mend\x1b[0m" in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["a", "(b"], "logsrv search: "),
        (["--since", "yesteryear"], "--since: yesteryear is not a time"),
        (["-n", "many"], "many is not a number of lines such as 10"),
        (["--every", "5m"], "--every needs --histogram, --count or a figure"),
        (["--histogram", "--every", "5 parsecs"], '"5 parsecs" is not a step of time'),
        (["-C", "1", "-c"], "-A, -B and -C show neighbours of lines"),
        (["-C", "1", "x | sample 2"], "-A, -B and -C show neighbours of lines"),
        (["--reverse", "x | sort ms"], "--reverse needs lines in the order of the store"),
        (["--colour", "never"], "--colour is no option (did you mean --color?)"),
    ],
)
def test_mistakes_are_one_clear_error(store, words, said):
    done = logsrv("search", "--directory", str(store), *words)
    assert said in done.stderr.decode()
    assert done.stdout == b""
    assert done.returncode == 2


def test_a_wrong_query_has_a_caret(store):
    done = logsrv("search", "--directory", str(store), "status>=", "x")
    said = done.stderr.decode().splitlines()
    assert len(said) == 3
    assert said[1] == "  status>= x"
    assert said[2].strip() == "^"


def test_a_missing_store_is_one_sentence(tmp_path):
    done = logsrv("search", "--directory", str(tmp_path / "none"), "x")
    assert b"none cannot be read: No such file or directory" in done.stderr
    assert done.returncode == 2
    done = logsrv("search", "x", environment={"LOGSRV_DIRECTORY": str(tmp_path)})
    assert b"is no store of logsrv" in done.stderr


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["\udcff"], b"1\n"),
        (["--source", "*\udcff*"], b"0\n"),
        (["--source", "\u00e9"], b"1\n"),
        (["/\udcff/"], b""),
    ],
)
def test_bytes_other_than_utf8_are_found(tmp_path, words, found):
    store = make_store(tmp_path / "logs", [[line(b"a \xff b"), line("a", source="\u00e9")]])
    done = logsrv("search", "--directory", str(store), "-c", *words)
    assert done.stdout == found
    assert b"Traceback" not in done.stderr


def test_what_drives_a_terminal_is_escaped(tmp_path):
    store = make_store(tmp_path / "logs", [[line(b"\x1b[2J\xff evil \xe2\x80\xae")]])
    [shown] = search(store)
    assert shown.endswith("\\x1b[2J\\xff evil \\u202e")
    [shown] = search(store, "--output", "json")
    assert "\\u202e" in shown
    assert json.loads(shown)["message"].startswith("\x1b[2J\\xff evil")


@pytest.mark.slow
def test_a_closed_pipe_ends_a_search_quietly(tmp_path):
    store = make_store(tmp_path / "logs", [lines(["x" * 100] * 50_000)])
    with subprocess.Popen(
        [*LOGSRV, "search", "--directory", str(store)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert line_of(child.stdout)
        child.stdout.close()
        assert child.stderr.read() == b""
        assert child.wait(PATIENCE) == 0


def test_damage_is_named_the_rest_is_shown_and_the_status_says_so(tmp_path):
    long = lines([f"{number} " + "x" * 1000 for number in range(3000)])
    store = make_store(tmp_path / "logs", [long, lines(["last"], 5000)])
    [packed] = store.glob("*.zst")
    data = bytearray(packed.read_bytes())
    data[50] ^= 0xFF
    packed.write_bytes(data)
    # A source is looked for in the text; how many lines there are in all, an index says.
    done = logsrv("search", "--directory", str(store), "-c", "--source", "tcp:*")
    assert done.returncode == 2
    assert 1000 < int(done.stdout) < 2500
    assert done.stderr.count(b"is damaged at byte 0") == 1


def test_nothing_is_written_into_the_store(store):
    def state() -> list[tuple[str, int, int]]:
        return sorted(
            (one.name, os.stat(one).st_mtime_ns, os.stat(one).st_size) for one in store.iterdir()
        )

    before = state()
    search(store, "end")
    search(store, "-c", "end")
    assert state() == before


def test_stats_says_how_much_was_read(store):
    done = logsrv(
        "search", "--directory", str(store), "--stats", "--since", "2026-11-20T06:00:04.5Z"
    )
    assert b"segments: 1 read, 2 skipped; frames: 1 read" in done.stderr


@pytest.mark.slow
def test_no_flipped_bit_of_an_index_hides_a_line(tmp_path, capsys):
    store = make_store(tmp_path / "logs", [lines(MESSAGES), []])
    [beside] = store.glob("*.idx")
    data = beside.read_bytes()
    words = ("--since", "2026-11-20T06:00:02Z", "--until", "2026-11-20T06:00:04Z")
    for bit in range(8 * len(data)):
        beside.write_bytes(flipped(data, bit))
        status = main(["search", "--directory", str(store), "-c", *words])
        shown = capsys.readouterr()
        assert (status, shown.out) == (0, "2\n"), bit
        assert f"{beside.name} is not used: " in shown.err


def test_a_damaged_index_that_nobody_needs_is_not_complained_of(store):
    beside, _ = sorted(store.glob("*.idx"))
    beside.write_bytes(flipped(beside.read_bytes(), -9))
    assert search(store, "-c", "--since", "2026-11-20T06:00:03Z") == ["3"]


@pytest.mark.slow
def test_a_search_that_the_index_narrows_down_loads_nothing_heavy(tmp_path):
    """Each of these takes half as long to load as the whole search, or longer."""
    id, rare = "4bf92f3577b34da6a3ce929d0e0e4736", "quetzalcoatl"
    every = lines([f"{rare} at 198.51.100.77", f"trace_id={id} done", "timeout"])
    store = make_store(tmp_path / "logs", [every, []])
    code = f"""if True:
        import sys
        from logsrv.cli.main import main
        status = main(["search", "--directory", {str(store)!r}, "-c", sys.argv[1]])
        heavy = {{"attrs", "numpy", "obstore", "orjson", "ssl", "subprocess", "twisted"}}
        print(status, *heavy & set(sys.modules))
    """
    for query, found in ((rare, 1), ("xylophagous", 0), (id, 1), ("198.51.100.77", 1)):
        told = subprocess.run(
            [sys.executable, "-c", code, query],
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE,
        )
        assert (told.stdout, told.stderr) == (f"{found}\n{0 if found else 1}\n", "")
