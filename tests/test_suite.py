"""The house rules for tests that a machine can check."""

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
# A line that breaks a rule, of a file and its name.
Rule = Callable[[ast.AST], Iterator[int]]

CLOCKS = {"process_time", "thread_time", "perf_counter"}
# These open the port that they are given, and those the endpoints.
OPEN_PORTS = {"bind", "create_server", "listenTCP", "listenUDP", "listenSSL"}
OPEN_ENDPOINTS = {"TwistdProcess", "Twistd", "Logger", "ManagedLogger", "logger", "start", "twistd"}
ENDPOINT = re.compile(r"(^|[:=])(tcp|udp|ssl)6?:[1-9]")
ENDS = {"stop", "wait", "kill", "terminate"}
# What waits, and the place of the time among its arguments.
WAITS = {
    **dict.fromkeys(("settimeout", "wait", "join", "result"), 0),
    **dict.fromkeys(("create_connection", "communicate"), 1),
    **dict.fromkeys(("wait_until", "wait_for"), 2),
}
# These wait for ever unless they are given a time, at which place or as `timeout`.
ENDLESS = {
    **dict.fromkeys(("wait", "join", "acquire", "get", "readline"), 0),
    **dict.fromkeys(("communicate", "create_connection"), 1),
    **dict.fromkeys(("run", "call", "check_call", "check_output"), 99),
}
# Of ours, with a deadline of their own.
DEADLINED = ("server", "server.start()", "terminal", "self")
READS = {"recv", "recv_into", "recvfrom"}
SOCKETS = {"socket.socket", "socket.socketpair"}
# Its machines have a network of their own.
WITH_A_NETWORK = "debian/"


@cache
def texts() -> dict[str, str]:
    """Return the files of the tests."""
    paths = [path for path in sorted(TESTS.rglob("*.py")) if path != Path(__file__)]
    return {str(path.relative_to(TESTS)): path.read_text() for path in paths}


def offenders(rule: Rule, words: str, *spared: str) -> list[str]:
    """Return where a rule is broken, as FILE:LINE.

    words: an expression without which no file breaks it. To parse all files takes five seconds.
    """
    return [
        f"{name}:{line}"
        for name, text in texts().items()
        if re.search(words, text) and not name.startswith(spared)
        for line in rule(ast.parse(text))
    ]


def called(call: ast.Call) -> str:
    """Return the last name of what is called."""
    return ast.unparse(call.func).rpartition(".")[2]


def clocks(tree: ast.AST) -> Iterator[int]:
    """Yield the lines that ask how much time something took, without those of nightly tests."""
    for node in ast.iter_child_nodes(tree):
        if "pytest.mark.nightly" in map(ast.unparse, getattr(node, "decorator_list", [])):
            continue
        name = getattr(node, "attr", getattr(node, "id", getattr(node, "name", None)))
        if isinstance(name, str) and name.removesuffix("_ns") in CLOCKS:
            yield node.lineno  # type: ignore[attr-defined]
        yield from clocks(node)


def own_ports(tree: ast.AST) -> Iterator[int]:
    """Yield the lines that open a port by its number, or return the number of one that is closed."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and called(node) in OPEN_PORTS and node.args:
            place = node.args[0]
            port = place.elts[1] if isinstance(place, ast.Tuple) and len(place.elts) > 1 else place
            if isinstance(port, ast.Constant) and isinstance(port.value, int) and port.value:
                yield node.lineno
        elif isinstance(node, ast.Call) and called(node) in OPEN_ENDPOINTS:
            words = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant)]
            if any(isinstance(word, str) and ENDPOINT.search(word) for word in words):
                yield node.lineno
        elif isinstance(node, ast.With) and any("socket" in ast.unparse(one) for one in node.items):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Return) and "getsockname()[1]" in ast.unparse(inner):
                    yield inner.lineno


def literal_waits(tree: ast.AST) -> Iterator[int]:
    """Yield the lines that wait a minute or more, whatever PATIENCE says."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            place = WAITS.get(called(node))
            given = [one.value for one in node.keywords if one.arg == "timeout"]
            given += [] if place is None else node.args[place : place + 1]
            for one in given:
                if (
                    isinstance(one, ast.Constant)
                    and isinstance(one.value, int | float)
                    and one.value >= 60
                ):
                    yield one.lineno


