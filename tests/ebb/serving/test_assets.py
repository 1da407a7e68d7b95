from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from starlette.requests import Request

from ebb.serving.assets import Assets

if TYPE_CHECKING:
    from pathlib import Path


def request(**headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": raw})


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    folder = tmp_path / "some_pages"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "page.js").write_text("let a = 'ü';")
    (folder / "secret.html").write_text("no")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "some_pages", raising=False)
    return "some_pages"


def test_a_file_is_served_with_its_type_and_tag(package: str) -> None:
    reply = Assets(package, ["page.js"]).reply("page.js", request())
    assert reply is not None
    assert bytes(reply.body).decode() == "let a = 'ü';"
    assert reply.headers["Content-Type"] == "text/javascript; charset=utf-8"
    again = Assets(package, ["page.js"]).reply("page.js", request(if_none_match=reply.headers["ETag"]))
    assert again is not None
    assert (again.status_code, bytes(again.body)) == (304, b"")


@pytest.mark.parametrize("name", ["secret.html", "../secret.html", "__init__.py", "", "page.js/", "PAGE.JS"])
def test_nothing_else_is_served(package: str, name: str) -> None:
    assert Assets(package, ["page.js"]).reply(name, request()) is None
