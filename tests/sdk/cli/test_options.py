"""Every option of a job is a typed field, so that a misspelt one is found by the type checker."""

import dataclasses
from typing import Any, get_type_hints

import click
import pytest

from duomo.cli import run
from duomo.cli.jobs.options import JobOptions


@pytest.mark.parametrize(("command", "options"), [(run.command, JobOptions)])
def test_each_option_of_the_command_is_a_field_with_the_same_default(
    command: click.Command, options: type[JobOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DUOMO_OUTPUT", raising=False)
    given = command.make_context("job", []).params
    assert set(given) == {each.name for each in dataclasses.fields(options)}
    assert options(**given) == options()
    assert Any not in get_type_hints(options).values()


def test_options_stay_as_they_were_given() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        JobOptions().model = "another"  # type: ignore[misc]


def test_chosen_fields_are_names_without_spaces_and_gaps() -> None:
    assert JobOptions(fields=" id, meta.ms,,").chosen_fields == ("id", "meta.ms")
    assert JobOptions().chosen_fields == ()