def endless_waits(tree: ast.AST) -> Iterator[int]:
    """Yield the lines that wait without a deadline for an event, a process, a thread, a queue, a socket."""
    # Another call gives these a time, or the reactor goes on meanwhile.
    others = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.Await)
        or (isinstance(node, ast.Call) and called(node) in ("wait_for", "ensureDeferred"))
        for inner in ast.iter_child_nodes(node)
    }
    queues = set(_made(tree, lambda made: made.endswith("Queue")))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            timed = any(one.arg in ("timeout", None) for one in node.keywords)
            if not timed and id(node) not in others and _waits_for_ever(node, node.func, queues):
                yield node.lineno
        elif isinstance(node, ast.FunctionDef):
            yield from _endless_reads(node)


def _waits_for_ever(call: ast.Call, function: ast.Attribute, queues: set[str]) -> bool:
    """Return whether a call that is given no timeout by name waits for ever."""
    name, owner = function.attr, ast.unparse(function.value)
    if len(call.args) > ENDLESS.get(name, -1):
        return False
    match name:
        case "wait":
            return not re.fullmatch(rf"(.*\.)?({'|'.join(map(re.escape, DEADLINED))})", owner)
        case "get":
            return owner in queues
        case "readline":
            return owner.endswith(".stdout")
        case "run" | "call" | "check_call" | "check_output":
            return owner == "subprocess"
        case "create_connection":
            return owner == "socket"
    return True


def _endless_reads(function: ast.AST) -> Iterator[int]:
    """Yield the lines that read from a socket of the function which it gives no timeout."""
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    timed = {
        ast.unparse(one.func).rpartition(".")[0]
        for one in calls
        if called(one) in ("settimeout", "setblocking")
    }
    endless = {*_made(function, SOCKETS.__contains__)} - timed
    for one in calls:
        if called(one) in READS and ast.unparse(one.func).rpartition(".")[0] in endless:
            yield one.lineno


def _made(tree: ast.AST, wanted: Callable[[str], bool]) -> Iterator[str]:
    """Yield the names of what is made by a call that is wanted."""
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[target], value=ast.Call() as call):
                pass
            case ast.AnnAssign(target=target, value=ast.Call() as call):
                pass
            case ast.withitem(optional_vars=ast.expr() as target, context_expr=ast.Call() as call):
                pass
            case _:
                continue
        if wanted(ast.unparse(call.func)):
            yield from map(ast.unparse, target.elts if isinstance(target, ast.Tuple) else [target])


def literal_examples(tree: ast.AST) -> Iterator[int]:
    """Yield the lines that say a number of examples which EXAMPLES does not change."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "max_examples":
            yield from [node.value.lineno] if isinstance(node.value, ast.Constant) else []


def hasty_asserts(tree: ast.AST) -> Iterator[int]:
    """Yield the lines that assert what the log of a daemon has that was not ended: `wait_for_log` waits."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            ended: dict[str, int] = {}
            for daemon, line in _ends(function):
                ended[daemon] = min(line, ended.get(daemon, line))
            for node in ast.walk(function):
                if isinstance(node, ast.Assert):
                    for daemon in _logs(node.test):
                        if ended.get(daemon, node.lineno) >= node.lineno:
                            yield node.lineno


def _logs(test: ast.expr) -> Iterator[str]:
    """Yield the daemons that are said to have something in their logs."""
    for node in ast.walk(test):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In):
            found = node.comparators[0]
            if isinstance(found, ast.Call) and called(found) == "log" and not found.args:
                yield ast.unparse(found).removesuffix(".log()")


def long_patches(tree: ast.AST) -> Iterator[int]:
    """Yield the lines of fixtures that keep a patch for longer than a test."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and "MonkeyPatch" in ast.unparse(node):
            lives_long = any("session" in ast.unparse(one) for one in node.decorator_list)
            yield from [node.lineno] * lives_long


def _ends(function: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield daemons, and the lines behind which they have ended."""
    for node in ast.walk(function):
        if isinstance(node, ast.With | ast.AsyncWith):
            for item in node.items:
                if item.optional_vars is not None:
                    yield ast.unparse(item.optional_vars), node.end_lineno or 0
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and called(node) in ENDS:
            yield ast.unparse(node.func).rpartition(".")[0].removesuffix(".start()"), node.lineno


