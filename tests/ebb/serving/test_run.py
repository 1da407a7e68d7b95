from __future__ import annotations

import http.client
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from ebb.serving.address import Address, listen
from ebb.serving.run import make_server

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


def get(port: int) -> tuple[bytes, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/")
    reply = connection.getresponse()
    found = reply.read(), {name.lower(): value for name, value in reply.getheaders()}
    connection.close()
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_without_an_exception_and_handlers_are_given_back(number: signal.Signals) -> None:
    opened, address = listen(Address("127.0.0.1", 0))
    before = signal.getsignal(number)
    found: list[bytes] = []

    def visit() -> None:
        body, headers = get(address.port)
        found.append(body)
        assert "server" not in headers
        signal.pthread_kill(threading.main_thread().ident or 0, number)

    with opened:
        thread = threading.Thread(target=visit)
        make_server(hello, thread.start).run(sockets=[opened])
        thread.join()
    assert found == [b"hello"]
    assert signal.getsignal(number) is before


def test_in_a_thread_signals_stay_with_the_program() -> None:
    opened, address = listen(Address("127.0.0.1", 0))
    before = signal.getsignal(signal.SIGINT)
    started = threading.Event()
    server = make_server(hello, started.set)
    with opened:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]})
        thread.start()
        assert started.wait(10)
        assert get(address.port)[0] == b"hello"
        assert signal.getsignal(signal.SIGINT) is before
        server.should_exit = True
        thread.join()
