"""Looking things up: exactly one thing, or an error that offers the nearest."""

import pytest

from duomo import Hooks, TaskSpec, hookimpl
from duomo.catalog import Catalog, default_catalog, use_catalog
from duomo.errors import (
    PluginBroken,
    RequirementMissing,
    UnknownExecutor,
    UnknownModel,
    UnknownTask,
    WeightsMissing,
    WrongTask,
)
from duomo.plugins.selection import Selection
from duomo.resolving import resolve
from duomo.specs import CommandSpec, ExecutorSpec, RendererSpec
from duomo.testing.fakes import THERMOMETER, FakePlugin, echo_spec, fake_catalog


def catalog_of(**plugins: Hooks) -> Catalog:
    return Catalog(Selection(allow=frozenset()), extra=plugins)


def test_the_core_knows_its_tasks_and_the_inline_executor_with_no_plugin_at_all():
    catalog = catalog_of()
    assert catalog.task("image-classification").modality == "vision"
    assert catalog.executor("inline").target.endswith(":InlineExecutor")
    assert catalog.models == []


def test_a_misspelt_name_is_answered_with_the_nearest():
    catalog = fake_catalog()
    with pytest.raises(UnknownTask) as task:
        catalog.task("text-clasification")
    assert task.value.fix.startswith("Did you mean 'text-classification'")
    with pytest.raises(UnknownExecutor) as executor:
        catalog.executor("inlin")
    assert executor.value.fix.startswith("Did you mean 'inline'?")
    for name in ("fake/ecco", "fake/Echo", "echoo"):
        with pytest.raises(UnknownModel) as model:
            catalog.model(name)
        assert "-m fake/echo" in model.value.fix, name


def test_a_name_of_the_hub_that_stands_for_several_tasks_is_answered_with_all_of_them():
    with pytest.raises(UnknownTask) as task:
        catalog_of().task("image-segmentation")
    for kind in ("semantic", "instance", "panoptic"):
        assert f"duomo tasks show {kind}-segmentation" in task.value.fix
        assert catalog_of().task(f"{kind}-segmentation").modality == "vision"


def test_a_name_like_nothing_known_is_answered_with_where_to_look():
    catalog = fake_catalog()
    with pytest.raises(UnknownTask) as task:
        catalog.task("zzz")
    assert task.value.fix == "duomo tasks list"
    with pytest.raises(UnknownModel) as model:
        catalog.model("zzz", "text-classification")
    hub, listed = model.value.fix.splitlines()
    assert hub == 'model="hf:org/name"  (-m hf:org/name) takes a checkpoint from the hub'
    assert listed == "duomo models list --task text-classification"


def test_a_model_that_is_taken_for_a_task_is_answered_with_its_own():
    with pytest.raises(UnknownTask) as caught:
        fake_catalog().task("fake/echo")
    assert caught.value.why == "it is a model, for text-classification"
    assert 'duomo.load("text-classification", "fake/echo")' in caught.value.fix


def test_a_file_that_is_taken_for_a_task_is_answered_with_the_task_that_comes_first(tmp_path):
    photo = tmp_path / "cat.jpg"
    photo.touch()
    with pytest.raises(UnknownTask) as caught:
        fake_catalog().task(str(photo))
    assert caught.value.why == "it is a file or folder, and the task comes first"
    assert caught.value.fix.startswith(f"duomo run image-classification {photo}\n")


def test_a_model_is_found_by_the_name_it_had_with_a_warning():
    catalog = fake_catalog(echo_spec(formerly=("fake/parrot",)))
    with pytest.warns(DeprecationWarning, match="'fake/parrot' is now 'fake/echo'") as warned:
        assert catalog.model("fake/parrot").name == "fake/echo"
    assert warned[0].filename == __file__, "the line to change is the caller's"


def test_a_bare_name_works_while_one_plugin_has_it():
    assert fake_catalog().model("echo").name == "fake/echo"
    both = fake_catalog(other=FakePlugin(echo_spec("other/echo")))
    with pytest.raises(UnknownModel) as caught:
        both.model("echo")
    assert caught.value.why == "fake/echo, other/echo"


def test_a_model_of_several_tasks_is_found_by_task():
    catalog = fake_catalog(echo_spec(), echo_spec(task="language-identification"))
    assert catalog.model("fake/echo").task == "text-classification"
    assert catalog.model("fake/echo", "language-identification").task == "language-identification"


