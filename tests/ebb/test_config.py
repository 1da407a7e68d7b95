"""Flag, environment, --config file, the dataset's ebb.toml, default: the first that has a value wins."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pytest
from cyclopts import App, CycloptsError, Parameter

from ebb.arguments import ProfiledLimits
from ebb.config import layered, unknown_variables
from ebb.errors import UsageError
from ebb.measurements import PROFILES
from ebb.settings import AlignSettings, RunSettings


def resolve(*arguments: str) -> tuple[AlignSettings, RunSettings, Path]:
    app = App(config=layered)

    @app.command
    def align(
        dataset: Path = Path("dataset"),
        config: Path | None = None,
        settings: Annotated[AlignSettings, Parameter(name="*")] = AlignSettings(),
        run: Annotated[RunSettings, Parameter(name="*")] = RunSettings(),
    ) -> tuple[AlignSettings, RunSettings, Path]:
        return settings, run, dataset

    result: tuple[AlignSettings, RunSettings, Path] = called(app, *arguments)
    return result


def called(app: App, *arguments: str) -> Any:
    return app(["align", *arguments], result_action="return_value", exit_on_error=False, print_error=False)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    (tmp_path / "ebb.toml").write_text("[align]\nheight = 100\nmin_inliers = 11\nmatch_ratio = 0.7\n")
    return tmp_path


def test_defaults() -> None:
    assert resolve("--dataset", "nowhere")[0] == AlignSettings()


def test_the_order_of_the_layers(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "mine.toml"
    config.write_text("[align]\nheight = 200\nmin_inliers = 22\n[run]\nretry_rejected = true\n")
    monkeypatch.setenv("EBB_ALIGN_HEIGHT", "300")
    settings, run, _ = resolve("--dataset", str(dataset), "--config", str(config))
    assert (settings.height, settings.min_inliers, settings.match_ratio) == (300, 22, 0.7)
    assert run.retry_rejected
    settings, _, _ = resolve("--dataset", str(dataset), "--config", str(config), "--height", "400")
    assert settings.height == 400


def test_a_flag_in_the_settings_file_is_turned_off(dataset: Path) -> None:
    (dataset / "ebb.toml").write_text("[align]\nmatch_exposure = true\n")
    assert resolve("--dataset", str(dataset))[0].match_exposure
    assert not resolve("--dataset", str(dataset), "--match-exposure=false")[0].match_exposure


def limits(*arguments: str) -> ProfiledLimits:
    app = App(config=layered)

    @app.command
    def align(
        dataset: Path = Path("dataset"),
        config: Path | None = None,
        limits: Annotated[ProfiledLimits, Parameter(name="*")] = ProfiledLimits(),
    ) -> ProfiledLimits:
        return limits

    found: ProfiledLimits = called(app, *arguments)
    return found


def test_a_profile_sets_the_limits_without_another_value(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Limits stored by an earlier run with another profile are not used."""
    config = tmp_path / "mine.toml"
    config.write_text("[align]\nmin_focus_share = 0.3\n")
    paper = PROFILES["paper"]
    where = ("--dataset", str(dataset), "--config", str(config))
    assert limits(*where).min_inliers == 11
    found = limits(*where, "--profile", "paper", "--max-residual-px", "0.7")
    assert (found.min_focus_share, found.max_residual_px) == (0.3, 0.7)
    assert (found.min_inliers, found.max_exposure_ev) == (paper.min_inliers, paper.max_exposure_ev)
    monkeypatch.setenv("EBB_PROFILE", "clean")
    monkeypatch.setenv("EBB_ALIGN_MAX_EXPOSURE_EV", "0.5")
    found = limits(*where)
    assert (found.min_inliers, found.max_exposure_ev) == (PROFILES["clean"].min_inliers, 0.5)
    with pytest.raises(CycloptsError, match="nonsense"):
        limits("--profile", "nonsense")


def test_the_environment_names_the_dataset(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EBB_DATASET", str(dataset))
    settings, _, folder = resolve()
    assert (settings.height, folder) == (100, dataset)


def test_an_unknown_key_is_an_error(dataset: Path) -> None:
    (dataset / "ebb.toml").write_text("[align]\nheigth = 1\n")
    with pytest.raises(UsageError, match="unknown key 'heigth'"):
        resolve("--dataset", str(dataset))


def test_a_missing_config_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read settings"):
        resolve("--config", str(tmp_path / "none.toml"))


def test_a_bad_value_names_the_flag_and_where_it_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EBB_ALIGN_HEIGHT", "tall")
    with pytest.raises(CycloptsError, match='for --height from EBB_ALIGN_HEIGHT: unable to convert "tall"'):
        resolve("--dataset", "nowhere")


def test_a_flag_of_the_verb_itself_is_not_a_setting(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (dataset / "ebb.toml").write_text('[ingest]\npairs = "pairs.csv"\n[align]\nheight = 100\n')
    monkeypatch.setenv("EBB_INGEST_PAIRS", "other.csv")
    app = App(config=layered)

    @app.command
    def status(dataset: Path, *, pairs: bool = False, height: int = 5) -> tuple[bool, int]:
        return pairs, height

    for arguments, expected in (([], (False, 5)), (["--pairs"], (True, 5))):
        assert app(["status", str(dataset), *arguments], result_action="return_value") == expected


NO_SUCH = "settings of ebb are named like EBB_ALIGN_HEIGHT; those of ebb-train have no variables"


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("EBB_ALIGN_HEIGTH", "did you mean EBB_ALIGN_HEIGHT?"),
        ("EBB_DEPTH_KEEPFLOAT", "did you mean EBB_DEPTH_KEEP_FLOAT?"),
        ("EBB_MEGADEPTH_WEIGHT", "did you mean EBB_MEGADEPTH_WEIGHTS?"),
        ("EBB_TRAIN_LEARNING_RATE", "settings of ebb-train have no variables"),
        ("EBB_FIT_WIDTH", NO_SUCH),
        ("EBB_JSON", NO_SUCH),
        ("EBB_XYZ", NO_SUCH),
    ],
)
def test_unknown_variables_are_named(name: str, advice: str) -> None:
    assert unknown_variables({name: "1"}) == [f"the variable {name} has no effect: {advice}"]


def test_variables_that_have_an_effect() -> None:
    names = (
        "EBB_ALIGN_HEIGHT",
        "EBB_RUN_WORKERS",
        "EBB_DATASET",
        "EBB_CONFIG",
        "EBB_CACHE",
        "EBB_VGG19_WEIGHTS",
    )
    assert unknown_variables({**dict.fromkeys(names, ""), "HOME": "/", "EBBE": ""}) == []
