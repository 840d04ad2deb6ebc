"""Every bad input that the command line can meet: said in words, and nothing else lost."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from duomo.cli.app import describe
from duomo.errors import InputTooLong

EMBED = ("run", "image-feature-extraction")
CLASSIFY = ("run", "text-classification")


def only_error(duomo: Any, *args: str) -> dict[str, str]:
    """The error of the single outcome."""
    (line,) = duomo.json(*args)
    error: dict[str, str] = line["error"]
    return error


@pytest.fixture
def bad(tmp_path: Path, picture: Path) -> dict[str, str]:
    """Paths that cannot be used, by what is wrong with them."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.jpg").write_text("this is text")
    (tmp_path / "cut.png").write_bytes(picture.read_bytes()[:50])
    (tmp_path / "zero.png").write_bytes(b"")
    return {
        name: str(tmp_path / name) for name in ("empty", "text.jpg", "cut.png", "zero.png", "missing.png", "no*.png")
    }


@pytest.mark.parametrize(
    ("which", "code", "what"),
    [
        ("missing.png", "E-INPUT-MISSING", "no image file at"),
        ("empty", "E-INPUT-MISSING", "no fitting file in"),
        ("no*.png", "E-INPUT-MISSING", "nothing matches"),
        ("text.jpg", "E-INPUT-UNREADABLE", "is not an image"),
        ("cut.png", "E-INPUT-UNREADABLE", "is damaged"),
        ("zero.png", "E-INPUT-UNREADABLE", "is empty"),
    ],
)
def test_a_bad_file_is_one_record_and_its_neighbours_live(
    duomo: Any, bad: dict[str, str], picture: Path, which: str, code: str, what: str
) -> None:
    done = duomo.json(*EMBED, str(picture), bad[which], str(picture))
    assert [line["ok"] for line in done] == [True, False, True]
    error = done[1]["error"]
    assert error["code"] == code
    assert what in error["what"]
    assert bad[which] in error["what"]
    assert error["why"]
    assert error["fix"]
    assert duomo(*EMBED, bad[which]).exit_code == 1


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (
            ("run", "image-clasification", "x.jpg"),
            4,
            ("no task named 'image-clasification'", "'image-classification'", "duomo tasks list"),
        ),
        (("run", "image-clasification", "-m", "fake/echo"), 4, ("no task or file named", "'image-classification'")),
        (
            (*CLASSIFY, "-t", "a", "-m", "fake/ecko"),
            4,
            ("no model named 'fake/ecko'", "the closest is 'fake/echo'", "-m fake/echo"),
        ),
        ((*CLASSIFY, "-t", "a", "-m", "ecko"), 4, ("no model named 'ecko'", "fake/echo")),
        (
            (*CLASSIFY, "-t", "a", "-m", "speaker"),
            2,
            ("'fake/speaker' does not do text-classification", "it does text-to-speech"),
        ),
        (
            (*CLASSIFY, "-t", "a", "-m", "some/thing"),
            2,
            ("'some/thing' could mean several things", "from the hub: hf:some/thing", "dir:some/thing"),
        ),
        (
            (*CLASSIFY, "-t", "a", "-m", "hf:org/name"),
            4,
            ("'hf:org/name' is not in the local cache", "duomo is offline", "hf download org/name"),
        ),
        (
            (*CLASSIFY, "-t", "a", "-m", "fake/family"),
            2,
            ("loads checkpoints that you name", "-m hf:org/name or -m dir:PATH"),
        ),
        (
            ("run", "image-classification", "x.jpg"),
            4,
            ("no model for image-classification is installed", "'fake/away' would do it", "duomo models add starter"),
        ),
        (
            ("run", "image-classification", "x.jpg", "-m", "away"),
            4,
            ("the weights of 'fake/away' are not installed", "duomo models add starter"),
        ),
        (("run", "face-detection", "x.jpg"), 4, ("no model for face-detection is at hand",)),
        ((*CLASSIFY, "-t", "a", "-p", "topk=3"), 2, ("unknown option 'topk'", "Did you mean 'top_k'?")),
        ((*CLASSIFY, "-t", "a", "-p", "top_k"), 2, ("'top_k' is not KEY=VALUE", "-p top_k=3")),
        ((*CLASSIFY, "-t", "a", "--top-k", "0"), 2, ("option 'top_k' cannot be 0", "greater than or equal to 1")),
        (("run", "zero-shot-classification", "-t", "a"), 2, ("option 'labels' is required", "-p labels=")),
        (("run", "text-to-speech", "-t", "a", "--top-k", "1"), 2, ("unknown option 'top_k'",)),
        ((*CLASSIFY, "-t", "a", "-x", "inlin"), 4, ("no executor named 'inlin'", "'inline'", "duomo executors list")),
        ((*CLASSIFY, "-t", "a", "-d", "cuda:99"), 4, ("no device 'cuda:99' here", "this machine has cpu")),
        ((*CLASSIFY, "-t", "a", "--dtype", "float8"), 2, ("no dtype 'float8'", "bfloat16")),
        ((*CLASSIFY, "-t", "a", "-O", "/no/such/folder/x.json"), 2, ("cannot write '/no/such/folder/x.json'",)),
        ((*CLASSIFY, "--from-file", "/no/such/list"), 1, ("no text file at '/no/such/list'",)),
        (("run",), 2, ("name a task", "duomo tasks list")),
        (CLASSIFY, 2, ("there is nothing to run on", 'duomo run text-classification -t "I love it"')),
        ((*EMBED, "-t", "a cat"), 2, ("image-feature-extraction takes no text", "its input is Image", "cat.jpg")),
        (("models", "list", "--plugin", "fak"), 4, ("no plugin named 'fak'", "'fake'")),
        (("models", "list", "--task", "text-clasification"), 4, ("no task named", "'text-classification'")),
        (("models", "list", "--license", "foo"), 2, ("no model is under the licence 'foo'", "MIT")),
        (("models", "list", "--license"), 2, ("'--license' requires an argument", "usage: duomo", "such as MIT")),
        (("run", "-q=3"), 2, ("why: usage: duomo run", "fix: ")),
        (("models", "show", "fake/ecko"), 4, ("no model named 'fake/ecko'", "'fake/echo'")),
        (("models", "add", "startr"), 4, ("no pack or model named 'startr'", "duomo models add starter")),
        (("models", "path", "away"), 4, ("the weights of 'fake/away' are not installed",)),
        (("models", "verify", "away"), 4, ("the weights of 'fake/away' are not installed", "duomo models add starter")),
        (("tasks", "show", "text-clasification"), 4, ("no task named", "'text-classification'")),
        (("executors", "show", "inlin"), 4, ("no executor named 'inlin'",)),
        (
            ("config", "set", "limits.image_pixel", "1"),
            2,
            ("no setting named 'limits.image_pixel'", "'limits.image_pixels'"),
        ),
    ],
)
def test_a_name_or_option_that_is_off_is_answered_with_what_to_type(
    duomo: Any, args: tuple[str, ...], code: int, words: tuple[str, ...]
) -> None:
    done = duomo(*args, input="")
    assert done.exit_code == code, done.stderr
    for word in words:
        assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("error:") == 1