def test_a_model_asked_for_another_task_says_what_it_does_and_who_does_the_other():
    catalog = fake_catalog(echo_spec(), echo_spec("fake/guess", task="language-identification"))
    with pytest.raises(WrongTask) as caught:
        catalog.model("fake/echo", "language-identification")
    assert caught.value.why == "it does text-classification"
    assert "fake/guess" in caught.value.fix


def test_an_alias_of_the_configuration_is_followed(config):
    config('[models.alias]\nquick = "fake/echo"')
    assert fake_catalog().model("quick").name == "fake/echo"


def test_the_default_is_the_first_that_is_installed():
    absent = echo_spec("fake/absent", weights="package:no_such_package/a")
    lacking = echo_spec("fake/lacking", requires=("no-such-library>=1",))
    random = echo_spec("fake/random", weights="")
    family = echo_spec("fake/auto", weights="given")
    catalog = fake_catalog(random, family, absent, lacking, echo_spec())
    assert catalog.default_model("text-classification").name == "fake/echo"


def test_the_default_of_the_configuration_wins(config):
    config('[models.default]\ntext-classification = "fake/b"')
    catalog = fake_catalog(echo_spec("fake/a"), echo_spec("fake/b"))
    assert catalog.default_model("text-classification").name == "fake/b"


def test_a_default_is_not_ready_while_a_model_it_is_built_on_is_not():
    part = echo_spec("fake/part", task="language-identification", weights="package:no_such_package/a")
    whole = echo_spec("fake/whole", uses=("language-identification=fake/part",))
    gone = echo_spec("fake/gone", uses=("language-identification=fake/nobody",))
    catalog = fake_catalog(part, whole, gone, echo_spec())
    assert not catalog.is_ready(whole)
    assert not catalog.is_ready(gone)
    assert catalog.default_model("text-classification").name == "fake/echo"


def test_a_task_whose_models_are_not_installed_says_what_to_install():
    catalog = fake_catalog(echo_spec(weights="package:no_such_package/a", packs=("starter",)))
    with pytest.raises(WeightsMissing) as caught:
        catalog.default_model("text-classification")
    assert caught.value.fix == "duomo models add starter"


def test_a_task_with_only_a_family_asks_for_a_checkpoint():
    with pytest.raises(UnknownModel) as caught:
        fake_catalog(echo_spec(weights="given")).default_model("text-classification")
    assert "-m hf:org/name" in caught.value.fix
    with pytest.raises(UnknownModel):
        fake_catalog().default_model("image-classification")


def test_a_task_without_models_says_which_plugin_has_some_or_that_there_are_none(monkeypatch):
    bare = catalog_of()
    monkeypatch.setattr(Catalog, "plugins", ())  # as where none is installed
    with pytest.raises(UnknownModel) as caught:
        bare.default_model("text-classification")
    monkeypatch.undo()
    assert caught.value.why == "duomo-nlp is not installed"
    assert "duomo-nlp" in caught.value.fix

    class Birds(Hooks):
        @hookimpl
        def register_tasks(self):
            return [TaskSpec("birds/spotting", "birds:Spotting", "names birds", "vision")]

    with pytest.raises(UnknownModel) as caught:
        catalog_of(birds=Birds()).default_model("birds/spotting")
    assert caught.value.why == "the installed plugins bring none of their own"
    assert caught.value.fix == "duomo plugins list"
    monkeypatch.setattr(Catalog, "plugins", ())
    assert catalog_of(birds=Birds()).plugin_to_install("birds/spotting") == "", "no plugin of this project has it"
    assert bare.plugin_to_install("no-such-task") == ""


def test_a_model_of_a_plugin_that_is_not_installed_says_what_to_install(monkeypatch):
    catalog = fake_catalog()
    monkeypatch.setattr(Catalog, "plugins", ())  # as where none is installed
    with pytest.raises(UnknownModel) as caught:
        catalog.model("speech/whisper")
    assert caught.value.why == "duomo-speech is not installed"
    assert "duomo-speech" in caught.value.fix


def test_a_family_is_chosen_by_architecture_and_task():
    bert = echo_spec("fake/bert", weights="given", architectures=("Bert*ForSequenceClassification",))
    vit = echo_spec("fake/vit", task="image-classification", weights="given", architectures=("ViT*",))
    catalog = fake_catalog(bert, vit)
    assert catalog.families("text-classification", ["BertForSequenceClassification"]) == [bert]
    assert catalog.families("image-classification", ["BertForSequenceClassification"]) == []
    assert catalog.families(None, ["ViTForImageClassification"]) == [vit]


class Broken(Hooks):
    @hookimpl
    def register_models(self):
        raise ImportError("no gdal")