def test_no_test_measures_time():
    """It counts calls or bytes: tests/parts/costs.py. What cannot be counted is nightly."""
    assert not offenders(clocks, "|".join(CLOCKS))


def test_numbers_of_examples_follow_examples():
    """`more` of tests/parts/examples.py multiplies what EXAMPLES says: 1,000 each night."""
    assert not offenders(literal_examples, "max_examples")


@pytest.mark.slow
def test_ports_are_from_free_port_or_the_system():
    """The kernel's, as long as its socket is open, or of tests/parts/ports.py, which nobody else gets."""
    opened = rf"({'|'.join(OPEN_PORTS)})\([^\n]{{0,9}}\s*[^\n]*[ (][1-9]"
    words = rf"{opened}|\b(tcp|udp|ssl)6?:[1-9]|return .*getsockname\(\)\[1\]"
    assert not offenders(own_ports, words, WITH_A_NETWORK)


@pytest.mark.slow
def test_waits_are_as_long_as_patience_says():
    words = rf"({'|'.join(WAITS)})\(.*\b([6-9]\d|\d{{3,}})|timeout=([6-9]\d|\d{{3,}})"
    assert not offenders(literal_waits, words, WITH_A_NETWORK)


@pytest.mark.slow
def test_waits_have_a_deadline():
    """One of PATIENCE; `tests/parts/waits.py` has those of a thread and of a line of a child's output."""
    words = rf"\b({'|'.join({*ENDLESS, *READS})})\("
    # Mutants are tried by a program, which waits for as long as its tests take.
    assert not offenders(endless_waits, words, WITH_A_NETWORK, "mutants/", "parts/waits.py")


@pytest.mark.slow
def test_the_log_of_a_daemon_that_goes_on_is_waited_for():
    assert not offenders(hasty_asserts, r"\bin [\w.]+\.log\(\)")


def test_only_fixtures_of_all_tests_patch_something_for_a_session():
    """The patch of a folder would hold for the tests of other folders that this worker runs later."""
    assert not offenders(long_patches, "MonkeyPatch", "conftest.py", "leaks.py")


BROKEN = [
    (clocks, "began = time.process_time()"),
    (clocks, "from time import perf_counter_ns"),
    (own_ports, "socket.create_server(('127.0.0.1', 1234))"),
    (own_ports, "one.bind(('::1', 4000, 0, 0))"),
    (own_ports, "reactor.listenTCP(1234, factory)"),
    (own_ports, "TwistdProcess('logsrv', '--listen', 'lines:tcp:1234')"),
    (own_ports, "def port():\n with socket.socket() as one:\n  return one.getsockname()[1]"),
    (literal_waits, "process.wait(60)"),
    (literal_waits, "process.communicate(timeout=90.0)"),
    (literal_waits, "socket.create_connection(place, 60)"),
    (endless_waits, "process.wait()"),
    (endless_waits, "assert event.wait()"),
    (endless_waits, "thread.join()"),
    (endless_waits, "lock.acquire()"),
    (endless_waits, "process.communicate(b'x')"),
    (endless_waits, "self.found: Queue[int] = queue.SimpleQueue()\nself.found.get()"),
    (endless_waits, "while line := process.stdout.readline(): pass"),
    (endless_waits, "subprocess.run(['make'], check=True)"),
    (endless_waits, "socket.create_connection(place)"),
    (endless_waits, "def test():\n with socket.socket() as one: one.recv(1)"),
    (endless_waits, "def test():\n one, two = socket.socketpair()\n two.recv_into(room)"),
    (hasty_asserts, "def test():\n send(one)\n assert 'x' in one.log()"),
    (hasty_asserts, "def test():\n with daemon() as one:\n  assert 'x' in one.log()"),
    (hasty_asserts, "def test():\n assert 'x' in one.log()\n one.stop()"),
    (
        long_patches,
        "@fixture(scope='session')\ndef one():\n with MonkeyPatch.context() as it: yield",
    ),
]
FINE = [
    (clocks, "@pytest.mark.nightly\ndef test(): time.thread_time()"),
    (clocks, "time.monotonic()"),
    (own_ports, "socket.create_server(('127.0.0.1', 0))"),
    (own_ports, "one.bind(('127.0.0.1', port))"),
    (own_ports, "TwistdProcess('logsrv', '--listen', 'tcp:0')"),
    (own_ports, "parse('tcp:1234')"),
    (literal_waits, "process.wait(PATIENCE)"),
    (literal_waits, "process.wait(2 * PATIENCE)"),
    (literal_waits, "process.wait(timeout=1)"),
    (endless_waits, "server.wait(); second.server.start().wait()"),
    (endless_waits, "process.wait(PATIENCE); thread.join(timeout=PATIENCE)"),
    (endless_waits, "async def test(): await event.wait(); await wait_for(two.wait(), 1)"),
    (endless_waits, "process.communicate(b'x', PATIENCE)"),
    (endless_waits, "VARIABLE.get(); ', '.join(words); loop.run()"),
    (endless_waits, "subprocess.run(command, timeout=PATIENCE); subprocess.run(command, **how)"),
    (endless_waits, "socket.create_connection(place, PATIENCE)"),
    (endless_waits, "def test():\n with socket.socket() as one: one.settimeout(1); one.recv(1)"),
    (hasty_asserts, "def test():\n with daemon() as one:\n  send(one)\n assert 'x' in one.log()"),
    (hasty_asserts, "def test():\n one.stop()\n assert 'x' in one.log()"),
    (hasty_asserts, "def test():\n assert one.start().wait() == 1\n assert 'x' in one.log()"),
    (hasty_asserts, "def test():\n assert 'x' not in one.log()"),
    (long_patches, "@fixture\ndef one():\n with MonkeyPatch.context() as it: yield"),
]


