"""The Python of docs/medical.md runs from top to bottom and says what the page shows."""

import re
from pathlib import Path

import pytest

pytest.importorskip("pydicom")
PAGE = Path(__file__).parents[3] / "docs" / "medical.md"


def test_the_page_of_medicine_runs(capsys):
    source = "\n".join(re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE))
    exec(compile(source, "docs/medical.md", "exec"), {"__name__": "__main__"})
    said = capsys.readouterr().out
    assert said.startswith("refer\naccept\nthis is not a DICOM file\n")
    assert "refer None UNITS.MISMATCH" in said
    assert "west | AUC" in said
    assert "['DATE', 'ID', 'NUMBER', 'PHONE']" in said


def test_every_spec_wants_a_person_and_claims_nothing():
    from duomo_medical.plugin import plugin

    for spec in plugin.register_adapters():
        assert spec.human_review == "required"
        assert spec.risk == "high"
        assert spec.data_classes == ("PHI",)
        assert "diagnosis without a clinician" in spec.not_for
        assert "not a medical device" in spec.disclaimer
    assert "complies" not in PAGE.read_text("utf-8")
