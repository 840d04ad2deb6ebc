"""To register is to be tested: the conformance suite over every industry adapter that is installed."""

import pytest

from duomo import default_catalog
from duomo.testing import AdapterConformance

NOT_DICOM = b"a text file that somebody named .dcm"
BROKEN = {
    "medical/image-classify": NOT_DICOM,
    "medical/dicom-gateway": NOT_DICOM,
    "medical/ecg-monitor": b"Jane Doe, 62 beats a minute",
    "medical/tabular-risk": {"glucose": "7.1 mmol"}.keys(),
}
"""What an adapter must refuse although it resembles its items; of the others, any object."""

for _spec in default_catalog().adapters.values():
    _name = "Test_" + _spec.name.replace("/", "_").replace("-", "_")
    # With a core task's model a hundred passes take a while.
    _marks = [pytest.mark.slow] if _spec.tasks else []
    _fields = {
        "adapter": _spec.name,
        "broken": BROKEN.get(_spec.name, AdapterConformance.broken),
        "pytestmark": _marks,
        "tolerance": 1e-3 if _spec.tasks else 1e-6,
        "__module__": __name__,
    }
    globals()[_name] = type(_name, (AdapterConformance,), _fields)
