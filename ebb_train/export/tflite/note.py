"""The note inside a TFLite file: inputs, outputs, source and licence of the weights.

It is a metadata entry with JSON text, which any reader of the format can find, beside a signature and names
of input and output.
"""

from __future__ import annotations

import importlib.metadata
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from ebb.documents import parse_json
from ebb.errors import InvalidInput
from ebb.version import __version__
from ebb_train import optional
from ebb_train.export.settings import INPUT, OUTPUT
from ebb_train.export.tflite.graph import IDENTIFIER
from ebb_train.models.blocks import RGB_GAIN, RGB_OFFSET

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ebb_train.export.settings import PhotoSize, Precision
    from ebb_train.export.tflite.graph import Graph
    from ebb_train.models.pynet import PyNetConfig

NAME = "ebb"
"""Name of the metadata entry."""

SIGNATURE = "serving_default"
"""Name of the signature under which runtimes look for input and output."""

ALIGNMENT = 16
"""Alignment of constants in bytes, as required by the schema."""


def about(
    config: PyNetConfig,
    size: PhotoSize,
    *,
    level: int,
    precision: Precision,
    clip: bool,
    weights: Mapping[str, str],
) -> dict[str, Any]:
    """Describe a file.

    Args:
        config: Configuration of the network.
        size: Size of the photo.
        level: Level whose picture is the output.
        precision: Precision of the weights.
        clip: Whether the picture is clipped to [0, 1].
        weights: SHA-256, source and licence of the checkpoint.

    Returns:
        Plain values, without a date, so that equal files have equal notes.
    """
    channels = ["red", "green", "blue", "inverse depth"][: config.in_channels]
    depth = "; inverse depth: 0 far, 1 near, as ebb depth writes it, at the same size"
    return {
        "format": 1,
        "network": "pynet",
        "config": config.as_dict(),
        "level": level,
        "precision": precision,
        "photo_size": list(size),
        "input": {
            "name": INPUT,
            "shape": [1, *size.input, config.in_channels],
            "axes": "batch, row, column, channel",
            "type": "float32",
            "range": [0, 1],
            "channels": channels,
            "meaning": "sRGB photo at half size (bicubic), 8-bit values / 255"
            + (depth if config.in_channels == 4 else ""),
        },
        "output": {
            "name": OUTPUT,
            "shape": [1, *size.picture(level), 3],
            "axes": "batch, row, column, channel",
            "type": "float32",
            "range": [0, 1] if clip else [round(RGB_OFFSET - RGB_GAIN, 2), round(RGB_OFFSET + RGB_GAIN, 2)],
            "channels": ["red", "green", "blue"],
            "meaning": "the photo with shallow depth of field, sRGB" + ("" if clip else "; clip to [0, 1]"),
        },
        "weights": dict(weights),
        "software": {"ebb": __version__, "tensorflow": importlib.metadata.version("tensorflow")},
    }


def attach(data: bytes, note: Mapping[str, Any]) -> bytes:
    """Write a note, a signature and the names of input and output into a TFLite file.

    Args:
        data: A file with one input and one output, from
            :func:`~ebb_train.export.tflite.convert.to_tflite`.
        note: Result of :func:`about`.

    Returns:
        The file; equal arguments give equal bytes.
    """
    schema = optional.litert("schema_py_generated")
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    main = model.subgraphs[0]
    ends = {INPUT: int(main.inputs[0]), OUTPUT: int(main.outputs[0])}
    for name, number in ends.items():
        main.tensors[number].name = name.encode()
    tensors = [schema.TensorMapT(name=name, tensorIndex=number) for name, number in ends.items()]
    model.signatureDefs = [
        schema.SignatureDefT(inputs=tensors[:1], outputs=tensors[1:], signatureKey=SIGNATURE, subgraphIndex=0)
    ]
    model.description = f"PyNET, level {note['level']}, {note['precision']}; see the metadata entry {NAME}"
    text = json.dumps(note, sort_keys=True, ensure_ascii=False).encode()
    model.metadata = [*(model.metadata or []), schema.MetadataT(name=NAME, buffer=len(model.buffers))]
    model.buffers = [*model.buffers, schema.BufferT(data=np.frombuffer(text, np.uint8))]
    return _pack(schema, model)


def read_note(graph: Graph) -> dict[str, Any] | None:
    """Read the note written by :func:`attach`; None for other files.

    Raises:
        InvalidInput: there is another kind of note with this name.
    """
    if NAME not in graph.notes:
        return None
    try:
        note = parse_json(graph.notes[NAME])
    except InvalidInput as error:
        raise InvalidInput(f"the note in the file cannot be read: {error.message}") from error
    if not isinstance(note, dict) or note.get("format") != 1:
        raise InvalidInput("the note in the file is unknown to this version")
    return note


def _pack(schema: Any, model: Any) -> bytes:  # noqa: ANN401 - a generated module
    """Serialise the model with aligned constants, which the generated code does not do."""
    import flatbuffers

    class Aligned:
        """A buffer with its own method for packing."""

        def __init__(self, data: Any) -> None:  # noqa: ANN401 - bytes as NumPy array, or none
            self.data = data

        def Pack(self, builder: Any) -> Any:  # noqa: ANN401, N802 - the name the generated code calls
            vector = None if self.data is None or not len(self.data) else _vector(builder, self.data)
            schema.BufferStart(builder)
            if vector is not None:
                schema.BufferAddData(builder, vector)
            return schema.BufferEnd(builder)

    model.buffers = [Aligned(buffer.data) for buffer in model.buffers]
    size = sum(len(buffer.data) for buffer in model.buffers if buffer.data is not None)
    builder = flatbuffers.Builder(size + (1 << 20))
    builder.Finish(model.Pack(builder), file_identifier=IDENTIFIER)
    return bytes(builder.Output())


def _vector(builder: Any, data: Any) -> Any:  # noqa: ANN401 - flatbuffers has no types
    length = len(data)
    builder.StartVector(1, length, ALIGNMENT)
    builder.head = builder.head - length
    builder.Bytes[builder.head : builder.head + length] = data.tobytes()
    return builder.EndVector()
