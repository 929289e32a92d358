"""Write a new plugin project.

NAME is the word to type after `twistd`: lower-case letters, digits and _. The project is in ./NAME, unless
--directory says otherwise. It has a plugin, its protocol, options, tests, packaging and CI. `make run` and
`make test` work at once, with the logsrv that has made the project: local.mk, which is only for this
machine, says where that is. A clone and its CI have to be told: `make LOGSRV=…`, a variable LOGSRV.

Kinds:
  line       lines in, lines out, over connections
  request    one line is a request, one its answer
  datagram   lines in datagrams
  frame      frames of bytes, each after its length, over connections
  job        work at regular times; nobody connects
  input      a wire format for the line logger: --listen NAME:ENDPOINT
  http       a format over HTTP for the line logger: JSON, posted to /NAME

Example:

  logsrv new shout --kind request
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import keyword
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
from twisted.application.service import IServiceMaker
from twisted.plugin import getPlugins

import logsrv.kit
from logsrv import __version__
from logsrv.cli.command import Command
from logsrv.cli.line_logger import has_line_logger, registries
from logsrv.cli.origin import installable_origin
from logsrv.errors import ConfigurationError
from logsrv.installation import how_to_install_line_logger
from logsrv.kit.net.endpoint import ARGUMENTS
from logsrv.kit.net.parse import parse_endpoint
from logsrv.kit.net.self_signed import self_signed_certificate
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.text.words import shown
from logsrv.kit.web.templates import template_environment

command = Command("new", "write a new plugin project", __name__)

TEMPLATES = Path(logsrv.kit.__file__).parent / "template"
SUFFIX = ".jinja"
LONGEST_NAME = 40


@attrs.frozen
class ProjectKind:
    """A kind of project.

    listen: its endpoint; "" if it has none. module: the file with its behaviour. for_logger: whether the
    line logger runs it, so that it is no service itself.
    """

    description: str
    listen: str = "tcp:7000"
    module: str = "protocol"
    for_logger: bool = False


KINDS = {
    "line": ProjectKind("Shouts each line back."),
    "request": ProjectKind("Adds numbers."),
    "datagram": ProjectKind("Shouts each datagram back.", "udp:7000"),
    "frame": ProjectKind("Shouts each frame back."),
    "job": ProjectKind("Counts the files of a folder.", listen="", module="job"),
    "input": ProjectKind(
        "Records that end with a NUL byte, for logsrv.", module="records", for_logger=True
    ),
    "http": ProjectKind("Records in JSON, for logsrv.", module="format", for_logger=True),
}


def declare(parser: Parser) -> None:
    add = parser.add_argument
    add("name", metavar="NAME", help="the plugin's name")
    add("--kind", choices=sorted(KINDS), default="line", help="what it serves (default: line)")
    add("--description", metavar="TEXT", help="a sentence for twistd --help and the package")
    add("--listen", metavar="ENDPOINT", help="where it listens by default (default: tcp:7000)")
    add("--directory", type=Path, metavar="DIR", help="the project's folder (default: ./NAME)")
    add(
        "--tls",
        action="store_true",
        help="make run serves over TLS, with a self-signed certificate for a try",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the project. Raises ConfigurationError, in most cases before any file is written."""
    name, kind = arguments.name, arguments.kind
    _check_name_spelling(name)
    directory = arguments.directory or Path(name)
    if KINDS[kind].for_logger and not has_line_logger():
        raise ConfigurationError(
            f"--kind {kind} needs the line logger: {how_to_install_line_logger()}"
        )
    _check_directory_unused(directory)
    _check_name_unused(name, kind)
    given = {"description": arguments.description, "listen": arguments.listen}
    changes = {key: value for key, value in given.items() if value is not None}
    project = attrs.evolve(KINDS[kind], **changes)
    _check_description(project.description)
    if "listen" in changes:
        _check_listen(kind, project.listen)
    if arguments.tls and not project.listen.startswith(("tcp:", "tcp6:")):
        what = project.listen if "listen" in changes else _one(kind)
        raise ConfigurationError(f"there is no TLS for {what}; take another --kind, or no --tls")
    files = dict(render_project(name, kind, project, tls=arguments.tls))
    files[Path("local.mk")] = origin_for_make(kind)
    try:
        for path, text in files.items():
            target = directory / path
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        where = shown(str(error.filename or directory))
        raise ConfigurationError(f"{where}: {error.strerror}") from None
    if arguments.tls:
        self_signed_certificate(directory / "tls")
    folder = shown(str(directory))
    print(f"{folder} has {len(files)} files. Next:\n\n    cd {folder}\n    make run\n    make test")
    return 0


def origin_for_make(kind: str) -> str:
    """Return the file that tells a project's Makefile where to install logsrv from."""
    origin = installable_origin(of_line_logger=KINDS[kind].for_logger)
    if not origin:
        return (
            "# The place that logsrv was installed from is not on this machine. Name one:\n"
            "# LOGSRV ?= /path/to/a/wheel-or-checkout\n"
        )
    text = f"LOGSRV ?= {quoted_for_make(origin)}\n"
    if origin.endswith(".whl") and Path(origin).is_file():
        # The wheel of the line logger needs that of the kit, which lies beside it.
        # pip takes several places; the environment may name others.
        beside = quoted_for_make(Path(origin).parent.as_uri())
        text += f"export PIP_FIND_LINKS := $(PIP_FIND_LINKS) {beside}\n"
    return text


