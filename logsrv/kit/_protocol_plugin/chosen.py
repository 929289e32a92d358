"""The options of a plugin that was chosen; its protocols compared with these and with its state.

It is apart from `plugin.py`, which `twistd --help` imports for every plugin.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from logsrv.errors import ConfigurationError, StartError
from logsrv.kit._protocol_plugin.arguments import check_options_class
from logsrv.kit._protocol_plugin.declared import check_declared, declared_by
from logsrv.kit._protocol_plugin.service_settings import (
    answers_of,
    limits_of,
    needless_options,
    settings_class,
)
from logsrv.kit.options.declare import options_of
from logsrv.kit.options.usage import usage_options


def options_class(plugin: Any) -> Any:
    """Return the class of `twisted.python.usage.Options` for a `Plugin`. Raises StartError."""
    try:
        own = plugin.load_if_named(plugin.settings)
        if own is not None:
            check_options_class(plugin.name, own)
            options_of(own)
        served = plugin.load_if_named(plugin.protocol), plugin.load_if_named(plugin.datagrams)
        named = [plugin.load_if_named(one) for one in plugin.listeners.values()]
        if own is None:
            # Now, because the options that are missing would be refused as unknown.
            for found in filter(None, map(declared_by, (*served, *named))):
                check_declared(plugin.name, found._replace(state=None), None, None)
        limits, needless = limits_of(*served, named=named), needless_options(*served, *named)
        answers = answers_of(*served, *named)
        return usage_options(
            settings_class(
                *(plugin.name, own, plugin.listen, tuple(limits.items())),
                *(needless, tuple(plugin.listeners), answers),
            ),
            name=plugin.name,
            version=plugin.version,
            description=plugin.description,
        )
    except ConfigurationError as error:
        raise StartError(str(error)) from error
    except TypeError as error:
        raise StartError(f"{plugin.name}: {error}") from error


def check_declared_objects(plugin: Any) -> Callable[[Any], None]:
    """Compare a plugin's protocols with options and state; return the check of the state that is made."""
    served = map(
        plugin.load_if_named, (plugin.protocol, plugin.datagrams, *plugin.listeners.values())
    )
    declared = [found for found in map(declared_by, served) if found is not None]
    options, state = plugin.load_if_named(plugin.settings), plugin.load_if_named(plugin.state)
    for one in declared:
        check_declared(plugin.name, one, options, state)

    def check(made: Any) -> None:
        for one in declared:
            one.require_state(plugin.name, made)

    return check
