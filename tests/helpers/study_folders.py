"""Small studies: folders of pictures, a study made of them, and raters who take part over HTTP."""

from __future__ import annotations

import random
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from starlette.testclient import TestClient

from ebb.formats.png import encode_png
from ebb.progress import SilentProgress
from ebb.serving.address import Address, listen
from ebb.serving.run import make_server
from ebb_train.study.app import Rates, study_app
from ebb_train.study.new_study import make_study
from ebb_train.study.settings import PictureSettings, StudySettings
from ebb_train.study.store import StudyStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import httpx2

    from ebb.arrays import Rgb8
    from ebb_train.study.new_study import NewStudy


class Clock:
    """Time that passes only when it is told to."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def picture(seed: int, size: tuple[int, int] = (64, 96)) -> Rgb8:
    """A coloured texture."""
    noise = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 1.5), np.uint8)


def picture_folders(folder: Path, methods: int = 3, images: int = 6) -> tuple[Path, list[str]]:
    """Folders of target photos and of methods, each blurrier than the one before, as ``study new`` takes."""
    targets = folder / "targets"
    targets.mkdir(parents=True)
    for image in range(images):
        (targets / f"image_{image}.png").write_bytes(encode_png(picture(image)))
    named = []
    for method in range(methods):
        place = folder / f"method_{method}"
        place.mkdir()
        for image in range(images):
            blurred = cv2.GaussianBlur(picture(image), (0, 0), 0.5 + method)
            (place / f"image_{image}.png").write_bytes(encode_png(np.asarray(blurred, np.uint8)))
        named.append(f"m{method}={place}")
    return targets, named


def small_study(folder: Path, *, methods: int = 3, images: int = 6, **settings: Any) -> NewStudy:
    """Make a study in ``folder / "study"``."""
    targets, named = picture_folders(folder, methods, images)
    made = StudySettings(**settings)
    return make_study(folder / "study", targets, named, made, PictureSettings(), SilentProgress())


@dataclass
class Rater:
    """Takes part over HTTP; the answer to a question follows from what the pictures are."""

    client: TestClient | httpx2.Client
    clock: Clock
    answer: Callable[[Mapping[str, Any], random.Random], int]
    seed: int = 0
    seconds: float = 2.0
    token: str = ""
    answers: list[tuple[int, int]] = field(default_factory=list)

    @property
    def headers(self) -> dict[str, str]:
        """Those that name the session."""
        return {"Authorization": f"Bearer {self.token}"}

    def begin(self) -> dict[str, Any]:
        """Agree and begin; the training is passed over."""
        reply = self.client.post("/api/session", json={"consent": True, "screen_w": 390, "screen_h": 844})
        assert reply.status_code == 201, reply.text
        self.token = reply.json()["token"]
        found: dict[str, Any] = self.client.post("/api/training", headers=self.headers).json()
        return found

    def vote(self, position: int, value: int) -> httpx2.Response:
        """Send an answer."""
        ms = 1000 * self.seconds
        body = {"position": position, "value": value, "shown_ms": ms + 100, "loaded_ms": ms, "zoomed": False}
        reply: httpx2.Response = self.client.post("/api/vote", json=body, headers=self.headers)
        return reply

    def take_part(self, most: int = 10_000) -> dict[str, Any]:
        """Answer questions, up to a number, and return where the session stands."""
        rng = random.Random(self.seed)
        state = self.begin()
        while not state["finished"] and len(self.answers) < most:
            self.clock.now += self.seconds + 0.5
            question = state["questions"][0]
            value = self.answer(question, rng)
            reply = self.vote(question["position"], value)
            assert reply.status_code == 200, reply.text
            self.answers.append((question["position"], value))
            state = reply.json()
        return state


@contextmanager
def served(
    study: Path, rates: Rates | None = None, names: frozenset[str] | None = None
) -> Iterator[tuple[TestClient, Clock, StudyStore]]:
    """The application of a study, for a client in this process."""
    clock = Clock()
    store = StudyStore(study, clock)
    try:
        app = study_app(store, names=names, rates=rates, clock=clock)
        with TestClient(app, "http://localhost:8765") as client:
            yield client, clock, store
    finally:
        store.close()


@contextmanager
def running(study: Path) -> Iterator[str]:
    """A server of a study in a thread, for browsers; its address."""
    store = StudyStore(study)
    opened, address = listen(Address("127.0.0.1", 0))
    started = threading.Event()
    server = make_server(study_app(store, names=address.names), started.set, grace_seconds=1)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]})
    thread.start()
    try:
        assert started.wait(30)
        yield address.url
    finally:
        server.should_exit = True
        thread.join()
        opened.close()
        store.close()
