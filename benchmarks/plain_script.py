"""A simple alignment script with default settings of the libraries, as a reference for ebb align.

It develops both photos with LibRaw's defaults and camera white balance, finds SIFT keypoints at full size,
matches them by brute force with the ratio test, fits a homography by RANSAC, warps the shallow photo onto the
wide one, crops both to the common part given by the corners, reduces them and writes PNG files. Photos are
processed one after the other, with the default settings and threads of all libraries.

    python benchmarks/plain_script.py IMG_0001.DNG IMG_0002.DNG OUT_DIR
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import rawpy

if TYPE_CHECKING:
    from numpy.typing import NDArray

HEIGHT = 1024
RATIO = 0.75
RANSAC_PX = 3.0


def align(wide_file: Path, shallow_file: Path, folder: Path) -> NDArray[np.float64]:
    """Align one pair, write wide.png and shallow.png; returns the homography, shallow to wide, full size."""
    wide, shallow = develop(wide_file), develop(shallow_file)
    H = homography(shallow, wide)
    height, width = wide.shape[:2]
    warped = cv2.warpPerspective(shallow, H, (width, height))
    left, top, right, bottom = common_part(H, shallow.shape, wide.shape)
    size = (round((right - left) * HEIGHT / (bottom - top)), HEIGHT)
    for name, photo in (("wide.png", wide), ("shallow.png", warped)):
        small = cv2.resize(photo[top:bottom, left:right], size, interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(folder / name), small[..., ::-1])
    return H


def develop(file: Path) -> NDArray[np.uint8]:
    """A RAW file as 8-bit RGB, upright."""
    with rawpy.imread(str(file)) as raw:
        photo: NDArray[np.uint8] = raw.postprocess(use_camera_wb=True)
    return photo


def homography(shallow: NDArray[np.uint8], wide: NDArray[np.uint8]) -> NDArray[np.float64]:
    """SIFT, brute force, ratio test, RANSAC."""
    sift = cv2.SIFT.create()
    found = [
        sift.detectAndCompute(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), None) for photo in (shallow, wide)
    ]
    (points, descriptors), (wide_points, wide_descriptors) = found
    matches = cv2.BFMatcher().knnMatch(descriptors, wide_descriptors, k=2)
    good = [first for first, second in matches if first.distance < RATIO * second.distance]
    source = np.array([points[match.queryIdx].pt for match in good], np.float32)
    target = np.array([wide_points[match.trainIdx].pt for match in good], np.float32)
    H, _ = cv2.findHomography(source, target, cv2.RANSAC, RANSAC_PX)
    return np.asarray(H, np.float64)


def common_part(
    H: NDArray[np.float64], shallow: tuple[int, ...], wide: tuple[int, ...]
) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a rectangle inside both photos, from the four corners."""
    height, width = shallow[:2]
    corners = np.array([[[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]], np.float64)
    (x, y) = cv2.perspectiveTransform(corners, H)[0].T
    left, top = max(0, x[0], x[3]), max(0, y[0], y[1])
    right, bottom = min(wide[1], x[1], x[2]), min(wide[0], y[2], y[3])
    return int(np.ceil(left)), int(np.ceil(top)), int(right), int(bottom)


if __name__ == "__main__":
    out = Path(sys.argv[3])
    out.mkdir(parents=True, exist_ok=True)
    print(align(Path(sys.argv[1]), Path(sys.argv[2]), out))
