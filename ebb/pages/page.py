"""Self-contained HTML pages: styles, script and pictures are inside, and nothing is fetched.

All text is escaped. The content security policy allows only the style and script of the page, by their
hashes, and pictures by ``data:``, so that even unescaped text could not run.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def render_page(
    package: str,
    template: str,
    *,
    title: str,
    about: str,
    files: Sequence[tuple[str, str]] = (),
    **values: object,
) -> str:
    """Fill a template of a package; equal values give equal bytes.

    Args:
        package: Name of the package that contains the template.
        template: File name; it extends ``page.html.jinja`` of this folder.
        title: Title of the page.
        about: One line below the title.
        files: Text and address of files to link to, relative to the page.
        values: Values of the variables of the template.
    """
    import jinja2
    import markupsafe

    environment: Any = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(name, ".") for name in (package, __package__)]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["whole_flags"] = _whole_flags
    folder = resources.files(__package__)
    style, script = (folder.joinpath(name).read_text("utf-8") for name in ("page.css", "page.js"))
    page: str = environment.get_template(template).render(
        style=markupsafe.Markup(style),  # noqa: S704 - files of this package
        script=markupsafe.Markup(script),  # noqa: S704 - as above
        policy=f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'",
        title=title,
        about=about,
        files=files,
        **values,
    )
    return page


def _whole_flags(value: object) -> str:
    """Escape a text and mark the flags of commands in it, which no line break may divide."""
    import markupsafe

    text = str(markupsafe.escape(value))
    marked = re.sub(r"(?<![\w-])--[a-z][a-z0-9-]*", r'<span class="flag">\g<0></span>', text)
    return markupsafe.Markup(marked)  # noqa: S704 - escaped above


def address(path: Path, folder: Path) -> str:
    """Address of a file, relative to the folder of a page."""
    return quote(Path(os.path.relpath(path, folder)).as_posix())


def file_links(folder: Path, names: Iterable[str]) -> list[tuple[str, str]]:
    """Links to those files of a page's folder that exist: text, address."""
    return [(name, quote(name)) for name in names if (folder / name).exists()]


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
