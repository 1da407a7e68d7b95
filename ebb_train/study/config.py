"""The settings of a study: the file ``study.toml`` of its folder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ebb.codec import from_plain, to_plain
from ebb.documents import read_toml
from ebb.errors import InvalidInput, UsageError
from ebb.files import sha256_bytes, write_atomic
from ebb.settings import canonical_json
from ebb_train.study.analysis_plan import AnalysisPlan, plan_from_table
from ebb_train.study.settings import MAX_TEXT, StudySettings
from ebb_train.study.votes import Answer

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = "study.toml"

CONSENT = """\
You will see pairs of pictures and say how they compare. You need no special knowledge.
You can pause at any time and go on later, and you can stop at any time.

Your answers are stored with the time each took, the size of your screen and the family of
your browser. Your name, your address and your network address are not stored. You can
delete your answers at the end or in the pause menu."""

PLAN = AnalysisPlan()

_HEAD = """\
# A study made by ebb-train study new. Texts may be changed at any time; all else only before the first vote.
# The table [analysis] holds the rules by which raters are excluded; its hash is printed with every result.

"""


@dataclass(frozen=True, kw_only=True)
class StudyConfig(StudySettings):
    """The contents of ``study.toml``."""

    answer: Answer  # type: ignore[assignment]
    methods: tuple[str, ...]
    """Names of the methods, which raters never see."""
    min_seconds_seen: float = 0.8
    """Shortest time for which both pictures are visible before an answer is accepted, in seconds."""
    max_sessions: int = 10_000
    """Number of sessions after which no further ones begin."""
    consent: str = CONSENT
    """What raters agree to before they begin."""
    analysis: AnalysisPlan = PLAN
    """Rules of exclusion and settings of the bootstrap."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(set(self.methods)) < len(self.methods) or not all(self.methods):
            raise UsageError("methods must have different names")
        if len(self.methods) < (2 if self.answer is Answer.PAIR else 1):
            raise UsageError("pairs need at least two methods, opinions one")
        if not (0 <= self.min_seconds_seen <= 60 and 1 <= self.max_sessions <= 1_000_000):
            raise UsageError("min_seconds_seen must be between 0 and 60, max_sessions between 1 and 1000000")
        if not self.consent.strip() or len(self.consent) > MAX_TEXT:
            raise UsageError(f"consent must have between 1 and {MAX_TEXT} characters")

    @property
    def conditions(self) -> tuple[tuple[str, str], ...]:
        """What an image is judged in: a method and "", or two methods in the order of the file."""
        if self.answer is Answer.OPINION:
            return tuple((method, "") for method in self.methods)
        return tuple(
            (first, second)
            for number, first in enumerate(self.methods)
            for second in self.methods[number + 1 :]
        )

    @property
    def design(self) -> str:
        """Everything but the texts, as canonical JSON: what must not change once there are votes."""
        return canonical_json(to_plain(replace(self, title="-", contact="", consent="-")))

    @property
    def design_hash(self) -> str:
        """SHA-256 of the design, as 64 hex digits."""
        return sha256_bytes(self.design.encode())


def read_config(study: Path) -> StudyConfig:
    """Read the settings of a study.

    Args:
        study: The folder of the study.

    Raises:
        InvalidInput: the folder is not that of a study.
        UsageError: the file cannot be read, or a setting is unknown or invalid.
    """
    path = study / CONFIG
    if not path.is_file():
        what = "not a study: it has no study.toml" if study.is_dir() else "no such folder"
        raise InvalidInput(what, path=study, hint="make one with: ebb-train study new")
    values = read_toml(path, "the settings of the study")
    plan = values.pop("analysis", {})
    if not isinstance(plan, dict):
        raise UsageError("analysis is not a table", path=path)
    try:
        if values.get("answer") not in list(Answer):
            raise ValueError(f"answer: expected one of: {', '.join(Answer)}")  # noqa: TRY301 - told below
        config = from_plain(StudyConfig, values, "")
        return replace(config, analysis=plan_from_table(plan, path))
    except ValueError as error:
        raise UsageError(str(error), path=path, hint="correct this setting") from error
    except UsageError as error:
        raise UsageError(error.message, path=path, hint="correct this setting") from error


def write_config(study: Path, config: StudyConfig) -> None:
    """Write the settings of a study.

    Raises:
        OutputError: the file cannot be written.
    """
    import tomli_w

    values = to_plain(config)
    write_atomic(study / CONFIG, (_HEAD + tomli_w.dumps(values, multiline_strings=True)).encode())  # type: ignore[arg-type]
