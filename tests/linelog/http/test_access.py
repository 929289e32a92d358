"""Who is answered, by Host, Origin and token; and who may listen where without a token."""

from functools import partial
from http.cookies import SimpleCookie

import pytest
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.task import Clock

from logsrv.errors import ConfigurationError
from logsrv.kit.connections.rates import TokenBuckets
from logsrv.kit.net.parse import parse_endpoint
from logsrv.kit.options.files import SECRET
from logsrv.kit.web.access import is_private
from logsrv.kit.web.channel import WebRequest
from logsrv.linelog.http.access import (
    AT_ONCE,
    SECONDS_EACH,
    AccessRules,
    TrustedProxy,
    asking_client,
)
from logsrv.linelog.http.http_settings import (
    HOST_NAME,
    HttpSettings,
    read_http_token,
)
from logsrv.linelog.http.log_in.one_time_codes import NONCE_BYTES, OneTimeCodes, make_code
from logsrv.linelog.http.problems import Problem
from logsrv.linelog.http.readers.reader import Reader
from logsrv.linelog.http.readers.reader_settings import ReaderSettings
from logsrv.linelog.http.readers.token_file import KnownToken
from tests.parts.web_requests import requested

TOKEN = "secret"


def access(
    token: str | None = None, names: tuple[str, ...] = (), clock: Clock | None = None
) -> AccessRules:
    readers = () if token is None else (Reader(token=KnownToken.of(token)),)
    return AccessRules(names, readers, TokenBuckets((clock or Clock()).seconds))


def status_of(check: object, *arguments: object, **options: object) -> int:
    try:
        check(*arguments, **options)  # type: ignore[operator]
    except Problem as problem:
        return problem.status
    return 200


@pytest.mark.parametrize(
    ("host", "local", "remote"),
    [
        ("localhost:8080", 200, 200),
        ("127.0.0.1", 200, 200),
        ("[::1]:80", 200, 200),
        ("logs.example.org", 200, 200),
        ("192.0.2.7:8080", 403, 200),
        ("198.51.100.1", 403, 200),
        ("[2001:db8::1]", 403, 200),
        ("evil.example", 403, 403),
        ("192.0.2.7.evil.example", 403, 403),
        ("", 403, 403),
    ],
)
def test_only_our_names_and_addresses_are_accepted(host, local, remote):
    """On loopback its own names; elsewhere any address, which no DNS can give away, and given names."""
    rules = access(names=("logs.example.org",))
    assert status_of(rules.check_host, requested(Host=host)) == local
    assert status_of(rules.check_host, requested(Host=host, host="192.0.2.7")) == remote


def test_a_request_over_a_unix_socket_needs_no_host():
    request = requested(Host="anything.example")
    request.getHost = lambda: UNIXAddress(b"/run/web")  # type: ignore[method-assign]
    assert status_of(access().check_host, request) == 200


