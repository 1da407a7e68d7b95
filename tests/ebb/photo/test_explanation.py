"""The text of ``ebb ingest --explain``."""

from __future__ import annotations

from datetime import datetime

from ebb.errors import Reason
from ebb.photo.capture import Capture, Exif
from ebb.photo.explanation import explain
from ebb.photo.pairing import pair_captures
from ebb.settings import IngestSettings

EXACT = IngestSettings()


def canon(number: int, f_number: float, time: str) -> Capture:
    exif = Exif(
        camera="Canon EOS 7D",
        lens="EF50mm f/1.8 II",
        focal_length_mm=50.0,
        f_number=f_number,
        captured_at=datetime.fromisoformat(time),
    )
    return Capture(name=f"IMG_{number}.CR2", sha256=f"{number:064x}", width=1920, height=1280, exif=exif)


def test_explain_describes_a_pair_completely() -> None:
    shots = canon(1, 16.0, "2019-06-02 14:00:00.500"), canon(2, 1.8, "2019-06-02 14:00:06.620")
    verdict = pair_captures(shots, EXACT)[0]
    assert explain(verdict).splitlines() == [
        "IMG_1.CR2",
        "  file      RAW, 1920 x 1280",
        "  camera    Canon EOS 7D",
        "  lens      EF50mm f/1.8 II, 50 mm",
        "  f-number  f/16",
        "  time      2019-06-02 14:00:00.500000",
        "  group     landscape RAW files of one size, by this camera, lens and focal length",
        "  role      wide",
        f"  status    ok, pair {verdict.pair_id}",
        "  why       partner IMG_2.CR2, 6.12 s later",
        "  to do     nothing",
    ]


def test_explain_of_a_file_without_exif_gives_advice() -> None:
    capture = Capture(name="[red] 1.JPG", sha256="00", exif=Exif(orientation=8))
    text = explain(pair_captures([capture], EXACT)[0])
    assert text.startswith("[red] 1.JPG\n  file      JPEG\n  camera    unknown\n  lens      unknown\n")
    assert "unknown, file order counts" in text
    assert "portrait JPEG" in text
    assert "rejected, no_f_number" in text
    assert text.endswith(f"to do     {Reason.NO_F_NUMBER.advice}")
    assert "serial" not in text
