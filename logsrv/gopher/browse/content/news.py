"""The page with the news of followed menus."""

from __future__ import annotations

from collections.abc import Sequence

from logsrv.gopher.browse.content.colours import ColouredSpan, SpanStyle
from logsrv.gopher.browse.content.page_lines import PageLine, link_line
from logsrv.gopher.follow.entries import address_of_entry, without_date
from logsrv.gopher.follow.following import FollowedMenu, items_of_all_menus
from logsrv.gopher.follow.news import NewsItem
from logsrv.gopher.wire.url import GopherURL

_MOST_READ = 100
_BOLD = SpanStyle(attributes=frozenset(("bold",)))
_NONE_YET = "You follow no menu yet. F  on a menu or a text, such as a phlog, follows it."


def news_lines(
    followed: Sequence[FollowedMenu], new: int, looking: int = 0, problem: str = ""
) -> list[PageLine]:
    """Return the lines of the page; `about` of a line is an `NewsItem`, a `FollowedMenu` or None.

    new: number of new items. looking: number of menus still to be fetched. problem: an error of the files.
    """
    if not followed and not problem:
        return [PageLine(_NONE_YET, "dim")]
    lines = [PageLine(_summary_sentence(followed, new, looking), "dim")]
    if problem:
        lines.append(PageLine(problem, "problem"))
    found = items_of_all_menus(followed)
    fresh = [pair for pair in found if not pair[0].read]
    lines += _section_lines("New", fresh)
    for each in followed:
        if each.news.left_out:
            lines.append(PageLine(f"And {each.news.left_out} more in {each.title}.", "dim"))
    lines += _section_lines("Read before", found[len(fresh) :][:_MOST_READ])
    lines += [PageLine(""), PageLine("Followed", "heading")]
    for each in followed:
        lines.append(link_line(each.url, each.title, each))
        if each.news.failed:
            lines.append(PageLine(f"{each.title}: {each.news.failed}", "problem"))
    return lines


def _summary_sentence(followed: Sequence[FollowedMenu], new: int, looking: int) -> str:
    menus = "1 menu" if len(followed) == 1 else f"{len(followed)} menus"
    if looking:
        return f"{new} new; looking at {looking} of {menus} …"
    failed = sum(bool(each.news.failed) for each in followed)
    return f"{new} new in {menus}" + (f", {failed} failed (see below)." if failed else ".")


def _section_lines(title: str, found: list[tuple[NewsItem, FollowedMenu]]) -> list[PageLine]:
    heading = [PageLine(""), PageLine(title, "heading")] if found else []
    return heading + [_entry_line(item, menu) for item, menu in found]


def _entry_line(item: NewsItem, menu: FollowedMenu) -> PageLine:
    title = without_date(item.title) if item.dated else item.title
    text = f"{item.day}  {title}  ({menu.title})"
    spans = () if item.read else (ColouredSpan(0, 12 + len(title), _BOLD),)
    address = address_of_entry(item.id)
    in_gopher = address.startswith(("gopher:", "gophers:"))
    url = GopherURL.parse(address) if in_gopher else address
    return link_line(url, text, item)._replace(spans=spans)
