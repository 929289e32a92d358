"""Times and addresses as people read them."""

from __future__ import annotations

# The least characters for the end of an address; if a long host leaves fewer, the host is shortened too.
_LEAST_END = 8


def duration_text(seconds: float) -> str:
    """Write seconds as `0.3 s`, `12 s`, `3:05`, `1:02:03`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def shortened_address(address: str, width: int) -> str:
    """Shorten an address in its middle to `width` characters: its host and its end tell most."""
    if len(address) <= width:
        return address
    begin = address.find("/", address.find("//") + 2) + 1
    if not begin or begin + _LEAST_END >= width:
        begin = max(0, width // 2)
    return f"{address[:begin]}…{address[len(address) - max(0, width - begin - 1) :]}"
