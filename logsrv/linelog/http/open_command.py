"""Print an address of the live page that logs in, without typing the token.

The address has a code that works once, within a minute, in the browser of the user who gave the command
(with sudo: of that user; --user names another). Whoever may read the file of the token can make one:
members of adm and logsrv where the package for Debian is installed, the service's user, root. The server is
not asked, and the code is in none of its logs.

Where the page and the token are, it reads as twistd logsrv does: --http and --http-token-file, variables
such as LOGSRV_HTTP, --config, else /etc/logsrv.toml. Without --http-token-file the address has no code: the
tokens of readers make none.

Examples:

  logsrv open
  logsrv open --browser
  logsrv open --http tcp:8080:interface=127.0.0.1 --http-token-file logs/token

Exit status: 0, 1 when no address can be made, or no server is at it.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import webbrowser
from collections.abc import Mapping
from urllib.parse import urlsplit

from logsrv.cli.arguments import CONFIGURATION, tell
from logsrv.cli.command import Command
from logsrv.clock import Clock
from logsrv.errors import ConfigurationError, UsageError
from logsrv.kit.net.peer_user import user_name
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.options.declare import options_of
from logsrv.kit.options.help import add_settings
from logsrv.kit.service.findings import find_user
from logsrv.kit.text.words import LONGEST_ERROR, listed, shown
from logsrv.linelog.commands.service_settings import names_configuration, service_settings
from logsrv.linelog.http.http_settings import HttpSettings, read_http_token
from logsrv.linelog.http.log_in.one_time_codes import NONCE_BYTES, make_code
from logsrv.linelog.http.log_in.page_address import PageAddress, page_address
from logsrv.linelog.http.log_in.token_hint import PACKAGED_TOKEN

command = Command(
    "open", "print an address of the live page that logs in once", __name__, holds_nothing=True
)

_OPTIONS = ("http", "http_token_file", "http_host")
# The package for Debian listens there. Members of adm may read its token, and not its configuration.
PACKAGED_HTTP = "tcp:8080:interface=127.0.0.1"
_SECONDS = 5.0


def declare(parser: Parser) -> None:
    add = parser.add_argument
    add("--config", metavar="FILE", action="append", help="the configuration of the service")
    add("--browser", action="store_true", help="open it in the browser, too")
    add("--user", metavar="NAME", help="whose browser may use the code (default: yours)")
    add("--url", metavar="URL", help="the page's address, if a proxy is in front of it")
    options = options_of(HttpSettings)
    add_settings(parser, {"Where the page is": {one: options[one] for one in _OPTIONS}}, ())


def run(arguments: argparse.Namespace) -> int:
    """Print the address. Raises ConfigurationError if none can be made."""
    if arguments.browser and os.geteuid() == 0 and "SUDO_UID" in os.environ:
        raise UsageError("--browser would run as root: open the address yourself")
    given = {
        name: text
        for name in ("config", *_OPTIONS)
        if (text := getattr(arguments, name, None)) is not None
    }
    given = {name: text if isinstance(text, list) else [text] for name, text in given.items()}
    settings, looked_at = _settings(given)
    token = _token(settings, looked_at)
    url = _url(arguments.url, settings, looked_at)
    uid = _uid(arguments.user)
    if token is None:
        address = f"{url}/"
    else:
        code = make_code(
            token, Clock.time_of_day(), os.urandom(NONCE_BYTES), None if arguments.url else uid
        )
        address = f"{url}/login?code={code}"
    print(address, flush=True)
    if token is not None and sys.stdout.isatty():
        whose = "anybody's browser" if arguments.url else f"the browser of {user_name(uid)}"
        tell(f"logsrv open: it works once, within a minute, in {whose}")
    if token is None and settings.reader:
        tell(
            "logsrv open: the address has no code, as readers have tokens of their own; one of "
            "--http-token-file would make one"
        )
    if arguments.browser and not webbrowser.open(address):
        raise ConfigurationError("--browser: no browser was found here; open the address yourself")
    return 0


def _settings(given: Mapping[str, list[str]]) -> tuple[HttpSettings, str]:
    """Return the settings, and in words where they are from. Raises ConfigurationError."""
    if "http" in given and not names_configuration(given):
        # The command line is complete, and not every user may read /etc/logsrv.toml.
        return service_settings(given, usual=False).of(HttpSettings), "the command line"
    if names_configuration(given):
        file = given["config"][-1] if "config" in given else os.environ["LOGSRV_CONFIG"]
        looked_at = shown(file, LONGEST_ERROR)
    elif not os.path.exists(CONFIGURATION):
        looked_at = f"the command line, variables, and {CONFIGURATION}, which is not there"
    elif os.access(CONFIGURATION, os.R_OK):
        looked_at = CONFIGURATION
    else:
        tell(
            f"logsrv open: you may not read {CONFIGURATION}; this command assumes the address and the"
            " token of the package for Debian"
        )
        packaged = {"http": [PACKAGED_HTTP], "http_token_file": [PACKAGED_TOKEN], **given}
        return service_settings(packaged, usual=False).of(HttpSettings), "the package for Debian"
    return service_settings(given, configuration=CONFIGURATION).of(HttpSettings), looked_at


def _token(settings: HttpSettings, looked_at: str) -> str | None:
    """Return the token; None if none is set. Raises ConfigurationError, also if it may not be read."""
    file = settings.http_token_file
    if file is not None and os.path.exists(file) and not os.access(file, os.R_OK):
        raise ConfigurationError(
            f"you may not read the token, {shown(str(file), LONGEST_ERROR)}, named by {looked_at}: "
            "whoever may read it can log in; sudo logsrv open"
        )
    if file is not None and not os.path.exists(file) and not _can_enter(file.parent):
        raise ConfigurationError(
            f"you may not enter {shown(str(file.parent), LONGEST_ERROR)}, where the token is by "
            f"{looked_at}: sudo logsrv open"
        )
    return read_http_token(settings)


def _can_enter(folder: os.PathLike[str]) -> bool:
    return os.access(folder, os.X_OK)


def _url(given: str | None, settings: HttpSettings, looked_at: str) -> str:
    """Return the URL of the page, without a path. Raises ConfigurationError."""
    if given is not None:
        parts = urlsplit(given)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path not in ("", "/"):
            raise UsageError(f"--url {shown(given)}: not as https://logs.example.org")
        return f"{parts.scheme}://{parts.netloc}"
    if not settings.http:
        raise ConfigurationError(
            f"there is no --http, so no page (looked at {looked_at}); name the configuration with --config "
            "FILE, or the page with --http ENDPOINT and --http-token-file FILE"
        )
    found = page_address(settings.http, settings.http_host)
    if found is None:
        named = listed([str(one) for one in settings.http])
        raise ConfigurationError(
            f"a browser cannot open --http {named} ({looked_at}); --url URL names the address of the page"
        )
    _require_server(found, looked_at)
    return found.url


def _require_server(address: PageAddress, looked_at: str) -> None:
    """Raise ConfigurationError if nothing listens there."""
    try:
        socket.create_connection((address.host, address.port), _SECONDS).close()
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise ConfigurationError(
            f"no server is at {address.url} ({why}; the address is from {looked_at}): start it first, for "
            "instance with systemctl start logsrv"
        ) from None


def _uid(name: str | None) -> int:
    """Return the user whose browser may use the code. Raises UsageError for an unknown one."""
    if name is not None:
        return find_user(name).uid
    given = os.environ.get("SUDO_UID", "")
    return int(given) if os.geteuid() == 0 and given.isdecimal() else os.getuid()
