"""What must hold of a feed."""

import re
from urllib.parse import urlsplit
from xml.etree import ElementTree

from logsrv.kit.text.time import parse_rfc3339

ATOM = "{http://www.w3.org/2005/Atom}"


def checked_feed(text: str) -> ElementTree.Element:
    """The feed, if it is one by RFC 4287, sections 4.1.1 and 4.1.2."""
    feed = ElementTree.fromstring(text.encode())
    assert feed.tag == f"{ATOM}feed"
    entries = feed.findall(f"{ATOM}entry")
    for element in (feed, *entries):
        (id,) = element.findall(f"{ATOM}id")
        assert id.text and id.text.isascii() and urlsplit(id.text).scheme
        (title,) = element.findall(f"{ATOM}title")
        assert title.text is not None
        (updated,) = element.findall(f"{ATOM}updated")
        for moment in (updated, *element.findall(f"{ATOM}published")):
            assert moment.text is not None
            parse_rfc3339(moment.text)
    ids = [str(entry.findtext(f"{ATOM}id")) for entry in entries]
    assert len(set(ids)) == len(ids)
    for entry in entries:
        # Without content there has to be an alternate link, and without one of the feed's an author.
        (link,) = entry.findall(f"{ATOM}link[@rel='alternate']")
        assert re.match(r"(gophers?|https?|ftp|gemini)://", link.attrib["href"])
        assert entry.findtext(f"{ATOM}author/{ATOM}name")
    return feed
