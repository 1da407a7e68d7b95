"""What ``import ebb_train`` offers: networks, metrics, training and export as functions."""
