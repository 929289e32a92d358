"""`twistd gopher URL` prints an answer; `twistd gopher --gateway ENDPOINT` shows Gopher to web browsers."""

from __future__ import annotations

from twisted.application.service import IService

from logsrv import __version__
from logsrv.errors import ConfigurationError, StartError
from logsrv.gopher.gateway.gateway_settings import GopherSettings, check_url_or_gateway
from logsrv.kit.options.usage import SettingsOptions, usage_options
from logsrv.kit.service.launch import launched

_DESCRIPTION = """\
Prints the item at URL, as the command gopher does, and ends; or serves a web gateway to Gopher at the
endpoint of --gateway.

Examples:

  twistd gopher example.org
  twistd -n gopher --gateway tcp:8080:interface=127.0.0.1
"""

Options = usage_options(
    GopherSettings,
    name="gopher",
    version=__version__,
    description=_DESCRIPTION,
    positional=("url", "words"),
)


def makeService(options: SettingsOptions[GopherSettings]) -> IService:
    """Make the gateway, or print the answer to the URL and end the process.

    The answer is printed before twistd prints anything, and without a reactor. Raises StartError if both or
    neither of URL and --gateway are given, or for more than one kind of trust.
    """
    settings = options.settings
    try:
        check_url_or_gateway(settings)
    except ConfigurationError as error:
        raise StartError(f"gopher: {error}") from None
    if settings.url is not None:
        # Imported here: the gateway needs no command, and a URL no gateway.
        from logsrv.gopher.command.main import main

        # After -- a URL cannot be mistaken for an option, or for a command such as mirror.
        raise SystemExit(main([*settings.as_command_words, "--", settings.url, *settings.words]))
    from logsrv.gopher.gateway.gateway import Gateway

    service: IService = launched(
        "gopher", options, lambda reactor: Gateway(settings, load=options.reload, reactor=reactor)
    )
    return service
