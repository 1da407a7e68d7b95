"""Pairing: every rule on a case a photographer would recognise, and the matching against SciPy's solver."""

from __future__ import annotations

import hashlib
import itertools
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import exifread
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebb.errors import Reason, Status
from ebb.formats.heif import HEIF_SUFFIXES
from ebb.pair_ids import ShallowPhoto, pair_id, pair_ids, scene_of
from ebb.photo.capture import Capture, Exif
from ebb.photo.pairing import Verdict, file_kind, pair_captures
from ebb.settings import IngestSettings

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

Matching: TypeAlias = "Sequence[tuple[int, int]]"
SAMPLE = Path(__file__).parents[3] / "data" / "sample" / "captures"
START = datetime.fromisoformat("2019-06-02 14:00:00")
EXACT = IngestSettings()
EXTREMES = IngestSettings(apertures="extremes")
SERIES = IngestSettings(series=True)
W, S = 16.0, 1.8


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def shot(name: str, f_number: float | None, seconds: float | None, **facts: Any) -> Capture:
    """One capture; ``facts`` go to the Exif record, or to the capture where it has such a field."""
    exif = {"camera": "Canon EOS 7D", "lens": "EF50mm f/1.8 II", "serial": "1", "focal_length_mm": 50.0}
    exif |= {"f_number": f_number, "captured_at": None}
    if seconds is not None:
        exif["captured_at"] = START + timedelta(seconds=seconds)
    own = {"name": name, "sha256": digest(name), "width": 1920, "height": 1280}
    for key, value in facts.items():
        (own if key in {"folder", "sha256", "width", "height"} else exif)[key] = value
    return Capture(exif=Exif(**exif), **own)


def series(*shots: tuple[float, float | None], suffix: str = "CR2") -> list[Capture]:
    """Captures IMG_1, IMG_2, … from (f-number, seconds)."""
    return [shot(f"IMG_{i}.{suffix}", f, t) for i, (f, t) in enumerate(shots, 1)]


def run(captures: list[Capture], rules: IngestSettings = EXACT) -> dict[str, Verdict]:
    verdicts = pair_captures(captures, rules)
    assert [v.capture for v in verdicts] == captures
    return {v.capture.name: v for v in verdicts}


def pairs(captures: list[Capture], rules: IngestSettings = EXACT) -> set[tuple[str, str]]:
    """(wide, shallow) as stem numbers, with the two halves of each pair checked against each other."""
    verdicts = run(captures, rules)
    found = set()
    for verdict in verdicts.values():
        if verdict.status is Status.OK:
            other = verdicts[verdict.partner]
            assert (other.partner, other.pair_id) == (verdict.capture.name, verdict.pair_id)
            assert {verdict.role, other.role} == {"wide", "shallow"}
            assert verdict.reason is None
            if verdict.role == "wide":
                assert verdict.pair_id == pair_id(verdict.capture.sha256, other.capture.sha256)
                found.add((verdict.capture.name, other.capture.name))
        else:
            assert verdict.status is Status.REJECTED
            assert (verdict.pair_id, verdict.partner) == ("", "")
            assert verdict.reason is not None
            assert verdict.detail
    return {tuple(n.removeprefix("IMG_").rpartition(".")[0] for n in pair) for pair in found}


def reasons(captures: list[Capture], rules: IngestSettings = EXACT) -> list[Reason | None]:
    return [v.reason for v in pair_captures(captures, rules)]


