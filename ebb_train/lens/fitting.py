"""Training of the repair network, resumed to the same bits.

::

    run/
      weights.safetensors   moving average of the weights, the network that is used
      training.pt           weights, optimizer, average and position
      log.jsonl             loss, and that of held-out photos, by step
"""

from __future__ import annotations

import io
import json
import math
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch  # noqa: TID253 - only imported by training

from ebb.errors import InvalidInput, UsageError
from ebb.files import write_atomic
from ebb.pytorch import load_file
from ebb_train.lens.batches import draw_batch
from ebb_train.lens.loss import repair_loss
from ebb_train.lens.network import SHARE_PLANE, RepairNet, save_repair
from ebb_train.lens.planes import LEAST_STEP
from ebb_train.models.repair import SIZE_MULTIPLE, RepairConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ebb_train.lens.shards import LensSet

WEIGHTS, TRAINING, LOG = "weights.safetensors", "training.pt", "log.jsonl"
LICENCE = "Apache-2.0"
CLIP_NORM = 1.0


@dataclass(frozen=True, kw_only=True)
class FitPlan:
    """Settings of a training run.

    Raises:
        UsageError: a value is out of range.
    """

    steps: int = 12000
    batch: int = 12
    side: int = 128
    """Side of the patches in pixels, a multiple of 8."""
    rate: float = 2e-3
    """Largest learning rate of Adam."""
    last_rate: float = 1e-5
    warm_up: int = 100
    """Steps of linear growth of the learning rate; a cosine follows."""
    ema: float = 0.998
    """Decay of the moving average of the weights."""
    seed: int = 0
    save_every: int = 200
    validate_every: int = 200
    validation_batches: int = 12
    fine: int = 24
    middle: int = 40
    coarse: int = 56
    blocks: int = 2
    bfloat16: bool = True
    """Whether the convolutions of the training steps are computed in bfloat16."""

    def __post_init__(self) -> None:
        if self.side % SIZE_MULTIPLE or min(self.steps, self.batch, self.side) < 1 or not 0 < self.ema < 1:
            raise UsageError(f"a training run must have positive sizes and sides of 8 n pixels, not {self}")

    @property
    def config(self) -> RepairConfig:
        """Of the network."""
        return RepairConfig(fine=self.fine, middle=self.middle, coarse=self.coarse, blocks=self.blocks)

    def rate_at(self, step: int) -> float:
        """Learning rate of a step, from 0."""
        if step < self.warm_up:
            return self.rate * (step + 1) / self.warm_up
        part = (step - self.warm_up) / max(1, self.steps - self.warm_up)
        return self.last_rate + 0.5 * (self.rate - self.last_rate) * (1 + math.cos(math.pi * min(part, 1)))


