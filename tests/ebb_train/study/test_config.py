from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ebb.errors import InvalidInput, UsageError
from ebb_train.study.analysis_plan import AnalysisPlan
from ebb_train.study.config import CONFIG, StudyConfig, read_config, write_config
from ebb_train.study.votes import Answer

if TYPE_CHECKING:
    from pathlib import Path

CONFIG_OF_TWO = StudyConfig(answer=Answer.OPINION, methods=("a", "b"))


def test_settings_are_written_and_read(tmp_path: Path) -> None:
    config = replace(
        CONFIG_OF_TWO,
        title='A "title" = \\ <b>',
        consent="One.\n\nTwo: é",
        min_seconds_seen=1.5,
        analysis=AnalysisPlan(max_trap_misses=1),
    )
    write_config(tmp_path, config)
    assert read_config(tmp_path) == config


def test_every_setting_and_every_rule_is_spelled_out(tmp_path: Path) -> None:
    write_config(tmp_path, CONFIG_OF_TWO)
    text = (tmp_path / CONFIG).read_text()
    for name in (*StudyConfig.__dataclass_fields__, *AnalysisPlan.__dataclass_fields__):
        assert name in text


def test_texts_do_not_change_the_design_but_rules_do(tmp_path: Path) -> None:
    texts = replace(CONFIG_OF_TWO, title="Other", consent="Other", contact="Other")
    assert texts.design_hash == CONFIG_OF_TWO.design_hash
    for other in (
        replace(CONFIG_OF_TWO, analysis=AnalysisPlan(min_variance=0.1)),
        replace(CONFIG_OF_TWO, questions=49),
        replace(CONFIG_OF_TWO, methods=("b", "a")),
    ):
        assert other.design_hash != CONFIG_OF_TWO.design_hash


def test_conditions_are_methods_or_pairs_of_them() -> None:
    assert CONFIG_OF_TWO.conditions == (("a", ""), ("b", ""))
    pairs = StudyConfig(answer=Answer.PAIR, methods=("a", "b", "c"))
    assert pairs.conditions == (("a", "b"), ("a", "c"), ("b", "c"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('methods = ["a", "a"]', "different names"),
        ("methods = []", "at least two methods"),
        ('answer = "rank"', "answer"),
        ("questions = 1.5", "questions"),
        ("questions = 3", "leave none"),
        ("min_seconds_seen = 61", "min_seconds_seen"),
        ("max_sessions = 0", "max_sessions"),
        ('consent = " "', "consent"),
        ("colour = 3", "colour: unknown"),
        ("analysis = 3", "analysis"),
        ("[analysis]\nmax_trap_misses = -1", "analysis"),
        ("= 3", "cannot read the settings"),
    ],
)
def test_a_wrong_setting_is_named_with_its_file(line: str, message: str, tmp_path: Path) -> None:
    first = ['answer = "opinion"', 'methods = ["a", "b"]']
    kept = [each for each in first if each.split()[0] != line.split(maxsplit=1)[0]]
    (tmp_path / CONFIG).write_text("\n".join([*kept, line]))
    with pytest.raises(UsageError, match=message) as error:
        read_config(tmp_path)
    assert error.value.path == tmp_path / CONFIG


def test_pairs_need_two_methods() -> None:
    with pytest.raises(UsageError, match="two methods"):
        StudyConfig(answer=Answer.PAIR, methods=("a",))


def test_a_folder_that_is_no_study_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"no study.toml.*study new"):
        read_config(tmp_path)
    with pytest.raises(InvalidInput, match="no such folder"):
        read_config(tmp_path / "none")