def scenes(captures: list[Capture], rules: IngestSettings = SERIES) -> dict[str, list[str]]:
    """Wide photo → its shallow photos from the largest aperture, as stem numbers; all names agree."""
    verdicts = run(captures, rules)
    found: dict[str, dict[str, str]] = {}
    for verdict in verdicts.values():
        if verdict.role == "shallow" and verdict.status is Status.OK:
            wide = verdicts[verdict.partner]
            assert (wide.role, wide.status) == ("wide", Status.OK)
            assert wide.pair_id == scene_of(verdict.pair_id)
            found.setdefault(wide.capture.name, {})[verdict.pair_id] = verdict.capture.name
            photos = [
                ShallowPhoto(v.capture.sha256, v.capture.exif.f_number)
                for v in verdicts.values()
                if v.partner == wide.capture.name and v.role == "shallow"
            ]
            assert verdict.pair_id in pair_ids(wide.capture.sha256, photos)
    stems = {wide: [shallow[key] for key in sorted(shallow)] for wide, shallow in found.items()}
    for wide, (first, *_) in stems.items():
        assert verdicts[wide].partner == first
    return {stem(wide): [stem(name) for name in names] for wide, names in stems.items()}


def stem(name: str) -> str:
    return name.removeprefix("IMG_").rpartition(".")[0]


# --- names and keys --------------------------------------------------------------------------------------


def test_every_ending_of_a_kind_is_one_kind() -> None:
    assert {file_kind(f"a{ending}") for ending in HEIF_SUFFIXES} == {"HEIC"}


def test_file_kind_goes_by_suffix() -> None:
    names = ["a.CR2", "a.b.dng", "a.RW2", "a.JPG", "a.jpeg", "a.TIF", "a.png", "no_suffix"]
    assert [file_kind(n) for n in names] == ["RAW", "RAW", "RAW", "JPEG", "JPEG", "TIFF", "PNG", ""]


# --- twins and duplicates --------------------------------------------------------------------------------


def test_equal_bytes_are_used_once_and_the_plainest_name_stays() -> None:
    names = ["copy of IMG_9.CR2", "a/IMG_9.CR2", "IMG_9 (1).CR2", "IMG_10.CR2", "IMG_9.CR2"]
    verdicts = run([*(shot(n, W, 0, sha256=digest("same")) for n in names), shot("IMG_11.CR2", S, 5)])
    assert verdicts["IMG_11.CR2"].partner == "IMG_9.CR2"
    for name in names[:-1]:
        assert verdicts[name].reason is Reason.DUPLICATE
        assert verdicts[name].detail == "same bytes as IMG_9.CR2"


def test_a_duplicate_from_another_folder_is_named_with_its_folder() -> None:
    one = shot("IMG_1.CR2", W, 0, folder="/card1", sha256=digest("same"))
    two = shot("IMG_1.CR2", W, 0, folder="/card2", sha256=digest("same"))
    _, second = pair_captures([one, two], EXACT)
    assert (second.reason, second.detail) == (Reason.DUPLICATE, "same bytes as /card1/IMG_1.CR2")


def test_a_jpeg_beside_its_raw_file_is_a_twin_in_any_folder() -> None:
    captures = [
        shot("RAW/IMG_1.CR2", W, 0.86), shot("RAW/IMG_2.CR2", S, 6.0),
        shot("JPEG/img_1.JPG", W, 0.86, width=1728), shot("IMG_2.jpg", S, 6.0), shot("IMG_2.tif", S, 6.0),
    ]  # fmt: skip
    verdicts = run(captures)
    assert [v.reason for v in verdicts.values()] == [None, None, *[Reason.JPEG_TWIN] * 3]
    assert verdicts["JPEG/img_1.JPG"].detail == "same exposure as RAW/IMG_1.CR2"


@pytest.mark.parametrize(
    "other",
    [
        {"f_number": 8.0},
        {"seconds": 1.0},
        {"seconds": 0.43},
        {"camera": "Canon EOS 5D"},
        {"serial": "2"},
    ],
)
def test_the_same_stem_alone_does_not_make_twins(other: dict[str, object]) -> None:
    raw, same = shot("IMG_1.CR2", W, 0.25), {"f_number": W, "seconds": 0.25}
    assert reasons([raw, shot("IMG_1.JPG", **same)])[1] is Reason.JPEG_TWIN
    assert reasons([raw, shot("IMG_1.JPG", **(same | other))])[1] is not Reason.JPEG_TWIN


