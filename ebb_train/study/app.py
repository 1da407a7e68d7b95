"""The web application of a study: pages, pictures, and the requests of a session."""

from __future__ import annotations

import asyncio
import math
import sqlite3
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import FileResponse
from starlette.routing import Route

from ebb.serving.assets import Assets
from ebb.serving.group_commit import TooBusy
from ebb.serving.guard import Guard, GuardLimits
from ebb.serving.limits import Rate, RateLimit
from ebb.serving.replies import Refused, json_reply, read_value, refusal
from ebb.serving.tokens import bearer_token
from ebb_train.study.pictures import MEDIA_TYPES
from ebb_train.study.sessions import BeginRequest, NotAccepted, SessionState, VoteRequest
from ebb_train.study.votes import SCALE, Answer

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from typing import TypeVar

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from ebb_train.study.store import StudyStore

    T = TypeVar("T")

PAGE = "index.html"
PAGES = (PAGE, "study.css", "study.js", "viewer.js", "icon.svg")
"""Files of the page."""

BROWSERS = (("Firefox/", "Firefox"), ("Edg/", "Edge"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
"""Part of the header ``User-Agent`` → family of a browser, the first that applies; no more is stored."""

PREFERENCES = ("the left one", "no difference", "the right one")
"""Answers to a pair."""

_PICTURE_CACHE = {"Cache-Control": "private, max-age=86400, immutable"}
_MAX_SCREEN, _MAX_DPR = 100_000, 100.0


SESSION_RATE, REQUEST_RATE, STRANGER_RATE = Rate(400, 5), Rate(40, 5), Rate(100, 10)


@dataclass(frozen=True, kw_only=True)
class Rates:
    """How often the page may be asked.

    Attributes:
        sessions: New sessions, of all visitors together.
        requests: Requests of one session.
        strangers: Requests with a token that no session has, of all visitors together.
    """

    sessions: Rate = SESSION_RATE
    requests: Rate = REQUEST_RATE
    strangers: Rate = STRANGER_RATE


def study_app(
    store: StudyStore,
    *,
    names: frozenset[str] | None = None,
    rates: Rates | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> ASGIApp:
    """Make the application of a study.

    Args:
        store: The store of the study.
        names: Names of the server that requests may give; None: any.
        rates: How often it may be asked.
        clock: Seconds that only increase.
    """
    app = _StudyApp(store, rates or Rates(), clock)
    routes = [
        Route("/", app.page),
        Route("/page/{name}", app.page),
        Route("/picture/{name}", app.picture),
        Route("/api/study", app.describe),
        Route("/api/session", app.begin, methods=["POST"]),
        Route("/api/session", app.state, methods=["GET"]),
        Route("/api/session", app.erase, methods=["DELETE"]),
        Route("/api/training", app.finish_training, methods=["POST"]),
        Route("/api/vote", app.vote, methods=["POST"]),
    ]
    handlers: dict[Any, Any] = {
        Refused: _refuse,
        NotAccepted: _not_accepted,
        TooBusy: _busy,
        sqlite3.Error: _not_stored,
        404: _not_found,
        405: _wrong_method,
        Exception: _failed,
    }
    return Guard(Starlette(routes=routes, exception_handlers=handlers), GuardLimits(names=names))


class _StudyApp:
    """The handlers."""

    def __init__(self, store: StudyStore, rates: Rates, clock: Callable[[], float]) -> None:
        self._store = store
        self._assets = Assets("ebb_train.study.pages", PAGES)
        self._sessions, self._requests, self._strangers = (
            RateLimit(rate, clock) for rate in (rates.sessions, rates.requests, rates.strangers)
        )

    async def page(self, request: Request) -> Response:
        """A file of the page."""
        reply = self._assets.reply(request.path_params.get("name", PAGE), request)
        return reply if reply is not None else await _not_found(request, None)

    async def picture(self, request: Request) -> Response:
        """A picture, by its name in the table of stimuli."""
        path = self._store.picture(request.path_params["name"])
        if path is None:
            raise Refused(404, "there is no such picture")
        return FileResponse(path, headers=_PICTURE_CACHE, media_type=MEDIA_TYPES[path.suffix])

    async def describe(self, _: Request) -> Response:
        """What the page says about the study."""
        config = self._store.config
        is_opinion = config.answer is Answer.OPINION
        return json_reply(
            {
                "title": config.title,
                "answer": config.answer,
                "labels": SCALE if is_opinion else PREFERENCES,
                "questions": config.questions,
                "seconds_seen": config.min_seconds_seen,
                "consent": config.consent,
                "contact": config.contact,
            }
        )

    async def begin(self, request: Request) -> Response:
        """Begin a session, with the consent of the rater."""
        asked = await read_value(request, BeginRequest)
        if not asked.consent:
            raise Refused(403, "a session needs consent")
        if not (
            min(asked.screen_w, asked.screen_h) >= 0
            and max(asked.screen_w, asked.screen_h) <= _MAX_SCREEN
            and 0 < asked.dpr <= _MAX_DPR
        ):
            raise Refused(400, "the body is not as expected")
        _check_rate(self._sessions, "")
        begun = await _finished(
            self._store.begin(asked, browser_family(request.headers.get("user-agent", "")))
        )
        return json_reply({"token": begun.token, **_plain(begun.state)}, 201)

    async def state(self, request: Request) -> Response:
        """Where the session stands."""
        return await self._answer(request, self._store.state)

    async def finish_training(self, request: Request) -> Response:
        """The training is over."""
        return await self._answer(request, self._store.finish_training)

    async def vote(self, request: Request) -> Response:
        """Store an answer; the reply is sent after it is on disk."""
        session = self._session(request)
        vote = await read_value(request, VoteRequest)
        return json_reply(_plain(await _finished(self._store.vote(session, vote))))

    async def erase(self, request: Request) -> Response:
        """Delete the session with its votes."""
        await _finished(self._store.erase(self._session(request)))
        return json_reply({})

    async def _answer(self, request: Request, ask: Callable[[str], Future[SessionState]]) -> Response:
        return json_reply(_plain(await _finished(ask(self._session(request)))))

    def _session(self, request: Request) -> str:
        """The session of a request's token, within its rate."""
        token = bearer_token(request.headers.get("authorization"))
        session = self._store.find(token) if token is not None else None
        if session is None:
            _check_rate(self._strangers, "")
            raise Refused(401, "this session does not exist; it may have been deleted")
        _check_rate(self._requests, session)
        return session


def browser_family(user_agent: str) -> str:
    """Family of a browser; nothing else of the header is kept."""
    return next((family for part, family in BROWSERS if part in user_agent), "other")


def _plain(state: SessionState) -> dict[str, object]:
    return {
        "done": state.done,
        "total": state.total,
        "trained": state.is_trained,
        "finished": state.is_finished,
        "questions": [question._asdict() for question in state.questions],
        "training": [example._asdict() for example in state.training],
    }


def _check_rate(limit: RateLimit, visitor: str) -> None:
    wait = limit.seconds_to_wait(visitor)
    if wait > 0:
        raise Refused(429, "too many requests; wait a moment", _retry_after(wait))


def _retry_after(seconds: float) -> dict[str, str]:
    return {"Retry-After": str(max(1, math.ceil(seconds)))}


async def _finished(future: Future[T]) -> T:
    """Wait for the store; a request that is given up does not take its write back."""
    return await asyncio.shield(asyncio.wrap_future(future))


async def _refuse(_: Request, error: Refused) -> Response:
    return refusal(error)


async def _not_accepted(_: Request, error: NotAccepted) -> Response:
    return refusal(Refused(error.status, str(error), _retry_after(error.wait) if error.wait else {}))


async def _busy(_: Request, __: TooBusy) -> Response:
    return refusal(Refused(503, "the server is busy; try again", _retry_after(1)))


async def _not_stored(_: Request, __: sqlite3.Error) -> Response:
    return refusal(Refused(507, "it could not be stored; the server may have no space left"))


async def _not_found(_: Request, __: Exception | None) -> Response:
    return refusal(Refused(404, "there is no such page"))


async def _wrong_method(_: Request, __: Exception) -> Response:
    return refusal(Refused(405, "this method is not used here"))


async def _failed(_: Request, __: Exception) -> Response:
    return refusal(Refused(500, "the server made a mistake"))
