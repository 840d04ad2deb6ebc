"""Every option of a job is a typed field, so that a misspelt one is found by the type checker."""

import dataclasses
from pathlib import Path
from typing import Any, get_type_hints

import click
import pytest

from duomo.cli import adapt, run
from duomo.cli.jobs.arguments import as_text, parse_params
from duomo.cli.jobs.options import AdaptOptions, JobOptions, RunOptions
from duomo.errors import UsageProblem
from duomo.tasks.base import Options


@pytest.mark.parametrize(
    ("command", "arguments", "options"),
    [(run.command, [], RunOptions()), (adapt.command, ["a", "b"], AdaptOptions(adapter="a", sources=("b",)))],
)
def test_each_option_of_the_command_is_a_field_with_the_same_default(
    command: click.Command, arguments: list[str], options: JobOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DUOMO_OUTPUT", raising=False)
    given = command.make_context("job", arguments, help_option_names=["-h", "--help"]).params
    assert set(given) == {each.name for each in dataclasses.fields(options)}
    assert type(options)(**given) == options
    assert Any not in get_type_hints(type(options)).values()


def test_options_stay_as_they_were_given() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        JobOptions().model = "another"  # type: ignore[misc]


def test_chosen_fields_are_names_without_spaces_and_gaps() -> None:
    assert JobOptions(fields=" id, meta.ms,,").chosen_fields == ("id", "meta.ms")
    assert JobOptions().chosen_fields == ()


@pytest.mark.parametrize("typed", ["é 東", "ascii", "half \ud83d"])
def test_what_was_typed_is_utf8_also_where_the_locale_says_ascii(typed: str) -> None:
    kept = typed.encode("utf-8", "surrogatepass").decode("ascii", "surrogateescape")
    assert as_text(kept) == (kept if "half" in typed else typed)
    assert as_text(typed) == typed


@pytest.mark.parametrize(
    ("given", "ways"),
    [
        ({"params": ("top_k=2",), "top_k": 1}, "-p top_k=… and --top-k"),
        ({"params": ("corpus=a",), "param_files": ("corpus={}",)}, "-p corpus=… and --param-file"),
        ({"param_files": ("corpus={}", "corpus={}")}, "--param-file corpus=… and --param-file"),
    ],
)
def test_an_option_that_is_given_in_two_ways_is_refused(given: dict[str, Any], ways: str, tmp_path: Path) -> None:
    (tmp_path / "texts").write_text("a\n")
    files = tuple(each.format(tmp_path / "texts") for each in given.get("param_files", ()))
    with pytest.raises(UsageProblem, match="given twice") as caught:
        parse_params(RunOptions(**{**given, "param_files": files}), Options)
    assert ways in caught.value.why
    assert parse_params(RunOptions(params=("label=a", "label=b"), top_k=1), Options) == {
        "label": ["a", "b"],
        "top_k": 1,
    }