def test_a_reader_without_sub_seconds_or_serial_still_finds_the_twin() -> None:
    """CR3 and RAF files are read by another library than JPEG, with whole seconds and fewer fields."""
    raw = shot("IMG_1.CR3", 1.7999999523162842, 7.0, serial="", camera="CANON EOS 7D")
    assert reasons([shot("IMG_1.JPG", S, 7.86), raw])[0] is Reason.JPEG_TWIN


def test_raw_file_and_jpeg_of_a_phone_with_different_names_are_twins() -> None:
    """Otherwise they would make two pairs of one scene."""
    captures = [
        shot("PXL_1.RAW-02.ORIGINAL.dng", W, 0.123), shot("PXL_1.RAW-01.COVER.jpg", W, 0.123),
        shot("PXL_2.RAW-02.ORIGINAL.dng", S, 4.5), shot("PXL_2.RAW-01.COVER.jpg", S, 4.5),
    ]  # fmt: skip
    assert reasons(captures) == [None, Reason.JPEG_TWIN, None, Reason.JPEG_TWIN]
    assert len(pairs(captures)) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"seconds": 0.126},
        {"f_number": S},
        {"camera": "Canon EOS 5D"},
        {"camera": ""},
        {"serial": "2"},
        {"exposure_time_s": 0.5},
    ],
)
def test_other_names_need_more_than_the_second(other: dict[str, object]) -> None:
    same = {"f_number": W, "seconds": 0.123, "exposure_time_s": 0.25}
    raw = shot("A.dng", **same)
    assert reasons([raw, shot("B.jpg", **same)])[1] is Reason.JPEG_TWIN
    assert reasons([raw, shot("B.jpg", **(same | other))])[1] is not Reason.JPEG_TWIN


def test_whole_seconds_are_not_enough_for_other_names() -> None:
    assert reasons([shot("A.dng", W, 3.0), shot("B.jpg", W, 3.0)])[1] is not Reason.JPEG_TWIN


def test_of_equal_files_the_original_stays() -> None:
    names = ["backup/IMG_1 (1).CR2", "DCIM/100CANON/IMG_1.CR2", "Copy of IMG_1.CR2"]
    verdicts = run([*(shot(n, W, 0, sha256=digest("same")) for n in names), shot("IMG_2.CR2", S, 5)])
    assert verdicts["IMG_2.CR2"].partner == "DCIM/100CANON/IMG_1.CR2"
    assert verdicts["backup/IMG_1 (1).CR2"].detail == "same bytes as DCIM/100CANON/IMG_1.CR2"


def test_without_times_twins_share_a_folder() -> None:
    captures = [shot("a/IMG_1.CR2", W, None), shot("a/IMG_1.JPG", W, None), shot("b/IMG_1.JPG", W, None)]
    assert reasons(captures) == [Reason.MISSING_PARTNER, Reason.JPEG_TWIN, Reason.MISSING_PARTNER]


def test_a_dng_made_from_a_raw_file_is_not_a_second_exposure() -> None:
    captures = [shot(f"IMG_{i}.{kind}", f, i) for i, f in ((1, W), (2, S)) for kind in ("dng", "NEF")]
    assert reasons(captures) == [Reason.JPEG_TWIN, None, Reason.JPEG_TWIN, None]


# --- apertures -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("f_number", [15.2, 16.0, 16.9])
def test_f_numbers_match_within_the_tolerance(f_number: float | None) -> None:
    assert pairs(series((f_number, 0), (S, 5))) == {("1", "2")}


@pytest.mark.parametrize("f_number", [1.7, 2.0, 14.0, 18.0, 22.0, 8.0])
def test_a_third_of_a_stop_away_is_another_aperture(f_number: float | None) -> None:
    verdict = pair_captures(series((f_number, 0)), EXACT)[0]
    assert (verdict.reason, verdict.role) == (Reason.OTHER_F_NUMBER, "")
    assert verdict.detail == f"f/{f_number:g} is neither f/16 nor f/1.8"


