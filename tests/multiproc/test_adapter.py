"""An industry adapter on worker processes: the same verdicts, in order, and a process that dies costs one record."""

import sys

import pytest

import duomo
from duomo.adapters import AuditLog, verify
from duomo.testing import fake_catalog
from duomo.testing.thermometer import EchoAdapter

pytestmark = [
    pytest.mark.multiproc,
    pytest.mark.skipif(sys.platform == "win32", reason="the fault is that of a POSIX process"),
]


def test_verdicts_are_those_of_one_process_and_a_process_that_dies_costs_one_record(pool, tmp_path):
    notes = [f"note {i}" for i in range(30)]
    notes[7], notes[11], notes[19] = "it exits", "a secret", "poison"
    with AuditLog(tmp_path / "log") as log:
        outcomes = list(EchoAdapter(runner=pool).map(notes, audit=log, batch_size=4))
    assert [each.index for each in outcomes] == list(range(30))
    assert {each.index: each.error.code for each in outcomes if not each.ok} == {
        7: "E-WORKER-LOST",
        19: "E-MODEL-FAILED",
    }
    assert outcomes[11].result.decision.reason == "PHI.TEXT"
    assert verify(tmp_path / "log").lines == 30
    with duomo.load("text-classification", "fake/echo", catalog=fake_catalog()) as runner:
        alone = {each.index: each.result for each in EchoAdapter(runner=runner).map(notes) if each.ok}
    for each in outcomes:
        if each.ok and each.index != 11:
            assert each.result.payload == alone[each.index].payload
            assert each.result.provenance.executor == "local"
