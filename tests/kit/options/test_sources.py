"""Each source by itself: what it may hold, and the sentence for what it may not."""

from ipaddress import ip_network
from pathlib import Path
from typing import Any

import attrs
import pytest

from logsrv.errors import ConfigurationError, ConfigurationErrors
from logsrv.kit.options.declare import option, options_of
from logsrv.kit.options.kinds import DIRECTORY, PATH, TEXT, Kind, WrongPartError
from logsrv.kit.options.mistakes import MOST
from logsrv.kit.options.sources import (
    GivenValue,
    values_from_arguments,
    values_from_environment,
    values_from_table,
    variable_prefix,
)
from logsrv.kit.options.toml_file import read_toml_file
from tests.kit.options.example_settings import LoggerOptions, Sync

OPTIONS = options_of(LoggerOptions)
HERE = Path("/srv")


def arguments(**texts: list[str]) -> dict[str, GivenValue]:
    return values_from_arguments(OPTIONS, texts, {}, HERE)


def environment(**variables: str) -> dict[str, Any]:
    level, _ = values_from_environment(OPTIONS, variables, "logsrv", HERE)
    return {attribute: found.value for attribute, found in level.items()}


def table(**keys: Any) -> dict[str, Any]:
    dashed = {key.replace("_", "-"): value for key, value in keys.items()}
    level = values_from_table(OPTIONS, dashed, "/etc/x.toml", Path("/etc"), name="logsrv")
    return {attribute: found.value for attribute, found in level.items()}