def test_a_scene_at_several_apertures_pairs_its_extremes() -> None:
    scene = series((16.0, 0), (8.0, 4), (1.8, 8))
    for rules in (EXACT, EXTREMES):
        assert pairs(scene, rules) == {("1", "3")}
        assert reasons(scene, rules)[1] is Reason.OTHER_F_NUMBER
    detail = pair_captures(scene, EXTREMES)[1].detail
    assert detail == "f/8 is between f/16 and f/1.8, the extremes of its scene"


@pytest.mark.parametrize("f_number", [None, 0.0, float("nan"), float("inf"), -1.0])
def test_a_manual_lens_has_no_f_number(f_number: float | None) -> None:
    captures = [shot("IMG_1.CR2", f_number, 0), shot("IMG_2.CR2", S, 5)]
    assert reasons(captures) == [Reason.NO_F_NUMBER, Reason.MISSING_PARTNER]
    assert reasons(captures[:1], EXTREMES) == [Reason.NO_F_NUMBER]


def test_extremes_are_those_of_each_scene() -> None:
    first, second = [(22.0, 0), (2.8, 10), (11.0, 20)], [(4.0, 100), (5.6, 110), (11.0, 120)]
    captures = series(*first, *second)
    assert pairs(captures, EXTREMES) == {("1", "2"), ("6", "4")}
    assert pairs(captures, EXACT) == set()


def test_extremes_need_a_stop_between_them() -> None:
    assert pairs(series((2.8, 0), (2.0, 5)), EXTREMES) == {("1", "2")}, "nominally one stop"
    assert reasons(series((2.8, 0), (2.2, 5)), EXTREMES) == [Reason.MISSING_PARTNER] * 2
    details = [v.detail for v in pair_captures(series((8.0, 0), (8.0, 5)), EXTREMES)]
    assert details == ["shots of this scene: 2, f/8 only"] * 2


# --- groups ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "word"),
    [
        ({"serial": "2"}, "body"),
        ({"lens": "EF85mm f/1.8 USM"}, "lens"),
        ({"focal_length_mm": 85.0}, "focal length"),
        ({"orientation": 6}, "orientation"),
        ({"width": 1728, "height": 1152}, "size"),
    ],
)
def test_a_pair_shares_its_camera_lens_and_format(other: dict[str, object], word: str) -> None:
    captures = [shot("IMG_1.CR2", W, 0), shot("IMG_2.CR2", S, 6, **other)]
    verdict, _ = pair_captures(captures, EXACT)
    assert verdict.reason is Reason.MISSING_PARTNER
    text = f"nearest f/1.8 shot of this camera is IMG_2.CR2, 6.00 s away, with another {word}"
    assert verdict.detail == text


def test_two_cameras_never_pair() -> None:
    verdict, _ = pair_captures([shot("a.CR2", W, 0), shot("b.CR2", S, 1, camera="NIKON D850")], EXACT)
    assert (verdict.role, verdict.detail) == ("wide", "no shallow shot of this camera")


@pytest.mark.parametrize("kinds", [("CR2", "JPG"), ("jpg", "dng"), ("JPG", "png")])
def test_raw_and_jpeg_never_pair(kinds: tuple[str, str]) -> None:
    captures = [shot(f"IMG_1.{kinds[0]}", W, 0), shot(f"IMG_2.{kinds[1]}", S, 6)]
    assert pairs(captures) == set()
    assert pair_captures(captures, EXACT)[0].detail.endswith("with another file kind (never mixed)")
    assert pairs([shot("IMG_1.JPEG", W, 0), shot("IMG_2.jpg", S, 6)]) == {("1", "2")}


def test_zooms_report_focal_length_in_steps() -> None:
    near = [shot("IMG_1.CR2", W, 0, focal_length_mm=24.0), shot("IMG_2.CR2", S, 6, focal_length_mm=24.1)]
    far = [shot("IMG_1.CR2", W, 0, focal_length_mm=24.0), shot("IMG_2.CR2", S, 6, focal_length_mm=24.2)]
    unknown = [shot("IMG_1.CR2", W, 0, focal_length_mm=None), shot("IMG_2.CR2", S, 6, focal_length_mm=None)]
    assert pairs(near) == pairs(unknown) == {("1", "2")}
    assert pairs(far) == pairs([near[0], unknown[1]]) == set()


