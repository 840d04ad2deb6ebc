"""The demo with a model for every task that answers from a table: its steps, its screen, its page, its exit code."""

import html.parser
import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

import duomo
from duomo import Catalog, Selection
from duomo.plugins.discovery import discover
from duomo_multimodal.demo.command import demo
from duomo_multimodal.demo.steps import STEPS

VOID = {"meta", "img", "br", "hr", "input", "link", "source", "area", "base", "col", "embed", "track", "wbr"}


class Balance(html.parser.HTMLParser):
    """Every element closed, in the order it was opened; what it refers to, and what it says."""

    def __init__(self, text):
        super().__init__()
        self.open, self.faults, self.links, self.ids, self.images, self.text = [], [], [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.links += [attrs[name] for name in ("src", "href", "srcset", "data", "poster", "action") if name in attrs]
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.images += [attrs] if tag == "img" else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append((tag, self.getpos()))

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.text.append(data)


def check_page(file: Path) -> Balance:
    """What must hold for every page the demo writes."""
    text = file.read_text("utf-8")
    page = Balance(text)
    assert page.faults == []
    assert page.open == []
    assert len(text.encode()) < 2_000_000
    assert all(link.startswith(("data:", "#")) for link in page.links), "the page must need nothing from outside"
    assert not re.search(r"@import|url\(|<script", text)
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert all(image.get("alt") for image in page.images)
    return page


@pytest.fixture
def play(monkeypatch, tmp_path):
    """Run the command with the given models and no plugins; the result and the page."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    import canned

    installed = frozenset(record.distribution for record in discover())

    def run(*arguments, changes=None):
        tasks = {step.task: canned.spec(step.task) for step in STEPS} | (changes or {})
        specs = [spec for spec in tasks.values() if spec is not None]
        catalog = Catalog(Selection(block=installed), extra={"canned": canned.CannedPlugin(*specs)})
        monkeypatch.setattr(duomo, "default_catalog", lambda: catalog)
        result = CliRunner().invoke(demo, ["--out", str(tmp_path / "out"), "--no-open", *arguments])
        return result, tmp_path / "out" / "index.html"

    run.spec = canned.spec  # type: ignore[attr-defined]
    return run


def test_it_plays_every_step_prints_the_page_and_ends_well(play):
    result, file = play()
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(file)
    lines = result.stderr.splitlines()
    assert [re.fullmatch(r"✓ +[\d.]+ s  ([^:]+): .+", line)[1] for line in lines] == [step.title for step in STEPS]
    page = check_page(file)
    text = " ".join(page.text)
    for expected in (
        "tabby",
        "Line 3 of the page",
        "show me a cup of coffee",
        "clinic in Boston",
        "The capital of Italy is Rome.",
    ):
        assert expected in text


def test_what_models_say_is_text_and_never_markup(play):
    _, file = play()
    assert "<b>Egyptian</b>" not in file.read_text("utf-8")
    assert "<b>Egyptian</b> cat" in check_page(file).text


def test_quick_leaves_out_the_slow_steps(play):
    result, file = play("--quick")
    assert result.exit_code == 0
    assert "Chat" not in result.stderr
    page = check_page(file)
    assert "chat" not in page.ids
    assert "talk" not in page.ids


def test_missing_weights_are_said_with_their_remedy_and_the_others_go_on(play):
    missing = play.spec("face-detection", weights="package:no_such_package/face.pth", packs=("starter",))
    result, file = play(changes={"face-detection": missing})
    assert result.exit_code == 3
    assert "Find faces: not installed: duomo models add starter" in result.stderr
    text = " ".join(check_page(file).text)
    assert "duomo models add starter" in text
    assert "tabby" in text


def test_without_a_voice_there_is_nothing_to_hear_and_the_rest_goes_on(play):
    result, file = play(changes={"text-to-speech": None})
    assert result.exit_code == 3
    assert result.stderr.count("not installed") == 4
    check_page(file)


def test_a_model_that_raises_fails_its_step_only(play):
    result, file = play(changes={"optical-character-recognition": play.spec("optical-character-recognition", "Broken")})
    assert result.exit_code == 3
    assert "✗" in result.stderr
    assert "the sensor is <on fire>" in " ".join(check_page(file).text)
    assert result.stderr.count("✓") == len(STEPS) - 1


def test_the_live_table_fits_its_terminal(play, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    result, _ = play()
    assert result.exit_code == 0
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", result.stderr)
    assert all(len(line) <= 80 for line in plain.splitlines())
    assert "Write down what is said" in plain


def test_it_leaves_the_environment_as_it_was(play, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.delenv("DUOMO_OFFLINE", raising=False)
    play()
    assert os.environ["HF_HUB_OFFLINE"] == "0"
    assert "DUOMO_OFFLINE" not in os.environ


@pytest.mark.slow
@pytest.mark.embedded
def test_the_real_models_see_read_hear_speak_find_and_chat(tmp_path):
    result = CliRunner().invoke(demo, ["--out", str(tmp_path), "--no-open"])
    assert result.exit_code == 0, result.output
    page = check_page(tmp_path / "index.html")
    text = " ".join(" ".join(page.text).split())
    for expected in (
        "espresso",
        "missile",
        "background. These markers are pixels that we can label",
        "launch of a spacecraft",
        "this is the clinic in Boston",
        "The capital of France is Paris.",
    ):
        assert expected in text
    for query, name in (
        ("something to drink", "coffee"),
        ("a furry animal", "cat"),
        ("a vehicle with two wheels", "motorcycle"),
        ("launch of a spacecraft?", "rocket"),
    ):
        assert re.search(rf"{re.escape(query)}” +{name} ·", text), f"{name} is not the first answer to {query}"
    assert len(re.findall("face.s. framed|lines framed|Waveform", (tmp_path / "index.html").read_text("utf-8"))) == 4
