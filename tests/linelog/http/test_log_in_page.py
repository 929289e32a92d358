"""Logging in: by the form of the page, and once by the address that `logsrv open` has printed."""

from logsrv.linelog.http.http_settings import HttpSettings
from logsrv.linelog.http.log_in.one_time_codes import make_code
from logsrv.reactor import time_of_day
from tests.parts.web_requests import Browser, ServedStore

TYPED = {"Sec_Fetch_Site": "none", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
NONCE = b"twelve bytes"


def code_for(served: ServedStore, token: str = "secret") -> str:
    return make_code(token, time_of_day(served.reactor), NONCE)


def post(served: ServedStore, path: str, body: str, **headers: str) -> bytes:
    browser = Browser(served.server.handle, served.reactor)
    browser.get(path, "POST", Content_Length=str(len(body)), **headers)
    browser.channel.dataReceived(body.encode())
    return browser.received


def test_the_log_in_page_says_what_was_wrong_and_leads_to_the_view_asked_for(tmp_path):
    served = ServedStore(tmp_path, http_token="secret")

    def log_in(form: bytes, **headers: str) -> bytes:
        browser = Browser(served.server.handle, served.reactor)
        browser.get("/login", "POST", Content_Length=str(len(form)), **headers)
        browser.channel.dataReceived(form)
        return browser.received

    wrong = log_in(b"token=guess&view=%2F%3Fq%3Dx")
    assert wrong.startswith(b"HTTP/1.1 401 ") and b">The token is wrong.<" in wrong
    assert b'value="/?q=x"' in wrong
    scripted = log_in(b"token=guess", Accept="application/json")
    assert b"text/html" not in scripted and b'"the token is wrong"' in scripted
    right = log_in(b"token=secret&view=%2F%3Fq%3Dx")
    assert right.startswith(b"HTTP/1.1 303 ") and b"\r\nLocation: /?q=x\r\n" in right
    forged = log_in(b"token=secret&view=%2F%3Fq%3Dx%0D%0ASet-Cookie%3A+a%3Db")
    assert b"\r\nLocation: /\r\n" in forged and b"a=b" not in forged
    for elsewhere in (b"//evil.example", b"/board/x", b"/boardx?name=x", b"https://evil.example"):
        assert b"\r\nLocation: /\r\n" in log_in(b"token=secret&view=" + elsewhere)
    for path in ("/?q=y", "/board?name=y", "/alerts?q=y"):
        door = Browser(served.server.handle, served.reactor).get(path)
        assert f'value="{path}"'.encode() in door
    board = log_in(b"token=secret&view=%2Fboard%3Fname%3Dy")
    assert b"\r\nLocation: /board?name=y\r\n" in board
    alerts = log_in(b"token=secret&view=%2Falerts%3Fq%3Dy")
    assert b"\r\nLocation: /alerts?q=y\r\n" in alerts
    scripted = log_in(b"token=secret", Accept="application/json")
    assert scripted.startswith(b"HTTP/1.1 204 ") and b"\r\nSet-Cookie: logsrv-" in scripted


def test_an_address_with_a_code_logs_a_person_in_once(tmp_path):
    served = ServedStore(tmp_path, http_token="secret")
    address = f"/login?code={code_for(served)}"
    assert served.ask(address, **TYPED)[0] == 303
    assert "location: /\r\n" in served.head and "referrer-policy: no-referrer" in served.head
    cookie = served.head.partition("set-cookie: ")[2].partition(";")[0]
    assert served.ask("/api/stats", Cookie=cookie)[0] == 200
    status, page = served.ask(address, **TYPED)
    assert status == 401 and b"This address has been used; logsrv open prints another." in page
    assert "set-cookie" not in served.head
    assert served.ask(address, **TYPED, Cookie=cookie)[0] == 303, "who is logged in goes on"


def test_what_only_looks_at_an_address_uses_up_no_code(tmp_path):
    served = ServedStore(tmp_path, http_token="secret")
    code = code_for(served)
    address = f"/login?code={code}"
    assert served.ask(address, "HEAD") == (200, b"")
    assert served.ask(address, Sec_Purpose="prefetch", **TYPED)[0] == 503
    image = TYPED | {"Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Dest": "image"}
    assert served.ask(address, **image)[0] == 200
    status, page = served.ask(address)
    assert status == 200 and "set-cookie" not in served.head
    assert b'<input name="code" type="hidden" value="%s">' % code.encode() in page
    pressed = post(served, "/login", f"code={code}", Origin="http://localhost")
    assert pressed.startswith(b"HTTP/1.1 303 ") and b"\r\nSet-Cookie: " in pressed
    again = post(served, "/login", f"code={code}", Origin="http://localhost")
    assert again.startswith(b"HTTP/1.1 401 ") and b"This address has been used" in again


def test_a_link_of_another_site_leads_to_a_page_that_goes_on(tmp_path):
    """A redirect would lack the new cookie: the browser counts it as the other site's request."""
    served = ServedStore(tmp_path, http_token="secret")
    link = TYPED | {"Sec_Fetch_Site": "cross-site"}
    status, page = served.ask(f"/login?code={code_for(served)}", **link)
    assert status == 200 and b'http-equiv="refresh" content="0; url=/"' in page
    assert "set-cookie: logsrv-" in served.head
    assert served.ask("/login", "POST", **link)[0] == 403


def test_codes_expire_and_guessing_them_is_slowed_down(tmp_path):
    served = ServedStore(tmp_path, http_token="secret")
    old = code_for(served)
    served.reactor.advance(61)
    status, page = served.ask(f"/login?code={old}", **TYPED)
    assert status == 401 and b"This address was for a minute" in page
    wrong = code_for(served, "guess")
    found = [served.ask(f"/login?code={wrong}", **TYPED)[0] for _ in range(12)]
    assert found == [401] * 10 + [429] * 2
    assert served.ask(f"/login?code={code_for(served)}", **TYPED)[0] == 303


def test_a_reload_keeps_what_is_used_and_a_new_token_makes_codes_void(tmp_path):
    served = ServedStore(tmp_path, http_token="secret")
    address = f"/login?code={code_for(served)}"
    assert served.ask(address, **TYPED)[0] == 303
    served.server.apply(HttpSettings(http_token="secret", http_host=("logs.lan",)))
    assert served.ask(address, **TYPED)[0] == 401
    served.server.apply(HttpSettings(http_token="other"))
    assert b"made with another token" in served.ask(address, **TYPED)[1]


def test_without_a_code_or_a_token_the_address_leads_to_the_page(tmp_path):
    served = ServedStore(tmp_path, http_token="secret")
    assert served.ask("/login")[0] == served.ask("/login?code=", **TYPED)[0] == 303
    served.server.apply(HttpSettings())
    assert served.ask("/login?code=x", **TYPED)[0] == 303 and "set-cookie" not in served.head


def test_the_log_in_page_says_where_the_token_is(tmp_path):
    (tmp_path / "token").write_text("secret")
    served = ServedStore(tmp_path, http_token_file=tmp_path / "token")
    page = served.ask("/")[1]
    assert f"<code>{tmp_path / 'token'}</code>".encode() in page and b"logsrv open" in page
    away = served.ask("/", X_Forwarded_For="192.0.2.1")[1]
    assert str(tmp_path).encode() not in away and b"logsrv open" not in away
