"""Networks for phones: TFLite and ONNX files, and the checks they must pass."""
