from __future__ import annotations

import io
import json
import random
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image

from ebb.serving.address import Address
from ebb.serving.group_commit import TooBusy
from ebb.serving.limits import Rate
from ebb_train.study.app import PAGES, Rates, browser_family
from ebb_train.study.schema import TABLES, open_store_to_read
from ebb_train.study.vote_reader import read_votes
from tests.helpers.study_folders import Rater, served, small_study

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MANY = Rate(1e9, 1e9)
UNLIMITED = Rates(sessions=MANY, requests=MANY, strangers=MANY)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return small_study(tmp_path, methods=2, images=4, questions=18).folder


def contents(study: Path) -> dict[str, list[Any]]:
    """All rows of the store."""
    with closing(open_store_to_read(study)) as db:
        return {table: db.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in TABLES}


@pytest.mark.parametrize("answer", ["opinion", "pair"])
def test_a_session_from_consent_to_thanks(answer: str, tmp_path: Path) -> None:
    study = small_study(tmp_path, methods=2, images=4, questions=16, answer=answer).folder
    with served(study) as (client, clock, _):
        described = client.get("/api/study").json()
        assert (described["answer"], len(described["labels"])) == (answer, 5 if answer == "opinion" else 3)
        rater = Rater(client, clock, lambda _, rng: rng.randrange(3))
        state = rater.take_part()
        assert state["finished"]
        assert state["questions"] == []
        assert client.get("/api/session", headers=rater.headers).json() == state
    votes = read_votes(study)
    assert [session.is_finished for session in votes.sessions] == [True]
    assert len(votes.votes) == state["total"] == len(rater.answers)
    assert all(vote.was_loaded for vote in votes.votes)
    assert [round(vote.seconds, 3) for vote in votes.votes] == [2.0] * len(votes.votes)


def test_the_page_and_its_files_come_from_the_server_alone(study: Path) -> None:
    with served(study) as (client, _, _):
        for name in ("", *(f"page/{name}" for name in PAGES)):
            reply = client.get(f"/{name}")
            assert reply.status_code == 200
            text = reply.text.replace("http://www.w3.org/2000/svg", "")
            assert "http:" not in text
            assert "https:" not in text
            assert "innerHTML" not in text
        page = client.get("/").text
        assert "style=" not in page
        assert "<script>" not in page
        assert "onclick" not in page
        assert "set-cookie" not in client.get("/").headers
        for wrong in ("page/../config.py", "page/__init__.py", "page/", "nothing", "api/", "picture/x"):
            assert client.get(f"/{wrong}").status_code == 404
        assert client.post("/api/study").status_code == 405


def test_pictures_are_served_as_they_are_stored(study: Path) -> None:
    with served(study) as (client, clock, store):
        rater = Rater(client, clock, lambda *_: 0)
        question = rater.begin()["questions"][0]
        for name in (question["left"], question["right"]):
            reply = client.get(f"/picture/{name}")
            path = store.picture(name)
            assert path is not None
            assert reply.content == path.read_bytes()
            assert reply.headers["Content-Type"] == "image/png"
            assert "immutable" in reply.headers["Cache-Control"]
            with Image.open(io.BytesIO(reply.content)) as image:
                assert np.asarray(image).shape == (64, 96, 3)


def test_nothing_that_a_rater_receives_names_a_method(study: Path) -> None:
    with served(study) as (client, clock, _):
        rater = Rater(client, clock, lambda *_: 0)
        texts = [json.dumps(rater.begin()), client.get("/api/study").text]
        for _ in range(17):
            clock.now += 3
            state = client.get("/api/session", headers=rater.headers)
            texts.append(rater.vote(state.json()["done"], 0).text + state.text)
    for word in ("m0", "m1", "image_", "anchor", "reference", "trap", "real"):
        assert not any(word in text for text in texts)


def test_a_session_needs_consent_and_a_plausible_screen(study: Path) -> None:
    with served(study) as (client, _, _):
        for body, status in (
            ({"consent": False}, 403),
            ({}, 400),
            ({"consent": 1}, 400),
            ({"consent": True, "screen_w": -1}, 400),
            ({"consent": True, "screen_h": 10**9}, 400),
            ({"consent": True, "dpr": 0.0}, 400),
            ({"consent": True, "name": "Mallory"}, 400),
        ):
            assert client.post("/api/session", json=body).status_code == status
    assert contents(study)["session"] == []


