"""Builds the source distribution of `logsrv-kit` (PEP 517): a wheel with the kit alone."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from parts import read_wheel, split, write_wheel
from setuptools import build_meta
from setuptools.build_meta import get_requires_for_build_wheel

__all__ = ("build_wheel", "get_requires_for_build_wheel")


def build_wheel(
    wheel_directory: str, config_settings: Any = None, metadata_directory: Any = None
) -> str:
    with TemporaryDirectory() as folder:
        made = Path(folder, build_meta.build_wheel(folder, config_settings))
        return write_wheel(split(read_wheel(made))[0], Path(wheel_directory)).name