def test_requests_of_other_origins_are_refused():
    check = access().check_origin

    def status(page: bool = False, **headers: str) -> int:
        return status_of(check, requested(**headers), page=page)

    assert status() == 200
    assert status(Origin="http://localhost") == status(Origin="http://localhost:80") == 200
    assert status(Origin="https://logs.lan", Host="logs.lan") == 200
    assert status(Origin="http://localhost:8080", Host="localhost:8080") == 200
    assert status(Origin="http://localhost:8081", Host="localhost:8080") == 403
    assert status(Origin="null") == status(Origin="http://evil.example") == 403
    assert status(Sec_Fetch_Site="cross-site") == 403
    assert status(Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate") == 403
    assert status(True, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate") == 200
    assert status(True, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="cors") == 403


def test_who_closed_the_connection_before_it_was_looked_at_uses_up_no_code():
    """A code of one user; another, whom the system can no longer name, gets no cookie for it either."""
    users = {1: None, 2: 1000}
    rules = AccessRules(
        (),
        [Reader(token=KnownToken.of(TOKEN))],
        TokenBuckets(Clock().seconds),
        lambda peer, host: users[peer[1]],
        code_token=TOKEN,
    )
    codes, code = OneTimeCodes(0.0), make_code(TOKEN, 1.0, b"twelve bytes", 1000)
    asked = []
    for port in users:
        request = requested()
        request.getClientAddress = partial(IPv4Address, "TCP", "127.0.0.1", port)  # type: ignore[method-assign]
        asked.append(request)
    gone, there = asked
    assert status_of(rules.code_cookies, gone, code, codes, 2.0) == 401
    assert status_of(rules.code_cookies, there, code, codes, 2.0) == 200
    assert status_of(rules.code_cookies, there, code, codes, 2.0) == 401


def test_no_token_is_needed_where_none_is_set():
    assert status_of(access().reader_of, requested()) == 200
    assert status_of(access().log_in_cookies, requested(), b"x", 1.0) == 404


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer secre", "Bearer secrets", "Basic secret", "secret"]
)
def test_wrong_tokens_are_refused(header):
    headers = {"Authorization": header} if header else {}
    assert status_of(access(TOKEN).reader_of, requested(**headers)) == 401


def test_right_tokens_and_their_cookies_are_accepted():
    rules = access(TOKEN)
    assert status_of(rules.reader_of, requested(Authorization="Bearer secret")) == 200
    cookie = rules.log_in_cookies(requested(), b"secret", 1.0)[0].decode()
    assert "HttpOnly; SameSite=Strict" in cookie and TOKEN not in cookie and "Secure" not in cookie
    request = requested(Cookie=cookie.partition(";")[0])
    assert status_of(rules.reader_of, request) == 200
    assert status_of(access("other").reader_of, request) == 401
    secure = requested()
    secure.isSecure = lambda: True  # type: ignore[method-assign]
    assert rules.log_in_cookies(secure, b"secret", 1.0)[0].endswith(b"; Secure")
    [removed] = rules.log_out_cookies(request)
    assert b"Max-Age=0" in removed


def test_guessing_does_not_shut_out_others():
    """Who has the right token gets in, from the guesser's address too; the guesser has to wait."""
    rules = access(TOKEN)
    cookie = rules.log_in_cookies(requested(), b"secret", 1.0)[0].decode().partition(";")[0]
    for _ in range(AT_ONCE):
        assert status_of(rules.log_in_cookies, requested(peer="192.0.2.1"), b"guess", 1.0) == 401
    assert status_of(rules.log_in_cookies, requested(peer="192.0.2.1"), b"guess", 1.0) == 429
    assert status_of(rules.log_in_cookies, requested(peer="192.0.2.1"), b"secret", 1.0) == 200
    assert status_of(rules.reader_of, requested(peer="192.0.2.1", Cookie=cookie)) == 200
    assert status_of(rules.log_in_cookies, requested(peer="192.0.2.2"), b"secret", 1.0) == 200


def test_a_few_mistakes_then_one_every_few_seconds():
    clock = Clock()
    log_in = partial(access(TOKEN, clock=clock).log_in_cookies, now=1.0)

    def mistakes(client: str, count: int) -> list[int]:
        request = requested(peer=client)
        return [status_of(log_in, request, b"guess") for _ in range(count)]

    assert mistakes("192.0.2.1", AT_ONCE + 1) == [401] * AT_ONCE + [429]
    with pytest.raises(Problem) as caught:
        log_in(requested(peer="192.0.2.1"), b"guess")
    assert int(caught.value.headers["Retry-After"]) == SECONDS_EACH
    clock.advance(SECONDS_EACH)
    assert mistakes("192.0.2.1", 2) == [401, 429] and mistakes("192.0.2.2", 1) == [401]
    clock.advance(86_400)
    assert mistakes("192.0.2.1", AT_ONCE + 1) == [401] * AT_ONCE + [429]


@pytest.mark.parametrize("peer", ["", "2001:db8::1"])
def test_any_address_of_a_client_can_be_counted(peer):
    assert status_of(access(TOKEN).log_in_cookies, requested(peer=peer), b"guess", 1.0) == 401


@pytest.mark.parametrize(
    ("endpoint", "private"),
    [
        ("tcp:80:interface=127.0.0.1", True),
        ("tcp:80:interface=127.9.9.9", True),
        ("tcp:80:interface=localhost", True),
        ("tcp6:80:interface=\\:\\:1", True),
        ("unix:/run/web", True),
        ("systemd:domain=UNIX:index=0", True),
        ("tcp:80", False),
        ("tcp:80:interface=0.0.0.0", False),
        ("tcp:80:interface=192.0.2.1", False),
        ("tcp6:80", False),
        ("systemd:domain=INET:index=0", False),
        # Who comes through the proxy comes from anywhere.
        ("haproxy:tcp:80:interface=127.0.0.1", False),
    ],
)
def test_a_public_endpoint_needs_a_token(endpoint, private):
    parsed = parse_endpoint(endpoint)
    assert is_private(parsed) is private
    if private:
        assert read_http_token(HttpSettings(http=(parsed,))) is None
    else:
        with pytest.raises(ConfigurationError, match="can be reached by others"):
            HttpSettings(http=(parsed,))
    assert read_http_token(HttpSettings(http=(parsed,), http_token="x")) == "x"


def test_a_token_file_has_one_token(tmp_path):
    file = tmp_path / "token"
    file.write_text("secret\n")
    assert read_http_token(HttpSettings(http_token_file=file)) == "secret"
    for text in ("", "two words", "ä", "x" * 2000):
        file.write_text(text)
        with pytest.raises(ConfigurationError, match=r"has no token in it|is larger than"):
            read_http_token(HttpSettings(http_token_file=file))
    with pytest.raises(ConfigurationError, match="remove one"):
        read_http_token(HttpSettings(http_token_file=file, http_token="x"))
    with pytest.raises(ConfigurationError, match="no such file"):
        read_http_token(HttpSettings(http_token_file=tmp_path / "none"))


def test_host_names_and_tokens_are_checked():
    assert HOST_NAME.parse("Logs.Example.ORG") == "logs.example.org"
    for text in ("a:80", "http://a", "", "a b"):
        with pytest.raises(ValueError, match="not a name"):
            HOST_NAME.parse(text)
    with pytest.raises(ValueError, match="not a token"):
        SECRET.parse("a b")


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", "", "192.0.2.1"),
        # An address that is not of this machine names nobody else.
        ("192.0.2.1", "192.0.2.7", "192.0.2.1"),
        ("2001:db8::1", "", "2001:db8::/64"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "192.0.2.7", "192.0.2.7"),
        # The last one is the proxy's; the others are what its client has written.
        ("127.0.0.1", "10.0.0.1, 192.0.2.7", "192.0.2.7"),
        ("127.0.0.1", "10.0.0.1, unknown", "127.0.0.1"),
        ("127.0.0.1", "2001:db8::7", "2001:db8::/64"),
    ],
)
def test_a_search_takes_the_turn_of_its_address_or_of_the_one_that_a_proxy_names(
    peer, forwarded, client
):
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    assert asking_client(requested(peer=peer, **headers)) == client


