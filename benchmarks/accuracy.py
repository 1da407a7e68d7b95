"""Accuracy figures stated in the documentation: differences between implementations and their references.

``odd_width``: the network input of a photo 1591 pixels wide. This project drops the last column before the
photo is halved; the authors resample 1591 columns to 795. Reported are the share of values that differ, their
difference in grey levels, and the PSNR of the enlarged input relative to the original photo (1590 columns),
also for the right quarter.

``padding``: pictures of photos 1590 and 1550 wide, cropped from one that is 1600 wide, compared with the left
part of the picture of the whole photo, without the last 200 columns. ``mirrored`` is the method in use;
``without`` computes the statistics of instance normalisation without the padding. Random weights (two seeds),
a network of width 1/8; the largest values over all.

``fast``: largest difference between ``--fast`` and the plain network, and between the plain network and
float64, on noise of 64 x 96, with the weights of the reference run times a factor.

``bf16``: MegaDepth in bfloat16 compared with float32 on 512 x 256 pixels of a photo, in grey levels of the
8-bit map, with weights by the rule of the golden file and other random numbers.

``layered_light``: light of a highlight of 2 x 2 pixels, blurred over 20 pixels, in the rendered picture,
divided by that in the photo: alone on a plane, and 12 or 4 pixels from the edge of another plane.

    python -m benchmarks.accuracy      # writes benchmarks/results/accuracy.json
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch

from benchmarks import depth
from ebb.bokeh.renderer import render_shallow
from ebb_train.data.reduced import resize
from ebb_train.inference.whole_photo import halve, render_full_image
from ebb_train.models import network as network_module
from ebb_train.models.inference_graph import InferenceGraph
from ebb_train.models.network import PyNet, network_of
from ebb_train.models.official import from_official
from ebb_train.models.pynet import PAPER
from tests.helpers.networks import lively_network
from tests.helpers.pynet_reference import filled_variables

if TYPE_CHECKING:
    from collections.abc import Callable

    from ebb.arrays import Rgb8

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "accuracy.json"
PHOTOS = sorted((ROOT / "data" / "sample" / "captures").glob("*.JPG"))[:3]


def photo(path: Path, width: int) -> Rgb8:
    """A sample photo, 1024 pixels high."""
    read = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    return np.ascontiguousarray(resize(read, 1024, width))


def psnr(first: Rgb8, second: Rgb8) -> float:
    """PSNR of 8-bit pictures in dB."""
    error = ((first.astype(float) - second) ** 2).mean()
    return round(float(10 * np.log10(255**2 / error)), 2)


def odd_width() -> dict[str, Any]:
    """Network inputs of this project and of the authors."""
    found = {}
    for path in PHOTOS:
        wide = np.ascontiguousarray(photo(path, 1600)[:, :1591])
        ours, theirs = halve(wide, None, 3), resize(wide, 512, 795)
        difference = np.abs(ours.astype(int) - theirs)
        enlarged = {name: resize(half, 1024, 1590) for name, half in (("ours", ours), ("authors", theirs))}
        found[path.stem] = {
            "values_that_differ": round(float((difference > 0).mean()), 3),
            "grey_levels_mean": round(float(difference.mean()), 2),
            "grey_levels_max": int(difference.max()),
            "psnr_enlarged": {name: psnr(up, wide[:, :1590]) for name, up in enlarged.items()},
            "psnr_enlarged_right_quarter": {
                name: psnr(up[:, 1200:], wide[:, 1200:1590]) for name, up in enlarged.items()
            },
        }
    return found


def padding() -> dict[str, Any]:
    """Differences between renderings of a part of a photo and of the whole photo."""
    rows: dict[str, list[tuple[float, float]]] = {}
    plain = network_module.instance_norm
    for path in PHOTOS[:2]:
        whole, depth8 = photo(path, 1600), np.tile(np.linspace(0, 255, 800).astype(np.uint8), (512, 1))
        for seed in (0, 1):
            network = lively_network(seed, width=1 / 8)
            truth = render_full_image(network, whole, depth8)
            for width in (1590, 1550):
                part = np.ascontiguousarray(whole[:, :width])
                for name, norm in (("mirrored", plain), ("without", without_padding(width / 1600))):
                    network_module.instance_norm = norm
                    made = render_full_image(network, part, np.ascontiguousarray(depth8[:, : width // 2]))
                    network_module.instance_norm = plain
                    difference = np.abs(made - truth[:, :width])[:, : width - 200]
                    rows.setdefault(f"{name} {width}", []).append(
                        (float(difference.mean()), float(difference.max()))
                    )
    return {
        name: {
            "mean": round(max(mean for mean, _ in values), 6),
            "max": round(max(top for _, top in values), 5),
        }
        for name, values in rows.items()
    }


def without_padding(share: float) -> Callable[..., torch.Tensor]:
    """Instance normalisation whose statistics exclude the padded columns."""

    def norm(x: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
        inner = x[..., : int(np.ceil(share * x.shape[3]))]
        variance, mean = torch.var_mean(inner, (2, 3), unbiased=False, keepdim=True)
        return (x - mean) * torch.rsqrt(variance + 1e-3) * scale[:, None, None] + shift[:, None, None]

    return norm


def fast() -> dict[str, dict[str, float]]:
    """Largest differences of ``--fast``, on noise of 64 x 96."""
    tensors = from_official(filled_variables(), PAPER)
    inputs = torch.rand(1, 4, 64, 96, generator=torch.Generator().manual_seed(0))
    found = {}
    for factor in (0.5, 1.0, 1.25, 1.5):
        scaled = {name: values * np.float32(factor) for name, values in tensors.items()}
        network: PyNet = network_of(scaled, PAPER)
        with torch.inference_mode():
            plain = network(inputs)
            pictures = {"fast against plain": InferenceGraph(network)(inputs) - plain}
            pictures["plain against float64"] = plain - network.double()(inputs.double())
        found[f"weights times {factor:g}"] = {
            name: float(difference.abs().max()) for name, difference in pictures.items()
        }
    return found


def bf16() -> dict[str, Any]:
    """Errors of MegaDepth in bfloat16."""
    found = {}
    for seed in (1000, 5000, 9000):
        with tempfile.TemporaryDirectory() as folder:
            weights = depth.write_golden_weights(Path(folder) / "golden.pth", seed)
            nets = depth.networks(weights, ("plain", "bf16"))
        with torch.inference_mode():
            outputs = {
                kind: net(depth.sample_input(384)[:, :, :256])[0, 0].float().numpy()
                for kind, net in nets.items()
            }
        found[f"random numbers from {seed}"] = depth.errors(outputs["plain"], outputs["bf16"])
    return found


def layered_light() -> dict[str, float]:
    """Energy of a highlight after rendering, relative to that before."""
    found = {}
    edges = {
        "one plane": (20.0, 12),
        "beside a sharp edge": (0.0, 12),
        "beside a nearer blurred edge": (-20.0, 12),
    }
    edges |= {"close to a sharp edge": (0.0, 4), "close to a nearer blurred edge": (-30.0, 4)}
    for name, (across, apart) in edges.items():
        scene, coc = np.full((128, 192, 3), 0.1, np.float32), np.full((128, 192), 20.0, np.float32)
        coc[:, 81 + apart :] = across
        dark = render_shallow(scene, coc)
        scene[63:65, 79:81] = 50.0
        gain = (render_shallow(scene, coc) - dark).sum(dtype=np.float64)
        found[name] = round(float(gain / (12 * 49.9)), 4)
    return found


def main() -> None:
    """Measure all parts, or the given ones, and write the results."""
    parts = {part.__name__: part for part in (odd_width, padding, fast, bf16, layered_light)}
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", help=", ".join(parts))
    wanted = parser.parse_args().parts or list(parts)
    torch.set_num_threads(1)
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in wanted:
        results[name] = parts[name]()
        print(name, json.dumps(results[name]))
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
