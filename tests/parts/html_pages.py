"""A look at what the HTML of a page says, and whether all of it is ours."""

from __future__ import annotations

from html.parser import HTMLParser


class Page(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""

    @classmethod
    def of(cls, body: bytes) -> Page:
        page = cls()
        page.feed(body.decode())
        page.close()
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text += data

    def attributes(self, tag: str, name: str) -> list[str]:
        """The values of an attribute of all elements that have it."""
        return [found[name] for element, found in self.elements if element == tag and name in found]


ELEMENTS = {
    *("html", "head", "meta", "title", "link", "body", "a", "header", "span", "form", "label"),
    *("input", "button", "nav", "ol", "li", "main", "h1", "h2", "div", "p", "ul", "pre", "footer"),
    "code",
}


ATTRIBUTES = {
    *("lang", "charset", "name", "content", "rel", "href", "type", "class", "action", "method"),
    *("role", "aria-label", "for", "id", "value", "placeholder", "required", "autocomplete"),
    *("autocapitalize", "spellcheck", "inputmode", "aria-current", "tabindex", "title"),
    "aria-hidden",
}


def check(body: bytes) -> Page:
    """Raises AssertionError if a page has an element, an attribute or a target that is not ours."""
    page = Page.of(body)
    for element, attributes in page.elements:
        assert element in ELEMENTS, element
        assert set(attributes) <= ATTRIBUTES, attributes
    for target in page.attributes("a", "href") + page.attributes("form", "action"):
        assert target.startswith(("/", "#content", "http://", "https://", "mailto:")), target
        assert not target.startswith("//")
    return page