def refused(call: Any, *args: Any, **keys: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        call(*args, **keys)
    return str(caught.value)


def test_the_last_of_several_counts_on_the_command_line_and_all_are_checked():
    assert arguments(max_line=["1", "2"])["max_line"] == GivenValue(2, "command line")
    assert "--max-line x" in refused(arguments, max_line=["x", "2"])


def test_off_switches_off_what_can_be_off():
    assert arguments(keep_days=["3", "off"])["keep_days"].value is None
    assert arguments(keep_days=["off", "3"])["keep_days"].value == 3
    assert arguments(allow=["off"])["allow"].value == ()
    assert "off cannot be combined with other values" in refused(arguments, allow=["::1", "off"])
    assert refused(arguments, max_line=["off"]).startswith("--max-line off (command line): not a")


def test_a_wrong_argument_names_option_value_place_and_what_is_accepted():
    assert refused(arguments, rotate_size=["12XB"]) == (
        "--rotate-size 12XB (command line): not a size; accepted: "
        "a number of bytes, or one with KiB, MiB, GiB or TiB, such as 256MiB"
    )
    assert refused(arguments, keep_days=["x"]).endswith("such as 36h, or off")


def test_a_kind_without_a_separator_is_one_value_whatever_is_in_it():
    """As a message has it: nothing in the text parts it."""
    whole = attrs.evolve(TEXT, separator=None)
    declared = options_of(attrs.make_class("One", {"say": option((), whole, "", repeatable=True)}))
    level, _ = values_from_environment(declared, {"X_SAY": "one\ntwo, three"}, "x", HERE)
    assert level["say"].value == ("one\ntwo, three",)


def test_a_picture_of_the_place_stands_below_the_sentence():
    def parse(text: str) -> str:
        raise WrongPartError("no x", "  abc\n  ^")

    kind = Kind(parse, "an x", "X")
    declared = options_of(attrs.make_class("One", {"say": option(None, kind, "")}))
    with pytest.raises(ConfigurationError) as caught:
        values_from_environment(declared, {"X_SAY": "abc"}, "x", HERE)
    assert str(caught.value) == ("--say abc (environment, X_SAY): no x\n  abc\n  ^")


@pytest.mark.parametrize(
    ("wrong", "accepted", "sentence"),
    [
        (
            "a mask is a number between stars, such as *1*",
            "a number between stars, such as *1*",
            "",
        ),
        ("there is no directory with this name", DIRECTORY.accepted, ""),
        ("not a number", "a number from 1 to 9", "; accepted: a number from 1 to 9"),
    ],
)
def test_what_is_accepted_is_not_said_twice(wrong, accepted, sentence):
    def parse(text: str) -> str:
        raise ValueError(wrong)

    declared = options_of(
        attrs.make_class("One", {"say": option("", Kind(parse, accepted, "X"), "")})
    )
    with pytest.raises(ConfigurationError) as caught:
        values_from_environment(declared, {"X_SAY": "abc"}, "x", HERE)
    assert str(caught.value) == f"--say abc (environment, X_SAY): {wrong}{sentence}"


def test_an_error_shows_neither_control_characters_nor_pages_of_a_value():
    sentence = refused(arguments, max_line=["\x1b[31m\n" + "A" * 100_000])
    assert "\x1b" not in sentence
    assert "\n" not in sentence
    assert len(sentence) < 300


def test_variables_give_values_and_remember_their_names():
    level, warnings = values_from_environment(OPTIONS, {"LOGSRV_SYNC": "always"}, "logsrv", HERE)
    assert level == {"sync": GivenValue(Sync.ALWAYS, "environment, LOGSRV_SYNC")}
    assert warnings == ()
    assert refused(environment, LOGSRV_SYNC="allways") == (
        "--sync allways (environment, LOGSRV_SYNC): unknown (did you mean always?); "
        "accepted: never, interval or always"
    )


def test_several_values_in_one_variable_are_parted_as_their_kind_allows():
    assert environment(LOGSRV_ALLOW="10.0.0.0/8, ::1")["allow"] == (
        ip_network("10.0.0.0/8"),
        ip_network("::1"),
    )
    # A comma may be part of an endpoint.
    assert environment(LOGSRV_LISTEN="tcp:1 unix:/a,b")["listen"] == (
        ("tcp", "1"),
        ("unix", "/a,b"),
    )

    @attrs.frozen
    class Settings:
        say: tuple[str, ...] = option((), TEXT, "", repeatable=True)
        read: tuple[Path, ...] = option((), PATH, "", repeatable=True)

    level, _ = values_from_environment(
        options_of(Settings), {"X_SAY": "hello, world\nbye", "X_READ": "a b:/c"}, "x", HERE
    )
    assert level["say"].value == ("hello, world", "bye")
    assert level["read"].value == (HERE / "a b", Path("/c"))


def test_an_empty_variable_is_none_and_an_unknown_one_a_warning():
    variables = {"LOGSRV_SYNC": "", "LOGSRV_PORT_1234_TCP": "x", "LOGSRV_ROTATE_SISE": "1"}
    level, warnings = values_from_environment(OPTIONS, variables, "logsrv", HERE)
    assert level == {}
    assert warnings == (
        "environment: LOGSRV_PORT_1234_TCP is no option of logsrv",
        "environment: LOGSRV_ROTATE_SISE is no option of logsrv (did you mean LOGSRV_ROTATE_SIZE?)",
    )


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("IMAPD_LISTN", "IMAPD_LISTEN"),
        ("IMAPD_LSITEN", "IMAPD_LISTEN"),
        ("IMAPD__LISTEN", "IMAPD_LISTEN"),
        ("IMAPD_LISTEN_", "IMAPD_LISTEN"),
        ("IMAPD_Listen", "IMAPD_LISTEN"),
        ("imapd_listen", "IMAPD_LISTEN"),
        ("Imapd_Max_Line", "IMAPD_MAX_LINE"),
        ("IMAPD_MAXLINE", "IMAPD_MAX_LINE"),
        ("IMAPD_MAX-LINE", "IMAPD_MAX_LINE"),
        ("IMAPD_", ""),
        ("IMAPD_OTHER", ""),
        # Those of other programs.
        ("imapd_listn", None),
        ("imapd_pid", None),
        ("LISTEN", None),
        ("IMAPDLISTEN", None),
    ],
)
def test_a_misspelt_variable_is_named_with_the_one_that_was_meant(variable, meant):
    @attrs.frozen
    class Settings:
        listen: str = option("", TEXT, "")
        max_line: str = option("", TEXT, "")

    given = {variable: "tcp:1143"}
    level, warnings = values_from_environment(options_of(Settings), given, "imapd", HERE)
    hint = f" (did you mean {meant}?)" if meant else ""
    said = f"environment: {variable} is no option of imapd{hint}"
    assert (level, warnings) == ({}, () if meant is None else (said,))


