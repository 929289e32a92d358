"""Handing a link to the user's own program: an argument of its own, no shell, never an option."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import Mapping

from logsrv.errors import ConfigurationError


def opening_command(address: str, environ: Mapping[str, str]) -> list[str]:
    """The program and its arguments: the first of BROWSER that is there, else xdg-open or open.

    BROWSER is a list with colons between, as elsewhere; `%s` in one stands for the address. Raises
    ConfigurationError if there is none, or if the address would look like an option.
    """
    if address.startswith("-"):
        raise ConfigurationError(f"“{address}” is not opened: programs would take it for an option")
    path = environ.get("PATH", os.defpath)
    usual = ["open"] if sys.platform == "darwin" else ["xdg-open"]
    for entry in [*environ.get("BROWSER", "").split(os.pathsep), *usual]:
        try:
            words = shlex.split(entry)
        except ValueError:
            continue
        if not words or (program := shutil.which(words[0], path=path)) is None:
            continue
        arguments = [word.replace("%s", address) for word in words[1:]]
        if not any("%s" in word for word in words[1:]):
            arguments.append(address)
        return [program, *arguments]
    raise ConfigurationError(
        "no program to open it with was found; set BROWSER to one, or press y to copy the address"
    )


async def open_outside(address: str, environ: Mapping[str, str]) -> int:
    """Start that program, away from our terminal, and return its exit status when it has ended."""
    command = opening_command(address, environ)
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=DEVNULL,
            env=dict(environ),
            start_new_session=True,
        )
    except OSError as error:
        raise ConfigurationError(f"{command[0]} cannot be started: {error.strerror}") from error
    return await process.wait()
