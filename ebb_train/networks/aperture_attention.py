"""Attention along rows, then along columns, that reaches farther the wider the aperture.

Seizinger et al., "Bokehlicious: Photorealistic Bokeh Rendering with Controllable Apertures" (ICCV 2025);
attention that decays with the distance along both axes is that of Fan et al., "RMT: Retentive Networks Meet
Vision Transformers" (CVPR 2024).
"""

from __future__ import annotations

from itertools import pairwise

import torch  # noqa: TID253 - a network definition; only imported when a network is wanted
import torch.nn.functional as F  # noqa: TID253 - PyTorch's own name for it
from torch import Tensor, nn  # noqa: TID253

HEAD = 32
"""Channels of a head."""
SCORES = 1 << 24
"""Scores computed at once without gradients: 64 MB in float32."""


def aperture_decay(strength: Tensor, heads: int) -> Tensor:
    """Change of the scores for each pixel of distance: log(1 − 2^(−2 − 9 · (i / n) · s^¼)), negative.

    The larger s, the closer to 0. The first head does not depend on s.

    Args:
        strength: (N, 1), s = 2 / N of the f-number N, > 0.
        heads: Their number n.

    Returns:
        (N, heads).
    """
    share = torch.arange(heads, dtype=strength.dtype, device=strength.device) / heads
    return torch.log(1 - 2.0 ** (-2 - 9 * share * strength**0.25))


def attend_rows(
    queries: Tensor, keys: Tensor, values: Tensor, decay: Tensor, rows: int | None = None
) -> Tensor:
    """Softmax attention within each row: softmax(q · k / √d + decay · distance) v.

    Args:
        queries: (N, H, heads, W, d).
        keys: The same shape.
        values: The same shape.
        decay: (N, heads), ≤ 0.
        rows: How many rows are computed at once; None: all. It changes memory, not the result.

    Returns:
        (N, H, heads, W, d).
    """
    width = queries.shape[3]
    place = torch.arange(width, dtype=decay.dtype, device=decay.device)
    distance = (place[:, None] - place).abs()
    mask = (decay[:, None, :, None, None] * distance).to(queries.dtype)
    if rows is None:
        return _attend(queries, keys, values, mask)
    found = [
        _attend(queries[:, first:last], keys[:, first:last], values[:, first:last], mask)
        for first, last in pairwise([*range(0, queries.shape[1], rows), queries.shape[1]])
    ]
    return torch.cat(found, dim=1)


def _attend(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    """Rows as images of a batch: PyTorch's fast kernels take four axes."""
    q, k, v = (part.flatten(0, 1) for part in (queries, keys, values))
    masks = mask.expand(-1, queries.shape[1], -1, -1, -1).flatten(0, 1)
    return F.scaled_dot_product_attention(q, k, v, masks).reshape(queries.shape)


class ApertureAttention(nn.Module):
    """Attention along rows and columns, with a depthwise convolution of the values beside it.

    Args:
        channels: A multiple of the head's.
        head: Channels of a head.
    """

    def __init__(self, channels: int, head: int = HEAD) -> None:
        super().__init__()
        self.head = head
        self.query, self.key, self.value = (nn.Linear(channels, channels) for _ in range(3))
        self.local = nn.Conv2d(channels, channels, 5, padding=2, groups=channels)
        self.out = nn.Linear(channels, channels)

    def forward(self, x: Tensor, strength: Tensor) -> Tensor:
        """(N, C, H, W) and (N, 1) → (N, C, H, W)."""
        places = x.permute(0, 2, 3, 1)
        queries, keys, values = (layer(places) for layer in (self.query, self.key, self.value))
        local = self.local(values.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        decay = aperture_decay(strength, x.shape[1] // self.head)
        heads = (*places.shape[:3], -1, self.head)
        q, k, v = (part.reshape(heads) for part in (queries, keys, values))
        # (N, H, W, heads, d): the axis of attention goes last but one
        rows = _attend_lines((q, k, v), (0, 1, 3, 2, 4), decay)
        mixed = _attend_lines((q, k, rows), (0, 2, 3, 1, 4), decay)
        projected: Tensor = self.out(mixed.flatten(3) + local)
        return projected.permute(0, 3, 1, 2)


def _attend_lines(parts: tuple[Tensor, Tensor, Tensor], order: tuple[int, ...], decay: Tensor) -> Tensor:
    """Attention with queries, keys and values whose axes are brought into this order, and back."""
    queries, keys, values = (part.permute(order) for part in parts)
    found = attend_rows(queries, keys, values, decay, _rows_at_once(queries))
    return found.permute([order.index(axis) for axis in range(len(order))])


def _rows_at_once(queries: Tensor) -> int | None:
    """As many rows as :data:`SCORES` allows; None for all, as in a graph that is exported or trained."""
    if torch.is_grad_enabled() or torch.compiler.is_compiling() or torch.onnx.is_in_onnx_export():
        return None
    count, height, heads, width, _ = queries.shape
    rows = max(1, SCORES // (count * heads * width**2))
    return rows if rows < height else None
