"""Training of what a frozen PyNET is told about the strength of the blur, resumed to the same bits.

::

    run/
      strength.safetensors  the base network and what it is told; rendered with --aperture
      training.pt           what it is told, the optimizer and the position
      log.jsonl             loss by step
"""

from __future__ import annotations

import io
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch  # noqa: TID253 - only imported by training

from ebb.bokeh.focus import estimate_focus
from ebb.errors import InvalidInput
from ebb.files import write_atomic
from ebb.pytorch import load_file
from ebb_train.data.batch_sampler import SampleIndex
from ebb_train.data.dataset import CropDataset, CropSettings, unit_range
from ebb_train.models.strength import StrengthConfig, StrengthNet, save_strength
from ebb_train.models.weights import tensors_sha256

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

    from ebb_train.data.apertures import ApertureSource
    from ebb_train.models.network import PyNet
    from ebb_train.training.strength_settings import StrengthSettings

WEIGHTS, TRAINING, LOG = "strength.safetensors", "training.pt", "log.jsonl"
_DRAW = 16
"""Separates these random numbers from others with the same seed."""


@dataclass(frozen=True, kw_only=True)
class StrengthBatch:
    """Samples with the strengths of their targets."""

    photo: Tensor
    """(N, 3 or 4, side / 2, side / 2), in [0, 1]."""
    target: Tensor
    """(N, 3, h, w), in [0, 1]."""
    strength: Tensor
    """(N,), below 1."""
    focus: Tensor
    """(N,), depth in focus, in [0, 1]."""


class StrengthBatches:
    """Batches as a function of the seed and the step: f-numbers are drawn first, then pairs of them.

    Pairs of the largest aperture are left out: at strength 1 the picture is that of the frozen network, and
    nothing is to be learned from them.

    Args:
        source: Pairs of several apertures.
        config: Of the strength; pairs of larger apertures than its f-number are left out, too.
        crops: Of the samples.
    """

    def __init__(self, source: ApertureSource, config: StrengthConfig, crops: CropSettings) -> None:
        self._source, self._config, self._seed = source, config, crops.seed
        self._samples = CropDataset(source, crops)
        self._focus: dict[int, float] = {}
        self._pairs: dict[float, list[int]] = {}
        for index, number in enumerate(source.f_numbers):
            if number > config.f_number:
                self._pairs.setdefault(number, []).append(index)
        if not self._pairs:
            message = f"no pairs of smaller apertures than f/{config.f_number:g}"
            raise InvalidInput(message, path=source.folder, hint="a smaller --f-number")

    @property
    def f_numbers(self) -> list[float]:
        """F-numbers that are drawn."""
        return sorted(self._pairs)

    def draw(self, step: int, count: int) -> StrengthBatch:
        """Draw the batch of a step.

        Raises:
            InvalidInput: a pair is damaged, or has no depth and the network takes it.
        """
        rng = np.random.default_rng(np.random.SeedSequence(self._seed, spawn_key=(_DRAW, step)))
        numbers = [self.f_numbers[place] for place in rng.integers(len(self._pairs), size=count)]
        indices = [int(rng.choice(self._pairs[number])) for number in numbers]
        batch = self._samples.__getitems__([SampleIndex(index, step) for index in indices])
        if isinstance(batch, InvalidInput):
            raise batch
        return StrengthBatch(
            photo=unit_range(batch.photo),
            target=unit_range(batch.target),
            strength=torch.tensor([self._config.strength_of(number) for number in numbers]),
            focus=torch.tensor([self._focus_of(index) for index in indices]),
        )

    def _focus_of(self, index: int) -> float:
        if index not in self._focus:
            depth = self._source.read(index).depth
            self._focus[index] = estimate_focus(depth) if depth is not None else 0.0
        return self._focus[index]


