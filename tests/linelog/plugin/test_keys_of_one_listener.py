"""Masks and networks that only one [[listener]] has: most often a key appended at the end of the file."""

from pathlib import Path

import pytest

from logsrv.linelog.plugin.service import Options

# As the file of the Debian package ends.
LISTENERS = r"""
[[listener]]
name = "lines"
listen = "tcp:1234:interface=127.0.0.1"

[[listener]]
name = "syslog"
listen = "syslog:udp:514:interface=127.0.0.1"
"""
MASK = "mask = ['/\\b\\d{16}\\b/']\n"
ALLOW = 'allow = ["10.0.0.0/8"]\n'


def warned(directory: Path, text: str, *words: str) -> tuple[str, ...]:
    """The warnings of the start, which `logsrv check` has, too."""
    file = directory / "logsrv.toml"
    file.write_text(text)
    options = Options()
    options.environment = {}
    options.parseOptions(["--config", str(file), *words])
    return options.loaded.warnings


def test_a_mask_at_the_end_of_the_file_is_for_its_listener_alone_and_a_warning_says_so(tmp_path):
    """Card numbers that the other listeners got stood readable in the store, and nothing said so."""
    [said] = warned(tmp_path, LISTENERS + MASK)
    assert said == (
        f"{tmp_path}/logsrv.toml, listener 2: mask is for syslog@syslog:udp:514:interface=127.0.0.1 alone;"
        " lines@tcp:1234:interface=127.0.0.1 has none: for all listeners write it above the first [[…]],"
        " else write mask = [] below the [[listener]] that shall have none"
    )


@pytest.mark.parametrize(
    "text",
    [
        MASK + LISTENERS,
        MASK + LISTENERS + "mask = []\n",
        LISTENERS.replace("\n\n", "\nmask = []\n\n") + MASK,
        LISTENERS.replace("\n\n", f"\n{MASK}\n") + MASK,
        # No listener shall have one, but for those that say so.
        "mask = []\n" + LISTENERS + MASK,
        LISTENERS + "mask = []\n",
        LISTENERS + "drop = ['level=debug']\n",
        # These store the blocks of other stores, and refuse masks.
        LISTENERS.replace('"tcp:', '"blocks:tcp:') + MASK,
        # Nobody but this machine reaches the other.
        LISTENERS + ALLOW,
        LISTENERS.replace("tcp:1234:interface=127.0.0.1", "unix:/run/x") + ALLOW,
    ],
)
def test_no_warning_where_each_listener_has_one_or_needs_none(tmp_path, text):
    assert not warned(tmp_path, text)


@pytest.mark.parametrize("key", ["allow", "deny"])
def test_networks_of_one_listener_let_everybody_reach_the_other(tmp_path, key):
    text = LISTENERS.replace(":interface=127.0.0.1", "") + ALLOW.replace("allow", key)
    [said] = warned(tmp_path, text)
    assert f"{key} is for syslog@syslog:udp:514 alone; lines@tcp:1234 has none" in said
    assert not warned(tmp_path, text.replace("\n\n", f"\n{key} = []\n\n"))


def test_a_listener_that_asks_for_a_token_or_a_certificate_needs_no_networks(tmp_path):
    for listen in (
        'listen = "http:tcp:8088"\ninput-token = "0123456789abcdef"',
        'listen = "forward:tcp:24224"\nshared-key = "0123456789abcdef"',
    ):
        text = f'[[listener]]\n{listen}\n[[listener]]\nlisten = "tcp:1234"\n{ALLOW}'
        assert not [one for one in warned(tmp_path, text) if "alone" in one]


def test_listeners_that_no_table_describes_have_no_mask_either(tmp_path):
    """Of `listen = […]`, and those of --classic-syslog."""
    table = f'[[listener]]\nlisten = "tcp:1235"\n{MASK}'
    [said] = warned(tmp_path, f'listen = ["tcp:1234", "udp:1234"]\n{table}')
    assert "mask is for tcp:1235 alone; tcp:1234 and udp:1234 have none" in said
    [said] = warned(tmp_path, f"classic-syslog = true\n{table}")
    assert "alone; syslog:udp:514 and syslog:tcp:514 have none" in said
    # The command line replaces the tables.
    assert not warned(tmp_path, table, "--listen", "tcp:1")


def test_two_listeners_with_a_mask_are_named_together(tmp_path):
    more = "".join(f'[[listener]]\nlisten = "tcp:{port}"\n' for port in range(1000, 1006))
    [said] = warned(tmp_path, LISTENERS.replace("\n\n", f"\n{MASK}\n") + MASK + more)
    assert "mask is for lines@tcp:1234:interface=127.0.0.1 and syslog@" in said
    assert "tcp:1000, tcp:1001, tcp:1002 and 3 more have none" in said
