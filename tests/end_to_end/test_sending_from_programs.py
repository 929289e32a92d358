"""docs/sending.md, programs: each example is run, and its 1,000 records are stored once and whole.

Inside TLS the examples are run with the changes of the table there.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.fields.parsed_line import ParsedLine
from tests.end_to_end.senders import (
    GO_TEXTS,
    PROGRAMS,
    RECORDS,
    SENDING,
    Page,
    Sender,
    command,
    escaped,
    lines_of,
    listening,
    looped,
    make_certificates,
    on_one_line,
    run,
    spelled,
)
from tests.parts.programs import missing, program
from tests.parts.store_reader import stored_lines

pytestmark = pytest.mark.long

WARNING = {"level": "warning"}
SHOP = {"level": "warning", "app": "shop"}
SERVICE = {**SHOP, "resource.service.name": "shop"}
GELF = {**SHOP, "_app": "shop"}
TAGGED = {**WARNING, "app": "app.web"}
INDEXED = {**WARNING, "_index": "shop"}
SYSLOG = {**SHOP, "facility": "local0"}


def in_json(text: str) -> str:
    return str(json.loads(text)["msg"])


def of_monolog(text: str) -> str:
    """Return the text between channel and level, and context and extra."""
    return text.removeprefix("shop.WARNING: ").rpartition(" {")[0]


SENDERS = [
    Sender("socket-handler.py", 9020, "python:tcp", "fields.message", "n", SHOP),
    Sender("syslog-handler.py", 514, "syslog:udp", "text", None, SYSLOG, escaped),
    Sender("rfc5424.py", 514, "syslog:tcp", "text", "shop@32473.n", SHOP, spelled),
    Sender("graypy-tcp.py", 12201, "gelf:tcp", "full_message|short_message", "_n", WARNING),
    Sender("pygelf-tcp.py", 12201, "gelf:tcp", "full_message|short_message", "_n", GELF),
    Sender("otlp.py", 8088, "http:tcp", "body", "attributes.n", SERVICE),
    Sender("loki.py", 8088, "http:tcp", "fields.message", "n", SHOP),
    Sender("elasticsearch-bulk.py", 8088, "http:tcp", "fields.message", "n", INDEXED),
    Sender("fluent-logger.py", 24224, "forward:tcp", "fields.message", "n", TAGGED),
    Sender("logstash-async.py", 5044, "lumberjack:tcp", "fields.message", "extra.n", WARNING),
    Sender("structlog-lines.py", 1234, "tcp", "event", "n", SHOP),
    Sender("pino-socket.js", 1234, "tcp", "msg", "n", {**WARNING, "fields.name": "shop"}),
    Sender("pino-syslog.js", 514, "syslog:tcp", "msg", "n", SHOP),
    Sender("pino-loki.js", 8088, "http:tcp", "fields.message", None, SHOP, read=in_json),
    Sender("winston-syslog.js", 514, "syslog:tcp", "fields.message", "n", SYSLOG),
    Sender("bunyan-lines.js", 1234, "tcp", "msg", "n", {**WARNING, "fields.name": "shop"}),
    Sender("gelf-pro.js", 12201, "gelf:tcp", "short_message", "_n", GELF),
    Sender("fluent-logger.js", 24224, "forward:tcp", "fields.message", "n", TAGGED),
    Sender("otlp.js", 8088, "http:tcp", "body", "attributes.n", SERVICE),
    Sender("elasticsearch-bulk.js", 8088, "http:tcp", "fields.message", "n", INDEXED),
    Sender("syslog.go", 514, "syslog:udp", "text", None, SYSLOG, escaped),
    Sender("logrus.go", 1234, "tcp", "msg", "n", SHOP),
    Sender("fluent.go", 24224, "forward:tcp", "fields.message", "n", TAGGED),
    Sender("gelf.go", 12201, "gelf:tcp", "full_message|short_message", None, {"level": "info"}),
    Sender("monolog-lines.php", 1234, "tcp", "fields.message", "context.n", {**WARNING, "channel": "shop"}),
    Sender("monolog-syslog.php", 514, "syslog:udp", "text", None, SYSLOG, on_one_line, of_monolog),
    Sender("lines.rb", 1234, "tcp", "fields.message", None, SHOP),
    Sender("gelf.rb", 12201, "gelf:udp", "short_message", "_n", {"level": "notice", "_app": "shop"}),
    Sender("syslog.pl", 514, "syslog:udp", "text", None, SYSLOG, escaped),
]  # fmt: skip


# In CI each format of a library comes once, and each language. The others come at night: what their
# libraries send are forms of the same formats, as tests/linelog/formats has them.
IN_CI = {
    *(
        "socket-handler.py",
        "syslog-handler.py",
        "rfc5424.py",
        "pygelf-tcp.py",
        "otlp.py",
        "loki.py",
    ),
    *("elasticsearch-bulk.py", "fluent-logger.py", "logstash-async.py", "structlog-lines.py"),
    *("pino-socket.js", "gelf-pro.js", "logrus.go", "monolog-lines.php", "lines.rb", "syslog.pl"),
    "logback.xml",
}


def of_night(senders: list[Sender]) -> list[ParameterSet]:
    """Return the senders, each with its mark."""
    return [
        pytest.param(
            sender, id=sender.file, marks=() if sender.file in IN_CI else pytest.mark.nightly
        )
        for sender in senders
    ]


@pytest.mark.parametrize("sender", of_night(SENDERS))
def test_records_of_example_are_stored_once(logger, tmp_path, sender):
    server, port = listening(logger, sender)
    place = tmp_path / "program"
    place.mkdir()
    source = PROGRAMS.file(sender.file, (sender.port, port))
    (place / sender.file).write_text(looped(sender.file, source))
    (place / "texts").write_text("\0".join(RECORDS), newline="")
    (place / "texts.go").write_text(GO_TEXTS)
    words, environment = command(sender.file)
    run(words, place, server, environment)
    sender.check(lines_of(server))


JAVA = """
import java.nio.file.*;
import IMPORTS;