def test_wrong_options_are_found_before_anything_is_loaded(duomo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("duomo.runner.load", lambda *_, **__: pytest.fail("loaded"))
    assert duomo(*CLASSIFY, "-t", "a", "-p", "topk=1").exit_code == 2


def test_a_url_while_offline_is_an_error_of_that_item(duomo: Any) -> None:
    error = only_error(duomo, *CLASSIFY, "https://example.org/a.txt")
    assert error["code"] == "E-OFFLINE"
    assert "needs the network" in error["what"]


def test_the_url_of_an_image_is_not_a_text_where_both_are_taken() -> None:
    from duomo.cli.jobs.sources import Sources
    from duomo.tasks import IMAGES

    (item,) = Sources(["https://example.org/a.jpg"], suffixes=IMAGES, takes_text=True).items()
    assert item is not None
    assert item.value == {"image": "https://example.org/a.jpg"}


def test_a_folder_that_may_not_be_read_is_said_and_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    from duomo.cli.jobs.sources import Sources

    def walk(folder: str, onerror: Any) -> Any:
        onerror(PermissionError(13, "Permission denied", f"{folder}/secret"))
        yield folder, [], ["a.txt"]

    monkeypatch.setattr("os.path.isdir", lambda _path: True)
    monkeypatch.setattr("os.walk", walk)
    good, bad = Sources(["notes"], suffixes=(".txt",), takes_text=True).items()
    assert good is not None
    assert bad is not None
    assert good.label == "notes/a.txt"
    assert str(bad.value).startswith("cannot read 'notes/secret'\n  why: Permission denied")


def test_lines_that_are_no_json_or_lack_the_field_stay_alone(duomo: Any) -> None:
    lines = '{"text": "good"}\nnot json\n{"other": 1}\n{"text": "fine"}\n'
    args = (*CLASSIFY, "-", "--input-format", "jsonl", "--field", "text")
    done = duomo.json(*args, input=lines)
    assert [line["ok"] for line in done] == [True, False, False, True]
    assert done[1]["error"]["what"] == "-:2 is not JSON"
    assert done[2]["error"]["what"] == "-:3 has no field 'text'"
    assert done[2]["error"]["why"] == "it has: other"


def test_a_line_of_lists_in_lists_without_end_stays_alone(duomo: Any) -> None:
    done = duomo.json(*CLASSIFY, "-", "--input-format", "jsonl", input='"a"\n' + "[" * 100_000 + '\n"b"\n')
    assert [line["ok"] for line in done] == [True, False, True]
    assert done[1]["error"]["what"] == "-:2 is not JSON"
    assert "recursion" in done[1]["error"]["why"]


def test_a_text_that_is_not_utf_8_is_an_error_of_that_file(duomo: Any, tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes("café".encode("latin-1"))
    assert "not UTF-8" in only_error(duomo, *CLASSIFY, str(tmp_path / "latin.txt"))["what"]


@pytest.mark.parametrize("options", [(), ("--null",)])
def test_a_line_that_is_not_utf_8_is_an_error_and_never_altered(duomo: Any, options: tuple[str, ...]) -> None:
    end = b"\0" if options else b"\n"
    done = duomo(*CLASSIFY, "-", *options, input=end.join((b"one", b"\xe9t\xe9 good", "été".encode(), b"")))
    one, bad, good = map(json.loads, done.stdout.splitlines())
    assert (one["ok"], good["result"]["labels"][0]["name"]) == (True, "été")
    assert (bad["error"]["code"], bad["error"]["what"]) == ("E-INPUT-UNREADABLE", "this text is not UTF-8")
    assert done.exit_code == 3


def test_an_input_without_a_name_is_an_error_of_its_own(duomo: Any, tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("good")
    done = duomo.json("run", "text-classification", "-m", "fake/echo", "", str(tmp_path / "good.txt"))
    assert [each["ok"] for each in done] == [False, True]
    assert done[0]["error"]["what"] == "an input has no name"


def test_a_path_in_a_list_keeps_its_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from duomo.cli.jobs.sources import Sources

    monkeypatch.chdir(tmp_path)
    Path("list").write_bytes(b"caf\xe9.txt\n")
    Path(os.fsdecode(b"caf\xe9.txt")).write_text("here")
    (item,) = Sources(lists=["list"], suffixes=(".txt",), takes_text=True).items()
    assert item is not None
    assert item.value == Path(os.fsdecode(b"caf\xe9.txt"))


def test_a_text_too_long_for_the_limit_says_how_to_raise_it(duomo: Any, config: Any) -> None:
    config("[limits]\ntext_chars = 10\n")
    assert "limits.text_chars" in only_error(duomo, *CLASSIFY, "-t", "a" * 11)["fix"]


def test_a_policy_that_mends_an_input_is_said_as_it_is_typed() -> None:
    error = InputTooLong("600 tokens", fix="long=truncate reads the beginning, long=window reads all of it in parts")
    assert "fix: --long truncate reads the beginning, --long window reads all of it in parts" in describe(error)


def test_an_error_says_which_of_several_inputs_it_is_about(duomo: Any, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("id,text\n1,fine\n2,\n")
    (tmp_path / "zero.txt").write_text("")
    done = duomo(*CLASSIFY, str(tmp_path / "rows.csv"), str(tmp_path / "zero.txt"), "-t", " ", "-o", "text")
    said = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert [line.partition("  [")[0] for line in said] == [
        "error: input 2: a text is expected, and there is none",
        f"error: '{tmp_path / 'zero.txt'}' is empty",
        "error: input 3: this text is empty",
    ]
    assert duomo(*CLASSIFY, "-t", " ", "-o", "text").stderr.startswith("error: this text is empty")


def test_a_file_whose_name_begins_with_a_hyphen_is_not_read_as_options(
    duomo: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, picture: Path
) -> None:
    (tmp_path / "-dash.png").write_bytes(picture.read_bytes())
    monkeypatch.chdir(tmp_path)
    done = duomo(*EMBED, "-dash.png")
    assert done.exit_code == 2
    assert "'-dash.png' is a file, and is read as options" in done.stderr
    assert "./-dash.png" in done.stderr
    assert [each["ok"] for each in duomo.json(*EMBED, "./-dash.png")] == [True]
    assert [each["ok"] for each in duomo.json(*EMBED, "--", "-dash.png")] == [True]


@pytest.mark.parametrize("name", ["--field", "--fields", "-m", "-O", "--stats"])
def test_of_two_values_none_is_dropped(duomo: Any, name: str) -> None:
    done = duomo(*CLASSIFY, "-t", "one", name, "a", name, "b")
    assert done.exit_code == 2
    assert "takes one value, and is given 'a' and 'b'" in done.stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--csv-safe", "-o", "json"), "--csv-safe is about CSV, and the format is json"),
        (("--drop", "latest"), "--drop is about live sources, and none is followed"),
        (("--glob", "*.txt"), "--glob chooses files of a folder, and no folder is named"),
        (("--stats", ""), "'' names no file"),
        (("--stats", "-"), "'-' names no file"),
        (("-O", ""), "'' names no file"),
        (("-O", "a.json", "--stats", "./a.json"), "-O and --stats name the same file, './a.json'"),
    ],
)
def test_an_option_that_would_do_nothing_or_harm_is_refused(
    duomo: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, args: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = duomo(*CLASSIFY, "-t", "one", *args)
    assert done.exit_code == 2
    assert f"error: {said}" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["--whole", "--null", "--recursive", "--glob=*.txt"])
def test_a_live_run_refuses_what_is_about_files(duomo: Any, name: str) -> None:
    done = duomo(*CLASSIFY, "--live", "tail:x", name)
    assert done.exit_code == 2
    assert f"--live does not take {name.partition('=')[0]}" in done.stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--set", "epochs=5", "--epochs", "3"), "the setting 'epochs' is given twice"),
        (("--set", "clip=1", "--set", "clip=2"), "the setting 'clip' is given twice"),
        (("--label", "a", "--label", "b"), "--label takes one value, and is given 'a' and 'b'"),
        (("--train", "all", "--architecture", "bert"), "a new one is trained whole"),
    ],
)
def test_neither_is_a_setting_of_a_training_dropped(duomo: Any, args: tuple[str, ...], said: str) -> None:
    done = duomo("train", "text-classification", "rows.csv", "-O", "model", *args)
    assert done.exit_code == 2
    assert said in done.stderr
