"""`--nodes` of the reading commands: what goes with it, and which daemons are meant.

Several real daemons stand in tests/end_to_end/test_nodes.py.
"""

import pytest

from logsrv.cli.main import main


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("search --nodes a:1 -C 2", "neighbours in one store"),
        ("search --nodes a:1 --stats", "are about the files of a store"),
        ("search --nodes a:1 --no-index", "are about the files of a store"),
        ("search --nodes a:1 --top position", "another position in each node"),
        ("search --nodes ,", "there is no address"),
        ("search --nodes a:1,a:1", "is there twice"),
        ("search --nodes a.example.org", "names no port"),
        ("search --nodes https://a:1/x", "something behind the port"),
        ("search --nodes centres", "centres is no name of nodes; write HOST:PORT"),
        ("search --nodes centres --config /nowhere.toml", "no such file"),
        ("search --nodes a:1 --nodes-ca /nowhere.pem", "--nodes-ca /nowhere.pem: no such file"),
        ("search --nodes a:1 --nodes-token-file /nowhere", "no such file"),
        ("search --nodes a:1 --nodes-timeout soon", "no number of seconds"),
        ("search --nodes a:1 --nodes-timeout 0", "leaves no time for an answer"),
        ("search --nodes a:1 --directory b", "--directory and --nodes exclude each other"),
        ("tail --nodes a:1 --directory b", "--directory and --nodes exclude each other"),
        ("search --nodes-ca ca.pem a", "--nodes-ca needs --nodes"),
        ("tail --nodes-timeout 0", "--nodes-timeout needs --nodes"),
        ("tail --nodes-token-file t", "--nodes-token-file needs --nodes"),
        ("show --config /nowhere.toml 1:0", "--config needs --nodes"),
        ("search --nodes a:1 status>=", "nothing to compare with"),
        ("tail --nodes a:1 -f", "-f follows one store"),
        ("show --nodes a:1,b:2 1:0", "a place in one store"),
    ],
)
def test_options_that_exclude_each_other_are_refused(words, said, capsys, monkeypatch):
    for name in ("LOGSRV_CONFIG", "LOGSRV_NODES"):
        monkeypatch.delenv(name, raising=False)
    assert main(words.split()) == 2
    told = capsys.readouterr()
    assert said in told.err and told.out == ""


def test_names_are_those_of_the_service_of_this_machine(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("LOGSRV_CONFIG", raising=False)
    monkeypatch.setattr(
        "logsrv.cli.settings_of_service.CONFIGURATION", str(tmp_path / "logsrv.toml")
    )
    (tmp_path / "logsrv.toml").write_text('nodes = "centres=a:1"\n')
    assert main(["search", "--nodes", "center"]) == 2
    assert "did you mean centres?" in capsys.readouterr().err


def test_a_misspelt_name_is_corrected(tmp_path, capsys):
    config = tmp_path / "logsrv.toml"
    config.write_text('nodes = "centres=a:1"\n')
    assert main(["search", "--nodes", "center", "--config", str(config)]) == 2
    assert "did you mean centres?" in capsys.readouterr().err
