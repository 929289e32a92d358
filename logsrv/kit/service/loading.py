"""Imports plugin files, and objects that a plugin names as text; a failure gives one sentence."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import sys
import traceback
import warnings
from collections.abc import Iterator
from typing import Any

from twisted.python.modules import getModule

import logsrv
from logsrv.errors import ConfigurationError
from logsrv.kit.text.words import error_text
from logsrv.plugin_folders import refused
from twisted import plugins

PACKAGE = os.path.join(os.path.dirname(logsrv.__file__), "")
OBJECT = re.compile(r"[\w.]+:\w+")


def load_object(text: str) -> Any:
    """Return the object `package.module:Name`. Raises ConfigurationError with the place of the mistake."""
    if not OBJECT.fullmatch(text):
        raise ConfigurationError(f"{text!r:.80} is no name such as package.module:Name")
    name, _, attribute = text.partition(":")
    try:
        module = importlib.import_module(name)
    # A module may exit, as a script does.
    except (Exception, SystemExit) as error:
        why = error_text(error) + _raised_at(error)
        raise ConfigurationError(f"{name} cannot be imported: {why}") from error
    try:
        return getattr(module, attribute)
    except AttributeError:
        raise ConfigurationError(
            f"there is no {text} (in {getattr(module, '__file__', None) or 'no file'})"
        ) from None


def import_plugin_files() -> Iterator[tuple[str, Any]]:
    """Yield each file that declares plugins, with its module or a sentence why it cannot be imported.

    Plugin folders that were left out come first, each with the reason.
    """
    yield from refused.items()
    # The import of `plugins` extends its path over all of sys.path.
    for module in getModule(plugins.__name__).iterModules():
        try:
            # A plugin file may print, which would spoil our output.
            with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings(action="ignore"):
                loaded = module.load()
        except BaseException as error:
            loaded = error_text(error) + _raised_at(error)
        yield module.filePath.path, loaded


def broken_plugins() -> dict[str, str]:
    """Return the plugin files and folders that cannot be used, each with the reason."""
    return {where: why for where, why in import_plugin_files() if isinstance(why, str)}


def _raised_at(error: BaseException) -> str:
    """Return ` (FILE:LINE)` where the error was raised; "" if only the import itself is there."""
    if isinstance(error, SyntaxError):
        # Its own text names the file without the folder, so the whole path is added.
        return f" ({error.filename}:{error.lineno})" if error.filename else ""
    ours = (__file__, importlib.__file__)
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<frozen ") and frame.filename not in ours
    ]
    if isinstance(error, ConfigurationError):
        # The kit raised it, because of the author's line that called the kit.
        frames = [frame for frame in frames if not frame.filename.startswith(PACKAGE)]
    return f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
