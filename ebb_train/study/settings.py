"""Settings of studies; the docstrings of the fields are the help texts of the flags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ebb.errors import UsageError

MAX_QUESTIONS = 500
MAX_TEXT = 4000
"""Largest number of characters of a text of a study."""


@dataclass(frozen=True, kw_only=True)
class StudySettings:
    """What raters are asked, and how often."""

    title: str = "Compare pictures"
    """Title of the page."""
    answer: Literal["opinion", "pair"] = "opinion"
    """What raters give: an opinion of one picture beside the target photo, from 0 (almost identical) to 4
    (mostly different), or the better of two pictures."""
    questions: int = 50
    """Number of questions of a session with controls, without training; fewer if there are fewer pictures."""
    references: int = 2
    """Number of hidden references of a session: the target photo itself as a result; opinions only."""
    anchors: int = 2
    """Number of anchors of a session: a strongly blurred target photo; in pairs, beside the target photo."""
    traps: int = 3
    """Number of pictures of a session that ask for a certain answer."""
    repeats: int = 3
    """Number of questions of a session that are asked twice."""
    seed: int = 2020
    """Seed of the order of questions."""
    contact: str = ""
    """Whom raters can ask, such as an e-mail address; shown on the page."""

    def __post_init__(self) -> None:
        numbers = (self.references, self.anchors, self.traps, self.repeats, self.seed)
        if min(numbers) < 0:
            raise UsageError("--references, --anchors, --traps, --repeats and --seed must be at least 0")
        if not 1 <= self.questions <= MAX_QUESTIONS:
            raise UsageError(f"--questions must be between 1 and {MAX_QUESTIONS}")
        if self.num_judged < 1:
            raise UsageError(
                f"{self.questions} questions leave none beside the controls",
                hint="raise --questions, or lower --references, --anchors, --traps and --repeats",
            )
        if not self.title.strip() or max(len(self.title), len(self.contact)) > MAX_TEXT:
            raise UsageError(
                f"--title and --contact must have at most {MAX_TEXT} characters, the title at least one"
            )

    @property
    def num_judged(self) -> int:
        """Questions about the pictures that are compared, each asked once."""
        return self.questions - self.references - self.anchors - self.traps - self.repeats


@dataclass(frozen=True, kw_only=True)
class PictureSettings:
    """Pictures of a study."""

    split: Literal["train", "val", "test"] = "test"
    """Split of a data set whose shallow photos are the target photos."""
    max_height: int = 1440
    """Height in pixels to which higher pictures are reduced, in linear light."""
    pictures: Literal["png", "jpeg"] = "png"
    """Format of the pictures on the page: png keeps every pixel, jpeg (quality 95) is faster to load."""
    common: bool = False
    """Use only the images of which every method has a picture; otherwise a missing one is an error."""

    def __post_init__(self) -> None:
        if self.max_height < 64:
            raise UsageError("--max-height must be at least 64")


@dataclass(frozen=True, kw_only=True)
class ServeSettings:
    """Where a study is served."""

    host: str = "127.0.0.1"
    """Address to listen on. By default only this machine can reach the page; 0.0.0.0 opens it to all machines
    of its networks, over plain HTTP: put a proxy with HTTPS before it if it is reached over the internet."""
    port: int = 8765
    """Port to listen on; 0 lets the system choose one."""
    public_name: str = ""
    """Name in the address that raters open, such as study.example, if a proxy passes their requests on."""

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65_535:
            raise UsageError("--port must be between 0 and 65535")
        if set(self.public_name) & set("/: @"):
            raise UsageError("--public-name is a name without scheme and port", hint="such as study.example")
