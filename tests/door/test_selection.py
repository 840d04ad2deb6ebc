"""Which plugins load: options above the environment above the configuration, and no name is misspelt in silence."""

import warnings

import pytest

from duomo import Catalog, Selection
from duomo.errors import PluginBroken, UsageProblem
from duomo.hooks import Hooks

PLUGIN = "from duomo import Hooks\nplugin = type('P', (Hooks,), {})()\n"


@pytest.fixture
def birds(lay, tmp_path, monkeypatch):
    """Two plugins, robin and wren, and a configuration file to write."""
    for name in ("robin", "wren"):
        lay(tmp_path, name, PLUGIN, module=f"selection_{name}")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("DUOMO_CONFIG", str(tmp_path / "config.toml"))
    for name in ("DUOMO_PLUGINS", "DUOMO_DISABLE_PLUGINS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def states(selection: Selection | None = None) -> dict[str, str]:
    return {each.name: each.state for each in Catalog(selection).plugins if each.name in ("robin", "wren")}


def test_what_is_installed_is_loaded(birds):
    assert states() == {"robin": "ok", "wren": "ok"}


def test_the_configuration_blocks_by_plugin_or_distribution_name(birds):
    (birds / "config.toml").write_text('plugins.disable = ["robin", "Duomo_Wren"]')
    assert states() == {"robin": "blocked", "wren": "blocked"}


def test_the_environment_is_above_the_configuration(birds, monkeypatch):
    (birds / "config.toml").write_text('plugins.disable = ["robin"]')
    monkeypatch.setenv("DUOMO_DISABLE_PLUGINS", "wren")
    assert states() == {"robin": "ok", "wren": "blocked"}


def test_an_allow_list_leaves_out_the_rest_and_says_who_wants_it(birds, monkeypatch):
    monkeypatch.setenv("DUOMO_PLUGINS", "wren")
    assert states() == {"robin": "not-allowed", "wren": "ok"}
    robin = next(each for each in Catalog().plugins if each.name == "robin")
    assert robin.error == "not among the plugins allowed by DUOMO_PLUGINS"


def test_an_empty_allow_list_allows_none(birds, monkeypatch):
    monkeypatch.setenv("DUOMO_PLUGINS", "")
    assert set(states().values()) == {"not-allowed"}


def test_arguments_are_above_everything(birds, monkeypatch):
    monkeypatch.setenv("DUOMO_PLUGINS", "wren")
    assert states(Selection.of(allow=["robin"])) == {"robin": "ok", "wren": "not-allowed"}
    assert states(Selection.of(allow=["robin", "wren"], block=["wren"])) == {"robin": "ok", "wren": "blocked"}
    assert set(states(Selection.of(none=True)).values()) == {"not-allowed"}


def test_all_can_be_switched_off(birds, monkeypatch):
    monkeypatch.setenv("DUOMO_DISABLE_PLUGINS", "1")
    assert set(states().values()) == {"not-allowed"}


def test_a_plugin_that_the_program_hands_over_always_loads(birds):
    catalog = Catalog(Selection.of(none=True), extra={"mine": type("Mine", (Hooks,), {})()})
    assert next(each for each in catalog.plugins if each.name == "mine").state == "ok"


def test_a_plugin_that_the_program_hands_over_keeps_its_name_against_an_installed_one(birds):
    catalog = Catalog(extra={"robin": type("Mine", (Hooks,), {})()})
    assert {each.distribution: each.state for each in catalog.plugins if each.name == "robin"} == {
        "in-process": "ok",
        "duomo-robin": "clash",
    }


@pytest.mark.parametrize("how", ["block", "allow"])
def test_an_unknown_name_is_warned_about_with_the_nearest(birds, how):
    with pytest.warns(UserWarning, match=r"no plugin named 'robbin' is installed; did you mean 'robin'\?"):
        Catalog(Selection(**{how: frozenset({"robbin"})}))  # type: ignore[arg-type]


def test_known_names_are_not_warned_about(birds):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Catalog(Selection(block=frozenset({"duomo-robin", "wren"})))


def test_a_wrong_list_in_the_configuration_is_an_error_with_the_right_line(birds):
    (birds / "config.toml").write_text('plugins.disable = "robin"')
    with pytest.raises(UsageProblem, match="must be a list of names") as caught:
        Catalog()
    assert "disable = [" in caught.value.fix


def test_blocking_one_of_two_rivals_lets_the_other_load(lay, birds):
    for distribution in ("nest-one", "nest-two"):
        lay(birds, "nest", PLUGIN, distribution=distribution)
    both = [each.state for each in Catalog().plugins if each.name == "nest"]
    one = [each.state for each in Catalog(Selection(block=frozenset({"nest-one"}))).plugins if each.name == "nest"]
    assert both == ["clash", "clash"]
    assert one == ["blocked", "ok"]


def test_a_model_of_a_plugin_that_is_off_says_so_and_how_to_get_it(birds):
    (birds / "config.toml").write_text('plugins.disable = ["robin"]')
    with pytest.raises(PluginBroken) as caught:
        Catalog().model("robin/echo")
    assert caught.value.why == "switched off by the configuration"
    assert caught.value.fix == "duomo plugins enable robin"
