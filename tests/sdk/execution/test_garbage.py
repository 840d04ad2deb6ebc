"""The garbage collector rests while a model is loaded, and a program finds it as it was."""

import gc
from collections.abc import Iterator
from typing import Any

import pytest

import duomo
from duomo.cli import cli, main
from duomo.execution.garbage import MANY, uncollected
from duomo.testing.fakes import EchoModel, echo_spec, fake_catalog


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    was, frozen = gc.isenabled(), gc.get_freeze_count()
    gc.unfreeze()
    yield
    gc.unfreeze()
    if frozen:  # what tests/conftest.py has set aside
        gc.freeze()
    (gc.enable if was else gc.disable)()


class Loading(EchoModel):
    """Says whether it was loaded with the collector at work; cannot be loaded when told so."""

    was_on: bool
    breaks = False

    @classmethod
    def load(cls, weights: Any, *, device: Any, dtype: Any) -> "Loading":
        if cls.breaks:
            raise ValueError("broken")
        model = cls()
        model.was_on = gc.isenabled()
        return model


@pytest.mark.parametrize("on", [True, False])
def test_it_rests_while_a_model_is_loaded_and_is_as_before_also_after_an_error(
    monkeypatch: pytest.MonkeyPatch, on: bool
) -> None:
    monkeypatch.setattr("duomo.testing.fakes.Loading", Loading, raising=False)
    catalog = fake_catalog(echo_spec(loader="duomo.testing.fakes:Loading"))
    (gc.enable if on else gc.disable)()
    with duomo.load("text-classification", catalog=catalog) as runner:
        assert not runner.executor.worker.model.was_on  # type: ignore[attr-defined]
        assert gc.isenabled() is on
    monkeypatch.setattr(Loading, "breaks", True)
    with pytest.raises(ValueError, match="broken"):
        duomo.load("text-classification", catalog=catalog)
    assert gc.isenabled() is on


def test_garbage_that_was_made_within_is_found_afterwards() -> None:
    gc.enable()
    with uncollected():
        ring: list[object] = []
        ring.append(ring)
        del ring
    assert gc.get_freeze_count() == 0
    assert gc.collect() > 0


@pytest.mark.parametrize("many", [0, MANY + 1])
def test_what_a_program_has_frozen_stays_so(many: int) -> None:
    gc.enable()
    gc.freeze()
    count = gc.get_freeze_count()
    with uncollected():
        kept = [[] for _ in range(many)]
    assert len(kept) == many
    assert gc.get_freeze_count() > 0.9 * count > 0, "some die by themselves"


def test_what_was_made_in_great_number_is_old_afterwards() -> None:
    """So no later look at the young goes through all of it."""
    gc.enable()
    before = len(gc.get_objects(2))
    with uncollected():
        kept: list[list[object]] = [[] for _ in range(2 * MANY)]
    assert len(gc.get_objects(2)) - before >= len(kept)


def test_a_command_ends_without_a_last_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "main", lambda: (_ for _ in ()).throw(SystemExit(0)))
    assert gc.get_freeze_count() == 0
    with pytest.raises(SystemExit):
        main()
    assert gc.get_freeze_count() > 0
