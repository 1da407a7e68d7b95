"""Steps of a level: Adam, accumulation of parts, and losses that are not finite."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision

from ebb.errors import ExitCode
from ebb_train.data.dataset import Batch
from ebb_train.losses import Loss
from ebb_train.models.network import PyNet
from ebb_train.models.pynet import PyNetConfig
from ebb_train.settings import ComputeSettings, LevelPlan, LossWeights
from ebb_train.training.trainer import Diverged, Trainer

if TYPE_CHECKING:
    from torch import Tensor

CONFIG = PyNetConfig(level=6, width=1 / 32)
PLAN = LevelPlan(level=6, iterations=1, batch=4, learning_rate=1e-3)


pytestmark = pytest.mark.usefixtures("one_torch_thread")


def network(*, seed: int = 0) -> PyNet:
    made = PyNet(CONFIG)
    made.reset_parameters(torch.Generator().manual_seed(seed))
    return made


def trainer(
    net: PyNet,
    plan: LevelPlan = PLAN,
    precision: str = "32-true",
    ema: float = 0.0,
    **compute: Any,
) -> Trainer:
    fabric = Fabric(accelerator="cpu", devices=1, precision=precision)  # type: ignore[arg-type]
    return Trainer(fabric, net, plan, Loss(plan.loss), ema=ema, compute=ComputeSettings(**compute))


def batch(start: int = 0, stop: int = 4) -> Batch:
    generator = torch.Generator().manual_seed(1)
    photo = torch.randint(256, (4, 4, 32, 32), dtype=torch.uint8, generator=generator)
    target = torch.randint(256, (4, 3, 2, 2), dtype=torch.uint8, generator=generator)
    return Batch(photo[start:stop], target[start:stop], tuple("abcd")[start:stop])


def gradient(net: PyNet) -> dict[str, Tensor]:
    """Of the L1 loss of the whole batch, with nothing of ours but the network."""
    whole = batch()
    (net(whole.photo / 255) - whole.target / 255).abs().mean().backward()
    found = {name: p.grad.clone() for name, p in net.named_parameters() if p.grad is not None}
    net.zero_grad()
    return found


def test_a_step_is_one_of_adam() -> None:
    """Kingma and Ba (ICLR 2015), algorithm 1: the first step is lr · g / (|g| + ε) for every weight."""
    net = network()
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    gradients = gradient(net)
    terms = trainer(net).step(iter([batch()]))
    for name, parameter in net.named_parameters():
        g = gradients.get(name, torch.zeros_like(parameter))
        expected = before[name] - 1e-3 * g / (g.abs() + 1e-8)
        is_clear = g.abs() > 1e-6  # of less, rounding is a part
        torch.testing.assert_close(parameter[is_clear], expected[is_clear], rtol=1e-5, atol=1e-6)
    norm = math.sqrt(sum(float((g.double() ** 2).sum()) for g in gradients.values()))
    assert terms["gradient_norm"] == pytest.approx(norm, rel=1e-4)
    assert terms["loss"] == terms["l1"] > 0


@pytest.mark.parametrize(("micro_batch", "cuts"), [(1, (0, 1, 2, 3, 4)), (2, (0, 2, 4)), (3, (0, 3, 4))])
def test_parts_of_a_batch_add_up(micro_batch: int, cuts: tuple[int, ...]) -> None:
    whole, parts = network(), network()
    one = trainer(whole).step(iter([batch()]))
    stream = iter([batch(a, b) for a, b in pairwise(cuts)])
    other = trainer(parts, micro_batch=micro_batch).step(stream)
    assert next(stream, None) is None
    assert other == pytest.approx(one, rel=1e-4)
    moved = [torch.cat([p.detach().flatten() for p in net.parameters()]) for net in (whole, parts)]
    assert (moved[0] - moved[1]).abs().median() < 1e-6  # Adam's first step turns tiny gradients into signs


def test_heads_of_deeper_levels_are_not_trained() -> None:
    net = network()
    head = net.get_parameter("level_7.out.weight").clone()
    trainer(net).step(iter([batch()]))
    assert torch.equal(net.get_parameter("level_7.out.weight"), head)


def test_a_loss_that_is_not_finite_stops_before_the_update() -> None:
    net = network()
    steps = trainer(net, micro_batch=2)
    with torch.no_grad():
        net.get_parameter("level_6.out.bias").fill_(math.nan)
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    with pytest.raises(
        Diverged, match=r"training diverged: l1 nan, loss nan, .*; samples a, b, c, d"
    ) as caught:
        steps.step(iter([batch(0, 2), batch(2, 4)]))
    assert caught.value.exit_code == ExitCode.ITEMS_FAILED
    for name, parameter in net.named_parameters():
        torch.testing.assert_close(parameter.detach(), before[name], rtol=0, atol=0, equal_nan=True)


def test_a_gradient_that_is_not_finite_stops_too() -> None:
    net = network()
    steps = trainer(net)
    net.get_parameter("level_7.a1.3x3.0.weight").register_hook(lambda grad: grad * math.inf)
    with pytest.raises(Diverged, match=r"l1 0\.\d+, loss 0\.\d+, gradient_norm (nan|inf)"):
        steps.step(iter([batch()]))


def test_state_is_restored() -> None:
    net = network()
    steps = trainer(net)
    steps.step(iter([batch()]))
    saved, weights = deepcopy(steps.state()), deepcopy(net.state_dict())
    expected = [steps.step(iter([batch()])) for _ in range(2)]
    again = network(seed=9)
    again.load_state_dict(weights)
    goes_on = trainer(again)
    goes_on.load_state(saved)
    assert [goes_on.step(iter([batch()])) for _ in range(2)] == expected
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), again.parameters(), strict=True))


def test_mixed_precision_keeps_weights_and_losses_in_32_bits() -> None:
    net = network()
    plan = replace(PLAN, loss=LossWeights(l1=1))
    terms = trainer(net, plan, "bf16-mixed").step(iter([batch()]))
    exact = trainer(network(), plan).step(iter([batch()]))
    assert terms["loss"] == pytest.approx(exact["loss"], rel=0.01)
    assert terms["loss"] != exact["loss"]
    assert {p.dtype for p in net.parameters()} == {torch.float32}


def half_precision() -> Fabric:
    """What ``--precision fp16`` is on a GPU, with PyTorch's half precision and loss scale of the CPU."""
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)  # type: ignore[attr-defined]
    return Fabric(accelerator="cpu", devices=1, plugins=[MixedPrecision("16-mixed", "cpu", scaler)])


