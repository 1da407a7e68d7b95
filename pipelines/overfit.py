"""The sample captures, and a thin PyNET that learns them by heart: every level must get better.

in        data/sample/captures: 3 pairs that pass alignment, with depth files
out       overfit/: set/ (shards), run/ (log.jsonl, weights of all levels), result.json, curves.png,
          pictures.png (wide, output, shallow for each pair)
hardware  2 cores, no GPU, 1 GB of memory
minutes   MINUTES
expect    EXPECT

    python pipelines/overfit.py               # or: --out elsewhere
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, NamedTuple

import cv2  # noqa: TID253
import numpy as np
import torch  # noqa: TID253

from ebb.cli import main as ebb
from ebb.files import write_atomic
from ebb_train.cli import main as ebb_train
from ebb_train.data.samples import Samples, SampleSettings, Stretch, full_height, micro_batches, unit_range
from ebb_train.data.sources import open_source
from ebb_train.models.network import PyNet, load_pynet

CAPTURES = Path(__file__).parents[1] / "data" / "sample" / "captures"
HEIGHT, WIDTH = 256, 0.125
"""Of the stored photos in pixels; of the network, 1 is the paper's."""
CROPS = 24
"""Training crops that are scored: eight epochs of three pairs."""


class Scores(NamedTuple):
    """Mean PSNR over the training crops, in dB against the shallow photo."""

    identity: float
    """Of the wide photo as it is."""
    output: float
    """Of the network's picture, clipped to [0, 1]."""


def main() -> None:
    """Build the set, train, score, draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("overfit"))
    out = parser.parse_args().out
    make_set(out / "set")
    command = [
        "fit",
        str(out / "set"),
        "--out",
        str(out / "run"),
        "--schedule",
        "smoke",
        "--width",
        str(WIDTH),
    ]
    run_verb(ebb_train, [*command, "--augment", "none", "--loaders", "1", "--device", "cpu"])
    network = load_pynet(out / "run" / "level-1.safetensors")
    scores = score(network, out / "set")
    log = [json.loads(line) for line in (out / "run" / "log.jsonl").read_text().splitlines()]
    losses = falling(log)
    result = {
        "psnr_identity_db": round(scores.identity, 2),
        "psnr_output_db": round(scores.output, 2),
        "gain_db": round(scores.output - scores.identity, 2),
        "loss_first_and_last": losses,
    }
    write_atomic(out / "result.json", (json.dumps(result, indent=1) + "\n").encode())
    draw_curves(log, out / "curves.png")
    draw_pictures(network, out / "set", out / "pictures.png")
    print(json.dumps(result, indent=1))


def make_set(folder: Path) -> None:
    """Turn the sample captures into shards, all of them for training."""
    flags = ["--provider", "sidecar", "--height", str(HEIGHT), "--test", "0", "--val", "0", "--quiet"]
    run_verb(ebb, ["run", str(CAPTURES), "--dataset", str(folder), *flags])


def run_verb(command: Any, arguments: list[str]) -> None:  # noqa: ANN401 - the main of a command line
    """Run a verb; go on if it ends well."""
    try:
        command(arguments)
    except SystemExit as end:
        if end.code:
            raise


def score(network: PyNet, folder: Path) -> Scores:
    """Compare the network with the wide photo, both against the shallow one, on crops as in training."""
    source = open_source(folder)
    side = full_height(source)
    values = []
    for seen, shown in zip(crops(folder, side, 1), wide_crops(folder, side), strict=True):
        photo, target = seen
        with torch.inference_mode():
            output = network(photo).clamp(0, 1)
        values.append((psnr(shown, target), psnr(output, target)))
    identity, trained = np.mean(values, axis=0).tolist()
    return Scores(identity, trained)


def crops(folder: Path, side: int, level: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Inputs and targets of the first epochs of training."""
    samples = Samples(open_source(folder), SampleSettings(level=level, side=side, augment="none"))
    stretch = Stretch(start=0, batches=CROPS, batch=1)
    return [(unit_range(batch.photo), unit_range(batch.target)) for batch in micro_batches(samples, stretch)]


def wide_crops(folder: Path, side: int) -> list[torch.Tensor]:
    """The wide photo at full size, cut and turned as :func:`crops` does."""
    source = open_source(folder)

    class WideTwice:
        """The same pairs, with the wide photo for a target."""

        folder = source.folder
        fingerprint = source.fingerprint

        def __len__(self) -> int:
            return len(source)

        def read(self, index: int) -> Any:  # noqa: ANN401 - as the source
            photos = source.read(index)
            return photos._replace(shallow=photos.wide)

    samples = Samples(WideTwice(), SampleSettings(level=1, side=side, augment="none"))
    stretch = Stretch(start=0, batches=CROPS, batch=1)
    return [unit_range(batch.target) for batch in micro_batches(samples, stretch)]


def psnr(preds: torch.Tensor, target: torch.Tensor) -> float:
    """In dB, for values in [0, 1], over all of one picture."""
    return -10 * float(((preds - target).double() ** 2).mean().log10())


def falling(log: list[dict[str, Any]]) -> dict[str, list[float]]:
    """Loss of each level over the first and the last tenth of its lines."""
    result = {}
    for level in sorted({line["level"] for line in log}, reverse=True):
        losses = [line["loss"] for line in log if line["level"] == level]
        tenth = max(1, len(losses) // 10)
        result[str(level)] = [round(float(np.mean(part)), 5) for part in (losses[:tenth], losses[-tenth:])]
    return result


def draw_curves(log: list[dict[str, Any]], path: Path, width: int = 900, row: int = 120) -> None:
    """One row a level: its loss, from its own smallest to its own largest value."""
    levels = sorted({line["level"] for line in log}, reverse=True)
    canvas = np.full((row * len(levels), width, 3), 255, np.uint8)
    for number, level in enumerate(levels):
        losses = np.array([line["loss"] for line in log if line["level"] == level])
        spread = max(float(np.ptp(losses)), 1e-9)
        x = np.linspace(130, width - 20, len(losses))
        y = (number + 1) * row - 20 - (row - 40) * (losses - losses.min()) / spread
        points = np.rint(np.stack([x, y], 1)).astype(np.int32)
        cv2.polylines(canvas, [points], isClosed=False, color=(150, 60, 0), thickness=2, lineType=cv2.LINE_AA)
        for text, at in ((f"level {level}", 0), (f"{losses[0]:.4f}", 25), (f"-> {losses[-1]:.4f}", 45)):
            place = (10, number * row + 40 + at)
            cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    write_atomic(path, cv2.imencode(".png", canvas)[1].tobytes())


def draw_pictures(network: PyNet, folder: Path, path: Path) -> None:
    """For each of three crops: wide photo, output, shallow photo."""
    side = full_height(open_source(folder))
    rows = []
    for (photo, target), wide in list(zip(crops(folder, side, 1), wide_crops(folder, side), strict=True))[:3]:
        with torch.inference_mode():
            output = network(photo).clamp(0, 1)
        rows.append(torch.cat([wide[0], output[0], target[0]], dim=2))
    sheet = (torch.cat(rows, dim=1) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    write_atomic(path, cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))[1].tobytes())


if __name__ == "__main__":
    main()
