"""Networks: PyNET, its weights files, the authors' TensorFlow checkpoint."""
