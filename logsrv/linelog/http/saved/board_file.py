"""Files of boards: a board with the searches that it needs, which one reader exports and another imports.

    {"logsrv": "board", "version": 1, "name": "shop",
     "board": {"panels": [{"search": "errors", "as": "bars"}]},
     "searches": [{"name": "errors", "q": "level>=error"}]}

`POST /api/board-file` takes `{"file": …}` and answers what an import would do: each entry is new, the same
as here, different, or its name is taken by something else. With `take` it does that, all of it or nothing:

    {"file": …, "state": "…", "take": {"board": "file", "searches": {"errors": {"as": "errors (2)"}}}}

`file` replaces what is here, `mine` leaves it, `as` saves the entry under another name. `state` is the one
of the answer before: if another reader has changed these entries since, the import is refused.
"""

from __future__ import annotations

import hashlib
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import orjson

from logsrv.kit.text.words import listed, shown
from logsrv.kit.web.channel import WebRequest
from logsrv.linelog.http.bodies import NO_NAME, is_name, json_body
from logsrv.linelog.http.endpoints import LONGEST_NAME, MOST_PANELS
from logsrv.linelog.http.problems import Problem
from logsrv.linelog.http.saved.saved_searches import (
    MOST,
    PANELS,
    Change,
    Searches,
    check_search,
    checked_entry,
)

VERSION = 1
LARGEST = 60_000
"""Bytes of a request, which is little more than the file."""
_KIND = "board"
_PARTS = {"logsrv", "version", "name", "board", "searches"}
Take: TypeAlias = str | dict[str, str] | None
"""Says what to do with an entry: `file`, `mine`, `{"as": name}`. None: `file` if that replaces nothing."""


class BoardFile(NamedTuple):
    """A board and its searches, each with its parts by its name."""

    name: str
    board: dict[str, Any]
    searches: Searches

    @property
    def shown_searches(self) -> list[str]:
        return [panel["search"] for panel in self.board[PANELS]]


def read_import(request: WebRequest) -> Change:
    """Return what a POST of a board's file does with what is saved. Raises Problem."""
    try:
        body = json_body(request, LARGEST)
    except ValueError as error:
        raise Problem(400, f"this file is not a board: {error}") from None
    if not isinstance(body, dict) or "file" not in body or set(body) - {"file", "take", "state"}:
        raise Problem(400, 'a request to import a board is {"file": …}, with "take" to do it')
    file = _checked_file(body["file"])
    if "take" not in body:
        return partial(_preview, file)
    return partial(_import, file, *_checked_take(body["take"], file), body.get("state"))


def _checked_file(found: Any) -> BoardFile:
    if not isinstance(found, dict) or found.get("logsrv") != _KIND:
        raise Problem(
            400, 'this file is not a board: the file of a board begins with {"logsrv": "board"'
        )
    version = found.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise Problem(400, "this file has no version, such as 1")
    if version > VERSION:
        raise Problem(
            400,
            f"this file has version {version}, of a newer logsrv; this one reads version {VERSION}",
        )
    if missing := _PARTS - set(found):
        raise Problem(400, f"this file has no {listed(sorted(missing))}")
    if others := set(found) - _PARTS:
        raise Problem(400, f"this file has an unknown part {shown(sorted(others)[0])}")
    name, board = found["name"], found["board"]
    if not is_name(name):
        raise Problem(400, f"the name of the board: {NO_NAME}")
    try:
        if PANELS not in checked_entry(board):
            raise ValueError(f"has no {PANELS}")
    except ValueError as error:
        raise Problem(400, f"the board: {error}") from None
    file = BoardFile(name, board, _checked_searches(found["searches"]))
    if name in file.searches:
        raise Problem(400, f"{shown(name)} is the name of the board and of a search")
    if others := set(file.searches) - set(file.shown_searches):
        raise Problem(400, f"the search {shown(sorted(others)[0])} is not on the board")
    return file


def _checked_searches(found: Any) -> Searches:
    if not isinstance(found, list) or len(found) > MOST_PANELS:
        raise Problem(400, f"searches has to be a list of at most {MOST_PANELS}")
    searches: Searches = {}
    for one in found:
        if not isinstance(one, dict) or not is_name(one.get("name")):
            raise Problem(400, f"the name of a search: {NO_NAME}")
        name, parts = one["name"], {part: one[part] for part in one if part != "name"}
        if name in searches:
            raise Problem(400, f"the search {shown(name)} is in the file twice")
        try:
            if PANELS in checked_entry(parts):
                raise ValueError("is a board")
        except ValueError as error:
            raise Problem(400, f"the search {shown(name)}: {error}") from None
        check_search(parts, f"the search {shown(name)}: ")
        searches[name] = parts
    return searches


