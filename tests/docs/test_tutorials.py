"""The tutorials: every command is run as on the page and has the output on the page."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.docs.pages import missing_line, run_step, steps

ROOT = Path(__file__).parents[2]
TUTORIALS = ROOT / "docs" / "tutorials"


@pytest.mark.parametrize("pages", [["photographer"], ["researcher", "phone"]], ids="+".join)
def test_the_commands_have_the_documented_output(pages: list[str], tmp_path: Path) -> None:
    shutil.copytree(ROOT / "data" / "sample" / "captures", tmp_path / "captures")
    for page in pages:
        found = steps((TUTORIALS / f"{page}.md").read_text())
        assert len(found) >= 3
        for step in found:
            output = run_step(step, tmp_path)
            missing = missing_line(step.shown, output)
            assert missing is None, f"{page}: {step.code}does not show {missing!r}, but\n{output}"


def test_blocks_are_found_with_what_they_show() -> None:
    page = "```sh\nls\n```\n\n```text\na   b\n\nc\n```\n\n```toml\nx = 1\n```\n\n```python\nprint(1)\n```\n"
    assert [tuple(step) for step in steps(page)] == [
        ("sh", "ls\n", ["a b", "c"]),
        ("python", "print(1)\n", []),
    ]


def test_shown_lines_come_in_order_and_dots_match_anything() -> None:
    output = "first  line 3.5 s\nsecond\nthird\n"
    assert missing_line(["first line …", "third"], output) is None
    assert missing_line(["third", "second"], output) == "second"
    assert missing_line(["first line"], output) == "first line"


def test_a_command_that_fails_fails_the_test(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="false"):
        run_step(steps("```sh\nfalse\ntrue\n```\n")[0], tmp_path)
