from __future__ import annotations

import pytest

from ebb.serving.limits import Rate, RateLimit


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_passes_and_then_one_request_per_interval() -> None:
    clock = Clock()
    limit = RateLimit(Rate(3, 2), clock)
    assert [limit.seconds_to_wait("a") for _ in range(4)] == [0, 0, 0, 0.5]
    clock.now = 0.4
    assert limit.seconds_to_wait("a") == pytest.approx(0.1)
    clock.now = 0.5
    assert limit.seconds_to_wait("a") == 0
    assert limit.seconds_to_wait("a") == pytest.approx(0.5)


def test_over_a_long_time_the_rate_is_exact() -> None:
    clock = Clock()
    limit = RateLimit(Rate(5, 10), clock)
    passed = 0
    for step in range(10_000):
        clock.now = step / 100
        passed += limit.seconds_to_wait("a") == 0
    assert passed == pytest.approx(5 + 10 * 100, abs=1)


def test_visitors_do_not_affect_each_other() -> None:
    limit = RateLimit(Rate(1, 1), Clock())
    assert [limit.seconds_to_wait(name) for name in "abab"] == [0, 0, 1, 1]


def test_memory_is_bounded_and_the_oldest_is_forgotten() -> None:
    limit = RateLimit(Rate(1, 1), Clock(), max_visitors=3)
    for name in "abcd":
        limit.seconds_to_wait(name)
    assert len(limit) == 3
    assert limit.seconds_to_wait("d") > 0
    assert limit.seconds_to_wait("a") == 0