def test_without_an_address_a_search_takes_the_turn_of_the_socket_or_of_the_one_that_a_proxy_names():
    request = requested()
    request.getClientAddress = lambda: UNIXAddress(None)  # type: ignore[method-assign]
    assert asking_client(request) == "local"
    request = requested(X_Forwarded_For="192.0.2.7")
    request.getClientAddress = lambda: UNIXAddress(None)  # type: ignore[method-assign]
    assert asking_client(request) == "192.0.2.7"


def readers_access(proxy: TrustedProxy | None = None) -> AccessRules:
    """Access for ann, whom only a proxy names, and for bob and cy with tokens of their names."""
    readers = [Reader("ann")]
    readers += [Reader(name, token=KnownToken.of(name)) for name in ("bob", "cy")]
    return AccessRules((), readers, TokenBuckets(Clock().seconds), proxy=proxy)


def test_a_token_tells_which_reader_asks():
    rules = readers_access()
    assert rules.reader_of(requested(Authorization="Bearer bob")).name == "bob"
    assert status_of(rules.reader_of, requested(Authorization="Bearer ann")) == 401
    [cookie] = rules.log_in_cookies(requested(), b"bob", 1.0)
    known = cookie.decode().partition(";")[0]
    assert rules.reader_of(requested(Cookie=known)).name == "bob"
    # A browser is one reader at a time.
    gone, other = rules.log_in_cookies(requested(Cookie=known), b"cy", 1.0)
    assert gone.startswith(cookie.partition(b"=")[0] + b"=;") and b"Max-Age=0" in gone
    assert rules.reader_of(requested(Cookie=other.decode().partition(";")[0])).name == "cy"


