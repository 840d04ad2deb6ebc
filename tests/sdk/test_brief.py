"""What prints in an error, a log or a notebook: every public class has a short `repr` of its own."""

import importlib
import inspect

import numpy as np
import pytest

import duomo
from duomo import Options, Task
from duomo.adapters import Isotonic
from duomo.execution import InlineExecutor
from duomo.inputs import Audio, Image, Prompt, Series, Table, TextPair, Video

PACKAGES = ("duomo", "duomo.inputs", "duomo.tasks", "duomo.training", "duomo.client", "duomo.execution", "duomo.live",
            "duomo.writers", "duomo.adapters", "duomo.plugins", "duomo.export")  # fmt: skip
NEVER_MADE = (Task, duomo.Hooks)
"""Classes that are used as they are, without objects of them."""


class Labels(Options):
    labels: list[str]


def test_every_public_class_has_one():
    modules = [importlib.import_module(package) for package in PACKAGES]
    public = [getattr(module, name) for module in modules for name in module.__all__]
    classes = [each for each in public if inspect.isclass(each) and not issubclass(each, NEVER_MADE)]
    assert len(classes) > 200
    assert [each for each in classes if each.__repr__ is object.__repr__] == []


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        (lambda: Image.accept(np.zeros((4, 3, 3), np.uint8)), "Image(<uint8 4×3×3>)"),
        (lambda: Image(b"12345", "cat.jpg"), "Image('cat.jpg')"),
        (lambda: Audio.accept((np.zeros(16_000, np.float32), 16_000)), "Audio(<float32 16000>)"),
        (lambda: Video(b"1" * 2000), "Video(<2,000 bytes>)"),
        (lambda: Series.accept([1.0] * 1000), "Series(values=(1.0, 1.0, 1.0, … 997 more))"),
        (lambda: Table.accept({"a": ["x"] * 1000}), "Table(columns=('a',), rows=(('x',), ('x',), ('x',), … 997 more))"),
        (lambda: TextPair.accept(("a", "b" * 1000)), f"TextPair(first='a', second='{'b' * 60}'… (1,000 characters))"),
        (lambda: Labels(labels=["a"] * 1000), "Labels(labels=['a', 'a', 'a', … 997 more])"),
        (lambda: duomo.Client("http://me:secret@host:1"), "<Client of http://host:1>"),
        (InlineExecutor, "<InlineExecutor: nothing loaded>"),
    ],
)
def test_it_says_what_the_object_is_in_a_few_words(made, shown):
    assert repr(made()) == shown


def test_it_is_short_whatever_the_object_holds():
    catalog = duomo.default_catalog()
    points = [float(each) for each in range(1000)]
    held = [*catalog.models, *catalog.adapters.values(), *catalog.plugins, catalog, catalog.host]
    held += [Prompt.accept([{"role": "user", "content": "a" * 9999}] * 9), Isotonic(knots=points, values=points)]
    assert max(len(repr(each)) for each in held) < 1000
