"""Worker processes that are started from somebody's script."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def main_not_imported() -> Iterator[None]:
    """Keep worker processes that are started meanwhile from importing the user's script.

    They would run it again, down to the call that started them, unless the script is written with
    ``if __name__ == "__main__"``. What they need is in this package. (:mod:`multiprocessing` looks at
    ``__spec__`` and ``__file__`` of the main module to find the script.)
    """
    main = vars(sys.modules["__main__"])
    names: tuple[str, ...] = ("__spec__", "__file__")
    kept = {name: main.pop(name) for name in names if name in main}
    main["__spec__"] = None
    try:
        yield
    finally:
        main.update(kept)