public class Shop {
    public static void main(String[] arguments) throws Exception {
        Logger log = GETTER.getLogger("shop");
        int n = 0;
        for (String text : Files.readString(Path.of("texts")).split("\\0")) {
            CONTEXT.put("n", "" + n++);
            log.warn("{}", text);
        }
        END;
    }
}
"""
LOGBACK = {
    "IMPORTS": "org.slf4j.*",
    "GETTER": "LoggerFactory",
    "CONTEXT": "MDC",
    "END": "((ch.qos.logback.classic.LoggerContext) LoggerFactory.getILoggerFactory()).stop()",
}
LOG4J = {
    "IMPORTS": "org.apache.logging.log4j.*",
    "GETTER": "LogManager",
    "CONTEXT": "ThreadContext",
    "END": "LogManager.shutdown()",
}
JACKSON = ("jackson-core", "jackson-databind", "jackson-annotations")
LOGBACK_JARS = (
    "logback-core",
    "logback-classic",
    "slf4j-api",
    "logstash-logback-encoder",
    "disruptor",
    *JACKSON,
)
LOG4J_JARS = ("log4j-api", "log4j-core", *JACKSON)

OF_JAVA = [
    Sender("logback.xml", 1234, "tcp", "fields.message", "n", SHOP),
    Sender("logback-syslog.xml", 514, "syslog:udp", "text", None, SYSLOG, escaped),
    Sender("log4j2-gelf.xml", 12201, "gelf:tcp", "short_message", "_n", GELF),
    Sender("log4j2-syslog.xml", 514, "syslog:tcp", "text", "mdc@32473.n", SYSLOG, spelled),
]


@pytest.mark.parametrize("sender", of_night(OF_JAVA))
def test_java_records_are_stored_once(logger, tmp_path, sender):
    server, port = listening(logger, sender)
    place = tmp_path / "program"
    place.mkdir()
    (place / sender.file).write_text(PROGRAMS.file(sender.file, (sender.port, port)))
    (place / "texts").write_text("\0".join(RECORDS), newline="")
    is_logback = sender.file.startswith("logback")
    source = JAVA
    for name, value in (LOGBACK if is_logback else LOG4J).items():
        source = source.replace(name, value)
    (place / "Shop.java").write_text(source)
    jars = [f"/usr/share/java/{name}.jar" for name in (LOGBACK_JARS if is_logback else LOG4J_JARS)]
    for jar in jars:
        if not Path(jar).exists():
            missing(f"{jar} is not installed (Debian packages: see .ci/run)")
    path = ":".join([*jars, "."])
    # The small compiler ecj: only a Java runtime is installed, without javac.
    compiler = program("ecj", "ecj")
    subprocess.run(
        [compiler, "-proc:none", "-17", "-cp", path, "Shop.java"],
        cwd=place,
        check=True,
        timeout=5 * PATIENCE,
    )
    setting = "logback.configurationFile" if is_logback else "log4j2.configurationFile"
    java = program("java", "default-jre-headless")
    run([java, "-cp", path, f"-D{setting}={sender.file}", "Shop"], place, server, {})
    sender.check(lines_of(server))


def test_every_example_of_the_page_is_run():
    files = {sender.file for sender in [*SENDERS, *OF_JAVA]} | {
        "logger.sh",
        "socket-handler-tls.py",
    }
    assert files == set(PROGRAMS.files)


def test_lines_of_the_shell_example_are_stored_once(logger, tmp_path):
    """A line is a message: several lines and long ones are not possible in a shell."""
    sent = [f"number {number} grüße 🙂" for number in range(1000)]
    server = logger(listen=["syslog:tcp:0:interface=127.0.0.1"])
    (tmp_path / "lines").write_text("".join(f"{text}\n" for text in sent))
    source = PROGRAMS.file("logger.sh", (514, server.port()))
    words = source.replace("""printf '%s\\n' "disk is full" |""", "<lines")
    assert words != source
    program("logger", "bsdutils")
    run(["sh", "-c", words], tmp_path, server, {})
    found = [ParsedLine(line) for line in lines_of(server)]
    assert [record.get("text") for record in found] == sent
    assert {(record.get("app"), record.level) for record in found} == {("shop", "warning")}


BY_FILE = {sender.file: sender for sender in SENDERS}
ROW = re.compile(
    r"^\| `([\w.-]+)` \| `(.*?)` \| `(.*?)` \| (?:`(\w+)=ca\.pem`)? ?\|$", re.MULTILINE
)
ROWS = ROW.findall(SENDING)
HANDLER = ("socket-handler-tls.py", "", "", "")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.mark.nightly
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
