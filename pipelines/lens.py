"""The wide photos of a data set with the bokeh of a simulated lens, beside the true photos at f/1.8.

in        a data set of capture pairs with depth: the demo's
out       OUT: photo, simulated and true f/1.8 photo of the last pair; on standard output, for every pair, the
          PSNR of the untouched wide photo and of the picture, against the true shallow photo
hardware  1 core, no GPU; 3 to 6 seconds a pair of 1024 pixels height
expect    every picture at least 4 dB above the untouched photo on the sample captures

    python pipelines/lens.py demo demo/bokeh.png
    python pipelines/lens.py demo docs/lens.png --height 300 --json benchmarks/results/lens.json

The lens is that of the sample's camera: 50 mm on a sensor of 22.3 mm, from 0.8 m to the horizon.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import ebb
import ebb_train
from ebb.files import write_atomic
from ebb.formats.png import encode_png
from ebb_train.metrics.similarity import psnr
from ebb_train.pixels import to_unit
from ebb_train.strips import strip

BLUR = 0.078
"""Scale of the blur; see :func:`ebb_train.render`."""


def main() -> None:
    """Render every pair of the data set, print the figures, write the picture of the last pair."""
    parser = argparse.ArgumentParser()
    parser.add_argument("dataset", type=Path, help="a dataset folder of ebb, or its shards")
    parser.add_argument("out", type=Path, help="the picture to write, a png")
    parser.add_argument("--height", type=int, default=640, help="of the photos in the picture")
    parser.add_argument("--json", type=Path, help="also write the figures")
    options = parser.parse_args()
    shown, figures = {}, {}
    print("PSNR against the true f/1.8 photo")
    try:
        dataset = ebb.open_dataset(options.dataset)
    except ebb.EbbError as error:
        parser.error(str(error))
    for pair in dataset:
        if pair.depth is None:
            continue
        picture = ebb_train.render(pair.wide, pair.depth, f_number=1.8, blur=BLUR)
        before, after = (psnr(to_unit(image), to_unit(pair.shallow)) for image in (pair.wide, picture))
        figures[pair.pair_id] = {"untouched_db": round(before, 2), "lens_db": round(after, 2)}
        print(f"{pair.pair_id}: untouched photo {before:.1f} dB, simulated lens {after:.1f} dB")
        shown = {
            f"photo, f/16 ({before:.1f} dB)": pair.wide,
            f"simulated lens, f/1.8 ({after:.1f} dB)": picture,
            "true photo, f/1.8": pair.shallow,
        }
    if not shown:
        parser.error(f"{options.dataset}: no pair has depth")
    write_atomic(options.out, encode_png(strip(shown, options.height)))
    if options.json is not None:
        facts = {"script": "pipelines/lens.py", "blur": BLUR, "pairs": figures}
        write_atomic(options.json, (json.dumps(facts, indent=1) + "\n").encode())
    print(f"look at: {options.out}")


if __name__ == "__main__":
    main()