def test_both_portrait_orientations_are_one_class() -> None:
    turned = [shot("IMG_1.CR2", W, 0, orientation=6), shot("IMG_2.CR2", S, 6, orientation=8)]
    assert pairs(turned) == {("1", "2")}


# --- time ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shots", "expected"),
    [
        ([(W, 0), (S, 6.12)], {("1", "2")}),
        ([(S, 0), (W, 6)], {("2", "1")}),
        ([(W, 0), (S, 6), (W, 12), (S, 18)], {("1", "2"), ("3", "4")}),
        ([(W, 0), (S, 25), (W, 26), (S, 51)], {("3", "2")}),
        ([(S, 0), (W, 5), (W, 9), (S, 14)], {("2", "1"), ("3", "4")}),
        ([(W, 0), (W, 1), (W, 2), (S, 4)], {("3", "4")}),
        ([(W, 0), (S, 1), (S, 2), (S, 3)], {("1", "2")}),
        ([(W, 0), (W, 1), (S, 2), (S, 3)], {("1", "3"), ("2", "4")}),
        ([(W, 0), (S, 30)], {("1", "2")}),
        ([(W, 0), (S, 30.001)], set()),
        ([(W, 0), (S, 5), (W, 10)], {("1", "2")}),
        ([(W, 0), (W, 0), (S, 0), (W, 0), (S, 0), (W, 0), (S, 0)], {("2", "3"), ("4", "5"), ("6", "7")}),
    ],
    ids=[
        "wide first", "shallow first", "two scenes", "near beats far", "both orders", "burst",
        "burst of shallow", "two and two", "at the limit", "past the limit", "tie", "stopped clock",
    ],
)  # fmt: skip
def test_pairs_in_time(shots: list[tuple[float, float]], expected: set[tuple[str, str]]) -> None:
    assert pairs(series(*shots)) == expected


def test_the_gap_is_described_for_both_captures() -> None:
    wide, shallow = pair_captures(series((W, 0.86), (S, 6.98)), EXACT)
    assert wide.detail == "partner IMG_2.CR2, 6.12 s later"
    assert shallow.detail == "partner IMG_1.CR2, 6.12 s earlier"


def test_a_burst_leaves_repeated_shots_that_name_the_winner() -> None:
    first, second, *_ = pair_captures(series((W, 0), (W, 1), (W, 2), (S, 4)), EXACT)
    assert first.reason is second.reason is Reason.REPEATED_SHOT
    text = "IMG_4.CR2 (f/1.8) is paired with IMG_3.CR2, 2.00 s from it and 4.00 s from this"
    assert first.detail == text


def test_a_shot_without_partner_is_told_the_nearest_candidate() -> None:
    captures = series((W, 0), (S, 45.2), (W, 46), (S, 20_000))
    first, *_, last = pair_captures(captures, EXACT)
    assert first.reason is last.reason is Reason.MISSING_PARTNER
    assert first.detail == (
        "nearest f/1.8 shot of this camera and lens is IMG_2.CR2, 45.20 s away, more than --max-gap 30"
    )
    assert "IMG_3.CR2, 5.5 h away" in last.detail


def test_max_gap_decides_between_missing_and_repeated() -> None:
    captures = series((W, 0), (S, 45.2), (W, 46))
    assert reasons(captures) == [Reason.MISSING_PARTNER, None, None]
    assert reasons(captures, IngestSettings(max_gap=60.0)) == [Reason.REPEATED_SHOT, None, None]
    assert pairs(series((W, 0), (S, 1e8)), IngestSettings(max_gap=float("inf"))) == {("1", "2")}


# --- without times ---------------------------------------------------------------------------------------


def untimed(*f_numbers: float, folder: str = "") -> list[Capture]:
    """IMG_8.CR2, IMG_9.CR2, IMG_10.CR2, …: the order of the letters is not the order of the shots."""
    return [shot(f"{folder}IMG_{i}.CR2", f, None) for i, f in enumerate(f_numbers, 8)]


