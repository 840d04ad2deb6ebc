"""What every plugin must be: well described, light, plain in what it registers, and true to its word."""

from __future__ import annotations

import functools
import importlib.util
import json
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

from duomo.catalog import default_catalog
from duomo.counting import a_type
from duomo.errors import Aborted, BadInput
from duomo.hooks import RunContext, TrainingContext
from duomo.outcome import Failure, ItemError, Meta
from duomo.plugins.discovery import PluginRecord, discover, unmet
from duomo.plugins.distributions import find_distribution
from duomo.plugins.host import NAME, RESERVED
from duomo.plugins.registration import implemented
from duomo.resolving import resolve
from duomo.specs import AdapterSpec, Check, CommandSpec, ExecutorSpec, ModelSpec, RendererSpec, Spec, TaskSpec
from duomo.testing.suite import Suite

_PROBE = """
import json, pickle, sys
from duomo.plugins.distributions import canonical
from duomo.plugins.host import HEAVY, PluginHost
from duomo.plugins.selection import Selection
host = PluginHost(Selection(allow=frozenset({sys.argv[1]})))
record = next(each for each in host.records if canonical(each.name) == canonical(sys.argv[1]))
print(json.dumps({"state": record.state, "error": record.error, "traceback": record.traceback,
                  "heavy": [name for name in HEAVY if name in sys.modules],
                  "specs": pickle.dumps(record.specs).hex()}))
"""


class MetadataConformance(Suite):
    """Checks that need no import of the plugin. Set `plugin`."""

    plugin: ClassVar[str]

    def subject(self) -> str:
        """The plugin's name."""
        return self.plugin

    @property
    def found(self) -> PluginRecord:
        """The plugin as its metadata describes it."""
        found = next((record for record in discover() if record.name == self.plugin), None)
        assert found is not None, f"no installed distribution has an entry point '{self.plugin}' in duomo.plugins.v1"
        return found

    def test_its_name_is_allowed(self) -> None:
        """A plugin's name is the first half of its models' names."""
        assert NAME.match(self.plugin), f"'{self.plugin}': use [a-z][a-z0-9-]*"
        assert self.plugin not in RESERVED, f"'{self.plugin}' is reserved"

    def test_it_is_built_for_this_api(self) -> None:
        """The entry-point group tells the version of the plugin API."""
        assert self.found.state != "incompatible", self.found.error

    def test_nobody_else_claims_its_name(self) -> None:
        """Two distributions with one plugin name keep each other from loading."""
        owners = [record.origin for record in discover() if record.name == self.plugin]
        assert len(owners) == 1, f"claimed by {', '.join(owners)}"

    def test_its_entry_point_names_an_object_in_a_module_that_exists(self) -> None:
        """Written ``package.module:object``."""
        module, _, attribute = self.found.value.partition(":")
        assert attribute, f"'{self.found.value}' does not read package.module:object"
        assert _finds(module), f"no module '{module}'"

    def test_it_requires_duomo_within_bounds(self) -> None:
        """Without bounds, an old plugin meets a new duomo without a warning."""
        distribution = find_distribution(self.found.distribution)
        requires = distribution.header("Requires-Dist") if distribution is not None else []
        mine = [each for each in requires if re.match(r"duomo\s*[<>=~!(]", each)]
        assert any("<" in each or "~=" in each for each in mine), (
            "its dependencies need a line such as duomo>=0.1,<0.2; they are: " + (", ".join(requires) or "none")
        )

    def test_its_requirements_are_met_here(self) -> None:
        """What its distribution requires is installed."""
        assert not unmet(self.found), f"not installed here in that version: {', '.join(unmet(self.found))}"


