"""Packages of the extras."""

import pytest

from ebb.errors import MissingDependency
from ebb.extras import check_installed, is_installed


def test_a_missing_package_names_its_extra() -> None:
    check_installed("numpy", "depth")
    assert (is_installed("numpy"), is_installed("no_such")) == (True, False)
    with pytest.raises(
        MissingDependency, match=r"package no_such is missing \(pip install 'ebb-bokeh\[onnx\]'\)$"
    ):
        check_installed("no_such", "onnx")