def test_without_times_neighbours_in_file_order_pair() -> None:
    captures = untimed(W, S, S, W)
    assert pairs(captures) == {("8", "9"), ("11", "10")}
    details = [v.detail for v in pair_captures(captures, EXACT)]
    assert details[0] == "partner IMG_9.CR2, next by file order"
    assert details[1] == "partner IMG_8.CR2, previous by file order"


def test_without_times_only_direct_neighbours_pair() -> None:
    captures = untimed(W, W, S, W, S, S)
    assert pairs(captures) == {("9", "10"), ("11", "12")}
    first, *_, last = pair_captures(captures, EXACT)
    text = "no capture time, and no {} shot of its group beside it in file order"
    assert first.detail == text.format("shallow")
    assert last.detail == text.format("wide")
    *_, last = pair_captures(untimed(W, S, W), EXACT)
    assert last.reason is Reason.REPEATED_SHOT
    assert last.detail == "IMG_9.CR2 (f/1.8) is paired with IMG_8.CR2"


def test_without_times_other_apertures_and_twins_are_skipped() -> None:
    wide, other, shallow = untimed(W, 8.0, S)
    twin = shot("IMG_8.JPG", W, None)
    for rules in (EXACT, EXTREMES):
        assert pairs([wide, twin, other, shallow], rules) == {("8", "10")}


def test_without_times_folders_and_other_lenses_keep_shots_apart() -> None:
    assert pairs([*untimed(W, folder="a/"), *untimed(S, folder="b/")]) == set()
    wide, between, shallow = untimed(W, W, S)
    between = shot(between.name, W, None, lens="EF85mm f/1.8 USM")
    assert pairs([wide, between, shallow]) == set()


def test_timed_and_untimed_shots_never_pair() -> None:
    wide, shallow, late = untimed(W, S, S)
    timed = shot(shallow.name, S, 0)
    assert pairs([wide, timed]) == set()
    assert pairs([wide, timed, late]) == set(), "a timed shot between two keeps them apart"
    assert pairs([wide, shallow, shot("IMG_3.CR2", W, 0), shot("IMG_1.CR2", S, 3)]) == {
        ("8", "9"),
        ("3", "1"),
    }


# --- the whole catalogue ---------------------------------------------------------------------------------


@st.composite
def catalogues(draw: st.DrawFn) -> list[Capture]:
    count = draw(st.integers(0, 14))
    captures = []
    for i in range(count):
        name = f"{draw(st.sampled_from(['', 'a/']))}IMG_{i // 2}_{i}.{draw(st.sampled_from(['CR2', 'JPG']))}"
        seconds = draw(st.none() | st.integers(0, 60))
        facts = {"serial": draw(st.sampled_from("12")), "sha256": digest(str(draw(st.integers(0, 40))))}
        captures.append(shot(name, draw(st.sampled_from([W, W, S, S, 8.0, None])), seconds, **facts))
    return captures


@given(catalogues(), st.randoms(use_true_random=False), st.sampled_from([EXACT, EXTREMES, SERIES]))
@settings(deadline=None, max_examples=150)
def test_the_order_of_the_captures_makes_no_difference(
    captures: list[Capture], rng: random.Random, rules: IngestSettings
) -> None:
    shuffled = captures.copy()
    rng.shuffle(shuffled)
    assert run(shuffled, rules) == run(captures, rules)
    for role in ("wide", "shallow"):
        used = [v for v in run(captures, rules).values() if v.status is Status.OK and v.role == role]
        assert len(used) == len({v.pair_id for v in used})
    if rules is SERIES:
        scenes(captures)
    else:
        pairs(captures, rules)  # the halves of every pair agree, every other capture has a reason