class PluginConformance(MetadataConformance):
    """What every plugin must be. Set `plugin`; it must be installed, an editable install will do."""

    @property
    def record(self) -> PluginRecord:
        """The plugin, loaded in this process."""
        record = next((each for each in default_catalog().plugins if each.name == self.plugin), None)
        assert record is not None, f"no plugin named '{self.plugin}' is installed"
        assert record.state == "ok", f"it is {record.state}: {record.error}"
        return record

    @property
    def specs(self) -> list[Spec]:
        """All that it registers."""
        return [spec for each in self.record.specs.values() for spec in each]

    @property
    def models(self) -> list[ModelSpec]:
        """The models that it registers."""
        return [spec for spec in self.specs if isinstance(spec, ModelSpec)]

    def test_it_loads_alone_in_a_fresh_process(self) -> None:
        """It may not lean on what another plugin or this process has imported."""
        probe = _probe(self.plugin)
        assert probe["state"] == "ok", f"{probe['state']}: {probe['error']}\n{probe['traceback']}"

    def test_it_says_nothing_while_it_loads(self) -> None:
        """Every ``duomo --help`` loads it."""
        assert not _probe(self.plugin)["said"], f"it printed: {_probe(self.plugin)['said']!r:.200}"

    def test_it_imports_nothing_heavy(self) -> None:
        """The modules that a loader string names may; the one with the hooks may not."""
        heavy = _probe(self.plugin)["heavy"]
        assert not heavy, f"loading it imports {', '.join(heavy)}: import them in the modules your loader strings name"

    def test_it_registers_the_same_in_every_process(self) -> None:
        """Workers are sent what the driver saw."""
        theirs = pickle.loads(bytes.fromhex(_probe(self.plugin)["specs"]))  # noqa: S301 - our own process wrote it
        assert theirs == self.record.specs, "a fresh process registers something else than this one"

    def test_its_specs_are_plain_data(self) -> None:
        """They are printed as JSON and sent to other processes."""
        for spec in self.specs:
            again = json.loads(json.dumps(spec._asdict()))
            changed = {name for name, value in spec._asdict().items() if again[name] != _plain(value)}
            assert not changed, f"{spec.name}: {', '.join(changed)} changes on its way through JSON"
            assert spec.summary.strip(), f"{spec.name} has no summary"

    def test_what_its_specs_point_at_exists(self) -> None:
        """Modules are looked for, not imported."""
        for spec in self.specs:
            target = spec.loader if isinstance(spec, ModelSpec) else spec.target
            module, _, attribute = target.partition(":")
            assert attribute, f"{spec.name}: '{target}' does not read package.module:object"
            assert _finds(module), f"{spec.name}: no module '{module}'"

    def test_its_requirements_can_be_read(self) -> None:
        """As ``pip`` reads them."""
        from packaging.requirements import InvalidRequirement, Requirement

        for spec in self.specs:
            for text in getattr(spec, "requires", ()):
                try:
                    Requirement(text)
                except InvalidRequirement as error:
                    raise AssertionError(f"{spec.name}: requires {text!r}: {error}") from None

    def test_its_models_do_tasks_that_exist(self) -> None:
        """A model of a misspelt task cannot be found."""
        catalog = default_catalog()
        for spec in self.models:
            assert spec.task in catalog.tasks, f"{spec.name}: no task named '{spec.task}'"
            for use in spec.uses:
                task, _, name = use.partition("=")
                assert name, f"{spec.name}: uses {use!r} does not read task=plugin/model"
                assert task in catalog.tasks, f"{spec.name}: uses {use!r}, and no task has the name '{task}'"

    def test_its_models_tell_licence_and_digest(self) -> None:
        """Weights that a package carries are known by size and SHA-256."""
        for spec in self.models:
            assert spec.license.strip(), f"{spec.name} names no licence"
            if spec.weights.startswith("package:"):
                assert re.fullmatch(r"[0-9a-f]{64}", spec.sha256), f"{spec.name} has no sha256 of its weights"
                assert spec.size > 0, f"{spec.name} does not say how many bytes its weights have"

    def test_its_tasks_are_whole(self) -> None:
        """Input, options and result; named as registered."""
        for spec in self._of(TaskSpec):
            task = resolve(spec.target)
            assert task.name == spec.name, f"{spec.target} calls itself '{task.name}', registered is '{spec.name}'"
            assert callable(task.Input.accept), f"{spec.name}: its Input has no accept()"
            task.Options.model_json_schema()
            task.Result.model_json_schema()

    def test_its_executors_and_adapters_are_classes(self) -> None:
        """They are made when used."""
        from duomo.execution.base import Executor

        for spec in self._of(ExecutorSpec):
            assert issubclass(resolve(spec.target, spec.requires), Executor), f"{spec.target} is not a duomo.Executor"
        for spec in self._of(AdapterSpec):
            assert isinstance(resolve(spec.target, spec.requires), type), f"{spec.target} is not a class"

    def test_its_commands_show_their_help(self) -> None:
        """``duomo NAME --help``."""
        from click.testing import CliRunner

        for spec in self._of(CommandSpec):
            shown = CliRunner().invoke(resolve(spec.target), ["--help"])
            assert shown.exit_code == 0, f"duomo {spec.name} --help: {shown.exception!r}\n{shown.output}"

    def test_its_renderers_draw(self) -> None:
        """An empty list and an item that failed are drawn too; binary ones give bytes."""
        failed = Failure(0, "a", None, ItemError.of(BadInput("not an image", fix="name one")), Meta("", "")).to_dict()
        for spec in self._of(RendererSpec):
            wanted = bytes if spec.binary else str
            for outcomes in ([], [failed]):
                drawn = resolve(spec.target)(outcomes)
                assert isinstance(drawn, wanted), f"-o {spec.name} gives {type(drawn).__name__}, not {wanted.__name__}"

    def test_its_other_hooks_bear_a_small_context(self) -> None:
        """Hooks may meet any task, model and option."""
        plugin = self.record.plugin
        assert plugin is not None
        context = RunContext("text-classification", "some/model", "inline", "cpu", {})
        for name in ("before_run", "after_run", "on_run_error"):
            if name in implemented(plugin):
                try:
                    getattr(plugin, name)(context)
                except Aborted:
                    assert name == "before_run", f"only before_run may abort, {name} did"
        if "on_training" in implemented(plugin):
            seen = TrainingContext("text-classification", "some/model", Path("out"), {})
            for event in ("start", "log", "checkpoint", "end"):
                seen.event = event
                plugin.on_training(seen)
        for check in plugin.doctor_checks():
            assert isinstance(check, Check), f"doctor_checks() gave {a_type(check)}"
            assert check.status in ("ok", "warn", "fail"), f"doctor_checks(): no status '{check.status}'"

    def _of(self, kind: type[Any]) -> list[Any]:
        return [spec for spec in self.specs if isinstance(spec, kind)]


@functools.cache
def _probe(plugin: str) -> dict[str, Any]:
    """What a fresh process finds that loads this plugin only; one process for all checks of a plugin."""
    done = subprocess.run(
        [sys.executable, "-c", _PROBE, plugin], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"a fresh process that loads only '{plugin}' ended with:\n{done.stderr}"
    *said, report = done.stdout.splitlines()
    return {**json.loads(report), "said": "\n".join(said) + done.stderr}


def _finds(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ImportError:
        return False


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
