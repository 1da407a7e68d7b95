"""Files that a page consists of, from a package: read once, served by exact names."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

from starlette.responses import Response

from ebb.files import sha256_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.requests import Request

MEDIA_TYPES: Mapping[str, str] = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
"""Suffix of a file → its type."""


class _Asset(NamedTuple):
    data: bytes
    media_type: str
    tag: str


class Assets:
    """Files of a package by name.

    Args:
        package: Name of the package.
        names: Names of its files; no other one is served.
    """

    def __init__(self, package: str, names: Sequence[str]) -> None:
        folder = resources.files(package)
        self._assets: dict[str, _Asset] = {}
        for name in names:
            data = folder.joinpath(name).read_bytes()
            tag = f'"{sha256_bytes(data)[:32]}"'
            self._assets[name] = _Asset(data, MEDIA_TYPES[name.rpartition(".")[2]], tag)

    def reply(self, name: str, request: Request) -> Response | None:
        """The file, or 304 if the browser has it; None if there is none of this name."""
        asset = self._assets.get(name)
        if asset is None:
            return None
        headers = {"ETag": asset.tag, "Cache-Control": "no-cache"}
        if request.headers.get("if-none-match") == asset.tag:
            return Response(status_code=304, headers=headers)
        return Response(asset.data, headers=headers, media_type=asset.media_type)
