"""To register is to be tested: the conformance suite over every executor whose libraries are here."""

import pytest

from duomo import default_catalog
from duomo.plugins.requirements import missing_requirements
from duomo.testing import ExecutorConformance

DEVICES = {"local": "cpu,cpu", "ray": "cpu,cpu"}

for _spec in default_catalog().executors.values():
    _marks = [pytest.mark.multiproc] if _spec.name in DEVICES else []
    if missing_requirements(_spec.requires):
        _marks.append(pytest.mark.skip(reason=f"{_spec.name} needs {', '.join(_spec.requires)}"))
    if _spec.name == "ray":
        _marks += [pytest.mark.slow, pytest.mark.alone]
    _name = f"Test_{_spec.name}".replace("-", "_")
    globals()[_name] = type(
        _name,
        (ExecutorConformance,),
        {"executor": _spec.name, "devices": DEVICES.get(_spec.name), "__module__": __name__, "pytestmark": _marks},
    )
