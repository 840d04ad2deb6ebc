"""To register is to be tested: the conformance suite over every plugin, and every model whose weights are here."""

import pytest

from duomo import default_catalog
from duomo.testing import ModelConformance, PluginConformance

_catalog = default_catalog()

for _record in _catalog.plugins:
    _name = f"TestPlugin_{_record.name}"
    globals()[_name] = type(_name, (PluginConformance,), {"plugin": _record.name, "__module__": __name__})

for _spec in _catalog.models:
    if _catalog.is_ready(_spec) and not _spec.is_family:
        _with_weights = _spec.weights != "none" or bool(_spec.uses)
        _marks = [pytest.mark.embedded] if _with_weights else []
        if _with_weights and "starter" not in _spec.packs:
            _marks.append(pytest.mark.slow)
        _name = "Test_" + f"{_spec.name}_{_spec.task}".replace("/", "_").replace("-", "_")
        globals()[_name] = type(
            _name,
            (ModelConformance,),
            {"model": _spec.name, "task": _spec.task, "pytestmark": _marks, "__module__": __name__},
        )