def test_a_plugins_variables_have_a_name_that_a_shell_takes():
    assert variable_prefix("logsrv") == "LOGSRV_"
    assert variable_prefix("my-shout.er") == "MY_SHOUT_ER_"


def test_the_file_takes_strings_as_typed_and_the_types_that_fit():
    assert table(max_line="1KiB", raw=True, keep_days=1.5, max_connections=3, allow="::1") == {
        "max_line": 1024,
        "raw": True,
        "keep_days": 1.5,
        "max_connections": 3,
        "allow": (ip_network("::1"),),
    }
    assert table(max_line=1024, raw="no", keep_days=False, allow=["::1", "10.0.0.0/8"]) == {
        "max_line": 1024,
        "raw": False,
        "keep_days": None,
        "allow": (ip_network("::1"), ip_network("10.0.0.0/8")),
    }
    assert table(directory="logs", listen=[]) == {"directory": Path("/etc/logs"), "listen": ()}


@pytest.mark.parametrize(
    ("key", "value", "wrong"),
    [
        ("max_line", True, "a boolean in TOML"),
        ("max_line", 1.5, "a float in TOML"),
        ("max_line", ["1KiB"], "an array in TOML"),
        ("raw", 1, "an integer in TOML"),
        ("sync", {"a": 1}, "a table in TOML"),
        ("max_line", -1, "not a size"),
        ("keep_days", float("nan"), "not a length of time"),
        ("allow", [["::1"]], "an array in TOML"),
        ("max_line", 16**5000, "a number of too many digits"),
        ("raw", [16**5000], "a number of too many digits"),
    ],
    ids=lambda part: part if isinstance(part, str) else type(part).__name__,
)
def test_a_wrong_type_in_the_file_is_a_sentence(key, value, wrong):
    sentence = refused(table, **{key: value})
    assert f"(/etc/x.toml, key {key.replace('_', '-')}): {wrong}; accepted: " in sentence


def test_an_unknown_key_is_refused_and_the_nearest_right_one_named():
    assert refused(table, rotate_sise=1) == (
        "/etc/x.toml: unknown key rotate-sise (did you mean rotate-size?)"
    )
    with pytest.raises(ConfigurationError, match="did you mean rotate-size"):
        values_from_table(OPTIONS, {"rotate_size": 1}, "x", HERE, name="logsrv")


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path):
    missing = tmp_path / "missing.toml"
    assert refused(read_toml_file, missing, "command line") == (
        f"--config {missing} (command line): no such file or directory"
    )
    assert "is a directory" in refused(read_toml_file, tmp_path, "command line")
    assert "is a device" in refused(read_toml_file, Path("/dev/zero"), "command line")
    large = tmp_path / "large.toml"
    large.write_bytes(b"#" * (1024 * 1024 + 1))
    assert "larger than 1.0 MiB" in refused(read_toml_file, large, "command line")


@pytest.mark.parametrize(
    "content",
    [b"a = ", b"\xff", b"a = 1\na = 2", b"\x1b]0;x\x07", b"a = " + b"[" * 100_000, b"[a\n]"],
)
def test_a_file_that_is_not_toml_is_one_printable_sentence(tmp_path, content):
    path = tmp_path / "x.toml"
    path.write_bytes(content)
    sentence, *picture = refused(read_toml_file, path, "command line").split("\n")
    assert sentence.startswith(f"{path}: not TOML: ")
    assert all(line.isprintable() for line in (sentence, *picture)) and len(picture) in (0, 2)


