"""Public Python interface of ``ebb_train``: networks, metrics, training, evaluation and export."""