def test_no_address_of_a_rater_is_stored(study: Path) -> None:
    agent = "Mozilla/5.0 (X11; Secret 1.2.3) Gecko/20100101 Firefox/140.0"
    with served(study) as (client, clock, _):
        client.headers.update({"User-Agent": agent, "X-Forwarded-For": "198.51.100.77"})
        Rater(client, clock, lambda *_: 0).take_part(2)
    text = json.dumps(contents(study))
    assert "Firefox" in text
    for secret in ("Secret", "198.51.100.77", "testclient", "140.0"):
        assert secret not in text
        assert not any(secret.encode() in path.read_bytes() for path in study.glob("study.sqlite*"))


@pytest.mark.parametrize(
    ("agent", "family"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox"),
        ("Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36", "Chrome"),
        ("Mozilla/5.0 AppleWebKit/537.36 Chrome/150.0 Safari/537.36 Edg/150.0", "Edge"),
        ("Mozilla/5.0 (iPhone) AppleWebKit/605 Version/19.0 Mobile/15E148 Safari/604.1", "Safari"),
        ("<script>alert(1)</script>", "other"),
        ("", "other"),
    ],
)
def test_only_the_family_of_a_browser_is_kept(agent: str, family: str) -> None:
    assert browser_family(agent) == family


def test_a_deleted_session_is_gone(study: Path) -> None:
    with served(study) as (client, clock, _):
        rater = Rater(client, clock, lambda *_: 0)
        rater.take_part(4)
        assert client.delete("/api/session", headers=rater.headers).status_code == 200
        for reply in (
            client.get("/api/session", headers=rater.headers),
            client.delete("/api/session", headers=rater.headers),
            client.post("/api/training", headers=rater.headers),
            rater.vote(4, 0),
        ):
            assert reply.status_code == 401
    rows = contents(study)
    assert rows["vote"] == rows["question"] == []
    assert read_votes(study).sessions == ()


def test_a_proxy_with_another_name_is_served(study: Path) -> None:
    names = Address("127.0.0.1", 8765).names_with("study.example")
    with served(study, names=names) as (client, _, _):
        own = {"Host": "study.example", "Origin": "https://study.example"}
        assert client.post("/api/session", json={"consent": True}, headers=own).status_code == 201
        for other in ({"Host": "evil.example"}, own | {"Origin": "https://evil.example"}):
            reply = client.post("/api/session", json={"consent": True}, headers=other)
            assert reply.status_code in {403, 421}


def test_floods_are_slowed_down_for_each_session_alone(study: Path) -> None:
    rates = Rates(sessions=Rate(2, 1), requests=Rate(5, 1), strangers=Rate(3, 1))
    with served(study, rates) as (client, clock, _):
        first, second = (Rater(client, clock, lambda *_: 0) for _ in range(2))
        first.begin()
        second.begin()
        reply = client.post("/api/session", json={"consent": True})
        assert (reply.status_code, reply.headers["Retry-After"]) == (429, "1")
        codes = [client.get("/api/session", headers=first.headers).status_code for _ in range(6)]
        assert codes == [200, 200, 200, 200, 429, 429]
        assert client.get("/api/session", headers=second.headers).status_code == 200
        wrong = [client.get("/api/session", headers={"Authorization": "Bearer x"}) for _ in range(5)]
        assert [reply.status_code for reply in wrong] == [401, 401, 401, 429, 429]
        clock.now += 1
        assert client.get("/api/session", headers=first.headers).status_code == 200


def test_a_lost_reply_is_repeated_and_counts_once(study: Path) -> None:
    with served(study) as (client, clock, _):
        rater = Rater(client, clock, lambda *_: 0)
        rater.begin()
        clock.now += 5
        first, again = rater.vote(0, 3), rater.vote(0, 3)
        assert first.json() == again.json()
        other = rater.vote(0, 2)
        assert (other.status_code, other.json()) == (409, {"error": "this question was answered already"})
    assert [row[2] for row in contents(study)["vote"]] == [3]


@pytest.mark.parametrize(
    ("error", "status"),
    [(TooBusy(), 503), (sqlite3.OperationalError("disk is full"), 507), (KeyError("x"), 500)],
)
def test_what_cannot_be_stored_is_not_acknowledged(
    error: Exception, status: int, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(study) as (client, clock, store):
        rater = Rater(client, clock, lambda *_: 0)
        rater.begin()
        clock.now += 5

        def fail(*_: object) -> None:
            raise error

        monkeypatch.setattr("ebb_train.study.store.insert_vote", fail)
        rater.client = type(client)(client.app, str(client.base_url), raise_server_exceptions=False)
        reply = rater.vote(0, 3)
        assert reply.status_code == status
        assert "disk is full" not in reply.text
        assert reply.headers["Content-Security-Policy"]
        monkeypatch.undo()
        assert rater.vote(0, 3).status_code == 200
        assert store.find(rater.token) is not None


EVIL = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{7*7}}", "' OR 1=1 --", "\x00\u202e")