@pytest.mark.parametrize(
    ("content", "picture"),
    [
        ("raw = true\nkeep-days = \n", "  keep-days = \n              ^"),
        ("\tkeep-bytes = 4GiB\r\nraw = true\n", "   keep-bytes = 4GiB\n                 ^"),
        ('a = "' + "x" * 200 + "\n", "  " + "x" * 60 + "\n  " + " " * 60 + "^"),
        ("a = \x1b[0m", "  a = \\x1b[0m\n      ^"),
        # The journal shows it.
        ("http-token = 12ab34\n", ""),
        ("a = '", ""),
    ],
)
def test_the_line_that_is_not_toml_is_shown_with_a_caret(tmp_path, content, picture):
    """Who sees only "line 2, column 13" has to count."""
    path = tmp_path / "x.toml"
    path.write_text(content, newline="")
    assert refused(read_toml_file, path, "command line").partition("\n")[2] == picture


def test_all_wrong_keys_are_told_together_each_by_its_name_in_the_file():
    wrong = {"keep-days": "soon", "max-line": "4 GB", "raw": True, "rotate-sise": 1}
    with pytest.raises(ConfigurationErrors) as caught:
        values_from_table(OPTIONS, wrong, "/etc/x.toml", HERE, name="logsrv")
    keep, line, unknown = map(str, caught.value.errors)
    assert keep.startswith("keep-days soon (/etc/x.toml, key keep-days): not a length of time")
    assert line.startswith('max-line "4 GB" (/etc/x.toml, key max-line): not a size (did you mean')
    assert unknown == "/etc/x.toml: unknown key rotate-sise (did you mean rotate-size?)"
    assert str(caught.value) == "\n".join([keep, line, unknown])


def test_a_file_for_another_program_is_not_told_line_by_line():
    wrong = {f"key{number}": 1 for number in range(1000)}
    with pytest.raises(ConfigurationErrors) as caught:
        values_from_table(OPTIONS, wrong, "x", HERE, name="logsrv")
    assert len(caught.value.errors) == MOST + 1
    assert str(caught.value.errors[-1]) == "further mistakes are not looked for"


def test_a_file_has_to_be_utf8(tmp_path):
    """A mark at the beginning is no statement of TOML; what is no UTF-8 is told with its line."""
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xef\xbb\xbfsync = 'never'\n")
    assert read_toml_file(path, "command line") == {"sync": "never"}
    path.write_bytes(b"sync = 'never'\n# caf\xe9\n")
    assert refused(read_toml_file, path, "command line") == (
        f"{path}: not TOML: line 2 is not UTF-8; save the file as UTF-8"
    )


@pytest.mark.parametrize(
    "document",
    [
        ".".join(["a"] * 120_000) + " = 1",
        "[" + " . ".join(['"a.b"'] * 17) + "]",
        "x = { 'a'" + ".a" * 16 + " = 1 }",
    ],
)
def test_a_key_of_many_parts_is_refused_before_it_is_read(tmp_path, document):
    """Python's reader would take minutes, in which a server that reloads does nothing else."""
    path = tmp_path / "x.toml"
    path.write_text(f"sync = 'never' # isn't\n{document}\n")
    with pytest.raises(ConfigurationError) as caught:
        read_toml_file(path, "command line")
    said = "not TOML: a key of more than 16 parts (at line 2)"
    assert str(caught.value) == f"{path}: {said}"


def test_dots_in_texts_are_no_parts(tmp_path):
    path = tmp_path / "x.toml"
    dots = "a." * 40
    path.write_text(
        f'# {dots}\na.{"b." * 14}c = 1\nd = "{dots}\\"{dots}"\ne = \'{dots}\'\n'
        f'f = """\n{dots}\n"{dots}"""\ng = \'\'\'\n{dots}\n\'\'\'\nh = [1.5, 2.5]\n'
    )
    assert list(read_toml_file(path, "command line")) == list("adefgh")
