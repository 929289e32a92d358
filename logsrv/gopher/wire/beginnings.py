"""Places to begin in Gopher, for users without an address: URLs and descriptions."""

from __future__ import annotations

BEGINNINGS = (
    ("gopher://gopher.floodgap.com/1/world", "Floodgap: other servers of the world"),
    ("gopher://gopher.floodgap.com/7/v2/vs", "Veronica-2: search all of gopherspace"),
    ("gopher://gopher.quux.org/", "Quux: archives of the early Internet"),
    ("gopher://sdf.org/", "SDF: thousands of personal pages"),
)
