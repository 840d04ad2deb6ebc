"""``duomo plugins`` and ``duomo doctor``: they work whatever is broken, and say what to do about it."""

import json
import sys

import pytest
from click.testing import CliRunner

from duomo.catalog import use_catalog
from duomo.cli import cli

GOOD = """
from duomo import Check, Hooks, ModelSpec, hookimpl

class Good(Hooks):
    @hookimpl
    def register_models(self):
        return [ModelSpec("wren/echo", "text-classification", "duomo.testing.fakes:EchoModel", "says it again", "MIT",
                          weights="none")]

    @hookimpl
    def doctor_checks(self):
        yield Check("wren feeder", "warn", "nearly empty", "fill it")

plugin = Good()
"""

GRUMPY = """
from duomo import Hooks, hookimpl

class Grumpy(Hooks):
    @hookimpl
    def doctor_checks(self):
        print("grumble")
        raise SystemExit("not today")

plugin = Grumpy()
"""


@pytest.fixture
def world(lay, tmp_path, monkeypatch):
    """Two good plugins, one broken, one that grumbles in doctor; and a configuration of our own."""
    lay(tmp_path, "wren", GOOD, module="commands_wren", requires=("duomo>=0.1,<0.2",))
    lay(tmp_path, "robin", "from gdal_absent import x", module="commands_robin")
    lay(tmp_path, "grumpy", GRUMPY, module="commands_grumpy", requires=("numpy>=999",))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("DUOMO_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setenv("DUOMO_CACHE", str(tmp_path / "cache"))
    use_catalog(None)
    yield tmp_path
    use_catalog(None)
    for name in [name for name in sys.modules if name.startswith("commands_")]:
        del sys.modules[name]


def call(*arguments: str, code: int = 0) -> str:
    """What ``duomo ARGUMENTS`` writes on standard output."""
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == code, done.output
    return done.stdout


def records(*arguments: str, code: int = 0) -> dict[str, dict]:
    return {each["name"]: each for each in json.loads(call(*arguments, "-o", "json", code=code))}


def test_list_shows_the_broken_beside_the_good(world):
    listed = records("plugins", "list")
    assert listed["wren"]["state"] == "ok"
    assert listed["wren"]["provides"] == {"models": 1}
    assert listed["robin"]["state"] == "broken"
    assert "pip install gdal_absent" in listed["robin"]["fix"]
    assert listed["grumpy"]["missing"] == ["numpy>=999"]
    assert listed["wren"]["schema"] == "duomo.plugin/1"


def test_list_as_a_table_counts_what_is_not_usable(world):
    done = CliRunner().invoke(cli, ["plugins", "list", "-o", "table"])
    assert "1 plugin is not usable" in done.stderr
    assert "robin" in done.stdout
    assert "No module named 'gdal_absent'" in " ".join(done.stdout.split()), done.stdout


def test_show_explains_and_has_the_traceback_when_asked(world):
    assert "Traceback" not in call("plugins", "show", "robin")
    assert "Traceback" in call("plugins", "show", "robin", "--traceback")
    assert "wren/echo" in call("plugins", "show", "duomo-wren")
    (shown,) = json.loads(call("plugins", "show", "wren", "-o", "json"))
    assert shown["specs"]["models"][0]["name"] == "wren/echo"


@pytest.mark.parametrize("verb", ["show", "check", "disable", "enable"])
def test_an_unknown_plugin_is_answered_with_the_nearest(world, verb):
    done = CliRunner().invoke(cli, ["plugins", verb, "wrenn"])
    assert done.exit_code == 4
    assert "Did you mean 'wren'" in done.stderr


def test_disable_and_enable_edit_the_configuration(world):
    call("plugins", "disable", "robin")
    call("plugins", "disable", "duomo-wren")
    call("plugins", "disable", "robin")
    assert records("plugins", "list")["wren"]["state"] == "blocked"
    assert (world / "config.toml").read_text().count("robin") == 1
    call("plugins", "enable", "wren")
    assert records("plugins", "list")["wren"]["state"] == "ok"
    assert records("plugins", "list")["robin"]["state"] == "blocked"


def test_enable_puts_a_plugin_on_the_allow_list_where_there_is_one(world):
    (world / "config.toml").write_text('plugins.allow = ["robin"]\noffline = true')
    call("plugins", "enable", "wren")
    assert records("plugins", "list")["wren"]["state"] == "ok"
    assert "offline = true" in (world / "config.toml").read_text()


def test_disable_does_not_run_the_plugin(world):
    call("plugins", "disable", "wren")
    assert "commands_wren.plugin" not in sys.modules


def test_check_passes_a_good_plugin_and_its_model(world, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(world))
    findings = json.loads(call("plugins", "check", "wren", "-o", "json"))
    assert {each["status"] for each in findings} == {"ok"}
    assert {each["subject"] for each in findings} == {"wren", "wren/echo (text-classification)"}


def test_check_fails_a_broken_plugin_with_words(world, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(world))
    findings = json.loads(call("plugins", "check", "robin", "-o", "json", code=1))
    loads = next(each for each in findings if each["check"] == "it loads alone in a fresh process")
    assert "gdal_absent" in loads["detail"]
    said = CliRunner().invoke(cli, ["plugins", "check", "robin", "-o", "table"]).stderr
    assert "gdal_absent" in said, "a narrow table has no room for it"


def test_check_without_import_reads_metadata_only(world):
    findings = json.loads(call("plugins", "check", "robin", "--no-import", "-o", "json", code=1))
    failed = {each["check"] for each in findings if each["status"] == "fail"}
    assert failed == {"it requires duomo within bounds"}
    lines = call("plugins", "check", "robin", "--no-import", "-o", "text", code=1).splitlines()
    assert "ok robin: its name is allowed" in lines
    assert any(line.startswith("FAIL robin: it requires duomo within bounds: ") for line in lines)


def test_every_kind_of_package_can_be_asked_for():
    from duomo.cli import plugins
    from duomo.scaffold import KINDS

    assert tuple(KINDS) == plugins.KINDS


def test_new_writes_a_package_and_says_what_comes_next(world):
    done = CliRunner().invoke(cli, ["plugins", "new", "owls", "--kind", "task", "--dir", str(world)])
    assert done.exit_code == 0
    assert (world / "duomo-owls" / "duomo_owls" / "task.py").is_file()
    assert "pip install -e" in done.stderr
    assert CliRunner().invoke(cli, ["plugins", "new", "Owls!", "--dir", str(world)]).exit_code == 2


def test_doctor_reports_everything_and_fails_for_what_must_be_mended(world):
    checks = records("doctor", code=1)
    assert checks["plugin wren"]["status"] == "ok"
    assert checks["plugin robin"]["status"] == "fail"
    assert "gdal_absent" in checks["plugin robin"]["fix"]
    assert checks["wren feeder"]["detail"] == "nearly empty"
    assert checks["cache"]["status"] == "ok"
    assert checks["torch"]["status"] == "ok"


def test_doctor_survives_a_plugin_whose_own_checks_raise(world):
    lines = json.loads(call("doctor", "-o", "json", code=1))
    grumpy = [each for each in lines if each["name"] == "plugin grumpy"]
    assert [each["status"] for each in grumpy] == ["fail", "fail"]
    assert grumpy[0]["fix"] == "pip install 'numpy>=999'"
    assert "SystemExit: not today" in grumpy[1]["detail"]


def test_doctor_is_content_when_all_is_well(world):
    (world / "config.toml").write_text('plugins.disable = ["robin", "grumpy"]')
    assert records("doctor")["plugin robin"]["detail"].endswith("blocked: switched off by the configuration")


def test_doctor_and_list_work_with_a_broken_configuration(world):
    (world / "config.toml").write_text("plugins = [not toml")
    assert records("doctor", code=1)["configuration"]["status"] == "fail"
    assert records("plugins", "list")["wren"]["state"] == "ok"


def test_doctor_finds_a_cache_that_cannot_be_written(world, monkeypatch):
    (world / "file").write_text("")
    monkeypatch.setenv("DUOMO_CACHE", str(world / "file" / "cache"))
    check = records("doctor", code=1)["cache"]
    assert check["status"] == "fail"
    assert "DUOMO_CACHE" in check["fix"]


def test_doctor_finds_a_distribution_that_is_there_twice(world, lay, monkeypatch):
    lay(world / "old", "wren", version="0.9")
    monkeypatch.syspath_prepend(world / "old")
    monkeypatch.syspath_prepend(world)
    check = records("doctor", code=1)["distribution duomo-wren"]
    assert check["status"] == "warn"
    assert "installed 2 times" in check["detail"]


def test_doctor_tells_no_home_folder(world, monkeypatch):
    monkeypatch.setenv("HOME", str(world))
    assert str(world) not in call("doctor", "-o", "json", code=1)


def test_a_model_of_a_broken_plugin_says_why_it_cannot_be_had(world):
    done = CliRunner().invoke(cli, ["run", "text-classification", "-m", "robin/song", "-t", "hello"])
    assert done.exit_code == 5
    assert "gdal_absent" in done.stderr
