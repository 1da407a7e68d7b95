"""Adam against TensorFlow's own kernel, and against the formula."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from ebb_train import optional
from ebb_train.export.inputs import scene
from ebb_train.export.settings import PhotoSize
from ebb_train.losses import Loss
from ebb_train.models.network import PyNet
from ebb_train.models.pynet import PyNetConfig
from ebb_train.settings import SCHEDULES, LevelPlan
from ebb_train.training.optimizer import TensorFlowAdam, learning_rate, make_adam

GRADIENTS = np.random.default_rng(0).normal(size=(40, 50)) * 10.0 ** -np.arange(2, 12).repeat(5)
"""A step a row, a weight a column; from 1e-2 to 1e-11, so that epsilon of 1e-8 counts for some."""


def paths(adam: str, *, fused: bool = False) -> np.ndarray:
    """Where our optimizer takes 50 weights in 40 steps."""
    plan = LevelPlan(level=7, iterations=1, batch=1, learning_rate=5e-5, adam=adam)  # type: ignore[arg-type]
    weights = torch.nn.Parameter(torch.zeros(50, dtype=torch.float64))
    optimizer = make_adam([weights], plan, fused=fused)
    path = []
    for gradient in GRADIENTS:
        weights.grad = torch.from_numpy(gradient.copy())
        optimizer.step()
        path.append(weights.detach().numpy().copy())
    return np.array(path)


def reference() -> np.ndarray:
    """TensorFlow's kernel, that of ``tf.train.AdamOptimizer``."""
    tf = optional.tensorflow()
    variables = [tf.Variable(np.zeros(50)) for _ in range(3)]
    path = []
    for step, gradient in enumerate(GRADIENTS, start=1):
        tf.raw_ops.ResourceApplyAdam(
            var=variables[0].handle, m=variables[1].handle, v=variables[2].handle,
            beta1_power=np.float64(0.9**step), beta2_power=np.float64(0.999**step), lr=np.float64(5e-5),
            beta1=np.float64(0.9), beta2=np.float64(0.999), epsilon=np.float64(1e-8), grad=gradient,
        )  # fmt: skip
        path.append(variables[0].numpy())
    return np.array(path)


def test_steps_are_those_of_tensorflow() -> None:
    expected = reference()
    np.testing.assert_allclose(paths("tensorflow"), expected, rtol=1e-9, atol=1e-18)
    other = paths("pytorch")
    assert np.abs(other[0, 25:] / expected[0, 25:]).min() > 1.2  # of gradients of 1e-7 and less


@pytest.mark.parametrize("adam", ["tensorflow", "pytorch"])
def test_the_fused_kernel_takes_the_same_steps(adam: str) -> None:
    np.testing.assert_allclose(paths(adam, fused=True), paths(adam), rtol=1e-9, atol=1e-18)


def test_the_fused_kernel_reads_the_layout_of_the_weights() -> None:
    """Channels-last weights with gradients of the same layout, as autograd makes them."""
    torch.manual_seed(0)
    plan = LevelPlan(level=7, iterations=1, batch=1, learning_rate=1e-3)
    start, photo = torch.randn(5, 3, 3, 3), torch.rand(1, 3, 8, 8)
    found = []
    for layout, fused in ((torch.contiguous_format, False), (torch.channels_last, True)):
        weights = torch.nn.Parameter(
            start.clone(memory_format=torch.preserve_format).to(memory_format=layout)
        )
        optimizer = make_adam([weights], plan, fused=fused)
        for _ in range(3):
            optimizer.zero_grad()
            torch.nn.functional.conv2d(photo, weights).square().sum().backward()
            optimizer.step()
        found.append(weights.detach())
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=1e-6)
    assert float((found[0] - start).abs().max()) > 1e-3


def test_the_learning_rate_falls_along_a_cosine() -> None:
    plan = LevelPlan(level=7, iterations=100, batch=1, learning_rate=2e-3, decay="cosine")
    scheduler_of = torch.optim.lr_scheduler.CosineAnnealingLR  # the reference
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2e-3)
    scheduler = scheduler_of(optimizer, T_max=100)
    for done in range(100):
        assert learning_rate(plan, done) == pytest.approx(scheduler.get_last_lr()[0], rel=1e-6)
        optimizer.step()
        scheduler.step()
    assert learning_rate(replace(plan, decay="none"), 99) == 2e-3


