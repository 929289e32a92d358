"""Colours: few, calm, and readable on dark and on light. Plain data, which costs nothing to load."""

from __future__ import annotations

# The colours of a theme, on dark and on light, by the names that Textual gives them.
_BASE = {
    "primary": ("#8ab4d8", "#1f5f99"),
    "secondary": ("#9aa5b1", "#55606b"),
    "accent": ("#c9b27c", "#7a5c00"),
    "warning": ("#d9b25f", "#8a5a00"),
    "error": ("#e08a80", "#a8322a"),
    "success": ("#8fbf8f", "#2f6f3a"),
    "foreground": ("#d5d9dd", "#22272c"),
    "background": ("#16191d", "#fbfbf9"),
    "surface": ("#1d2126", "#f1f1ee"),
    "panel": ("#262b31", "#e4e5e2"),
}
# Its variables, those of Textual and our own.
_MORE = {
    "page-dim": ("#7d8790", "#6b7178"),
    "page-search": ("#c9a2d8", "#7b3f98"),
    "page-outside": ("#7cc0bd", "#136a68"),
    "page-file": ("#d8a37c", "#95501b"),
    "block-cursor-background": ("#34495e", "#cfe0f0"),
    "block-cursor-foreground": ("#ffffff", "#0d1b28"),
    "scrollbar": ("#3a424b", "#c3c6c2"),
    "scrollbar-hover": ("#4b5560", "#aeb2ad"),
    "scrollbar-active": ("#5b6672", "#989d97"),
    "scrollbar-background": ("#1b1f24", "#f1f1ee"),
}
DARK, LIGHT = ({name: pair[at] for name, pair in _BASE.items()} for at in (0, 1))
DARK_PAGE, LIGHT_PAGE = ({name: pair[at] for name, pair in _MORE.items()} for at in (0, 1))
# The colours of lines, by the names of their styles.
STYLES = {
    **dict.fromkeys(("plain", "information", "text"), "foreground"),
    **dict.fromkeys(("heading", "menu"), "primary"),
    **dict.fromkeys(("dim", "dead", "label"), "page-dim"),
    "note": "warning",
    "problem": "error",
    "search": "page-search",
    "media": "success",
    "session": "accent",
    "outside": "page-outside",
    "file": "page-file",
}
