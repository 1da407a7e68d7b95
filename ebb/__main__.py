"""``python -m ebb`` is ``ebb``."""

from ebb.cli import main

if __name__ == "__main__":
    main()