class StrengthTrainer:
    """A run: the network, its optimizer, and how many steps are done.

    Args:
        base: The trained network.
        settings: Of the run.
        source: Training pairs of several apertures.
    """

    def __init__(self, base: PyNet, settings: StrengthSettings, source: ApertureSource) -> None:
        self.settings, self.step = settings, 0
        config = StrengthConfig(f_number=settings.f_number or min(source.f_numbers), film=settings.film)
        self.network = StrengthNet(base.eval(), config)
        self.network.reset_parameters(torch.Generator().manual_seed(settings.seed))
        crops = CropSettings(
            level=base.config.level,
            side=settings.crop,
            in_channels=base.config.in_channels,
            seed=settings.seed,
        )
        self._batches = StrengthBatches(source, config, crops)
        self._told = self.network.told()
        self._optimizer = torch.optim.Adam(self._told.values(), lr=settings.learning_rate, fused=True)
        self.identity = {
            "settings": asdict(settings) | {"steps": 0},  # a run may be made longer
            "base": tensors_sha256({name: part.numpy() for name, part in base.state_dict().items()}),
            "dataset": source.fingerprint(),
        }

    def advance(self) -> float:
        """Do one step and return its loss, L1."""
        batch = self._batches.draw(self.step, self.settings.batch)
        found = self.network(batch.photo, batch.strength, batch.focus)
        loss = torch.nn.functional.l1_loss(found, batch.target)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self.step += 1
        return float(loss.detach())

    def save(self, run: Path) -> None:
        """Write the state and the weights, each atomically.

        Raises:
            OutputError: they cannot be written.
        """
        state: dict[str, Any] = {
            "identity": self.identity,
            "step": self.step,
            "told": {name: values.detach() for name, values in self._told.items()},
            "optimizer": self._optimizer.state_dict(),
        }
        buffer = io.BytesIO()
        torch.save(state, buffer)
        write_atomic(run / TRAINING, buffer.getvalue())
        save_strength(run / WEIGHTS, self.network, source=f"ebb-train fit-strength, step {self.step}")

    def resume(self, run: Path) -> bool:
        """Read the state that was saved last; False if there is none.

        Raises:
            InvalidInput: it is damaged, or of a run with other settings, weights or pairs.
        """
        path = run / TRAINING
        if not path.exists():
            return False
        state = load_file(path)
        if not isinstance(state, dict) or set(state) != {"identity", "step", "told", "optimizer"}:
            raise InvalidInput("not the state of a training run", path=path)
        if state["identity"] != self.identity:
            message = "of a run with other settings, weights or pairs"
            raise InvalidInput(message, path=path, hint="name another folder")
        self.step = state["step"]
        with torch.no_grad():
            for name, values in self._told.items():
                values.copy_(state["told"][name])
        self._optimizer.load_state_dict(state["optimizer"])
        return True


def fit_strength(
    source: ApertureSource,
    base: PyNet,
    run: Path,
    settings: StrengthSettings,
    note: Callable[[str], None] = lambda _: None,
) -> Path:
    """Train what a frozen network is told about the strength, or continue a run that was interrupted.

    Args:
        source: Training pairs of several apertures.
        base: The trained network, on the CPU; it is not changed.
        run: Folder of the run.
        settings: Of the run.
        note: Called with one line of text for the user.

    Returns:
        The weights file.

    Raises:
        InvalidInput: a pair is damaged, the run is another one, or there are no pairs of smaller apertures.
        OutputError: the folder cannot be written.
    """
    trainer = StrengthTrainer(base, settings, source)
    if trainer.resume(run):
        note(f"resuming after step {trainer.step}")
    losses = []
    try:
        while trainer.step < settings.steps:
            losses.append(trainer.advance())
            if trainer.step % settings.save_every == 0 or trainer.step == settings.steps:
                trainer.save(run)
                entry = {"step": trainer.step, "loss": sum(losses) / len(losses)}
                with (run / LOG).open("a", encoding="utf-8") as file:
                    file.write(json.dumps(entry) + "\n")
                note(f"step {trainer.step} of {settings.steps}: loss {entry['loss']:.4f}")
                losses = []
    except KeyboardInterrupt:
        trainer.save(run)
        raise
    return run / WEIGHTS
