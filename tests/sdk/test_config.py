"""The user's settings: a file, and the environment above it."""

import os
import time

import pytest

from duomo.config import cache_path, config_path, is_offline, load_config, save_config
from duomo.errors import UsageProblem
from duomo.inputs import limits


def test_without_a_file_there_are_no_settings(config):
    assert load_config() == {}
    assert limits().image_pixels == 100_000_000


def test_a_changed_file_is_read_again(config):
    path = config("offline = true")
    assert load_config() == {"offline": True}
    config("offline = false\n[models]")
    os.utime(path, ns=(1, 1))
    assert load_config() == {"offline": False, "models": {}}


def test_what_is_saved_is_loaded(config):
    settings = {"offline": True, "models": {"alias": {"small": "nlp/minilm"}}, "limits": {"text_chars": 5}}
    assert save_config(settings) == config_path()
    assert load_config() == settings


@pytest.mark.parametrize("text", ["offline = \n", "[models\n", "a = 1\na = 2\nb = 3"])
def test_a_broken_file_is_named_with_its_line(config, text):
    path = config(text)
    with pytest.raises(UsageProblem) as caught:
        load_config()
    assert str(path) in caught.value.what
    assert "line" in caught.value.why


def test_a_file_that_is_not_utf8_is_named(config):
    config("").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageProblem, match="cannot be read"):
        load_config()


@pytest.mark.parametrize("name", ["models", "plugins", "limits"])
def test_a_table_that_is_no_table_is_named(config, name):
    config(f"{name} = 3")
    with pytest.raises(UsageProblem) as caught:
        load_config()
    assert f"[{name}]" in caught.value.fix


@pytest.mark.parametrize(
    ("text", "key", "fix"),
    [
        ('[models]\nalias = "x"', "models.alias", "[models.alias]"),
        ('[models]\ndefault = ["x"]', "models.default", "[models.default]"),
        ("[models]\nalias.foo = 3", "models.alias.foo", 'foo = "PLUGIN/MODEL"'),
        ("[models.default]\ntext-classification = true", "models.default.text-classification", "PLUGIN/MODEL"),
        ('offline = "no"', "offline", "offline = true"),
    ],
)
def test_a_setting_of_the_wrong_type_is_named(config, text, key, fix):
    config(text)
    with pytest.raises(UsageProblem) as caught:
        load_config()
    assert f"'{key}' must be" in caught.value.why
    assert fix in caught.value.fix


@pytest.mark.parametrize(
    ("text", "setting", "near"),
    [
        ("ofline = true", "ofline", "offline"),
        ("[limit]\ntext_chars = 3", "limit", "limits"),
        ("[models.defaults]\nner = 'x/y'", "models.defaults", "default"),
        ("[plugins]\ndisabled = ['nlp']", "plugins.disabled", "disable"),
    ],
)
def test_a_misspelt_setting_is_named_with_the_nearest(config, text, setting, near):
    config(text)
    with pytest.raises(UsageProblem, match=f"has an unknown setting '{setting}'") as caught:
        load_config()
    assert f"'{near}'" in caught.value.why


def test_a_switch_that_says_neither_opens_no_connection(monkeypatch):
    monkeypatch.setenv("DUOMO_OFFLINE", "ture")
    with pytest.raises(UsageProblem, match="neither true nor false"):
        is_offline()


def test_settings_that_cannot_be_written_leave_the_old_ones(config, monkeypatch):
    path = config("offline = true")
    monkeypatch.setattr("tomli_w.dumps", lambda settings: "offline = \udcff")  # fails half way
    with pytest.raises(UnicodeEncodeError):
        save_config({"offline": False})
    assert load_config() == {"offline": True}
    assert list(path.parent.iterdir()) == [path], "a piece of a file was left behind"


def test_a_linked_file_of_settings_stays_linked(config, tmp_path):
    config("").rename(tmp_path / "kept elsewhere.toml")
    config_path().symlink_to(tmp_path / "kept elsewhere.toml")
    save_config({"offline": True})
    assert config_path().is_symlink()
    assert (tmp_path / "kept elsewhere.toml").read_text() == "offline = true\n"


def test_a_limit_changed_while_a_program_runs_is_in_force(config):
    config("[limits]\ntext_chars = 5")
    assert limits().text_chars == 5
    config("[limits]\ntext_chars = 50")
    time.sleep(0.03)  # limits are looked up again after 0.02 s
    assert limits().text_chars == 50


def test_an_unknown_limit_is_an_error_with_the_nearest(config):
    config("[limits]\nimage_pixel = 3")
    with pytest.raises(UsageProblem) as caught:
        limits()
    assert "image_pixels" in caught.value.why


@pytest.mark.parametrize("value", ['"many"', "true", "-1", "0", "1.5"])
def test_a_limit_is_a_positive_whole_number(config, value):
    config(f"[limits]\nimage_pixels = {value}")
    with pytest.raises(UsageProblem, match="positive whole number"):
        limits()


@pytest.mark.parametrize(
    ("duomo", "hub", "file", "offline"),
    [
        (None, None, "", False),
        (None, None, "offline = true", True),
        ("0", None, "offline = true", False),
        ("1", None, "offline = false", True),
        (None, "1", "", True),
        ("0", "1", "", False),
        ("off", None, "offline = true", False),
        ("ON", None, "", True),
    ],
)
def test_offline_is_decided_by_the_environment_above_the_file(config, monkeypatch, duomo, hub, file, offline):
    config(file)
    for name, value in (("DUOMO_OFFLINE", duomo), ("HF_HUB_OFFLINE", hub)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert is_offline() is offline


def test_the_cache_can_be_elsewhere(monkeypatch, tmp_path):
    monkeypatch.setenv("DUOMO_CACHE", str(tmp_path))
    assert cache_path() == tmp_path
    monkeypatch.delenv("DUOMO_CACHE")
    assert cache_path().name == "duomo"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")
def test_settings_do_not_replace_a_device_or_a_pipe(monkeypatch, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setenv("DUOMO_CONFIG", str(tmp_path / "pipe"))
    with pytest.raises(OSError, match="not an ordinary file"):
        save_config({"offline": True})
    assert (tmp_path / "pipe").is_fifo()
