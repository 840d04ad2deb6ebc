"""Two good plugins among many bad ones, all in one process: the good live, each bad one is explained."""

import json
import logging
import os
import subprocess
import sys
import threading

import pytest

from duomo.hooks import Hooks, hookimpl
from duomo.plugins.discovery import discover
from duomo.plugins.host import PluginHost
from duomo.plugins.selection import Selection

GOOD = """
from duomo import Hooks, ModelSpec, hookimpl

class Good(Hooks):
    @hookimpl
    def register_models(self):
        return [ModelSpec("{name}/echo", "text-classification", "duomo.testing.fakes:EchoModel", "echo", "MIT",
                          weights="none")]

plugin = Good()
"""

HOOKS = """
from duomo import CommandSpec, ExecutorSpec, Hooks, ModelSpec, hookimpl

class Bad(Hooks):
{body}

plugin = Bad()
"""


def hooks(body: str) -> str:
    """A plugin whose class has this body."""
    return HOOKS.format(body="\n".join("    " + line for line in body.strip().splitlines()))


def spec(name: str, loader: str = '"m:C"') -> str:
    """The source of a model spec."""
    return f'ModelSpec("{name}", "text-classification", {loader}, "a model", "MIT")'


BAD = {
    # name: (source, state, words of the explanation, words of the remedy)
    "raises": ("1 / 0", "broken", "ZeroDivisionError: division by zero", "plugins show raises --traceback"),
    "exits": ("import sys; sys.exit(3)", "broken", "tried to end the program", "disable exits"),
    "unprintable": (
        "class Mute(Exception):\n    def __str__(self): raise ValueError\n    __repr__ = __str__\nraise Mute",
        "broken",
        "Mute: <exception str() failed>",
        "",
    ),
    "evil-repr": (
        hooks("def __repr__(self): raise ValueError('no repr')\n@hookimpl\ndef register_models(self):\n    yield self"),
        "broken",
        "ValueError: no repr",
        "",
    ),
    "wrapper": (
        hooks("@hookimpl(wrapper=True)\ndef before_run(self, ctx):\n    yield"),
        "broken",
        "@hookimpl takes no wrapper",
        "",
    ),
    "asynchronous": (hooks("@hookimpl\nasync def after_run(self, ctx): ..."), "broken", "would never run", ""),
    "yields": (hooks("@hookimpl\ndef before_run(self, ctx):\n    yield"), "broken", "would never run", ""),
    "generator-exit": ("raise GeneratorExit", "broken", "GeneratorExit", "disable generator-exit"),
    "syntax": ("def (:", "broken", "SyntaxError", "--traceback"),
    "no-object": ("x = 1", "broken", "has no attribute 'plugin'", "--traceback"),
    "is-a-class": ("from duomo import Hooks\nclass plugin(Hooks): pass", "broken", "is the class plugin", ""),
    "is-a-dict": ("plugin = {}", "broken", "is a dict", ""),
    "needs-gdal": ("import gdal_that_is_absent", "broken", "No module named", "pip install gdal_that_is_absent"),
    "misspelt": (
        hooks("@hookimpl\ndef register_model(self):\n    return []"),
        "broken",
        "unknown hook 'register_model'; did you mean 'register_models'?",
        "",
    ),
    "misspelt-unmarked": (
        hooks("def register_model(self):\n    return []"),
        "broken",
        "'register_model' is not a hook; did you mean 'register_models'?",
        "",
    ),
    "unmarked": (hooks("def register_models(self):\n    return []"), "broken", "put @hookimpl above it", ""),
    "surplus-argument": (
        hooks("@hookimpl\ndef register_models(self, registry):\n    return []"),
        "broken",
        "registry",
        "",
    ),
    "returns-none": (hooks("@hookimpl\ndef register_models(self):\n    pass"), "broken", "it gave None", ""),
    "returns-one": (
        hooks(f"@hookimpl\ndef register_models(self):\n    return {spec('returns-one/a')}"),
        "broken",
        "must give several ModelSpec",
        "",
    ),
    "returns-text": (hooks("@hookimpl\ndef register_models(self):\n    yield 'resnet'"), "broken", "gave a str", ""),
    "wrong-kind": (
        hooks("@hookimpl\ndef register_models(self):\n    yield CommandSpec('a', 'b:c', 'd')"),
        "broken",
        "gave a CommandSpec where a ModelSpec is expected",
        "",
    ),
    "wrong-field": (
        hooks(f"@hookimpl\ndef register_models(self):\n    yield {spec('wrong-field/a', 'object')}"),
        "broken",
        "ModelSpec.loader must be a str",
        "",
    ),
    "midway": (
        hooks(f"@hookimpl\ndef register_models(self):\n    yield {spec('midway/a')}\n    raise OSError('disk')"),
        "broken",
        "OSError: disk",
        "",
    ),
    "foreign-prefix": (
        hooks(f"@hookimpl\ndef register_models(self):\n    yield {spec('robin/echo')}"),
        "broken",
        "'robin/echo' must be named 'foreign-prefix/…'",
        "",
    ),
    "twice": (
        hooks(f"@hookimpl\ndef register_models(self):\n    return [{spec('twice/a')}, {spec('twice/a')}]"),
        "clash",
        "'twice/a' is already registered by plugin 'twice'",
        "",
    ),
    "takes-run": (
        hooks(
            f"@hookimpl\ndef register_models(self):\n    yield {spec('takes-run/a')}\n"
            "@hookimpl\ndef register_commands(self):\n    yield CommandSpec('run', 'm:c', 'mine')"
        ),
        "clash",
        "'run' is already registered by duomo itself",
        "rename it",
    ),
    "takes-inline": (
        hooks("@hookimpl\ndef register_executors(self):\n    yield ExecutorSpec('inline', 'm:C', 'mine')"),
        "clash",
        "'inline' is already registered by duomo itself",
        "",
    ),
    "zz-late": (
        hooks("@hookimpl\ndef register_executors(self):\n    yield ExecutorSpec('farm', 'm:C', 'mine')"),
        "clash",
        "'farm' is already registered by plugin 'aa-early' (duomo-aa-early 1.0)",
        "",
    ),
    "core": (GOOD.format(name="core"), "broken", "'core' is not a plugin name", ""),
}

