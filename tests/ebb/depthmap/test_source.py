"""The source that gives no depth."""

from ebb.depthmap.source import NoDepth
from tests.helpers.views import View, blank


def test_no_depth_reads_nothing() -> None:
    view = View(blank(64, 40))
    assert NoDepth().depth([view, view]) == [None, None]
    assert view.asked == []
