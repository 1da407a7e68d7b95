from __future__ import annotations

import socket

import pytest

from ebb.errors import OutputError, UsageError
from ebb.serving.address import Address, listen


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_loopback_accepts_only_its_own_names(host: str) -> None:
    address = Address(host, 80)
    assert address.is_loopback
    assert not address.is_everywhere
    assert address.names is not None
    assert {"localhost", "127.0.0.1", host} <= address.names
    assert "only this machine" in address.meaning


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "study.example"])
def test_other_hosts_say_who_can_reach_them(host: str) -> None:
    address = Address(host, 80)
    assert not address.is_loopback
    assert address.names is None
    assert "HTTPS" in address.meaning
    assert ("every machine" in address.meaning) == (host in {"0.0.0.0", "::"})


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_the_name_of_a_proxy_is_accepted_and_no_other(host: str) -> None:
    address = Address(host, 80)
    names = address.names_with("Study.example")
    assert names is not None
    assert {"study.example", "localhost", host} <= names
    assert "evil.example" not in names
    assert address.names_with("") == address.names


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:81/"),
        ("::1", "http://[::1]:81/"),
        ("0.0.0.0", "http://localhost:81/"),
    ],
)
def test_the_url_can_be_opened_on_the_same_machine(host: str, url: str) -> None:
    assert Address(host, 81).url == url


def test_the_system_chooses_a_port_and_a_second_server_is_refused() -> None:
    opened, address = listen(Address("127.0.0.1", 0))
    with opened:
        assert address.port > 0
        socket.create_connection(("127.0.0.1", address.port)).close()
        with pytest.raises(OutputError, match="in use"):
            listen(address)


@pytest.mark.parametrize(
    ("host", "port", "message"),
    [
        ("127.0.0.1", 70000, "70000"),
        ("192.0.2.7", 0, "192.0.2.7"),
        ("no such host", 0, "no such host"),
        ("a" * 70, 0, "is no address"),
    ],
)
def test_a_host_that_is_not_of_this_machine_is_named(host: str, port: int, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        listen(Address(host, port))