def _hostile(rng: random.Random, victim: Rater, done: int) -> tuple[str, str, dict[str, Any]]:
    """A request that must not change anything."""
    evil = rng.choice(EVIL)
    quoted = quote(evil)
    token = rng.choice([victim.token, "", evil.encode("latin-1", "replace").decode("latin-1"), "a" * 43])
    headers = {"Authorization": f"Bearer {token}".replace("\x00", "?")}
    vote = {"position": done, "value": 1, "shown_ms": 2000.0, "loaded_ms": 1500.0, "zoomed": False}
    bad_values: list[Any] = [evil, None, [], {}, -1, 10**30, 1e308, 2.5, True, "1", [vote] * 3]
    spoiled = vote | {rng.choice(list(vote)): rng.choice(bad_values[:5] + bad_values[5:])}
    if spoiled == vote | {"zoomed": True} or (spoiled["zoomed"] is True and spoiled["position"] == done):
        spoiled["zoomed"] = evil
    if type(spoiled["value"]) is int and type(spoiled["position"]) is int and spoiled["position"] == done:
        spoiled["loaded_ms"] = -1.0
    replay = vote | {"position": rng.randrange(done), "value": rng.randrange(5)}
    requests: list[Callable[[], tuple[str, str, dict[str, Any]]]] = [
        lambda: ("POST", "/api/vote", {"json": spoiled, "headers": headers}),
        lambda: ("POST", "/api/vote", {"json": replay, "headers": headers}),
        lambda: ("POST", "/api/vote", {"json": vote | {evil: 1}, "headers": headers}),
        lambda: ("POST", "/api/vote", {"json": vote, "headers": headers | {"Origin": "http://evil.example"}}),
        lambda: (
            "POST",
            "/api/vote",
            {"content": b"x" * rng.choice([10, 20_000, 200_000]), "headers": headers},
        ),
        lambda: ("POST", "/api/session", {"json": {"consent": evil}}),
        lambda: ("POST", "/api/session", {"json": {"consent": True, "screen_w": evil}}),
        lambda: ("POST", f"/api/{quoted}", {"json": {evil: evil}}),
        lambda: ("GET", f"/picture/{quoted}", {}),
        lambda: ("GET", f"/page/../../{quoted}", {}),
        lambda: (
            "GET",
            f"/?q={quoted}",
            {"headers": {"Host": evil.encode("ascii", "ignore").decode().strip("\x00")}},
        ),
        lambda: ("DELETE", "/api/session", {"headers": headers | {"Sec-Fetch-Site": "cross-site"}}),
        lambda: ("DELETE", "/api/session", {"headers": {"Authorization": "Bearer " + "b" * 43}}),
        lambda: (rng.choice(["PUT", "PATCH", "OPTIONS"]), "/api/vote", {"json": vote, "headers": headers}),
    ]
    return rng.choice(requests)()


def test_a_thousand_hostile_requests_change_nothing_and_are_not_repeated(tmp_path: Path) -> None:
    study = small_study(tmp_path, methods=2, images=4, questions=18, title=EVIL[0]).folder
    rng = random.Random(18)
    names = frozenset({"localhost"})
    with served(study, UNLIMITED, names) as (client, clock, _):
        victim = Rater(client, clock, lambda *_: 3)
        victim.take_part(5)
        before = contents(study)
        clock.now += 100
        codes: dict[int, int] = {}
        for _ in range(1000):
            method, path, values = _hostile(rng, victim, 5)
            reply = client.request(method, path, **values)
            codes[reply.status_code] = codes.get(reply.status_code, 0) + 1
            assert reply.status_code < 500
            assert reply.headers["X-Content-Type-Options"] == "nosniff"
            if "html" in reply.headers.get("Content-Type", ""):
                assert reply.text == client.get("/").text  # the page, which is a plain file
            else:
                assert not any(evil in reply.text for evil in EVIL)
        assert contents(study) == before
        assert {400, 401, 403, 404, 405, 409, 413, 421} <= codes.keys()
        assert codes.get(200, 0) < 100  # equal replays, and the page itself
        assert victim.vote(5, 3).status_code == 200  # the session goes on


def test_a_flood_does_not_fill_the_store(study: Path) -> None:
    with served(study, Rates(sessions=Rate(10, 0.001))) as (client, _, _):
        codes = [client.post("/api/session", json={"consent": True}).status_code for _ in range(200)]
    assert (codes.count(201), codes.count(429)) == (10, 190)
    assert len(contents(study)["session"]) == 10