def test_a_model_of_a_broken_plugin_is_explained_by_the_plugin():
    catalog = fake_catalog(radar=Broken())
    with pytest.raises(PluginBroken) as caught:
        catalog.model("radar/clouds")
    assert "plugin 'radar' is broken" in caught.value.what
    assert "no gdal" in caught.value.why
    assert catalog.model("fake/echo"), "the good plugin lives"


class Greedy(Hooks):
    """Registers a good task, then a model twice."""

    @hookimpl
    def register_tasks(self):
        return [TaskSpec("greedy/count", "greedy:Count", "counts", "nlp")]

    @hookimpl
    def register_models(self):
        return [echo_spec("greedy/echo"), echo_spec("greedy/echo"), echo_spec("greedy/other")]


def test_a_plugin_that_registers_a_name_twice_is_set_aside_whole():
    catalog = fake_catalog(greedy=Greedy())
    record = next(record for record in catalog.plugins if record.name == "greedy")
    assert record.state != "ok"
    assert "greedy/echo" in record.error
    assert [spec.name for spec in catalog.models] == ["fake/echo"]
    assert "greedy/count" not in catalog.tasks


def test_two_catalogs_do_not_know_of_one_another():
    assert len(fake_catalog(echo_spec("fake/a"), echo_spec("fake/b")).models) == 2
    assert len(fake_catalog().models) == 1


def test_the_plugin_of_a_model_is_named_with_its_version():
    catalog = fake_catalog()
    assert catalog.plugin_of(catalog.model("fake/echo")) == "in-process"


