"""Export of networks to TFLite and ONNX files, and the checks of these files."""