class RepairTrainer:
    """A run: the network, its optimizer and moving average, and how many steps are done.

    Args:
        plan: Of the run.
        source: Stored training photos.
    """

    def __init__(self, plan: FitPlan, source: LensSet) -> None:
        self.plan, self.source, self.step = plan, source, 0
        self.network, self.average = RepairNet(plan.config), RepairNet(plan.config)
        self.network.reset_parameters(torch.Generator().manual_seed(plan.seed))
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average.load_state_dict(self.network.state_dict())
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=plan.rate)

    def advance(self) -> float:
        """Do one step and return its loss."""
        batch = draw_batch(self.source, self.plan.seed, self.step, self.plan.batch, self.plan.side)
        for group in self.optimizer.param_groups:
            group["lr"] = self.plan.rate_at(self.step)
        planes = batch.planes.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.plan.bfloat16):
            logit = self.network(planes)
        loss = repair_loss(logit, batch.share, batch.step, batch.contrast)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), CLIP_NORM)
        self.optimizer.step()
        self.step += 1
        self._update_average()
        return float(loss.detach())

    @torch.no_grad()
    def _update_average(self) -> None:
        """Average over the last 1 / (1 − decay) steps, over fewer at the beginning."""
        decay = min(self.plan.ema, (1 + self.step) / (10 + self.step))
        for kept, current in zip(self.average.parameters(), self.network.parameters(), strict=True):
            kept.lerp_(current, 1 - decay)

    def save(self, run: Path) -> None:
        """Write the state and the averaged weights, each atomically.

        Raises:
            OutputError: they cannot be written.
        """
        state: dict[str, Any] = {
            "plan": asdict(self.plan),
            "scenes": asdict(self.source.plan),
            "step": self.step,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        buffer = io.BytesIO()
        torch.save(state, buffer)
        write_atomic(run / TRAINING, buffer.getvalue())
        source = f"pipelines/lens_model.py: {self.step} steps, seed {self.plan.seed}"
        save_repair(run / WEIGHTS, self.average, source=source, licence=LICENCE)

    def resume(self, run: Path) -> bool:
        """Read the state that was saved last; False if there is none.

        Raises:
            InvalidInput: it is damaged, or of a run with other settings or scenes.
        """
        path = run / TRAINING
        if not path.exists():
            return False
        state = load_file(path)
        if not isinstance(state, dict) or not {"plan", "scenes", "step", "network"} <= set(state):
            raise InvalidInput("not the state of a training run", path=path)
        scenes = asdict(self.source.plan)
        if state["plan"] != asdict(self.plan) or state["scenes"] != scenes:
            raise InvalidInput("of a run with other settings", path=path, hint="name another folder")
        self.step = state["step"]
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        return True


def fit(
    run: Path,
    plan: FitPlan,
    source: LensSet,
    validation: LensSet | None = None,
    tell: Callable[[str], None] = lambda _: None,
    stop_at: float = math.inf,
) -> RepairTrainer:
    """Train, or continue a run that was interrupted.

    Args:
        run: Folder of the run.
        plan: Settings.
        source: Training photos.
        validation: Held-out photos.
        tell: Receives a line on the progress now and then.
        stop_at: Time of :func:`time.time` after which the run is saved and left.

    Returns:
        The run as it was left.
    """
    trainer = RepairTrainer(plan, source)
    if trainer.resume(run):
        tell(f"continued after step {trainer.step}")
    clock, losses = _Clock(trainer.step), []
    while trainer.step < plan.steps and time.time() < stop_at:
        losses.append(trainer.advance())
        if trainer.step % plan.validate_every == 0:
            entry: dict[str, object] = {"step": trainer.step, "loss": sum(losses) / len(losses)}
            if validation is not None:
                entry |= validate(trainer.average, validation, plan)
            entry["core_seconds"] = clock.core_seconds()
            _append(run / LOG, entry)
            tell(f"{entry_text(entry)}  {clock.left(trainer.step, plan.steps)}")
            losses = []
        if trainer.step % plan.save_every == 0:
            trainer.save(run)
    trainer.save(run)
    return trainer


class _Clock:
    """Times of a run since it was started or continued."""

    def __init__(self, step: int) -> None:
        self._first, self._start, self._counted = step, time.time(), time.process_time()

    def core_seconds(self) -> float:
        """Processor time since the last call."""
        before, self._counted = self._counted, time.process_time()
        return round(self._counted - before, 3)

    def left(self, step: int, steps: int) -> str:
        """Duration of a step and of those that are left."""
        seconds = (time.time() - self._start) / max(1, step - self._first)
        return f"{seconds:.2f} s a step, {seconds * (steps - step) / 60:.0f} min left"


@torch.no_grad()
def validate(network: RepairNet, validation: LensSet, plan: FitPlan) -> dict[str, float]:
    """Loss of held-out patches, and of the same with the shares of the wrong maps themselves.

    Returns:
        ``held_out``; ``wrong_side`` and ``wrong_side_before``: the part of the weighted pixels whose share is
        on the wrong side of ½, by the network and in the wrong maps.
    """
    sums = np.zeros(4)
    for step in range(plan.validation_batches):
        batch = draw_batch(validation, plan.seed, step, plan.batch, plan.side)
        logit = network(batch.planes)
        weight = batch.step * (batch.step > LEAST_STEP)
        nearer, total = batch.share > 0.5, float(weight.sum())
        before = batch.planes[:, SHARE_PLANE : SHARE_PLANE + 1]
        sums += [
            float(repair_loss(logit, batch.share, batch.step, batch.contrast)),
            float((weight * ((logit > 0) != nearer)).sum()),
            float((weight * ((before > 0) != nearer)).sum()),
            total,
        ]
    return {
        "held_out": sums[0] / plan.validation_batches,
        "wrong_side": sums[1] / max(sums[3], 1e-9),
        "wrong_side_before": sums[2] / max(sums[3], 1e-9),
    }


def entry_text(entry: Mapping[str, object]) -> str:
    """A line of the log for people."""
    text = f"step {entry['step']}  loss {entry['loss']:.4f}"
    if "held_out" in entry:
        before, after = (float(str(entry[name])) for name in ("wrong_side_before", "wrong_side"))
        text += f"  held out {entry['held_out']:.4f}  wrong side {100 * before:.1f} -> {100 * after:.1f} %"
    return text


def _append(path: Path, entry: Mapping[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(entry) + "\n")
