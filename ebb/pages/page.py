"""HTML pages in one file each: styles, script and pictures are inside, and nothing is fetched.

Every text is escaped. The content security policy allows the page's own style and script by their hashes and
pictures by ``data:``, and nothing else, so that even a text that got through could do nothing.
"""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import Any


def render_page(package: str, template: str, **facts: object) -> str:
    """Fill a template of a package; equal facts give equal bytes.

    Args:
        package: Name of the package that the template lies in.
        template: File name; it extends ``page.html.jinja`` of this folder.
        facts: What it tells.
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
    style, script = (files(__package__).joinpath(name).read_text("utf-8") for name in ("page.css", "page.js"))
    page: str = environment.get_template(template).render(
        style=markupsafe.Markup(style),  # noqa: S704 - files of this package
        script=markupsafe.Markup(script),  # noqa: S704 - as above
        policy=f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'",
        **facts,
    )
    return page


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