def test_a_target_is_imported_or_explained(tmp_path, monkeypatch):
    assert resolve("duomo.outcome:Meta").__name__ == "Meta"
    with pytest.raises(RequirementMissing) as lacking:
        resolve("duomo.outcome:Meta", ("no-such-library>=1", "pytest"), "model 'a/b'")
    assert lacking.value.fix == "pip install 'no-such-library>=1'"
    assert "model 'a/b' needs" in lacking.value.what
    with pytest.raises(PluginBroken, match="cannot be imported"):
        resolve("duomo.outcome:None_")
    (tmp_path / "crashes_on_import.py").write_text("import no_such_library")
    (tmp_path / "raises_on_import.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PluginBroken) as foreign:
        resolve("crashes_on_import:Thing")
    assert foreign.value.fix == "pip install no_such_library"
    with pytest.raises(PluginBroken) as raised:
        resolve("raises_on_import:Thing")
    assert "ZeroDivisionError" in raised.value.why
    with pytest.raises(PluginBroken) as absent:
        resolve("duomo.no_such_module:Thing")
    assert "pip install" not in absent.value.fix


def test_a_requirement_for_another_python_is_not_missing():
    resolve("duomo.outcome:Meta", ("no-such-library>=1; python_version < '3'",))


class Everything(Hooks):
    """Brings one of each that is no model."""

    @hookimpl
    def register_adapters(self):
        return [THERMOMETER._replace(name="all/heat")]

    @hookimpl
    def register_commands(self):
        return [CommandSpec("all", "duomo.outcome:Meta", "does all")]

    @hookimpl
    def register_renderers(self):
        return [RendererSpec("all", "duomo.outcome:Meta", "shows all")]

    @hookimpl
    def register_executors(self):
        return [ExecutorSpec("all", "duomo.outcome:Meta", "runs all")]


def test_what_a_plugin_registers_is_found_by_its_name():
    catalog = catalog_of(all=Everything())
    assert list(catalog.adapters) == ["all/heat"]
    assert list(catalog.commands) == list(catalog.renderers) == ["all"]
    assert list(catalog.executors) == ["inline", "local", "ray", "all"]
    assert [name for name, spec in catalog.executors.items() if spec.remote] == ["ray"]


def test_a_model_is_traced_to_its_own_plugin_among_others():
    catalog = fake_catalog(all=Everything(), radar=Broken())
    for record in catalog.plugins:
        record.distribution, record.version = f"duomo-{record.name}", "1.0"
    assert catalog.plugin_of(catalog.model("fake/echo")) == "duomo-fake 1.0"
    assert catalog.plugin_of(echo_spec("all/echo")) == "duomo-all 1.0"
    assert catalog.plugin_of(echo_spec("radar/clouds")) == "", "a plugin that did not load brings nothing"
    assert catalog.plugin_of(echo_spec("nobody/echo")) == ""


def test_a_bare_name_of_several_models_offers_the_first_of_them():
    both = fake_catalog(other=FakePlugin(echo_spec("other/echo")))
    with pytest.raises(UnknownModel) as caught:
        both.model("echo")
    assert caught.value.fix == "write fake/echo"
    with pytest.raises(UnknownModel):
        both.model("nobody/echo")


def test_who_does_another_task_is_said_without_families_and_other_tasks():
    catalog = fake_catalog(
        echo_spec("fake/echo"),
        echo_spec("fake/asked", task="language-identification"),
        echo_spec("fake/family", task="language-identification", weights="given", architectures=("X*",)),
        echo_spec("fake/other", task="sentence-similarity"),
    )
    with pytest.raises(WrongTask) as caught:
        catalog.model("fake/echo", "language-identification")
    assert caught.value.fix == "for language-identification: fake/asked"
    with pytest.raises(WrongTask) as caught:
        catalog.model("fake/echo", "text-generation")
    assert caught.value.fix == "for text-generation: no model is installed"


def test_a_family_of_another_task_is_no_reason_to_ask_for_a_checkpoint():
    family = echo_spec("fake/auto", task="language-identification", weights="given", architectures=("X*",))
    with pytest.raises(UnknownModel) as caught:
        fake_catalog(family, echo_spec("fake/random", weights="")).default_model("text-classification")
    assert caught.value.fix == "duomo plugins list"


def test_an_architecture_that_is_barred_does_not_fit():
    family = echo_spec("fake/bert", weights="given", architectures=("*Bert*", "!DistilBert*"))
    assert fake_catalog(family).families(None, ["DistilBertModel"]) == []
    assert fake_catalog(family).families(None, ["MobileBertModel"]) == [family]


def test_one_architecture_that_fits_is_enough():
    family = echo_spec("fake/bert", weights="given", architectures=("Bert*", "Roberta*"))
    assert fake_catalog(family).families(None, ["Unknown", "RobertaForMaskedLM"]) == [family]
    assert fake_catalog(echo_spec(architectures=("Bert*",))).families(None, ["BertModel"]) == [], "it has weights"


def test_the_nearest_model_of_the_task_is_offered_before_others():
    catalog = fake_catalog(echo_spec("fake/ecko", task="language-identification"), echo_spec("fake/echoes"))
    with pytest.raises(UnknownModel) as caught:
        catalog.model("fake/echo", "text-classification")
    assert caught.value.what == "no model named 'fake/echo' for task text-classification"
    assert caught.value.why == "1 model is available; the closest is 'fake/echoes'"
    assert caught.value.fix == 'model="fake/echoes"  (-m fake/echoes)\nduomo models list --task text-classification'


def test_a_model_near_only_to_those_of_another_task_is_offered_too():
    catalog = fake_catalog(echo_spec("fake/echoes", task="language-identification"))
    with pytest.raises(UnknownModel) as caught:
        catalog.model("fake/echo", "text-classification")
    assert caught.value.why == "0 models are available; 'fake/echoes' does language-identification"
    with pytest.raises(UnknownModel) as caught:
        catalog.model("fake/echo")
    assert caught.value.what == "no model named 'fake/echo'"
    assert caught.value.fix == 'model="fake/echoes"  (-m fake/echoes)\nduomo models list'


def test_a_target_of_nobody_is_named_by_itself():
    with pytest.raises(RequirementMissing, match=r"^duomo.outcome:Meta needs no-such-library>=1"):
        resolve("duomo.outcome:Meta", ("no-such-library>=1",))
    with pytest.raises(PluginBroken, match=r"^duomo.outcome:None_ cannot be imported"):
        resolve("duomo.outcome:None_")
    with pytest.raises(PluginBroken, match=r"^model 'a/b' cannot be imported"):
        resolve("duomo.outcome:None_", owner="model 'a/b'")


def test_the_catalog_of_the_process_is_made_once_and_may_be_another():
    mine = fake_catalog()
    use_catalog(mine)
    try:
        assert default_catalog() is mine
        use_catalog(None)
        installed = default_catalog()
        assert installed is not mine
        assert default_catalog() is installed
    finally:
        use_catalog(None)


@pytest.mark.parametrize(
    ("task", "advice"),
    [
        ("forced-alignment", "-m hf:facebook/wav2vec2-base-960h"),
        ("optical-flow", "of a folder that duomo_vision.raft.save wrote"),
        ("audio-continuation", 'model="hf:org/name" or "dir:PATH"'),
    ],
)
def test_a_task_without_weights_of_its_own_says_what_to_name(task: str, advice: str) -> None:
    with pytest.raises(UnknownModel, match=f"no model for {task} is at hand") as caught:
        default_catalog().default_model(task)
    assert advice in caught.value.fix
