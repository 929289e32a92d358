"""Searches that readers of the page save for each other, in a JSON file that an operator may edit:

{"errors of the shop": {"q": "app=shop level>=error", "last": "24h"},
 "shop": {"panels": [{"search": "errors of the shop", "as": "bars"}]}}

The second is a board, which shows searches together. `board_variables.py` says what the `$host` of a query
is on a board; `board_file.py` carries boards from one server to another.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import orjson
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from logsrv.errors import QueryError
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import did_you_mean, listed, shown
from logsrv.kit.web.channel import WebRequest
from logsrv.linelog.http.assets import LASTS
from logsrv.linelog.http.board_variables import check_declared, template_of
from logsrv.linelog.http.bodies import is_name, json_body, name_in_path
from logsrv.linelog.http.endpoints import (
    LONGEST_FIGURE,
    LONGEST_QUERY,
    MOST_PANELS,
    PANEL_SHAPES,
    PANEL_TIMES,
    PANEL_WIDTHS,
    SAVED,
    SAVED_PARTS,
    check_query,
)
from logsrv.linelog.http.problems import Problem
from logsrv.linelog.http.responses import set_hints
from logsrv.linelog.parts.endpoints import read_time
from logsrv.linelog.parts.entries_file import (
    FaultLog,
    OneAtATime,
    file_error,
    read_entries,
    write_entries,
)
from logsrv.linelog.query.hints import foreign_syntax_hints

log = Logger()

MOST = 200
ANY_TIME = 1e9
_WHAT = "searches"
# The length of time that a search covers; `scope.js` reads the same form.
_LENGTH = re.compile(r"[0-9]{1,4}[smhdw]")

PANEL_PARTS = ("search", "as", "time", "width", "figure")
"""The parts of a panel of a board; `time` is left out unless it was chosen."""
PANELS = "panels"
"""The part that makes an entry a board."""
VARIABLES = "variables"
"""The part of a board that names the fields of variables."""
Searches: TypeAlias = dict[str, dict[str, Any]]
"""The parts of each search or board, by its name."""
Change: TypeAlias = Callable[[Searches], dict[str, Any] | None]
"""Changes what is saved. What it returns is added to the answer; then what is the same is not written."""


class SavedSearches:
    """The saved searches of a server. file: None if it saves none.

    Each request reads the file again, in a thread: a disk may take seconds to sync what is written.
    """

    def __init__(self, reactor: Any) -> None:
        self.file: Path | None = None
        self._work = OneAtATime(reactor)
        self._faults = FaultLog(log, "saved searches")

    def request_list(self) -> Deferred[bytes]:
        """Return a Deferred with the list as JSON; it fails with StoreError if the file cannot be read."""
        return self._answer(self.file, None) if self.file else succeed(_list_as_json({}, on=False))

    def request_change(
        self, request: WebRequest, read: Callable[[WebRequest], Change] | None = None
    ) -> Deferred[bytes]:
        """Do what a request asks for. Return a Deferred as `request_list` does. Raises Problem.

        read: reads the change from the request; None for a PUT or DELETE of one search or board.
        """
        if self.file is None:
            raise Problem(404, "this server saves no searches; --saved FILE lets it")
        return self._answer(self.file, (read or _requested_change)(request))

    def _answer(self, file: Path, change: Change | None) -> Deferred[bytes]:
        return self._work.run(_change_and_list, file, change).addBoth(self._faults.note)


def _requested_change(request: WebRequest) -> Change:
    name = name_in_path(request, f"{SAVED}/")
    if request.method == b"DELETE":
        return partial(_remove, name)
    try:
        search = checked_entry(json_body(request))
    except ValueError as error:
        raise Problem(400, f"this cannot be saved: {error}") from None
    check_search(search)
    set_hints(request, foreign_syntax_hints(search.get("q", "")))
    return partial(_save, name, search)


def check_search(search: dict[str, Any], about: str = "") -> None:
    """Raise Problem if the time or the query of a search is wrong. about: begins the sentence."""
    last = search.get("last", "")
    if last not in ("", *LASTS) and not _LENGTH.fullmatch(last):
        raise Problem(
            400,
            f"{about}last is a length of time, such as 2h, or all; other times go to since, "
            "such as since: yesterday",
        )
    for part in ("since", "until"):
        try:
            if search.get(part):
                # Relative to any time: it is only looked whether it can be read.
                read_time(search[part], ANY_TIME)
        except ValueError as error:
            raise Problem(400, f"{about}{part}: {error}") from None
    if wrong := _about_query(search.get("q", "")).get("error"):
        raise Problem(400, about + wrong, at=_about_query(search["q"]).get("at"))


def _save(name: str, search: dict[str, Any], saved: Searches) -> None:
    if name not in saved and len(saved) >= MOST:
        raise Problem(
            409, f"there are {MOST} saved searches already, which is the most; remove one first"
        )
    if name in saved and (PANELS in saved[name]) != (PANELS in search):
        kind = "board" if PANELS in saved[name] else "saved search"
        raise Problem(409, f"{shown(name)} is the name of a {kind}; choose another")
    saved[name] = search


def _remove(name: str, saved: Searches) -> None:
    if saved.pop(name, None) is None:
        raise Problem(404, f"there is no saved search or board {shown(name)}")


def _change_and_list(file: Path, change: Change | None) -> bytes:
    saved = _read(file)
    more = None
    if change is not None:
        before = dict(saved)
        more = change(saved)
        if more is None or saved != before:
            write_entries(file, saved, _WHAT)
    return _list_as_json(saved, more or {}, on=True)


def as_unchangeable(listed: bytes, why_not: str) -> bytes:
    """Return a list as JSON for a reader who may change nothing: the page offers no changes then."""
    return orjson.dumps(orjson.loads(listed) | {"enabled": False, "why_not": why_not})


def _list_as_json(
    saved: Searches, more: Mapping[str, Any] = MappingProxyType({}), *, on: bool
) -> bytes:
    found = [
        {"name": name, **search, **_about_query(search.get("q", ""))}
        for name, search in saved.items()
        if PANELS not in search
    ]
    boards = [{"name": name, **board} for name, board in saved.items() if PANELS in board]
    return orjson.dumps({"enabled": on, "saved": found, "boards": boards, **more})


@lru_cache(MOST)
def _about_query(query: str) -> dict[str, Any]:
    """Return the error of a query as in an answer, or the template of one with variables; else {}."""
    try:
        if len(query) <= LONGEST_QUERY and (template := template_of(query)):
            return {"template": template}
        check_query(query, 0.0)
    except QueryError as error:
        return {"error": one_line(error.sentence), "at": error.at}
    except ValueError as error:
        return {"error": str(error)}
    return {}


def _read(file: Path) -> Searches:
    searches = read_entries(file, _WHAT)
    for name, search in searches.items():
        if isinstance(search, dict):
            # Earlier versions saved which servers were asked.
            search.pop("nodes", None)
        try:
            checked_entry(search)
        except ValueError as error:
            raise file_error(file, ValueError(f"{shown(name)}: {error}")) from None
    return searches


def checked_entry(search: Any) -> dict[str, Any]:
    """Return a search or a board. Raises ValueError."""
    if not isinstance(search, dict):
        raise ValueError('is no JSON object such as {"q": "level>=error"}')
    if PANELS in search:
        _check_board(search)
        return search
    for part, value in search.items():
        if part not in SAVED_PARTS:
            raise ValueError(f"unknown part {shown(part)}{did_you_mean(part, SAVED_PARTS)}")
        if not isinstance(value, str):
            raise ValueError(f"{part} is no text")
    return search


def _check_board(board: dict[str, Any]) -> None:
    panels = board[PANELS]
    if set(board) - {PANELS, VARIABLES}:
        raise ValueError(f"a board has only {PANELS} and {VARIABLES}")
    check_declared(board.get(VARIABLES, {}))
    if not isinstance(panels, list) or len(panels) > MOST_PANELS:
        raise ValueError(f"{PANELS} is no list of at most {MOST_PANELS}")
    for panel in panels:
        if not isinstance(panel, dict):
            raise ValueError('a panel is no JSON object such as {"search": "errors", "as": "bars"}')
        for part in ("search", "as"):
            if part not in panel:
                raise ValueError(
                    f'a panel lacks "{part}"; it is like {{"search": "errors", "as": "bars"}}'
                )
        if not is_name(panel["search"]):
            raise ValueError("the search of a panel is no name")
        if panel["as"] not in PANEL_SHAPES:
            raise ValueError(f"the shape of a panel is one of {listed(PANEL_SHAPES)}")
        _check_choices(panel)
    names = [panel["search"] for panel in panels]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"{shown(twice[0])} is on the board twice")


def _check_choices(panel: dict[str, Any]) -> None:
    """Raise ValueError for a part of a panel that no version knew, or a value that it cannot have."""
    for part in panel:
        if part not in PANEL_PARTS:
            raise ValueError(
                f"unknown part {shown(part)} of a panel{did_you_mean(part, PANEL_PARTS)}"
            )
    if panel.get("time", "own") not in PANEL_TIMES:
        raise ValueError(f"the time of a panel is one of {listed(PANEL_TIMES)}")
    if panel.get("width", "narrow") not in PANEL_WIDTHS:
        raise ValueError(f"the width of a panel is one of {listed(PANEL_WIDTHS)}")
    figure = panel.get("figure", "")
    if not isinstance(figure, str) or len(figure) > LONGEST_FIGURE:
        raise ValueError(f"the figure of a panel is no name of at most {LONGEST_FIGURE} characters")