def test_the_formula() -> None:
    """p -= lr * sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + eps)."""
    m = v = np.zeros(50)
    weights = np.zeros(50)
    for t, g in enumerate(GRADIENTS, start=1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        weights = weights - 5e-5 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (np.sqrt(v) + 1e-8)
    np.testing.assert_allclose(paths("tensorflow")[-1], weights, rtol=1e-9, atol=1e-18)


def test_resuming_from_a_state_changes_no_bit() -> None:
    expected = paths("tensorflow")
    weights = torch.nn.Parameter(torch.zeros(50, dtype=torch.float64))
    optimizer = TensorFlowAdam([weights], 5e-5, 1e-8)
    for step, gradient in enumerate(GRADIENTS):
        if step == 7:
            state = optimizer.state_dict()
            optimizer = TensorFlowAdam([weights], 5e-5, 1e-8)
            optimizer.load_state_dict(state)
        weights.grad = torch.from_numpy(gradient.copy())
        optimizer.step()
    assert np.array_equal(weights.detach().numpy(), expected[-1])


def test_the_first_step_of_the_papers_schedule() -> None:
    """Level 3 at full width: as PyTorch and without the factor of 100, its own weights move by 0.21 steps."""
    torch.set_num_threads(1)
    plan = next(row for row in SCHEDULES["paper"].rows if row.level == 3)
    network = PyNet(PyNetConfig(level=3))
    network.reset_parameters(torch.Generator().manual_seed(0), "paper")
    photo = torch.from_numpy(scene(PhotoSize(256, 256), 4).photo).permute(0, 3, 1, 2)
    target = torch.nn.functional.avg_pool2d(photo[:, :3], 2)
    trained = {name: p for name, p in network.named_parameters() if name.endswith(".weight")}
    before = {name: p.detach().double() for name, p in trained.items()}
    optimizer = make_adam(list(network.parameters()), plan)
    Loss(plan.loss)(network(photo), target)["loss"].backward()
    optimizer.step()
    moved = {name: (p.detach() - before[name]).abs() / plan.learning_rate for name, p in trained.items()}
    moved = {name: moves for name, moves in moved.items() if trained[name].grad is not None}
    for name, moves in moved.items():
        g = trained[name].grad.double().abs()  # type: ignore[union-attr]
        expected = g / (g + 1e-8 / np.sqrt(1 - 0.999))  # lr_t * m / (sqrt(v) + eps) at t = 1
        assert float((moves - expected).abs().mean()) < 1e-2  # weights are stored in float32
    assert 0.75 < float(torch.cat([moves.flatten() for moves in moved.values()]).mean()) < 0.9
    own = torch.cat([moves.flatten() for name, moves in moved.items() if name.startswith("level_3.")])
    assert 0.3 < float(own.mean()) < 0.4


def test_learning_rate_and_epsilon_are_those_of_the_plan() -> None:
    plan = SCHEDULES["paper"].rows[0]
    optimizer = make_adam([torch.nn.Parameter(torch.zeros(1))], plan)
    assert isinstance(optimizer, TensorFlowAdam)
    assert optimizer.param_groups[0]["epsilon"] == plan.epsilon == 1e-8
    smoke = make_adam([torch.nn.Parameter(torch.zeros(1))], SCHEDULES["smoke"].rows[0])
    assert type(smoke) is torch.optim.Adam


def test_adamw_decays_weights_apart_from_their_gradient() -> None:
    """Loshchilov and Hutter, "Decoupled weight decay regularization" (ICLR 2019), algorithm 2."""
    plan = LevelPlan(level=7, iterations=1, batch=1, learning_rate=1e-3, adam="adamw")
    weight = torch.nn.Parameter(torch.tensor([2.0, -3.0]))
    optimizer = make_adam([weight], plan)
    weight.grad = torch.tensor([0.5, 0.0])
    optimizer.step()
    # the first step of Adam is the learning rate in the direction of the gradient
    np.testing.assert_allclose(weight.detach(), [2 * (1 - 1e-5) - 1e-3, -3 * (1 - 1e-5)], rtol=1e-6)
