"""The orders for the process of a target: what is written is what is read, and what is refused before."""

import os
import re
import sys
from pathlib import Path

import attrs
import pytest

from logsrv.errors import ConfigurationError
from logsrv.installation import how_to_install
from logsrv.kit.testing import self_signed_certificate
from logsrv.linelog.ship.address import parse_ship_url
from logsrv.linelog.ship.orders import decode_orders, encode_orders, make_orders
from logsrv.linelog.ship.ship_settings import ShipSettings

STORE = "ab" * 16


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    self_signed_certificate(tmp_path)
    return tmp_path


def settings(text: str, **given: object) -> ShipSettings:
    return ShipSettings(ship=parse_ship_url(text), **given)  # type: ignore[arg-type]


def test_orders_have_all_that_a_target_is_made_of(pair):
    (pair / "token").write_text("geheim\n")
    orders = make_orders(
        settings(
            "https://centre/blocks",
            name="centre",
            ship_ca=pair / "cert.pem",
            ship_cert=pair / "cert.pem",
            ship_key=pair / "key.pem",
            ship_token_file=pair / "token",
            ship_from="17:5",
        )
    )
    line = encode_orders(attrs.evolve(orders, directory="/logs", store=STORE))
    assert b"\n" not in line
    found = decode_orders(line)
    assert (found.directory, found.ship_from) == ("/logs", "17:5")
    target = found.target
    assert (target.name, target.token, target.store) == ("centre", "geheim", STORE)
    assert (target.tls.cafile, target.tls.key) == (pair / "cert.pem", pair / "key.pem")
    assert str(target.url) == "https://centre/blocks"


def test_the_token_of_a_bucket_is_a_key_and_its_secret(tmp_path):
    (tmp_path / "keys").write_text("AKEXAMPLE  geheim\n")
    orders = make_orders(settings("s3://logs/edges", ship_token_file=tmp_path / "keys"))
    assert orders.token == "AKEXAMPLE geheim"
    (tmp_path / "keys").write_text("geheim\n")
    with pytest.raises(ConfigurationError, match="a key and its secret") as error:
        make_orders(settings("s3://logs/edges", ship_token_file=tmp_path / "keys"))
    assert "geheim" not in str(error.value)


def test_a_secret_is_in_no_text_about_orders(tmp_path):
    (tmp_path / "token").write_text("geheim\n")
    orders = make_orders(settings("https://c/blocks", ship_token_file=tmp_path / "token"))
    assert orders.token == "geheim" and "geheim" not in repr(orders)


def test_a_certificate_that_was_saved_anew_makes_other_orders(pair):
    target = settings("relp+tls://a:1", ship_ca=pair / "cert.pem")
    # Many kernels tell no two savings apart within 4 ms.
    os.utime(pair / "cert.pem", (1e9, 1e9))
    before = make_orders(target)
    assert make_orders(target) == before
    (pair / "cert.pem").write_bytes((pair / "cert.pem").read_bytes())
    assert make_orders(target) != before


def test_what_would_leave_in_the_clear_is_refused_before_a_process_is_started():
    with pytest.raises(ConfigurationError, match=r"^target centre: .* in the clear"):
        make_orders(settings("http://centre/blocks", name="centre"))


def test_a_login_that_cannot_be_is_told_before_a_process_is_started(tmp_path):
    (tmp_path / "token").write_text("geheim\n")
    given = settings("kafka+tls://broker/logs", name="far", ship_token_file=tmp_path / "token")
    with pytest.raises(ConfigurationError, match=r"^target far: .* no name and password") as error:
        make_orders(given)
    assert "geheim" not in str(error.value)


@pytest.mark.parametrize(
    ("url", "package", "extra"),
    [
        *((f"{scheme}://logs", "obstore", "archive") for scheme in ("s3", "gs", "az")),
        *((f"kafka{tls}://broker/logs", "confluent_kafka", "kafka") for tls in ("", "+tls")),
        *((f"nats{tls}://server/LOGS", "nats", "nats") for tls in ("", "+tls")),
    ],
)
def test_a_missing_package_is_told_before_a_process_is_started(monkeypatch, url, package, extra):
    make_orders(settings(url, name="far"))
    monkeypatch.setitem(sys.modules, package, None)
    wanted = rf"^target far: .* the package {package}; .* {re.escape(how_to_install(extra))}$"
    with pytest.raises(ConfigurationError, match=wanted):
        make_orders(settings(url, name="far"))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"ship_token_file": Path("no")}, "--ship-token-file no: no such file"),
        ({"ship_ca": Path("no.pem")}, "target centre: the CA file no.pem: No such file"),
        ({"ship_cert": Path("no.pem")}, "target centre: no.pem: No such file"),
    ],
)
def test_an_unreadable_file_of_a_target_is_a_sentence(given, sentence, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        make_orders(settings("https://centre/blocks", name="centre", **given))
    assert str(caught.value).startswith(sentence)
