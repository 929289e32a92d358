"""Times and addresses as people read them."""

from __future__ import annotations


def span_text(seconds: float) -> str:
    """Seconds as `0.3 s`, `12 s`, `3:05`, `1:02:03`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