LIST = """
import json, sys
from duomo.plugins.selection import Selection
from duomo import Catalog
catalog = Catalog(Selection(block=frozenset({"blocked-one"})))
fields = ("name", "distribution", "state", "error", "fix", "traceback", "heavy", "import_ms")
json.dump({
    "plugins": [{field: getattr(record, field) for field in fields} for record in catalog.plugins],
    "models": [spec.name for spec in catalog.models],
    "executors": list(catalog.executors),
    "commands": list(catalog.commands),
    "registered": [name for name, _ in catalog.host.manager.list_name_plugin()],
}, sys.stdout)
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, lay) -> dict:
    """What one process says that has all these plugins on its path."""
    site = tmp_path_factory.mktemp("site")
    second = tmp_path_factory.mktemp("second")
    for name, (source, *_) in BAD.items():
        lay(site, name, source)
    for name in ("robin", "wren", "blocked-one"):
        lay(site, name, GOOD.format(name=name))
    lay(
        site,
        "aa-early",
        hooks("@hookimpl\ndef register_executors(self):\n    yield ExecutorSpec('farm', 'm:C', 'mine')"),
    )
    lay(site, "chatty", "print('hello, stdout!')\n" + GOOD.format(name="chatty"))
    lay(site, "heavy", "import numpy\n" + GOOD.format(name="heavy"))
    lay(site, "stale")
    lay(site, "future", "1 / 0", group="duomo.plugins.v2")
    lay(site, "newer", "from duomo import NotYetThere", requires=("duomo>=7",))
    lay(site, "lacking", "from numpy import not_there", requires=("numpy>=99", "pytest>=1; extra == 'x'"))
    for distribution in ("finch-one", "finch-two"):
        lay(site, "finch", GOOD.format(name="finch"), distribution=distribution)
    lay(
        site,
        "thief",
        GOOD.format(name="robin"),
        distribution="thief",
        entry_points="[duomo.plugins.v1]\nrobin=thief.plugin:plugin\n",
    )
    lay(site, "pathless", entry_points="[duomo.plugins.v1]\npathless = not an object reference\n")
    # The same distribution twice on the path: what comes first counts, as for imports.
    lay(second, "wren", "1 / 0", version="0.9")
    (site / "nameless-1.0.dist-info").mkdir()
    (site / "nameless-1.0.dist-info" / "entry_points.txt").write_bytes(b"\xff\xfe not text")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (site, second))), "DUOMO_CONFIG": os.devnull}
    done = subprocess.run([sys.executable, "-c", LIST], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)  # nothing but JSON, whatever a plugin prints
    report["stderr"] = done.stderr
    return report


def find(world: dict, name: str, distribution: str = "") -> dict:
    """The record of one plugin."""
    return next(
        each for each in world["plugins"] if each["name"] == name and distribution in ("", each["distribution"])
    )


@pytest.mark.parametrize("name", sorted(BAD))
def test_a_bad_plugin_is_explained_and_the_way_out_is_named(world, name):
    _, state, words, remedy = BAD[name]
    record = find(world, name)
    assert record["state"] == state
    assert words in record["error"]
    assert remedy in record["fix"]
    assert f"disable {name}" in record["fix"]
    assert "Traceback" in record["traceback"]


def test_the_good_plugins_live(world):
    for name in ("robin", "wren", "aa-early", "chatty", "heavy", "vision", "nlp", "speech", "multimodal"):
        assert find(world, name)["state"] == "ok", find(world, name)
    assert {"robin/echo", "wren/echo"} <= set(world["models"])
    assert world["executors"].count("farm") == 1


def test_nothing_of_a_bad_plugin_is_kept(world):
    dead = {each["name"] for each in world["plugins"] if each["state"] != "ok"} - {"robin"}
    assert not [name for name in world["models"] if name.partition("/")[0] in dead]
    assert not dead & set(world["registered"])
    assert "run" not in world["commands"]


def test_what_a_plugin_prints_goes_to_stderr(world):
    assert "hello, stdout!" in world["stderr"]


def test_a_heavy_import_is_reported_with_the_culprit_and_its_time(world):
    assert find(world, "heavy")["heavy"] == ["numpy"]
    assert find(world, "heavy")["import_ms"] > find(world, "robin")["import_ms"]
    assert find(world, "robin")["heavy"] == []


def test_a_plugin_for_another_api_is_not_imported_and_told_apart(world):
    record = find(world, "future")
    assert record["state"] == "incompatible"
    assert record["error"] == "built for plugin API v2, this duomo speaks v1"
    assert record["fix"] == "pip install -U duomo"
    assert record["traceback"] == ""


def test_a_plugin_for_a_newer_duomo_says_which(world):
    record = find(world, "newer")
    assert record["state"] == "incompatible"
    assert "needs duomo>=7, this is 0." in record["error"]
    assert record["fix"] == "pip install -U 'duomo>=7'"


def test_an_unsatisfied_requirement_is_named_and_an_extra_is_not(world):
    record = find(world, "lacking")
    assert record["state"] == "broken"
    assert "duomo-lacking 1.0 needs numpy>=99" in record["error"]
    assert "pytest" not in record["error"]
    assert "pip install 'numpy>=99'" in record["fix"]


def test_metadata_without_code_is_told_from_a_missing_library(world):
    record = find(world, "stale")
    assert record["state"] == "broken"
    assert "its metadata is installed and its code is not" in record["error"]
    assert record["fix"] == "pip uninstall duomo-stale"


def test_two_strangers_with_one_name_both_stand_aside(world):
    for mine, other in (("finch-one", "finch-two"), ("finch-two", "finch-one")):
        record = find(world, "finch", mine)
        assert record["state"] == "clash"
        assert f"also claimed by {other} 1.0" in record["error"]
        assert f"disable {mine}" in record["fix"]


def test_a_thief_of_a_name_cannot_oust_the_distribution_that_bears_it(world):
    assert find(world, "robin", "duomo-robin")["state"] == "ok"
    assert find(world, "robin", "thief")["state"] == "clash"


def test_what_is_no_entry_point_is_explained(world):
    assert "'not an object reference' is not an entry point" in find(world, "pathless")["error"]


def test_damaged_metadata_is_explained(lay, tmp_path, monkeypatch):
    lay(tmp_path, "garbled", entry_points="[duomo.plugins.v1]\nthis line has no equals sign\n")
    monkeypatch.syspath_prepend(tmp_path)
    record = find({"plugins": [vars(each) for each in discover()]}, "duomo-garbled")
    assert record["state"] == "broken"
    assert "entry_points.txt cannot be read" in record["error"]


def test_a_blocked_plugin_says_who_blocked_it(world):
    assert find(world, "blocked-one")["state"] == "blocked"
    assert "switched off by the caller" in find(world, "blocked-one")["error"]


def test_a_distribution_listed_twice_counts_once(world):
    assert [each["distribution"] for each in world["plugins"]].count("duomo-wren") == 1


def test_a_plugin_that_takes_too_long_is_named_while_it_loads(monkeypatch):
    named = threading.Event()

    class Noticing(logging.Handler):
        def emit(self, record):
            if "plugin 'endless' (in-process) has been loading for" in record.getMessage():
                named.set()

    class Endless(Hooks):
        @hookimpl
        def register_models(self):
            assert named.wait(60), "nobody was told"
            return []

    monkeypatch.setattr("duomo.plugins.host.SLOW_S", 0.01)
    handler = Noticing()
    logging.getLogger("duomo").addHandler(handler)
    try:
        host = PluginHost(Selection(allow=frozenset()), {"endless": Endless()})
    finally:
        logging.getLogger("duomo").removeHandler(handler)
    [record] = [each for each in host.records if each.name == "endless"]
    assert (record.state, named.is_set()) == ("ok", True)


def test_a_plugin_that_loads_in_time_is_not_named(caplog):
    with caplog.at_level(logging.WARNING, "duomo"):
        PluginHost(Selection(allow=frozenset()), {"quick": Hooks()})
    assert not [each for each in caplog.records if "quick" in each.getMessage()]  # one of another test may be late