def _checked_take(take: Any, file: BoardFile) -> tuple[Take, dict[str, Take]]:
    if take in ("file", "mine"):
        take = {"board": take, "searches": dict.fromkeys(file.searches, take)}
    if not isinstance(take, dict) or set(take) - {"board", "searches"}:
        raise Problem(400, 'take has to be "file", "mine", or {"board": …, "searches": {…}}')
    searches = take.get("searches", {})
    if not isinstance(searches, dict) or set(searches) - set(file.searches):
        raise Problem(400, "take.searches is no JSON object by the names of the file's searches")
    for one in (take.get("board"), *searches.values()):
        if one is None or one in ("file", "mine"):
            continue
        if not isinstance(one, dict) or set(one) != {"as"}:
            raise Problem(400, 'each is taken as "file", "mine" or {"as": NAME}')
        if not is_name(one["as"]):
            raise Problem(400, f"the new name: {NO_NAME}")
    return take.get("board"), searches


def _preview(file: BoardFile, saved: Searches) -> dict[str, Any]:
    searches = [
        _entry(name, parts, saved, _compared(name, parts, saved))
        for name, parts in file.searches.items()
    ]
    others = [name for name in file.shown_searches if name not in file.searches]
    return {
        "import": {
            "state": _state(file, saved),
            "board": _entry(file.name, file.board, saved, _compared_board(file, saved)),
            "searches": searches,
            "here": [name for name in others if name in saved],
            "missing": [name for name in others if name not in saved],
        }
    }


def _entry(name: str, parts: dict[str, Any], saved: Searches, how: str) -> dict[str, Any]:
    here = saved.get(name, {}) if how == "different" else {}
    return {"name": name, "is": how, "file": parts, "here": here, "other": _free_name(name, saved)}


def _compared(name: str, parts: dict[str, Any], saved: Searches) -> str:
    """Return how an entry of a file is to what is here: `new`, `same`, `different` or `taken`."""
    if name not in saved:
        return "new"
    here = saved[name]
    if (PANELS in here) != (PANELS in parts):
        return "taken"
    return "same" if _without_empty(here) == _without_empty(parts) else "different"


def _compared_board(file: BoardFile, saved: Searches) -> str:
    """Return the same of the board: one of other searches is another board."""
    found = _compared(file.name, file.board, saved)
    own = {_compared(name, parts, saved) for name, parts in file.searches.items()}
    return "different" if found == "same" and own & {"different", "taken"} else found


def _without_empty(parts: dict[str, Any]) -> dict[str, Any]:
    return {part: value for part, value in parts.items() if value not in ("", {})}


def _free_name(name: str, saved: Searches) -> str:
    for number in range(2, MOST + 3):
        behind = f" ({number})"
        if (free := name[: LONGEST_NAME - len(behind)] + behind) not in saved:
            return free
    raise AssertionError(name)


def _state(file: BoardFile, saved: Searches) -> str:
    """Return a text that changes when what is here under the file's names does."""
    names = sorted({file.name, *file.searches})
    found = orjson.dumps([saved.get(name) for name in names], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(found).hexdigest()


def _import(
    file: BoardFile, board: Take, searches: dict[str, Take], state: Any, saved: Searches
) -> dict[str, Any]:
    if state is not None and state != _state(file, saved):
        raise Problem(
            409, "another reader has changed what this file would change; look at it again"
        )
    before = dict(saved)
    names = {name: name for name in file.shown_searches}
    for name, parts in file.searches.items():
        if target := _target(name, parts, searches.get(name), before, saved):
            saved[target] = parts
            names[name] = target
    panels = [{**panel, "search": names[panel["search"]]} for panel in file.board[PANELS]]
    wanted = {**file.board, PANELS: panels}
    target = _target(file.name, wanted, board, before, saved)
    if target:
        saved[target] = wanted
    if len(saved) > max(MOST, len(before)):
        raise Problem(409, f"there may be {MOST} saved searches and boards; remove some first")
    changed = [name for name in saved if before.get(name) != saved[name]]
    return {"imported": {"board": target or file.name, "changed": changed}}


def _target(
    name: str, parts: dict[str, Any], take: Take, before: Searches, saved: Searches
) -> str | None:
    """Return the name under which an entry is saved; None if nothing is. Raises Problem."""
    how = _compared(name, parts, before)
    if take == "mine" or (how == "same" and not isinstance(take, dict)):
        return None
    if isinstance(take, dict):
        # Also one that this import has saved.
        if take["as"] in saved:
            raise Problem(409, f"{shown(take['as'])} is there already; choose another name")
        return take["as"]
    if how == "taken":
        raise Problem(409, f"{shown(name)} is the name of something else here; choose another")
    if how == "different" and take is None:
        raise Problem(
            400,
            f"{shown(name)} differs from the one here: take the file's, keep the one here, or keep both",
        )
    if name in saved and name not in before:
        raise Problem(409, f"two entries would be saved as {shown(name)}; choose another name")
    return name
