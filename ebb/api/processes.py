"""Worker processes started from a user's script."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def main_not_imported() -> Iterator[None]:
    """Keep worker processes started within the context from importing the user's script.

    :mod:`multiprocessing` finds the script through ``__spec__`` and ``__file__`` of the main module. Without
    ``if __name__ == "__main__"`` the workers would run the script again, up to the call that started them.
    """
    main = vars(sys.modules["__main__"])
    names: tuple[str, ...] = ("__spec__", "__file__")
    kept = {name: main.pop(name) for name in names if name in main}
    main["__spec__"] = None
    try:
        yield
    finally:
        main.update(kept)
