"""What the tables of a benchmark hold."""

from __future__ import annotations

from dataclasses import replace

from ebb.arrays import Size
from ebb_train.baselines.model import Cost
from ebb_train.evaluation.benchmark_page import benchmark_tables
from ebb_train.evaluation.results import Benchmark, BenchmarkEntry
from ebb_train.evaluation.scores import Row
from ebb_train.evaluation.summary import compare, summarise
from ebb_train.evaluation.timing import Timing


def entry(
    name: str, psnr: float, cost: Cost, timing: Timing | None, base: list[Row] | None = None
) -> BenchmarkEntry:
    rows = [Row(index=index, pair_id=str(index), scores={"ebb.psnr": psnr + index}) for index in range(2)]
    return BenchmarkEntry(
        name=name,
        model={},
        cost=cost,
        rows=rows,
        summary=summarise(rows, ["ebb.psnr"]),
        difference=compare(rows, base, ["ebb.psnr"]) if base else {},
        timing=timing,
    )


def test_means_differences_and_costs() -> None:
    timing = Timing(latency_ms=12.4, iqr_ms=0.6, repeats=5, peak_memory_mb=301.2, gpu_memory_mb=80.0)
    base = entry("identity", 20, Cost(0, 0), timing)
    other = entry("layered", 23, Cost(47_551_791, None), None, base.rows)
    found = Benchmark(
        split="test",
        data="",
        num_pairs=2,
        photo=Size(30, 20),
        groups={"ebb": {}},
        entries=[base, other],
        published=[],
    )
    means, differences, costs = benchmark_tables(found)
    assert [(name, [str(cell) for cell in cells]) for name, cells in means.rows] == [
        ("identity", ["20.50"]),
        ("layered", ["23.50"]),
    ]
    assert differences.title == "Paired difference from identity, ebb"
    assert [(name, [str(cell) for cell in cells]) for name, cells in differences.rows] == [
        ("layered", ["+3.00"])
    ]
    (_, first), (_, second) = costs.rows
    assert [str(cell) for cell in first] == ["0", "0 G", "12", "301"]
    assert [cell.interval for cell in first] == ["", "", "± 1", "80 on the GPU"]
    once = Timing(latency_ms=12.4, iqr_ms=0.0, repeats=1, peak_memory_mb=301.2)
    (_, cells), _ = benchmark_tables(replace(found, entries=[replace(base, timing=once), other]))[2].rows
    assert cells[2].interval == "", "one repeat has no spread"
    assert [str(cell) for cell in second] == ["47,551,791", "—", "—", "—"]
    assert costs.reasons == ["the number of multiply-adds depends on the photo", "not timed: --repeats 0"]
