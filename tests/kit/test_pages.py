"""The pages about the kit are true: their examples run, their conversations happen as written."""

import re
import runpy
import smtplib
import ssl
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from twisted.internet.threads import deferToThread

from logsrv.kit import Plugin
from logsrv.kit.net.parse import parse_named_endpoint
from logsrv.kit.testing import (
    Running,
    conformance,
    examples,
    play,
    self_signed_certificate,
    transcripts,
)
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.programs import program

pytest_plugins = ["logsrv.kit.testing.fixtures"]

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGES = ["kit.md"]


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The text of a page, with the files that it shows where they can be imported."""
    text = (DOCS / str(request.param)).read_text()
    names = [example.name for example in examples(text) if example.name]
    for example in examples(text):
        if example.name:
            (tmp_path / example.name).write_text(example.code)
    monkeypatch.syspath_prepend(tmp_path)
    for name in names:
        monkeypatch.delitem(sys.modules, name.removesuffix(".py"), raising=False)
    return text


@pytest.mark.slow
def test_the_examples_of_the_pages_run(page, tmp_path):
    """Each Python block runs, after the files it may import."""
    for number, example in enumerate(examples(page)):
        path = tmp_path / (example.name or f"example_{number}.py")
        path.write_text("\n" * (example.line - 1) + example.code)
        runpy.run_path(str(path))


async def test_conversations_of_the_pages_are_true(page, tmp_path, serving):
    """Each is had with the plugin on the page that listens at its port."""
    plugins = {
        parse_named_endpoint([*value.listeners], endpoint).port: value
        for example in examples(page)
        if example.name
        for value in runpy.run_path(str(tmp_path / example.name)).values()
        if isinstance(value, Plugin)
        for endpoint in value.listen
    }
    assert transcripts(page)
    for transcript in transcripts(page):
        running = serving(plugins[transcript.port])
        await deferToThread(play, transcript, running.port)


def test_each_plugin_has_a_port_of_its_own(page, tmp_path):
    """A reader may run them beside each other, and a conversation is had with the one that is meant."""
    places = [
        endpoint
        for example in examples(page)
        if example.name and not example.name.startswith("test_")
        for value in runpy.run_path(str(tmp_path / example.name)).values()
        if isinstance(value, Plugin)
        for endpoint in value.listen
    ]
    assert len(places) == len(set(places))


def test_the_picture_of_base_classes_leads_to_the_rows_of_the_table():
    """In the same order, each with the method to write."""
    page = (DOCS / "kit.md").read_text()
    choose = page.partition("## Choose a base class")[2].partition("\n## ")[0]
    without_links = re.sub(r"\[(.+?)\]\(.+?\)", r"\1", choose)
    table = re.findall(r"^\| .*?\| `?([\w ]+).*? \| `?(.+?)`? \|", without_links, re.M)
    picture = ElementTree.parse(DOCS / "pictures" / "base-classes.svg")
    texts = [str(text.text) for text in picture.iterfind("{http://www.w3.org/2000/svg}text")]
    shown = [(use, how) for use, how in pairwise(texts) if use in dict(table)]
    assert [row for row in table if "_received(" in row[1]] == shown
    assert len(shown) == 5


# Who answers otherwise each time, and where peers hear each other; so they may where there is a state.
OTHERWISE, TOGETHER = ("dice",), ("chat", "corridor")
# Waits by the clock of the real reactor; looks through ten thousand files for each line; wait for a
# thread, one of them with asyncio; says by itself what time it is; locks its file.
NOT_HERE = ("patient", "drafts", "notes", "tally", "ticker", "guests")


@pytest.mark.long
@pytest.mark.parametrize("name", [*PAGES, "cookbook.md"])
def test_the_plugins_of_the_pages_pass_the_conformance_suite(name, tmp_path, monkeypatch):
    """Each plugin of a page goes through the conformance suite, with what its conversations send."""
    text = (DOCS / name).read_text()
    monkeypatch.syspath_prepend(tmp_path)
    talks: dict[int, list[bytes]] = {}
    for transcript in transcripts(text):
        sent = [f"{line}\r\n" for is_sent, line in transcript.steps if is_sent]
        talks.setdefault(transcript.port, []).append("".join(sent).encode())
    shown = [each for each in examples(text) if each.name and not each.name.startswith("test_")]
    for example in shown:
        (tmp_path / Path(str(example.name)).name).write_text(example.code)
    tried = 0
    for example in shown:
        found = runpy.run_path(str(tmp_path / Path(str(example.name)).name)).values()
        for plugin in [value for value in found if isinstance(value, Plugin)]:
            ports = [
                parse_named_endpoint([*plugin.listeners], endpoint).port or 0
                for endpoint in plugin.listen
            ]
            said = [talk for port in ports for talk in talks.get(port, []) if talk]
            if plugin.name in NOT_HERE or (not said and name == "cookbook.md"):
                # Other wires than lines; what is sent there stands in its own tests.
                continue
            both = plugin.protocol is not None and plugin.datagrams is not None
            for to in ("tcp", "udp") if both else (None,):
                conformance(
                    plugin,
                    *said,
                    same=plugin.name not in OTHERWISE,
                    apart=plugin.state is None and plugin.name not in TOGETHER,
                    to=to,
                )
            tried += 1
    assert tried


@pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")
async def test_the_test_over_tls_passes(page, tmp_path, serving):
    found = runpy.run_path(str(tmp_path / "test_over_tls.py"))
    await found["test_over_tls"](serving, tmp_path / "tls")


@pytest.fixture
def mail(tmp_path: Path, serving: Callable[..., Running]) -> tuple[int, Path]:
    """The port of the page's server for mail, with a certificate; and whom to trust for that."""
    [code] = [
        example.code
        for example in examples((DOCS / "kit.md").read_text())
        if example.name == "smtp.py"
    ]
    path = tmp_path / "smtp.py"
    path.write_text(code)
    certificate, key = self_signed_certificate(tmp_path)
    place = f"tcp:0:interface=127.0.0.1:privateKey={key}:certKey={certificate}"
    running = serving(runpy.run_path(str(path))["smtp"], f"--listen={place}")
    return running.port, certificate


@pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")
async def test_mail_is_sent_by_a_client_that_begins_tls(mail):
    """Python's smtplib, which trusts nobody else."""
    port, cafile = mail

    def send() -> tuple[bool, bool, tuple[int, bytes]]:
        with smtplib.SMTP("localhost", port, timeout=PATIENCE) as client:
            client.ehlo()
            offered = client.has_extn("starttls")
            client.starttls(context=ssl.create_default_context(cafile=str(cafile)))
            client.ehlo()
            client.mail("ada@example.org")
            client.rcpt("bob@example.org")
            return offered, client.has_extn("starttls"), client.data("one\r\n..two\r\nthree\r\n")

    assert await deferToThread(send) == (True, False, (250, b"read 3 lines"))


@pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")
async def test_mail_is_spoken_with_openssl(mail):
    port, cafile = mail
    openssl = program("openssl", "openssl")
    command = [
        *(openssl, "s_client", "-starttls", "smtp", "-connect", f"localhost:{port}", "-quiet"),
        *("-verify_return_error", "-verify_hostname", "localhost", "-CAfile", str(cafile)),
    ]

    def talk() -> bytes:
        said = b"EHLO me\r\nNOOP\r\nQUIT\r\n"
        return subprocess.run(command, input=said, capture_output=True, timeout=PATIENCE).stdout

    assert (await deferToThread(talk)).endswith(b"250 8BITMIME\r\n250 fine\r\n221 bye\r\n")
