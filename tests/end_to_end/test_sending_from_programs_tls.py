"""docs/sending.md, programs inside TLS: the examples with the changes of the table there."""

import re
import shutil
from pathlib import Path

import pytest

from tests.end_to_end.senders import (
    GO_TEXTS,
    PROGRAMS,
    RECORDS,
    SENDING,
    Page,
    command,
    lines_of,
    looped,
    make_certificates,
    run,
)
from tests.end_to_end.test_sending_from_programs import SENDERS
from tests.parts.store_reader import stored_lines

pytestmark = [pytest.mark.long, pytest.mark.nightly]

BY_FILE = {sender.file: sender for sender in SENDERS}
ROW = re.compile(
    r"^\| `([\w.-]+)` \| `(.*?)` \| `(.*?)` \| (?:`(\w+)=ca\.pem`)? ?\|$", re.MULTILINE
)
ROWS = ROW.findall(SENDING)
HANDLER = ("socket-handler-tls.py", "", "", "")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.mark.parametrize("row", [*ROWS, HANDLER], ids=lambda row: row[0])
def test_the_records_of_an_example_over_tls_are_stored_once(logger, tmp_path, certificates, row):
    file, plain, inside, variable = row
    sender = BY_FILE[file.replace("-tls", "")]
    pem = certificates / "127.0.0.1.pem"
    kind = sender.listen.replace("tcp", "ssl:0:interface=127.0.0.1")
    server = logger(listen=[f"{kind}:privateKey={pem}:certKey={pem}"])
    place = tmp_path / "program"
    place.mkdir()
    source = PROGRAMS.files[file]
    assert plain in source
    changed = Page({file: source.replace(plain, inside)}) if plain else PROGRAMS
    text = looped(file, changed.file(file, (sender.port, server.port())))
    (place / file).write_text(text)
    (place / "texts").write_text("\0".join(RECORDS), newline="")
    (place / "texts.go").write_text(GO_TEXTS)
    shutil.copy(certificates / "ca.pem", place)
    words, environment = command(file)
    if variable:
        environment = {**environment, variable: str(place / "ca.pem")}
    run(words, place, server, environment)
    sender.check(lines_of(server))
    assert {line.source.partition(b":")[0] for line in stored_lines(server.store)} == {b"tls"}