def version_bounds(version: str) -> str:
    """Return the versions that a project made with this one works with: those with its promises."""
    major, minor = map(int, version.split(".")[:2])
    # A package of a commit before the release has 1.0.0.dev…, which is less than 1.0.
    is_released = re.fullmatch(r"[\d.]+(\.post\d+)?(\+.*)?", version)
    return f">= {major}.{minor}{'' if is_released else '.dev0'}, < {major + 1}"


def _one(kind: str) -> str:
    return "a format over HTTP" if kind == "http" else f"a {kind}"


def _check_name_spelling(name: str) -> None:
    what = shown(name)
    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        better = re.sub("[^a-z0-9_]", "_", name.lower()).strip("_0123456789")[:LONGEST_NAME]
        hint = f", such as {better}" if better else ""
        raise ConfigurationError(
            f"{what} is no name for a plugin; take lower-case letters, digits and _{hint}"
        )
    if len(name) > LONGEST_NAME:
        raise ConfigurationError(f"{what} is too long; take at most {LONGEST_NAME} characters")
    if keyword.iskeyword(name):
        raise ConfigurationError(f"{what} is a word of Python's; take another name")


def _check_name_unused(name: str, kind: str) -> None:
    """Raise ConfigurationError for a name that Python, or another plugin of this kind, already has."""
    what = shown(name)
    if name == "tests" or name in sys.stdlib_module_names or importlib.util.find_spec(name):
        raise ConfigurationError(f"there is a Python module named {what}; take another name")
    if kind == "input":
        taken = {*registries()["inputs"].all(), *ARGUMENTS, "haproxy"}
        reason = f"--listen {what}:… has a meaning already"
    elif kind == "http":
        taken = {*registries()["formats"].all()}
        reason = f"the line logger has a format named {what} already"
    else:
        taken = {plugin.tapname for plugin in getPlugins(IServiceMaker)}
        reason = f"twistd has a plugin named {what} already"
    if name in taken:
        raise ConfigurationError(f"{reason}; take another name")


def _check_description(description: str) -> None:
    if not description.isprintable() or not description.strip():
        raise ConfigurationError(f"--description {shown(description)} is not one line of text")


def _check_listen(kind: str, listen: str) -> None:
    """Raise ConfigurationError for a place at which this kind of project cannot listen by default."""
    if not KINDS[kind].listen:
        raise ConfigurationError(
            f"{_one(kind)} listens nowhere; take another --kind, or no --listen"
        )
    try:
        endpoint = parse_endpoint(listen)
    except ValueError as error:
        raise ConfigurationError(f"--listen {shown(listen)}: {error}") from None
    wanted = "datagram" if kind == "datagram" else "stream"
    if endpoint.kind != wanted and kind != "input":
        example = "udp:7000" if wanted == "datagram" else "tcp:7000"
        raise ConfigurationError(
            f"--listen {shown(listen)}: {_one(kind)} listens at a place such as {example}"
        )
    if endpoint.has_certificate:
        raise ConfigurationError(
            f"--listen {shown(listen)}: files do not belong into a package; take tcp: and --tls"
        )


def _check_directory_unused(directory: Path) -> None:
    where = shown(str(directory))
    if directory.is_dir():
        if any(directory.iterdir()):
            raise ConfigurationError(
                f"{where} exists and is not empty; name another with --directory"
            )
    elif directory.exists() or directory.is_symlink():
        raise ConfigurationError(
            f"{where} exists and is not a folder; name another with --directory"
        )


def _client_around_port(kind: str, name: str, listen: str, tls: bool) -> tuple[str, str]:
    """Return the command that talks to the service, for a Makefile: before the port or path, and after."""
    scheme = listen.removeprefix("haproxy:").partition(":")[0]
    if kind == "http":
        if scheme == "unix":
            return "curl --unix-socket ", f" http://localhost/{name}"
        return f"curl {'--cacert tls/cert.pem https' if tls else 'http'}://localhost:", f"/{name}"
    if scheme in ("udp", "unixgram"):
        # The address and not the name localhost, which may be ::1.
        return "nc -u 127.0.0.1 " if scheme == "udp" else "nc -uU ", ""
    where = "unix:" if scheme == "unix" else "tls:localhost:" if tls else "localhost:"
    return f"$(BIN)/logsrv connect {where}", ":cafile=tls/cert.pem" if tls else ""


def quoted_for_make(value: str) -> str:
    """Return `value` for a variable of make that the shell uses between single quotes."""
    quoted = value.replace("'", "'\\''")
    return quoted.replace("$", "$$").replace("#", "\\#")


def render_project(
    name: str, kind: str, project: ProjectKind, *, tls: bool = False
) -> Iterator[tuple[Path, str]]:
    """Yield the files of a project: path within the project, text."""
    # Without escapes for HTML: the files are none, and the name has been checked.
    environment = template_environment(TEMPLATES, html=False)
    client, after_port = _client_around_port(kind, name, project.listen, tls)
    values = {
        **attrs.asdict(project),
        "description_literal": json.dumps(project.description, ensure_ascii=False),
        "listen_literal": json.dumps(project.listen, ensure_ascii=False),
        "name": name,
        "tls": tls,
        "client": client,
        "after_port": after_port,
        "kind": kind,
        "cls": "".join(word.capitalize() for word in name.split("_")),
        "bounds": version_bounds(__version__),
    }
    for template in sorted(environment.list_templates()):
        part, _, path = template.partition("/")
        if part in ("all", kind) and path.endswith(SUFFIX):
            target = path.removesuffix(SUFFIX).replace("NAME", name).replace("DOT", ".")
            # A template that is only for other kinds renders to an empty text: no file.
            if text := environment.get_template(template).render(values).strip("\n"):
                yield Path(target), f"{text}\n"
