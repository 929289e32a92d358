"""Builds the checkout (PEP 517): one wheel with everything, noted as `logsrv-kit` too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from parts import read_wheel, with_note, write_wheel
from setuptools import build_meta
from setuptools.build_meta import (
    build_sdist,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

__all__ = (
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
)


def build_wheel(
    wheel_directory: str, config_settings: Any = None, metadata_directory: Any = None
) -> str:
    name = build_meta.build_wheel(wheel_directory, config_settings, metadata_directory)
    return _noted(Path(wheel_directory, name))


def build_editable(
    wheel_directory: str, config_settings: Any = None, metadata_directory: Any = None
) -> str:
    name = build_meta.build_editable(wheel_directory, config_settings, metadata_directory)
    return _noted(Path(wheel_directory, name))


def _noted(made: Path) -> str:
    wheel = with_note(read_wheel(made))
    made.unlink()
    return write_wheel(wheel, made.parent).name
