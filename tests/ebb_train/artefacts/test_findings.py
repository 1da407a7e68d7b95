import numpy as np
import pytest

from ebb_train.artefacts.findings import KINDS, Finding, worst

NOWHERE = np.zeros((2, 2), bool)


def test_severity_is_the_value_in_limits() -> None:
    finding = Finding("drift", 0.25, NOWHERE)
    assert finding.severity == pytest.approx(2.5)
    assert finding.is_flagged
    assert not Finding("drift", 0.1, NOWHERE).is_flagged


def test_worst_is_the_largest_severity() -> None:
    findings = [Finding("drift", 0.2, NOWHERE), Finding("halo", 0.4, NOWHERE), Finding("seams", 0.1, NOWHERE)]
    assert worst(findings) is findings[1]
    assert worst([]) is None


def test_every_kind_says_what_it_is() -> None:
    for kind in KINDS.values():
        assert kind.limit > 0
        assert "↓" in kind.title
        assert kind.definition
