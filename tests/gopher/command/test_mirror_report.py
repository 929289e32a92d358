"""The report says what was copied, what failed and why, and what was left out."""

from pathlib import Path

from logsrv.gopher.command.mirror import INTERRUPTED, progress_line, report_text
from logsrv.gopher.mirror.crawl import MirrorTally
from logsrv.gopher.mirror.scope import OTHER_HOST, SEARCH
from logsrv.gopher.wire.errors import ServerError, Truncated
from logsrv.gopher.wire.url import GopherURL

URL = GopherURL.parse("gopher://h/0/a%1B")


def tally_of(**known: object) -> MirrorTally:
    tally = MirrorTally()
    vars(tally).update(known)
    return tally


def test_the_report_of_a_complete_mirror_has_one_line():
    assert report_text(tally_of(fetched=1000, kept=1), 2048, Path("d")) == (
        "1,000 items fetched (2.0 KiB); there already: 1 item\n"
    )


def test_the_report_names_failures_and_counts_left_out_items():
    tally = tally_of(fetched=1, failed={URL: Truncated("h:70", 5, "reset \x1b[2J")})
    tally.skipped.update({"searches": 2})
    tally.on_other_servers.update({"x:70": 3, "y:70": 1})
    said = report_text(tally, 5, Path("d")).splitlines()
    assert said[0] == "1 item fetched (5 bytes)"
    assert said[1].startswith("failed (truncated): gopher://h/0/a%1B: the answer of h:70")
    assert "\\x1b[2J" in said[1]
    assert said[2] == "left out: 2 items (searches)"
    assert said[3] == "most of those on other servers are on x:70 (3)"
    assert said[4] == "not complete: the same command tries again what failed"


def test_items_on_other_servers_are_counted_by_server():
    tally = MirrorTally()
    for reason in (OTHER_HOST, OTHER_HOST, SEARCH):
        tally.count_left_out(GopherURL("x", 7070), reason)
    assert tally.skipped == {OTHER_HOST: 2, SEARCH: 1}
    assert tally.on_other_servers == {"x:7070": 2}


def test_the_report_names_the_limit_that_stopped_the_run():
    said = report_text(tally_of(stopped="--max-items 5"), 0, Path("d"))
    assert "stopped by --max-items 5" in said


def test_many_failures_are_cut_and_counted():
    failed: dict[GopherURL, Exception] = {
        GopherURL("h", selector=b"%d" % number): OSError("x") for number in range(1000)
    }
    said = report_text(tally_of(failed=failed), 0, Path("d"))
    assert said.count("failed (error)") == 200
    assert "failed: 800 more, which d/.gopher-mirror names" in said


def test_the_progress_line_counts_what_is_done_to_go_and_failed():
    tally = tally_of(fetched=2, kept=1, failed={URL: OSError()}, waiting=5)
    assert progress_line(tally, 2048) == "3 done, 5 to go, 1 failed, 2.0 KiB"


def test_the_report_of_an_update_counts_changed_new_and_same_items():
    tally = tally_of(fetched=10, changed=2, same=7)
    assert report_text(tally, 0, Path("d")).splitlines() == [
        "10 items fetched (0 bytes)",
        "of these 2 changed, 1 new, 7 as before",
    ]


def test_a_copy_that_stays_instead_of_what_failed():
    tally = tally_of(failed={URL: ServerError("busy")}, stays={URL})
    assert report_text(tally, 0, Path("d")).splitlines()[1] == (
        "failed (server-error): gopher://h/0/a%1B: the server answers with an error: busy; "
        "the copy of before stays"
    )


def test_what_no_menu_lists_any_more_is_listed_however_much_it_is():
    lines = report_text(tally_of(unlisted=[URL] * 300), 0, Path("d")).splitlines()
    assert lines[1:] == [f"unlisted: {URL}"] * 300 + [
        "no menu led to 300 items now; the copies stay"
    ]


def test_the_report_after_ctrl_c_says_how_to_continue():
    said = report_text(tally_of(fetched=1, kept=2, stopped=INTERRUPTED, waiting=40), 0, Path("d"))
    assert said.splitlines()[-1] == (
        "stopped: 3 items of it are in d, 40 known ones are not yet; the same command continues from here"
    )