def test_it_is_said_what_has_changed_for_a_reader_who_is_gone():
    """Those whom a proxy names have no token: two of them are two readers."""
    rules = readers_access()
    changed = "this reader has another name now, or sees other lines"
    assert rules.why_gone(Reader("ann")) == ""
    assert rules.why_gone(Reader("ann", only="app=web")) == changed
    assert rules.why_gone(Reader("dan")) == "the token has changed"
    assert rules.why_gone(Reader("dan", token=KnownToken.of("bob"))) == changed
    assert rules.why_gone(Reader("bob", token=KnownToken.of("dan"))) == "the token has changed"


class Browser:
    """The cookies of a browser, which does what the values of Set-Cookie say, one after the other."""

    def __init__(self) -> None:
        self._cookies: dict[str, str] = {}

    @property
    def request(self) -> WebRequest:
        return requested(Cookie="; ".join(f"{name}={one}" for name, one in self._cookies.items()))

    def take(self, headers: list[bytes]) -> None:
        for header in headers:
            [(name, cookie)] = SimpleCookie(header.decode()).items()
            self._cookies[name] = cookie.value
            if cookie["max-age"] == "0":
                del self._cookies[name]


def test_who_logs_in_once_more_stays_logged_in_as_the_last_one():
    """With the same token, another one, or by a code, though the browser has a cookie already."""
    readers = [Reader(name, token=KnownToken.of(name)) for name in ("bob", "cy")]
    readers.append(Reader(token=KnownToken.of(TOKEN)))
    rules = AccessRules((), readers, TokenBuckets(Clock().seconds), code_token=TOKEN)
    browser, codes = Browser(), OneTimeCodes(0.0)
    for name in ("cy", "cy", "bob", "bob", "cy"):
        browser.take(rules.log_in_cookies(browser.request, name.encode(), 1.0))
        assert rules.reader_of(browser.request).name == name
    for nonce in (b"a" * NONCE_BYTES, b"b" * NONCE_BYTES):
        code = make_code(TOKEN, 1.0, nonce)
        browser.take(rules.code_cookies(browser.request, code, codes, 2.0))
        assert rules.reader_of(browser.request).name == ""
    browser.take(rules.log_out_cookies(browser.request))
    assert status_of(rules.reader_of, browser.request) == 401


def test_of_two_cookies_that_of_the_last_log_in_tells_who_asks():
    """A browser sends none from a page of another site, so a log-in there cannot remove the earlier one."""
    rules, browser = readers_access(), Browser()
    for now, name in enumerate(("bob", "cy", "bob", "cy")):
        browser.take(rules.log_in_cookies(requested(), name.encode(), 1000.0 + now / 10))
        assert rules.reader_of(browser.request).name == name
    browser.take(rules.log_out_cookies(browser.request))
    assert status_of(rules.reader_of, browser.request) == 401