def test_half_precision_scales_the_loss_and_nothing_else() -> None:
    net = network()
    steps = Trainer(half_precision(), net, PLAN, Loss(PLAN.loss))
    terms = steps.step(iter([batch()]))
    exact = trainer(network()).step(iter([batch()]))
    assert terms["loss"] == pytest.approx(exact["loss"], rel=0.01)
    assert terms["gradient_norm"] == pytest.approx(exact["gradient_norm"], rel=0.1)
    assert {p.dtype for p in net.parameters()} == {torch.float32}
    assert steps.state()["precision"]["scale"] == 1024


def test_an_overflow_in_half_precision_skips_the_step_and_lowers_the_scale() -> None:
    net = network()
    steps = Trainer(half_precision(), net, PLAN, Loss(PLAN.loss))
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    handle = net.get_parameter("level_7.a1.3x3.0.weight").register_hook(lambda grad: grad * math.inf)
    steps.step(iter([batch()]))
    assert all(torch.equal(p, before[name]) for name, p in net.named_parameters())
    assert steps.state()["precision"]["scale"] == 512
    handle.remove()
    steps.step(iter([batch()]))
    assert not torch.equal(net.get_parameter("level_6.out.weight"), before["level_6.out.weight"])


def test_the_loss_scale_is_restored() -> None:
    steps = Trainer(half_precision(), network(), PLAN, Loss(PLAN.loss))
    steps.step(iter([batch()]))
    goes_on = Trainer(half_precision(), network(), PLAN, Loss(PLAN.loss))
    goes_on.load_state(steps.state() | {"precision": steps.state()["precision"] | {"scale": 64.0}})
    assert goes_on.state()["precision"]["scale"] == 64


