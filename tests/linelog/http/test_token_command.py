"""`logsrv token NAME`: the token for the reader, its hash for the file."""

import argparse

import pytest

from logsrv.errors import UsageError
from logsrv.kit.options.argument_parser import Parser
from logsrv.linelog.http import token_command
from logsrv.linelog.http.readers.token_file import read_token_file


def test_the_file_gets_the_hash_and_the_reader_the_token(capsys, tmp_path):
    assert token_command.run(argparse.Namespace(name="ann")) == 0
    printed, told = capsys.readouterr()
    (tmp_path / "file").write_text(printed)
    known, plain = read_token_file("token", tmp_path / "file")
    assert plain is None and known.is_of(told.split()[-1].encode())


def test_a_name_that_no_table_may_have_is_refused():
    parser = Parser(prog="logsrv token", description="")
    token_command.declare(parser)
    assert parser.parse_args(["ann"]).name == "ann"
    with pytest.raises(UsageError, match="printable"):
        parser.parse_args([" "])
