from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from ebb.serving.guard import SECURITY_HEADERS, Guard, GuardLimits

NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


async def echo(request: Request) -> Response:
    return PlainTextResponse(await request.body(), headers={"Cache-Control": "private"})


APP = Starlette(routes=[Route("/", echo, methods=["GET", "POST", "DELETE"])])


@pytest.fixture
def client() -> TestClient:
    guard = Guard(APP, GuardLimits(names=NAMES, max_body=100))
    return TestClient(guard, base_url="http://localhost:8765")


def test_a_request_of_the_page_itself_passes_with_its_body(client: TestClient) -> None:
    headers = {"Origin": "http://localhost:8765", "Sec-Fetch-Site": "same-origin"}
    reply = client.post("/", content=b"x" * 100, headers=headers)
    assert (reply.status_code, reply.content) == (200, b"x" * 100)


@pytest.mark.parametrize("status_path", ["/", "/nothing"])
def test_every_reply_has_the_headers(client: TestClient, status_path: str) -> None:
    for reply in (client.get(status_path), client.put(status_path)):
        assert {name: reply.headers[name] for name in SECURITY_HEADERS} == dict(SECURITY_HEADERS)
        assert "unsafe" not in reply.headers["Content-Security-Policy"]
        assert "Cache-Control" in reply.headers


def test_headers_of_the_application_come_first(client: TestClient) -> None:
    assert client.get("/").headers.get_list("Cache-Control") == ["private"]
    assert client.get("/nothing").headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "localhost:80:80", "", "[::1].x"])
def test_other_names_of_the_server_are_refused(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8765", "[::1]:8765", "[::1]"])
def test_its_own_names_are_accepted(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://localhost:1234"},
        {"Origin": "null"},
        {"Origin": "http://[bad"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_pages_of_other_sites_cannot_change_anything(client: TestClient, headers: dict[str, str]) -> None:
    assert client.post("/", headers=headers).status_code == 403
    assert client.delete("/", headers=headers).status_code == 403
    assert client.get("/", headers=headers).status_code == 200


def test_any_name_is_accepted_where_names_are_unknown() -> None:
    client = TestClient(Guard(APP, GuardLimits()), base_url="http://study.example")
    assert client.post("/", headers={"Origin": "https://study.example"}).status_code == 200
    assert client.post("/", headers={"Origin": "https://evil.example"}).status_code == 403


def test_large_bodies_are_refused_by_what_they_claim_and_by_what_comes(client: TestClient) -> None:
    assert client.post("/", content=b"x" * 101).status_code == 413
    assert client.post("/", content=iter([b"x" * 60, b"x" * 60])).status_code == 413
    assert client.post("/", headers={"Content-Length": "-1"}).status_code == 413
    assert client.post("/", content=iter([b"x" * 50, b"x" * 50])).status_code == 200


def test_methods_and_long_addresses_are_refused(client: TestClient) -> None:
    assert client.request("PUT", "/").status_code == 405
    assert client.request("TRACE", "/").status_code == 405
    assert client.get("/?" + "x" * 3000).status_code == 414


async def _serve(guard: Guard, scope: dict[str, Any], messages: list[dict[str, Any]]) -> list[Any]:
    """What a guard sends when these messages come, and then nothing more."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Any) -> None:
        sent.append(message)

    await guard(scope, receive, send)
    return sent


def scope(**values: Any) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
    } | values


def test_a_body_that_does_not_come_is_given_up() -> None:
    guard = Guard(APP, GuardLimits(max_seconds=0.01))
    part = {"type": "http.request", "body": b"x", "more_body": True}
    sent = asyncio.run(_serve(guard, scope(), [part]))
    assert sent[0]["status"] == 408


def test_a_connection_that_ends_is_no_error() -> None:
    sent = asyncio.run(_serve(Guard(APP, GuardLimits()), scope(), [{"type": "http.disconnect"}]))
    assert sent[0]["status"] == 400


@pytest.mark.parametrize("name", [b"host", b"Origin", b"content-length", b"authorization"])
def test_headers_that_come_twice_are_refused(name: bytes) -> None:
    headers = [(b"host", b"localhost"), (name, b"1"), (name, b"2")]
    sent = asyncio.run(_serve(Guard(APP, GuardLimits()), scope(headers=headers), []))
    assert sent[0]["status"] == 400


def test_websockets_are_refused() -> None:
    sent = asyncio.run(_serve(Guard(APP, GuardLimits()), {"type": "websocket"}, []))
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_the_lifespan_is_passed_on() -> None:
    with TestClient(Guard(APP, GuardLimits())) as client:
        assert client.get("/").status_code == 200