def sample_capture(path: Path) -> Capture:
    with path.open("rb") as file:
        tags = exifread.process_file(file, details=False)
    time = f"{tags['EXIF DateTimeOriginal']}.{tags['EXIF SubSecTimeOriginal']}"
    exif = Exif(
        camera=str(tags["Image Model"]),
        lens=str(tags["EXIF LensModel"]),
        focal_length_mm=float(tags["EXIF FocalLength"].values[0]),
        f_number=float(tags["EXIF FNumber"].values[0]),
        captured_at=datetime.strptime(time, "%Y:%m:%d %H:%M:%S.%f"),
        orientation=tags["Image Orientation"].values[0],
    )
    return Capture(name=path.name, sha256=hashlib.sha256(path.read_bytes()).hexdigest(), exif=exif)


def test_the_sample_captures_pair_as_their_readme_says() -> None:
    files = [path for path in SAMPLE.iterdir() if path.suffix in {".DNG", ".JPG"}]
    verdicts = run([sample_capture(path) for path in files])
    partners = {name: v.partner for name, v in verdicts.items() if v.role == "wide" and v.partner}
    assert partners == {
        "IMG_0301.DNG": "IMG_0302.DNG",
        "IMG_0304.DNG": "IMG_0303.DNG",
        "IMG_0305.JPG": "IMG_0306.JPG",
        "IMG_0307.JPG": "IMG_0308.JPG",
    }
    assert verdicts["IMG_0301.DNG"].detail == "partner IMG_0302.DNG, 6.12 s later"
    left = {name: v.reason for name, v in verdicts.items() if v.reason}
    twins = dict.fromkeys(("IMG_0301.JPG", "IMG_0302.JPG"), Reason.JPEG_TWIN)
    assert left == twins | {"IMG_0309.JPG": Reason.MISSING_PARTNER}


# --- series ----------------------------------------------------------------------------------------------


def test_a_series_gives_a_pair_for_each_aperture() -> None:
    captures = series((16, 0), (8, 5), (2.8, 10), (1.8, 15), (16, 40), (8, 45), (2.8, 50), (1.8, 55))
    assert scenes(captures) == {"1": ["4", "3", "2"], "5": ["8", "7", "6"]}
    assert pairs(captures) == {("1", "4"), ("5", "8")}, "without --series the extremes"
    assert pairs(captures, EXTREMES) == {("1", "4"), ("5", "8")}


def test_the_shallow_photos_may_come_first_and_the_wide_one_in_the_middle() -> None:
    assert scenes(series((1.8, 0), (2.8, 4), (8, 8), (16, 12))) == {"4": ["1", "2", "3"]}
    assert scenes(series((2, 0), (22, 4), (5.6, 8))) == {"2": ["1", "3"]}


def test_of_a_burst_the_nearest_frames_are_used_and_the_others_name_them() -> None:
    captures = series((16, 0), (16, 1), (8, 5), (8, 6), (1.8, 10), (1.8, 11))
    assert scenes(captures) == {"2": ["5", "3"]}
    assert reasons(captures, SERIES) == [
        Reason.REPEATED_SHOT,
        None,
        None,
        Reason.REPEATED_SHOT,
        None,
        Reason.REPEATED_SHOT,
    ]
    assert run(captures, SERIES)["IMG_4.CR2"].detail == (
        "IMG_3.CR2 is the frame at f/8 that is used of this scene"
    )


def test_a_second_wide_photo_at_the_end_is_not_a_scene_of_its_own() -> None:
    captures = series((16, 0), (8, 5), (1.8, 10), (16, 15))
    assert scenes(captures) == {"1": ["3", "2"]}
    assert reasons(captures, SERIES)[3] is Reason.MISSING_PARTNER


def test_without_its_wide_photo_the_smallest_aperture_left_is_the_wide_one() -> None:
    assert scenes(series((8, 0), (2.8, 5), (1.8, 10))) == {"1": ["3", "2"]}
    assert scenes(series((2.8, 5), (1.8, 10), (2, 15))) == {"1": ["2", "3"]}
    captures = series((2.8, 5), (2.5, 10), (2.2, 15))
    assert scenes(captures) == {}
    assert reasons(captures, SERIES) == [Reason.MISSING_PARTNER] * 3