def test_channels_last_changes_the_last_bits_only() -> None:
    plain, other = network(), network()
    expected = trainer(plain, channels_last=False).step(iter([batch()]))
    found = trainer(other, channels_last=True).step(iter([batch()]))
    assert found == pytest.approx(expected, rel=1e-4)
    weight = other.get_parameter("level_7.a1.3x3.0.weight")
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert not weight.is_contiguous()


def test_thin_networks_are_channels_last_on_a_cpu_unless_settings_say_otherwise() -> None:
    def is_channels_last(net: PyNet, **compute: Any) -> bool:
        trainer(net, **compute)
        weight = net.get_parameter("level_7.a1.3x3.0.weight")
        return weight.is_contiguous(memory_format=torch.channels_last) and not weight.is_contiguous()

    assert is_channels_last(network())
    assert not is_channels_last(network(), channels_last=False)
    assert not is_channels_last(PyNet(PyNetConfig(level=7, width=0.375)))


def test_the_learning_rate_is_that_of_the_step_also_after_resuming() -> None:
    plan = replace(PLAN, iterations=4, decay="cosine")
    steps, saved = trainer(network(), plan), []
    for _ in range(3):
        steps.step(iter([batch()]))
        saved.append((deepcopy(steps.state()), deepcopy(steps.network.state_dict())))
    rates = [state["optimizer"]["param_groups"][0]["lr"] for state, _ in saved]
    assert rates == pytest.approx([1e-3, 1e-3 * (2 + math.sqrt(2)) / 4, 5e-4])
    again = network()
    again.load_state_dict(saved[0][1])
    fabric = Fabric(accelerator="cpu", devices=1)
    resumed = Trainer(fabric, again, plan, Loss(plan.loss), done=1)
    resumed.load_state(saved[0][0])
    for _ in range(2):
        resumed.step(iter([batch()]))
    assert all(torch.equal(values, saved[2][1][name]) for name, values in again.state_dict().items())


def test_the_compiled_network_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[object] = []
    compiler = torch.compile

    def fake(net: PyNet, **_: object) -> object:
        compiled.append(net)
        return compiler(net, backend="eager")  # the graphs, without minutes of a C++ compiler

    monkeypatch.setattr(torch, "compile", fake)
    plain, other = network(), network()
    expected = trainer(plain).step(iter([batch()]))
    found = trainer(other, compile=True).step(iter([batch()]))
    assert other in compiled
    assert found == pytest.approx(expected, rel=1e-5)
    moved = [torch.cat([p.detach().flatten() for p in net.parameters()]) for net in (plain, other)]
    assert (moved[0] - moved[1]).abs().median() < 1e-6


def test_the_moving_average_follows_and_is_restored() -> None:
    net = network()
    steps = trainer(net, ema=0.5)
    for _ in range(2):
        steps.step(iter([batch()]))
    saved, weights = deepcopy(steps.state()), deepcopy(net.state_dict())
    average = deepcopy(steps.averaged_network.state_dict())
    assert not torch.equal(average["level_6.out.weight"], weights["level_6.out.weight"])
    again = network(seed=9)
    again.load_state_dict(weights)
    resumed = trainer(again, ema=0.5)
    resumed.load_state(saved)
    for one in (steps, resumed):
        one.step(iter([batch()]))
    expected = steps.averaged_network.state_dict()
    found = resumed.averaged_network.state_dict()
    assert all(torch.equal(values, expected[name]) for name, values in found.items())
    assert not torch.equal(found["level_6.out.weight"], average["level_6.out.weight"])


def test_without_an_average_the_network_itself_is_validated() -> None:
    net = network()
    assert trainer(net).averaged_network is net