@pytest.mark.parametrize("moment", ["", ".", ".x", ".-1", f".{'9' * 40}", ".1.2"])
def test_a_cookie_without_a_moment_is_accepted_behind_others(moment):
    """Earlier versions wrote none."""
    rules = readers_access()
    pairs = []
    for name in ("bob", "cy"):
        [header] = rules.log_in_cookies(requested(), name.encode(), 1.0)
        pairs.append(header.decode().partition(";")[0])
    without = pairs[0].partition(".")[0] + moment
    assert rules.reader_of(requested(Cookie=without)).name == "bob"
    assert rules.reader_of(requested(Cookie=f"{without}; {pairs[1]}")).name == "cy"


@pytest.mark.parametrize(
    ("headers", "peer", "found"),
    [
        ({"Remote_User": "ann", "Logsrv_Proxy_Secret": "s"}, "127.0.0.1", "ann"),
        ({"Remote_User": "bob", "Logsrv_Proxy_Secret": "s"}, "::1", "bob"),
        # Anybody can send a name: it is as if it were not there.
        ({"Remote_User": "ann"}, "127.0.0.1", 401),
        ({"Remote_User": "ann", "Authorization": "Bearer bob"}, "192.0.2.1", "bob"),
        # Who sends a secret wants to be the proxy.
        ({"Remote_User": "ann", "Logsrv_Proxy_Secret": "x"}, "127.0.0.1", 403),
        ({"Remote_User": "ann", "Logsrv_Proxy_Secret": "s"}, "192.0.2.1", 403),
        ({"Remote_User": "eve", "Logsrv_Proxy_Secret": "s"}, "127.0.0.1", 403),
        ({"Logsrv_Proxy_Secret": "s", "Authorization": "Bearer bob"}, "127.0.0.1", 403),
        ({"Remote_User": "", "Logsrv_Proxy_Secret": "s"}, "127.0.0.1", 403),
    ],
)
def test_a_proxy_names_the_reader(headers, peer, found):
    rules = readers_access(TrustedProxy("Remote-User", "s"))
    request = requested(peer=peer, **headers)
    if isinstance(found, int):
        assert status_of(rules.reader_of, request) == found
    else:
        assert rules.reader_of(request).name == found


def test_a_second_name_or_secret_is_refused():
    """A proxy that adds its headers to those of the client must be noticed."""
    rules = readers_access(TrustedProxy("Remote-User", "s"))
    for name, value in ((b"Remote-User", b"bob"), (b"Logsrv-Proxy-Secret", b"x")):
        request = requested(Remote_User="ann", Logsrv_Proxy_Secret="s")
        request.requestHeaders.addRawHeader(name, value)
        assert status_of(rules.reader_of, request) == 403


def test_secrets_of_the_proxy_cannot_be_guessed():
    rules = readers_access(TrustedProxy("Remote-User", "s"))
    guess = {"Remote_User": "ann", "Logsrv_Proxy_Secret": "guess"}
    for _ in range(AT_ONCE):
        assert status_of(rules.reader_of, requested(**guess)) == 403
    assert status_of(rules.reader_of, requested(**guess)) == 429
    assert rules.reader_of(requested(Remote_User="ann", Logsrv_Proxy_Secret="s")).name == "ann"


def test_without_a_proxy_its_headers_say_nothing():
    request = requested(Remote_User="ann", Logsrv_Proxy_Secret="s")
    assert status_of(readers_access().reader_of, request) == 401


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"http_user_header": "X-User"}, "needs --http-proxy-secret-file"),
        ({"http_proxy_secret_file": "s"}, "not there"),
        ({"http_user_header": "X-User", "http_proxy_secret_file": "s"}, "there is none"),
        ({"reader": (ReaderSettings(name="ann"),)}, "no token-file"),
    ],
)
def test_a_proxy_without_its_secret_or_its_readers_is_refused(settings, said):
    with pytest.raises(ConfigurationError, match=said):
        HttpSettings(**settings)