def test_a_photo_less_than_a_stop_from_the_wide_one_is_left() -> None:
    captures = series((16, 0), (13, 5), (8, 10), (1.8, 15))
    assert scenes(captures) == {"1": ["4", "3"]}
    verdict = run(captures, SERIES)["IMG_2.CR2"]
    assert verdict.reason is Reason.OTHER_F_NUMBER
    assert verdict.detail == "f/13 is less than a stop from f/16, the smallest aperture of its scene"


def test_a_photo_beyond_the_longest_gap_is_left() -> None:
    captures = series((16, 0), (8, 15), (2.8, 25), (1.8, 40))
    assert scenes(captures) == {"1": ["3", "2"]}
    verdict = run(captures, SERIES)["IMG_4.CR2"]
    assert verdict.reason is Reason.MISSING_PARTNER
    assert "40.00 s away, more than --max-gap 30" in verdict.detail
    assert scenes(captures, IngestSettings(series=True, max_gap=60)) == {"1": ["4", "3", "2"]}


def test_jpeg_twins_of_a_series_are_left_and_phones_need_no_order() -> None:
    shots = [(16, 0.5), (8, 4.5), (1.8, 9.5)]
    raw, jpeg = series(*shots, suffix="DNG"), series(*shots, suffix="JPG")
    captures = [one for both in zip(jpeg, raw, strict=True) for one in both]
    assert scenes(captures) == {"1": ["3", "2"]}
    assert reasons(captures, SERIES) == [Reason.JPEG_TWIN, None] * 3


def test_a_portrait_series_is_one_and_a_landscape_one_between_is_another() -> None:
    turned = [shot(f"IMG_{i}.CR2", f, 4 * i, orientation=8) for i, f in ((1, 16), (3, 8), (5, 1.8))]
    level = [shot(f"IMG_{i}.CR2", f, 4 * i) for i, f in ((2, 16), (4, 8), (6, 1.8))]
    assert scenes([*turned, *level]) == {"1": ["5", "3"], "2": ["6", "4"]}


def test_without_times_a_series_is_in_file_order() -> None:
    captures = untimed(16, 8, 1.8, 16, 8, 2.8, 1.8)
    assert scenes(captures) == {"8": ["10", "9"], "11": ["14", "13", "12"]}
    assert run(captures, SERIES)["IMG_9.CR2"].detail == "partner IMG_8.CR2, earlier by file order"


def test_the_wide_photo_names_all_its_partners() -> None:
    verdicts = run(series((16, 0), (8, 5), (1.8, 10)), SERIES)
    told = "partners of a series: IMG_3.CR2 (f/1.8), IMG_2.CR2 (f/8)"
    assert verdicts["IMG_1.CR2"].detail == told
    assert verdicts["IMG_2.CR2"].detail == "partner IMG_1.CR2, 5.00 s earlier"


def test_a_series_keeps_the_name_of_the_pair_of_its_extremes() -> None:
    captures = series((16, 0), (8, 5), (1.8, 10))
    assert run(captures)["IMG_3.CR2"].pair_id == run(captures, SERIES)["IMG_3.CR2"].pair_id
    assert run(captures, SERIES)["IMG_2.CR2"].pair_id.endswith("-f080")


@given(
    st.lists(
        st.tuples(st.sampled_from([16.0, 1.8]), st.integers(0, 50), st.booleans()), min_size=1, max_size=12
    )
)
@settings(deadline=None, max_examples=100)
def test_shots_at_two_apertures_are_paired_as_without_series(shots: list[tuple[float, int, bool]]) -> None:
    at = list(itertools.accumulate(pause for _, pause, _ in shots))
    captures = [shot(f"IMG_{i}.CR2", f, at[i] if timed else None) for i, (f, _, timed) in enumerate(shots)]
    assert pair_captures(captures, SERIES) == pair_captures(captures, EXTREMES)


def test_an_empty_catalogue_has_no_verdicts() -> None:
    assert pair_captures([], EXACT) == pair_captures([], EXTREMES) == []
