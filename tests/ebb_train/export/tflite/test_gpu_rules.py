"""The rules of single operations on files made for each, held against LiteRT's own accelerator.

Where the accelerator runs (any Vulkan driver), it must refuse what the rules call refused, compute wrongly
what they call wrong, and take the rest. Cases of a broken rule that it "takes" are those where it does more
than the older delegate of phones, whose source the rules cite.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest

from ebb_train.export.tflite.gpu_rules import RULES
from ebb_train.export.tflite.graph import read_graph
from ebb_train.export.tflite.lint import MAX_VERSION, lint
from tests.helpers.gpu_oracle import taken
from tests.helpers.tflite_files import MAPS, At, Const, Node, one, tflite_file, weights

if TYPE_CHECKING:
    from pathlib import Path

Oracle = Literal["takes", "refuses", "wrong"]

X = At()
F32 = "FLOAT32"
BOOL = At(MAPS, "BOOL")
BIAS = Const([0] * 4, F32)
PADS = [[0, 0], [1, 1], [1, 1], [0, 0]]
PADDED, TWICE, HALF = At((1, 10, 10, 4)), At((1, 16, 16, 4)), At((1, 4, 4, 4))


@dataclass(frozen=True)
class Case:
    """A file, a part of the rule it breaks (empty: none), and what the accelerator does."""

    data: bytes
    rule: str = ""
    oracle: Oracle | None = None

    @property
    def expected(self) -> Oracle:
        return self.oracle or ("refuses" if self.rule else "takes")


def conv(
    inputs: tuple[At | Const, ...] = (X, weights(4, 3, 3, 4), BIAS), version: int = 1, **attributes: Any
) -> bytes:
    attributes = {"strideH": 1, "strideW": 1} | attributes
    return one("CONV_2D", inputs, X, "Conv2DOptions", version=version, **attributes)


def depthwise(**attributes: Any) -> bytes:
    attributes = {"strideH": 1, "strideW": 1, "depthMultiplier": 1} | attributes
    return one("DEPTHWISE_CONV_2D", [X, weights(1, 3, 3, 4), BIAS], X, "DepthwiseConv2DOptions", **attributes)


def transposed(size: At | Const = Const([1, 16, 16, 4]), version: int = 3, **attributes: Any) -> bytes:
    operands = [size, weights(4, 3, 3, 4), X, BIAS]
    attributes = {"strideH": 2, "strideW": 2} | attributes
    return one("TRANSPOSE_CONV", operands, TWICE, "TransposeConvOptions", version=version, **attributes)


def pool(**attributes: Any) -> bytes:
    attributes = {"strideH": 2, "strideW": 2, "filterHeight": 2, "filterWidth": 2} | attributes
    return one("MAX_POOL_2D", [X], HALF, "Pool2DOptions", **attributes)


def resize(name: str = "ResizeBilinear", version: int = 3, **attributes: Any) -> bytes:
    operation = {"ResizeBilinear": "RESIZE_BILINEAR"}.get(name, "RESIZE_NEAREST_NEIGHBOR")
    operands = [X, Const([16, 16])]
    return one(operation, operands, TWICE, f"{name}Options", version=version, **attributes)


def pad(name: str = "PAD", pads: Any = PADS, shape: tuple[int, ...] = MAPS, **attributes: Any) -> bytes:
    pads = pads if isinstance(pads, Const | At) else Const(pads)
    output = shape if isinstance(pads, At) else tuple(np.asarray(pads.values).sum(1) + shape)
    options = {"PAD": "PadOptions", "MIRROR_PAD": "MirrorPadOptions"}[name]
    return one(name, [At(shape), pads], At(output), options, **attributes)


def strided(
    begin: list[int], end: list[int], step: list[int], output: tuple[int, ...], **attributes: Any
) -> bytes:
    source = attributes.pop("source", X)
    operands = [source, Const(begin), Const(end), Const(step)]
    return one("STRIDED_SLICE", operands, At(output), "StridedSliceOptions", **attributes)


def cut(source: At, begin: Const | At, size: Const, output: tuple[int, ...]) -> bytes:
    return one("SLICE", [source, begin, size], At(output), "SliceOptions")


def mean(axes: Const | At) -> bytes:
    return one("MEAN", [X, axes], At((1, 1, 1, 4)), "ReducerOptions", keepDims=True)


def pair(name: str, *operands: At | Const | int, output: At = X, **attributes: Any) -> bytes:
    options = {"ADD": "AddOptions", "MUL": "MulOptions", "SUB": "SubOptions"}.get(name, "")
    return one(name, operands, output, options, **attributes)


def compared(*nodes: Node) -> bytes:
    return tflite_file(Node("GREATER", (X, X), (BOOL,), "GreaterOptions"), *nodes)


CASES: dict[str, Case] = {
    "conv": Case(conv(fusedActivationFunction=3)),
    "conv_sign_bit": Case(conv(fusedActivationFunction=5), "SIGN_BIT"),
    "conv_stride": Case(conv(strideH=0), "strideH 0"),
    "conv_dilation": Case(conv(dilationHFactor=2, dilationWFactor=2)),
    "conv_weights_computed": Case(conv((X, At((4, 3, 3, 4)), BIAS))),
    "conv_bias_computed": Case(conv((X, weights(4, 3, 3, 4), At((4,)))), "bias or output size"),
    "conv_groups": Case(conv((X, weights(4, 3, 3, 2), BIAS)), "groups of 2", "wrong"),
    "conv_version": Case(conv(version=7), "version 7; up to 6"),
    "depthwise": Case(depthwise()),
    "depthwise_multiplier": Case(depthwise(depthMultiplier=2), "depthMultiplier 2"),
    "transposed": Case(transposed()),
    "transposed_activation": Case(transposed(fusedActivationFunction=1), "not computed", "wrong"),
    "transposed_version": Case(transposed(version=4), "version 4; up to 3"),
    "transposed_size": Case(transposed(At((4,), "INT32")), "type INT32"),
    "pool": Case(pool(fusedActivationFunction=1)),
    "pool_stride": Case(pool(strideW=0), "strideW 0"),
    "pool_sign_bit": Case(pool(fusedActivationFunction=5), "SIGN_BIT"),
    "bilinear": Case(resize()),
    "bilinear_align": Case(resize(alignCorners=True)),
    "bilinear_half": Case(resize(halfPixelCenters=True)),
    "bilinear_both": Case(resize(alignCorners=True, halfPixelCenters=True), "alignCorners and half"),
    "bilinear_version": Case(resize(version=4), "version 4; up to 3"),
    "nearest_both": Case(resize("ResizeNearestNeighbor", alignCorners=True, halfPixelCenters=True)),
    "pad": Case(pad()),
    "pad_2": Case(pad(pads=PADS[:2], shape=(1, 8)), "shape (2, 2)"),
    "pad_3": Case(pad(pads=PADS[1:], shape=(8, 8, 4)), "3 dimensions", "wrong"),
    "pad_int64": Case(pad(pads=Const(PADS, "INT64")), "INT64"),
    "pad_computed": Case(pad(pads=At((4, 2), "INT32")), "type INT32"),
    "reflect": Case(pad("MIRROR_PAD", mode=0)),
    "symmetric": Case(pad("MIRROR_PAD", mode=1), "SYMMETRIC"),
    "strided": Case(strided([0, -4, 0, 0], [1, 8, 8, 4], [1, 2, 1, 1], (1, 2, 8, 4))),
    "strided_masks": Case(strided([0, 3, 0, 0], [1, 3, 8, 4], [1] * 4, MAPS, beginMask=2, endMask=2)),
    "strided_shrink": Case(
        strided([0] * 4, [1, 8, 8, 1], [1] * 4, (1, 8, 8), shrinkAxisMask=8), "shrinkAxisMask 8"
    ),
    "strided_new_axis": Case(
        strided([0] * 3, [1, 8, 4], [1] * 3, (1, 1, 8, 4), source=At((1, 8, 4)), newAxisMask=1),
        "newAxisMask 1",
    ),
    "strided_ellipsis": Case(
        strided([0] * 2, [1, 2], [1] * 2, (1, 8, 8, 2), ellipsisMask=1), "ellipsisMask 1"
    ),
    "strided_backwards": Case(strided([0, 7, 0, 0], [1, -9, 8, 4], [1, -1, 1, 1], MAPS), "steps of -1"),
    "strided_2": Case(
        strided([0, 0], [1, 4], [1, 1], (1, 4), source=At((1, 8))), "other than 3 or 4", "takes"
    ),
    "slice": Case(cut(X, Const([0, 1, 1, 0]), Const([1, -1, 4, -1]), (1, 7, 4, 4))),
    "slice_int64": Case(
        cut(X, Const([0, 1, 1, 0], "INT64"), Const([1, 4, 4, 4], "INT64"), HALF.shape), "not stored as INT32"
    ),
    "slice_2": Case(cut(At((1, 8)), Const([0, 1]), Const([1, 4]), (1, 4)), "other than 3 or 4", "takes"),
    "softmax": Case(one("SOFTMAX", [X], X, "SoftmaxOptions", beta=1.0)),
    "softmax_beta": Case(one("SOFTMAX", [X], X, "SoftmaxOptions", beta=2.0), "beta 2; 1 is supported"),
    "blocks": Case(one("SPACE_TO_DEPTH", [X], At((1, 4, 4, 16)), "SpaceToDepthOptions", blockSize=2)),
    "blocks_of_1": Case(one("DEPTH_TO_SPACE", [X], X, "DepthToSpaceOptions", blockSize=1), "blockSize 1"),
    "mean": Case(mean(Const([1, 2]))),
    "mean_int64": Case(mean(Const([1, 2], "INT64")), "axes of type INT64"),
    "mean_computed": Case(mean(At((2,), "INT32")), "type INT32"),
    "add": Case(pair("ADD", X, Const([1, 2, 3, 4], F32))),
    "add_same": Case(pair("ADD", X, 0)),
    "add_sign_bit": Case(pair("ADD", X, X, fusedActivationFunction=5), "SIGN_BIT"),
    "add_number": Case(pair("ADD", X, At(())), "a scalar that is computed"),
    "add_row": Case(pair("ADD", X, At((8, 4))), "cannot be broadcast", "takes"),
    "add_version": Case(pair("ADD", X, X, version=3), "version 3; up to 2", "takes"),
    "sub": Case(pair("SUB", X, At((1, 1, 1, 4)))),
    "sub_same": Case(pair("SUB", X, 0), "same operand twice"),
    "maximum_same": Case(pair("MAXIMUM", X, 0), "same operand twice"),
    "mul_batch": Case(
        pair("MUL", At((2, 8, 8, 4)), weights(2, 8, 8, 4), output=At((2, 8, 8, 4))), "batch of 2", "takes"
    ),
    "sum_of_3": Case(one("ADD_N", [X, X, X], X, "AddNOptions"), "3 operands"),
    "constant_of_5": Case(pair("ADD", X, weights(1, 1, 1, 1, 4), output=At((1, 1, 8, 8, 4))), "5 dimensions"),
    "prelu": Case(one("PRELU", [X, weights(1, 1, 4)])),
    "prelu_one": Case(one("PRELU", [X, weights(1, 1, 1)]), "slopes (1, 1, 1)"),
    "prelu_computed": Case(one("PRELU", [X, At((1, 1, 4))]), "slopes that are computed"),
    "concat": Case(one("CONCATENATION", [X, X], At((1, 8, 8, 8)), "ConcatenationOptions", axis=3)),
    "concat_activation": Case(
        one(
            "CONCATENATION",
            [X, X],
            At((1, 8, 8, 8)),
            "ConcatenationOptions",
            axis=3,
            fusedActivationFunction=1,
        ),
        "fused activation",
    ),
    "transpose": Case(one("TRANSPOSE", [X, Const([0, 2, 1, 3])], X, "TransposeOptions")),
    "transpose_1": Case(
        one("TRANSPOSE", [At((8,)), Const([0])], At((8,)), "TransposeOptions"), "permutation"
    ),
    "dense": Case(one("FULLY_CONNECTED", [At((1, 16)), weights(8, 16)], At((1, 8)), "FullyConnectedOptions")),
    "dense_shuffled": Case(
        one(
            "FULLY_CONNECTED",
            [At((1, 16)), weights(8, 16)],
            At((1, 8)),
            "FullyConnectedOptions",
            weightsFormat=1,
        ),
        "weightsFormat",
    ),
    "dense_flattens": Case(
        one("FULLY_CONNECTED", [At((1, 2, 8)), weights(8, 16)], At((1, 8)), "FullyConnectedOptions"),
        "weights for 16 channels, and the input has 8",
        "wrong",
    ),
    "matrices": Case(
        one("BATCH_MATMUL", [At((1, 8, 4)), weights(4, 8)], At((1, 8, 8)), "BatchMatMulOptions")
    ),
    "matrices_transposed": Case(
        one("BATCH_MATMUL", [At((1, 8, 4)), weights(8, 4)], At((1, 8, 8)), "BatchMatMulOptions", adjY=True),
        "adjX, adjY",
        "wrong",
    ),
    "gather": Case(one("GATHER", [X, Const([1, 3])], At((1, 8, 8, 2)), "GatherOptions", axis=3)),
    "gather_int64": Case(
        one("GATHER", [X, Const([1, 3], "INT64")], At((1, 8, 8, 2)), "GatherOptions", axis=3),
        "vector of INT32",
    ),
    "cumsum": Case(one("CUMSUM", [X, Const(3)], X, "CumsumOptions")),
    "cumsum_reverse": Case(
        one("CUMSUM", [X, Const(3)], X, "CumsumOptions", reverse=True), "reverse", "wrong"
    ),
    "cumsum_exclusive": Case(
        one("CUMSUM", [X, Const(3)], X, "CumsumOptions", exclusive=True), "exclusive", "wrong"
    ),
    "split": Case(one("SPLIT", [Const(3), X], [At((1, 8, 8, 2))] * 2, "SplitOptions", numSplits=2)),
    "split_computed": Case(
        one("SPLIT", [At((1,), "INT32"), X], [At((1, 8, 8, 2))] * 2, "SplitOptions", numSplits=2),
        "type INT32",
    ),
    "cast": Case(one("CAST", [X], At(MAPS, "INT32"), "CastOptions")),
    "cast_int64": Case(one("CAST", [At(MAPS, "INT64")], X, "CastOptions"), "type INT64"),
    "cast_bytes": Case(one("CAST", [X], At(MAPS, "UINT8"), "CastOptions"), "from FLOAT32 to UINT8", "takes"),
    "compare_cast": Case(compared(Node("CAST", (2,), (X,), "CastOptions"))),
    "compare_alone": Case(compared(), "single CAST or SELECT", "takes"),
    "select": Case(one("SELECT_V2", [BOOL, X, Const(0.0, F32)], X, "SelectV2Options")),
    "select_row": Case(
        one("SELECT_V2", [BOOL, X, At((1, 1, 1, 4))], X, "SelectV2Options"), "choices (1, 1, 1, 4)"
    ),
    "unknown": Case(one("L2_NORMALIZATION", [X], X, "L2NormOptions"), "does not know"),
    "integers": Case(pair("TANH", At(MAPS, "INT8"), output=At(MAPS, "INT8")), "type INT8", "takes"),
}


@pytest.mark.parametrize("name", CASES)
def test_each_rule(name: str) -> None:
    case = CASES[name]
    faults = lint(read_graph(case.data))
    assert bool(faults) == bool(case.rule), faults
    assert any(case.rule in fault.rule for fault in faults) or not case.rule, faults
    assert all(fault.source for fault in faults)


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float | None]:
    folder = tmp_path_factory.mktemp("cases")
    paths: list[Path] = []
    for name, case in CASES.items():
        paths.append(folder / f"{name}.tflite")
        paths[-1].write_bytes(case.data)
    try:
        return taken(paths)
    except RuntimeError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", CASES)
def test_the_accelerator_agrees(name: str, oracle: dict[str, float | None]) -> None:
    difference = oracle[name]
    found = "refuses" if difference is None else "wrong" if difference > 0.1 else "takes"
    assert found == CASES[name].expected


def test_rules_belong_to_known_operations() -> None:
    assert set(RULES) <= set(MAX_VERSION)
