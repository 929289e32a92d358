"""Ask a NATS server about a stream, for `logsrv check`; nothing is made or changed."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from logsrv.errors import ConfigurationError
from logsrv.kit.text.words import size_text
from logsrv.linelog.formats.nats.client import NatsTrouble
from logsrv.linelog.formats.nats.limits import limits_of_query
from logsrv.linelog.formats.nats.link import NatsLink
from logsrv.linelog.formats.nats.login import nats_login_options
from logsrv.linelog.formats.nats.place import API
from logsrv.linelog.formats.nats.streams import NO_STREAM, find_or_make_stream
from logsrv.linelog.ship.registry import TargetSettings

_ANY_STORE = "0" * 32


def ask_about_stream(settings: TargetSettings) -> tuple[str, list[str]]:
    """Return a sentence about a stream and its limits, and warnings. Raises ConfigurationError."""
    return asyncio.run(_ask_about_stream(settings))


async def _ask_about_stream(settings: TargetSettings) -> tuple[str, list[str]]:
    url = settings.url
    limits = limits_of_query(url.query_parameters, url.loggable_url)
    login = nats_login_options(settings.token, url.query_parameters.get("user"))
    prefix = url.query_parameters.get("api", API)
    link = NatsLink(url.servers, login, settings.tls if url.tls else None, prefix)
    name = url.path.removeprefix("/")
    try:
        await link.connect_if_needed()
        try:
            facts = await find_or_make_stream(link, name, _ANY_STORE)
        except NatsTrouble as error:
            if error.code != NO_STREAM:
                raise
            return (
                f"there is no stream {name} yet; it is made with at most {size_text(limits.bytes)}",
                [],
            )
        warnings = [warning] if (warning := facts.limits.warning(name)) else []
        most = await _account_storage(link)
        if 0 <= most < facts.limits.bytes:
            warnings.append(
                f"the stream {name} may have {size_text(facts.limits.bytes)}, and its account only"
                f" {size_text(most)}: nats stream edit {name} --max-bytes SIZE"
            )
        return ("" if warnings else f"the stream {name}: {facts.promise}"), warnings
    except NatsTrouble as error:
        raise ConfigurationError(str(error)) from None
    finally:
        await link.close()


async def _account_storage(link: NatsLink) -> int:
    """Return the bytes that the account may have; -1 if that is unlimited, or not told."""
    with suppress(NatsTrouble):
        limits = (await link.ask_jetstream("INFO")).get("limits")
        most = limits.get("max_storage") if isinstance(limits, dict) else None
        return most if type(most) is int else -1
    return -1
