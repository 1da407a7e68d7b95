"""Replies as JSON, requests read as typed values, and the errors that a handler raises."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, TypeVar

from starlette.responses import Response

from ebb.codec import from_plain, to_plain
from ebb.documents import parse_json
from ebb.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

T = TypeVar("T")

JSON_TYPE = "application/json"


class Refused(Exception):
    """A request that is answered with an error.

    Args:
        status: Status code of HTTP.
        message: What is wrong, for people.
        headers: Further headers of the reply.
    """

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})


def json_reply(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Reply with a typed or plain value."""
    text = json.dumps(to_plain(value), ensure_ascii=False, allow_nan=False)
    return Response(text.encode(), status, dict(headers or {}), JSON_TYPE)


def refusal(error: Refused) -> Response:
    """The reply to a refused request: an object with the message."""
    return json_reply({"error": error.message}, error.status, error.headers)


async def read_value(request: Request, kind: type[T]) -> T:
    """Read the body of a request as a typed value.

    Raises:
        Refused: its type is not JSON, or it is not such a value; no part of it is repeated in the message.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON_TYPE:
        raise Refused(415, f"send {JSON_TYPE}")
    try:
        return from_plain(kind, _finite(parse_json(await request.body())))
    except (InvalidInput, ValueError) as error:
        raise Refused(400, "the body is not as expected") from error


def _finite(value: object) -> object:
    """The value, without NaN and infinity, which Python reads and JSON does not have."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in inside:
        _finite(item)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("not a finite number")
    return value