@pytest.mark.parametrize(("rule", "source"), BROKEN)
def test_what_breaks_a_rule_is_found(rule, source):
    assert list(rule(ast.parse(source)))


@pytest.mark.parametrize(("rule", "source"), FINE)
def test_what_keeps_a_rule_is_left_alone(rule, source):
    assert not list(rule(ast.parse(source)))


def untyped(tree: ast.AST) -> Iterator[int]:
    """Yield the lines of functions that do not say what they return, but for tests."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not (
            node.returns or node.name.startswith("test_")
        ):
            yield node.lineno


@pytest.mark.slow
def test_only_tests_are_without_annotations():
    """What a test gets is a fixture or a parameter; a helper says what it takes and returns."""
    assert not offenders(untyped, "def ")


PARTS = TESTS / "parts"


def borrowed(name: str, text: str) -> list[str]:
    """Return the modules that a file imports: neither parts nor builders of its own folders."""
    home = ".".join(("tests", *Path(name).parent.parts))
    found = []
    for module in re.findall(r"^ *from (tests\.[\w.]+) import", text, re.M):
        room, _, last = module.rpartition(".")
        inside = room.startswith(home + ".") and home != "tests"
        near = inside or f"{home}.".startswith(f"{room}.") or f"{room}.".startswith("tests.parts.")
        if last.startswith("test_") or not near:
            found.append(module)
    return found


def test_builders_are_of_the_own_folders_or_parts():
    found = {module for name, text in texts().items() for module in borrowed(name, text)}
    assert not found, "move it to tests/parts"


def test_a_test_module_and_another_room_are_borrowed_of():
    for module, wanted in (
        ("tests.a.test_b", True),
        ("tests.a.b.stores", False),
        ("tests.a.stores", False),
        ("tests.a.b.c.stores", False),
        ("tests.c.stores", True),
        ("tests.leaks", False),
        ("tests.parts.warm.process", False),
    ):
        found = borrowed("a/b/test_one.py", f"from {module} import one")
        assert found == [module] * wanted


def test_the_page_of_the_parts_names_each():
    rows = re.findall(r"^\| (`[^|]*)\|", (PARTS / "README.md").read_text(), re.M)
    named = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
    folders = {f"{path.parent.name}/" for path in PARTS.glob("*/*.py")}
    assert named == folders | {path.stem for path in PARTS.glob("*.py")}
