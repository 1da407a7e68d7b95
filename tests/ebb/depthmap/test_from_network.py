"""Networks behind the interface of all depth sources."""

from collections.abc import Sequence

import numpy as np
import pytest

from ebb.depthmap.from_network import FromNetwork
from ebb.errors import Reason, Rejected
from tests.helpers.views import View, blank


class Rows:
    """Depth is the number of the row; notes how many photos came at once."""

    name = "rows"

    def __init__(self, extra: int = 0) -> None:
        self.extra, self.sizes = extra, list[int]()

    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        rows = np.arange(rgb.shape[0] // 2 + self.extra, dtype=np.float32)
        return rows[:, None].repeat(rgb.shape[1] // 2, axis=1)

    def predict(self, photos: Sequence[np.ndarray]) -> list[np.ndarray]:
        self.sizes.append(len(photos))
        return [self(rgb) for rgb in photos]


@pytest.mark.parametrize(("count", "sizes"), [(1, []), (3, [3])])
def test_photos_are_predicted_together_or_one_by_one(count: int, sizes: list[int]) -> None:
    provider, views = Rows(), [View(blank(65, 41)) for _ in range(count)]
    maps = FromNetwork(provider).depth(views)
    assert [found.shape for found in maps] == [(20, 32)] * count
    assert provider.sizes == sizes
    assert all(view.asked == ["pixels"] for view in views)


def test_a_map_of_another_size_is_refused() -> None:
    with pytest.raises(Rejected, match=r"shape \(21, 32\) where \(20, 32\) is half the photo") as caught:
        FromNetwork(Rows(extra=1)).depth([View(blank(64, 40))])
    assert caught.value.reason is Reason.BAD_DEPTH
