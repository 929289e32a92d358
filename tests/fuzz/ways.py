"""The code paths that an input takes in logsrv: pairs of lines that run one after the other."""

import sys
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, TypeAlias

from tests.fuzz.target import Run

OURS = f"{Path(__file__).parent.parent.parent / 'logsrv'}/"
Way: TypeAlias = tuple[CodeType, int, int]


def ways(run: Run, data: bytes) -> set[Way]:
    """Return the pairs of lines that a target runs with an input, up to an exception."""
    found: set[Way] = set()
    lines: dict[FrameType, int] = {}

    def line(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            found.add((frame.f_code, lines.get(frame, 0), frame.f_lineno))
            lines[frame] = frame.f_lineno
        elif event == "return":
            lines.pop(frame, None)
        return line

    def call(frame: FrameType, event: str, argument: Any) -> Any:
        return line if frame.f_code.co_filename.startswith(OURS) else None

    before = sys.gettrace()
    sys.settrace(call)
    try:
        run(data)
    except Exception:
        pass
    finally:
        sys.settrace(before)
    return found
