"""Settings: defaults written once, checked values, strict TOML."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from ebb.errors import UsageError
from ebb.settings import (
    SECTIONS,
    AlignSettings,
    DepthSettings,
    IngestSettings,
    RunSettings,
    ShardSettings,
    as_dict,
    canonical_json,
    from_values,
    read_sections,
)


def test_a_field_name_stands_for_one_thing() -> None:
    """The verb `run` flattens all sections into flags, so no two may share a name."""
    names = [field.name for cls in SECTIONS.values() for field in dataclasses.fields(cls)]
    assert len(names) == len(set(names))


def test_every_field_has_a_help_text() -> None:
    folder = Path(__file__).parents[2] / "ebb"
    source = "\n".join((folder / name).read_text() for name in ("settings.py", "measurements.py"))
    for cls in SECTIONS.values():
        for field in dataclasses.fields(cls):
            assert re.search(rf'^    {field.name}: .*\n    """.+', source, re.MULTILINE), field.name


@pytest.mark.parametrize("cls", SECTIONS.values())
def test_values_round_trip(cls: type) -> None:
    assert from_values(cls, as_dict(cls())) == cls()


def test_paths_and_whole_floats() -> None:
    settings = from_values(IngestSettings, {"pairs": "a.csv", "wide_f": 22})
    assert settings.pairs == Path("a.csv")
    assert isinstance(settings.wide_f, float)
    assert as_dict(settings)["pairs"] == "a.csv"


@pytest.mark.parametrize(
    ("cls", "values", "message"),
    [
        (AlignSettings, {"height": "big"}, "height: expected int, got 'big'"),
        (AlignSettings, {"height": True}, "height: expected int, got True"),
        (AlignSettings, {"height": -2}, "--height -2 is negative"),
        (AlignSettings, {"max_rotation_deg": float("nan")}, "--max-rotation-deg nan is not positive"),
        (AlignSettings, {"height": 1023}, "--height 1023 is odd"),
        (AlignSettings, {"min_inliers": 4}, "--min-inliers 4"),
        (AlignSettings, {"match_ratio": 1.5}, "--match-ratio 1.5 is not between 0 and 1"),
        (IngestSettings, {"wide_f": 1.8}, "not larger than --shallow-f"),
        (IngestSettings, {"apertures": "both"}, "one of: exact, extremes"),
        (IngestSettings, {"max_gap": float("nan")}, "is not positive"),
        (ShardSettings, {"test": -1.0}, "neither a share below 1 nor a whole count"),
        (ShardSettings, {"test": float("nan")}, "neither a share below 1 nor a whole count"),
        (ShardSettings, {"test": float("inf")}, "neither a share below 1 nor a whole count"),
        (ShardSettings, {"val": 1.5}, "neither a share below 1 nor a whole count"),
        (RunSettings, {"workers": -1}, "--workers -1 is negative"),
        (RunSettings, {"depth_batch": -1}, "--depth-batch -1 is negative"),
        (DepthSettings, {"sidecar_values": "guess"}, "one of: inverse, distance"),
        (DepthSettings, {"model_size": -1}, "--model-size -1 is negative"),
        (DepthSettings, {"model_multiple": -14}, "--model-multiple -14 is negative"),
        (DepthSettings, {"model_output": "depth"}, "one of: auto, inverse, distance, log_distance"),
        (DepthSettings, {"device": "gpu"}, "--device gpu (auto, cpu, cuda or cuda:1)"),
        (
            DepthSettings,
            {"model_normalisation": "0.5"},
            "--model-normalisation 0.5 is not a normalisation (use auto, imagenet, half, unit",
        ),
        (DepthSettings, {"model_normalisation": "0,0,0,1,1,0"}, "three deviations above 0"),
        (DepthSettings, {"model_normalisation": "0,0,nan,1,1,1"}, "three deviations above 0"),
        (DepthSettings, {"model_normalisation": "a,b,c,d,e,f"}, "three deviations above 0"),
    ],
)
def test_invalid_values_are_refused(cls: type, values: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        from_values(cls, values)


def test_normalisation_by_name_and_in_numbers() -> None:
    assert DepthSettings().normalisation is None
    assert DepthSettings(model_normalisation="half").normalisation == ((0.5,) * 3, (0.5,) * 3)
    numbers = DepthSettings(model_normalisation="0.1, 0.2, 0.3, 1, 2, 3").normalisation
    assert numbers == ((0.1, 0.2, 0.3), (1, 2, 3))


def test_workers_default_to_the_cores() -> None:
    assert RunSettings().num_workers >= 1
    assert RunSettings(workers=3).num_workers == 3


def test_toml_is_strict(tmp_path: Path) -> None:
    path = tmp_path / "ebb.toml"
    path.write_text("[align]\nheight = 512\n[versions]\nebb = '1'\n")
    assert read_sections(path) == {"align": {"height": 512}}
    path.write_text("[align]\nhieght = 512\n")
    with pytest.raises(UsageError, match=r"unknown key 'hieght' in \[align\] \(known: height"):
        read_sections(path)
    path.write_text("[allign]\n")
    with pytest.raises(UsageError, match=r"unknown section \[allign\] \(known: ingest, align"):
        read_sections(path)
    path.write_text("[align")
    with pytest.raises(UsageError, match="cannot read settings"):
        read_sections(path)


def test_canonical_json_does_not_depend_on_order() -> None:
    assert canonical_json({"b": 1, "a": "ü"}) == canonical_json({"a": "ü", "b": 1}) == '{"a":"ü","b":1}'


def test_a_whole_number_is_the_same_setting_as_the_float() -> None:
    """Otherwise a stage would be repeated after its settings are read from a file."""
    written = [as_dict(AlignSettings(max_residual_px=value)) for value in (1, 1.0)]
    assert canonical_json(written[0]) == canonical_json(written[1])
    assert from_values(AlignSettings, written[0]) == AlignSettings(max_residual_px=1)
