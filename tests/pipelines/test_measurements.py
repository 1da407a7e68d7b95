"""The page of measurements is the one that the table gives."""

from pipelines.measurements import PAGE, page


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python pipelines/measurements.py"
