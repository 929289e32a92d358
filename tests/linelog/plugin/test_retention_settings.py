"""`[[retention]]` as an operator writes it, right and wrong."""

from pathlib import Path

import pytest

from logsrv.errors import ConfigurationError
from logsrv.linelog.plugin.logger_settings import LoggerSettings
from tests.parts.logger_services import findings, settings


def made(directory: Path, text: str, *words: str) -> LoggerSettings:
    file = directory / "logsrv.toml"
    file.write_text(text)
    return settings("--config", str(file), *words)


def test_a_rule_has_limits_of_its_own_alone(tmp_path):
    """Not the general ones, which are for the other lines; not even those of the command line."""
    text = 'keep-days = 30\n[[retention]]\nname = "audit"\nmatch = "app=sudo OR app=sshd"\n'
    found = made(tmp_path, text + 'keep-bytes = "1GiB"\n', "--keep-bytes", "1MiB")
    assert (found.keep_days, found.keep_bytes) == (30, 1 << 20)
    assert found.retention[0].kept_for == (None, 1 << 30)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('name = "a"', "needs either match or listener"),
        ('name = "a"\nmatch = "x"\nlistener = "y"', "needs either match or listener"),
        ('match = "x"', "name is missing"),
        ('name = "../a"\nmatch = "x"', "not a name of a store"),
        ('name = "a"\nmatch = "level>=banana"', "banana"),
        ('name = "a"\nmatch = "x | count"', "match"),
        ('name = "a"\nlistener = "fw"', "no [[listener]] has the name fw"),
        ('name = "a"\nmatch = "x"\nkeep-days = 0', "keep-days"),
        ('name = "a"\nmatch = "x"\n[[retention]]\nname = "a"\nmatch = "y"', "a is given twice"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(tmp_path, text, said):
    with pytest.raises(ConfigurationError) as refused:
        made(tmp_path, f"[[retention]]\n{text}\n")
    assert said in str(refused.value)


def test_blocks_of_other_stores_have_no_rule_by_listener(tmp_path):
    with pytest.raises(ConfigurationError, match="takes the blocks of other stores"):
        made(
            tmp_path,
            '[[listener]]\nlisten = "blocks:tcp:0"\nname = "edge"\n'
            '[[retention]]\nname = "a"\nlistener = "edge"\n',
        )


RULE = '[[retention]]\nname = "audit"\nmatch = "sshd"\n'


def test_check_says_what_reads_the_main_store_alone(tmp_path):
    alerts = findings(tmp_path, 'alert = "failed"\nalert-command = "true"\n' + RULE)
    assert not [one for one in alerts if one.subject == "[[retention]]"]
    pages = findings(tmp_path, 'http = "tcp:0:interface=127.0.0.1"\n' + RULE)
    assert not [one for one in pages if one.subject == "[[retention]]"]
    ships = findings(tmp_path, 'ship = "relp://127.0.0.1:9"\n' + RULE)
    assert not [one for one in ships if one.subject == "[[retention]]"]
    assert not [one for one in findings(tmp_path, RULE) if one.subject == "[[retention]]"]
