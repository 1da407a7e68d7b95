"""``python -m ebb_train`` is ``ebb-train``."""

from ebb_train.cli import main

if __name__ == "__main__":
    main()
