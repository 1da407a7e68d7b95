from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from ebb.serving.replies import Refused, json_reply, read_value, refusal


@dataclass(frozen=True, kw_only=True)
class Answer:
    value: int
    seconds: float = 0.0
    name: str = ""


async def answer(request: Request) -> Response:
    return json_reply(await read_value(request, Answer), 201, {"X-Test": "1"})


async def refuse(_: Request, error: Refused) -> Response:
    return refusal(error)


@pytest.fixture
def client() -> TestClient:
    handlers = {Refused: refuse}
    return TestClient(Starlette(routes=[Route("/", answer, methods=["POST"])], exception_handlers=handlers))


def test_typed_values_go_in_and_out(client: TestClient) -> None:
    reply = client.post("/", json={"value": 3, "seconds": 1, "name": "<b>é"})
    assert (reply.status_code, reply.headers["X-Test"]) == (201, "1")
    assert reply.json() == {"value": 3, "seconds": 1.0, "name": "<b>é"}
    assert reply.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "body",
    [
        *(
            b"",
            b"{",
            b"[]",
            b"null",
            b"3",
            b'"value"',
            b'{"value": "3"}',
            b'{"value": 3.0}',
            b'{"value": true}',
        ),
        *(b"{}", b'{"value": 3, "other": 1}', b'{"value": 3, "seconds": NaN}', b'{"value": 3, "name": null}'),
        *(b"\xff\xfe", b'{"value": 3, "seconds": Infinity}', b"[" * 10_000, b'{"value": [NaN]}'),
        b'{"value": 3, "seconds": 1e999}',
    ],
)
def test_other_bodies_are_refused_without_an_echo(client: TestClient, body: bytes) -> None:
    reply = client.post("/", content=body, headers={"Content-Type": "application/json"})
    assert reply.status_code == 400
    assert reply.json() == {"error": "the body is not as expected"}


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_other_types_are_refused_so_that_forms_of_other_sites_cannot_be_used(
    client: TestClient, kind: str
) -> None:
    assert client.post("/", content=b'{"value": 3}', headers={"Content-Type": kind}).status_code == 415


def test_a_refusal_has_status_message_and_headers() -> None:
    reply = refusal(Refused(429, "wait", {"Retry-After": "2"}))
    assert (reply.status_code, reply.headers["Retry-After"]) == (429, "2")
    assert json.loads(bytes(reply.body)) == {"error": "wait"}
