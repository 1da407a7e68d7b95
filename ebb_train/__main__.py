"""``python -m ebb_train`` is ``ebb-train``. Signals are handled before anything heavy is imported."""

import sys

from ebb.stop import run_program


def main() -> None:
    """Run one verb and exit with its code."""
    run_program(_run)


def _run() -> int:
    from ebb.command import run_verb
    from ebb_train.cli import app

    return run_verb(app, sys.argv[1:])


if __name__ == "__main__":
    main()
