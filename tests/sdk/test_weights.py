"""From a reference to files: nothing guessed, nothing unpickled, nothing left random."""

import contextlib
import errno
import hashlib
import json
import os
import sys
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError
from hypothesis import given, strategies as st

import duomo
from duomo.errors import AmbiguousReference, Offline, UnsafeWeights, WeightsMismatch, WeightsMissing, WeightsProblem
from duomo.pretrained import load_network, load_processor
from duomo.specs import ModelSpec
from duomo.weights import (
    WeightsRef,
    check_tensors,
    file_digest,
    find_package_file,
    folder_identity,
    is_installed,
    locate,
    open_folder,
    parse_ref,
    verify,
)


def test_what_a_reference_means_changes_with_what_lies_there(tmp_path: Path) -> None:
    file, folder, base = tmp_path / "a.gguf", tmp_path / "adapter", tmp_path / "base"
    (folder / "1_Pooling").mkdir(parents=True)
    base.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(base)}))
    places = (file, folder / "weights", folder / "1_Pooling" / "config.json", base / "weights")
    seen = set()
    for place in places:
        place.write_text("one")
        before = folder_identity(file), folder_identity(f"dir:{folder}")
        place.write_text("another")
        after = folder_identity(file), folder_identity(f"dir:{folder}")
        assert before != after, place
        seen |= {*before, *after}
    assert "" not in seen
    assert folder_identity("nlp/minilm") == folder_identity(None) == folder_identity("") == ""


NAMES = ["nlp/minilm", "vision/lite0", "birds/lite0"]
SPEC = ModelSpec("fake/thing", "text-classification", "fake:Thing", "a thing", "MIT")


@pytest.fixture
def package(tmp_path, monkeypatch) -> Path:
    """An installed package that holds weights and must not be imported."""
    folder = tmp_path / "site" / "weights_of_thing"
    (folder / "data").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise SystemExit('imported')")
    (folder / "data" / "model.safetensors").write_bytes(b"weights")
    monkeypatch.syspath_prepend(folder.parent)
    return folder


@pytest.mark.parametrize(
    ("text", "kind", "name", "revision"),
    [
        ("nlp/minilm", "catalog", "nlp/minilm", ""),
        ("nlp/minilmm", "catalog", "nlp/minilmm", ""),  # a known plugin: the catalog offers the nearest
        ("minilm", "catalog", "minilm", ""),
        ("nosuchthing", "catalog", "nosuchthing", ""),
        ("", "catalog", "", ""),
        ("hf:org/name", "hf", "org/name", ""),
        ("hf:org/name@main", "hf", "org/name", "main"),
        ("hf:org/name@refs/pr/1", "hf", "org/name", "refs/pr/1"),
        ("hf:nlp/minilm", "hf", "nlp/minilm", ""),
        ("dir:org/name", "dir", "org/name", ""),
        ("dir:a folder", "dir", "a folder", ""),
        ("./name", "dir", "./name", ""),
        ("../org/name", "dir", "../org/name", ""),
        ("/org/name", "dir", "/org/name", ""),
        ("~/name", "dir", "~/name", ""),
        ("here/model", "dir", "here/model", ""),
        ("bare", "dir", "bare", ""),
    ],
)
def test_a_reference_is_taken_apart(text, kind, name, revision, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here" / "model").mkdir(parents=True)
    (tmp_path / "bare").mkdir()
    (tmp_path / "minilm").mkdir()  # a folder that happens to bear the name of a model changes nothing
    (tmp_path / "nlp" / "minilm").mkdir(parents=True)
    assert parse_ref(text, NAMES) == (kind, name, revision)


def test_a_path_object_is_a_folder_even_if_a_model_has_its_name():
    assert parse_ref(Path("nlp/minilm"), NAMES) == ("dir", str(Path("nlp/minilm")), "")


def test_a_path_object_can_be_loaded(tmp_path):
    with pytest.raises(WeightsMissing, match="holds no weights"):
        duomo.load("text-classification", tmp_path)


def test_a_bare_org_name_is_never_guessed():
    with pytest.raises(AmbiguousReference) as caught:
        parse_ref("openai/whisper", NAMES)
    assert "hf:openai/whisper" in caught.value.fix
    assert "dir:openai/whisper" in caught.value.fix
    assert "no plugin is named 'openai'" in caught.value.why


@pytest.mark.parametrize("text", ["hf:", "hf:gpt2", "hf:a/b/c", "hf:@main", "hf:a b/c"])
def test_what_is_no_hub_reference_is_refused(text):
    with pytest.raises(AmbiguousReference, match="hub reference"):
        parse_ref(text, NAMES)


@given(st.text())
def test_any_text_is_a_reference_or_refused_in_words(text):
    with contextlib.suppress(AmbiguousReference):
        assert parse_ref(text, NAMES).kind in ("catalog", "hf", "dir")


def test_a_reference_reads_as_it_was_written():
    for text in ("nlp/minilm", "hf:org/name@v1", "dir:models/a"):
        assert str(parse_ref(text, NAMES)) == text


def test_a_package_is_searched_without_importing_it(package):
    found = find_package_file("package:weights_of_thing/data/model.safetensors")
    assert found == package / "data" / "model.safetensors"
    assert find_package_file("package:weights_of_thing/data") == package / "data"
    assert "weights_of_thing" not in sys.modules


@pytest.mark.parametrize("ref", ["package:no_such_package/a", "package:weights_of_thing/none", "package:json.tool/a"])
@pytest.mark.usefixtures("package")
def test_what_is_not_in_a_package_is_not_found(ref):
    assert find_package_file(ref) is None


def test_missing_weights_come_with_the_command_that_installs_them():
    spec = SPEC._replace(
        weights="package:no_such_package/a", packs=("starter",), packages=("data-of-thing==1 --hash=x",)
    )
    assert not is_installed(spec)
    with pytest.raises(WeightsMissing) as caught:
        locate(spec)
    assert caught.value.fix == "duomo models add starter"
    assert "data-of-thing==1" in caught.value.why


def test_a_model_without_weights_needs_none_and_one_without_training_says_random():
    assert locate(SPEC._replace(weights="none")) == WeightsRef(SPEC._replace(weights="none"), None, "")
    assert locate(SPEC).revision == "random"
    assert is_installed(SPEC)


def test_a_digest_is_compared_over_the_file_or_the_one_in_the_folder(package):
    right = hashlib.sha256(b"weights").hexdigest()
    assert file_digest(package / "data" / "model.safetensors") == right
    for place in ("data/model.safetensors", "data"):
        spec = SPEC._replace(weights=f"package:weights_of_thing/{place}", sha256=right, packs=("starter",))
        verify(spec)
        assert locate(spec).revision == f"sha256:{right[:12]}"
        with pytest.raises(WeightsMismatch) as caught:
            verify(spec._replace(sha256="0" * 64))
        assert "0000" in caught.value.why
        assert "duomo models add starter --force" in caught.value.fix


def test_weights_in_parts_are_there_when_all_parts_are_and_have_one_digest(package):
    (package / "data" / "b").write_bytes(b" and more")
    refs = [f"package:weights_of_thing/data/{name}" for name in ("model.safetensors", "b")]
    right = hashlib.sha256(b"weights and more").hexdigest()
    spec = SPEC._replace(weights=" ".join(refs), sha256=right, packs=("starter",))
    assert is_installed(spec)
    assert locate(spec).path == package / "data" / "model.safetensors"
    verify(spec)
    with pytest.raises(WeightsMismatch):
        verify(spec._replace(weights=" ".join(reversed(refs))))
    (package / "data" / "b").unlink()
    assert not is_installed(spec)
    with pytest.raises(WeightsMissing):
        locate(spec)


def test_a_folder_of_pickles_is_refused_with_the_converter(tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"cos\nsystem\n")
    with pytest.raises(UnsafeWeights) as caught:
        open_folder(SPEC, str(tmp_path))
    assert "pytorch_model.bin" in caught.value.what
    assert caught.value.fix.startswith("duomo models convert")


def test_safetensors_beside_a_pickle_are_used(tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    (tmp_path / "model.safetensors").write_bytes(b"x")
    assert open_folder(SPEC, str(tmp_path)).folder == tmp_path


def test_an_empty_folder_and_a_missing_one_are_refused(tmp_path):
    with pytest.raises(WeightsMissing, match="holds no weights"):
        open_folder(SPEC, str(tmp_path))
    with pytest.raises(WeightsMissing, match="no model folder") as caught:
        open_folder(SPEC, str(tmp_path / "none"))
    assert caught.value.exit_code == 4, "what the command line promises for weights that are not there"


def test_a_folder_says_what_it_is(tmp_path):
    ref = WeightsRef(SPEC, tmp_path)
    assert (ref.config(), ref.family()) == ({}, "")
    (tmp_path / "config.json").write_text(json.dumps({"architectures": ["BertModel"]}))
    (tmp_path / "duomo.json").write_text(json.dumps({"model": "birds/lite0"}))
    assert ref.config()["architectures"] == ["BertModel"]
    assert ref.family() == "birds/lite0"
    assert WeightsRef(SPEC, tmp_path / "config.json").folder == tmp_path


def test_a_damaged_config_is_an_error_in_words(tmp_path):
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(WeightsMismatch, match="is damaged"):
        WeightsRef(SPEC, tmp_path).config()


def test_another_file_in_a_folder_is_another_revision(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"x")
    first = open_folder(SPEC, str(tmp_path)).revision
    assert open_folder(SPEC, str(tmp_path)).revision == first
    (tmp_path / "model.safetensors").write_bytes(b"longer")
    assert open_folder(SPEC, str(tmp_path)).revision != first


def test_a_hub_reference_offline_says_how_to_go_on(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(Offline) as caught:
        locate(SPEC._replace(weights="hf:no-such-org/no-such-model"))
    assert "dir:PATH" in caught.value.fix


def test_a_checkpoint_with_any_tensor_amiss_is_refused():
    check_tensors("fake/thing", [], [], [])
    with pytest.raises(WeightsMismatch) as caught:
        check_tensors("fake/thing", ["d", "c", "b", "a"], ["x"], ["w"])
    assert caught.value.why == "tensors: 4 missing (a, b, c, …); 1 unexpected (x); 1 of the wrong shape (w)"


@pytest.mark.parametrize("name", ["org/na..me", "org/-name", "org/name.git"])
def test_what_the_hub_would_not_take_as_a_name_is_not_a_hub_reference(name):
    with pytest.raises(AmbiguousReference) as caught:
        locate(SPEC._replace(weights=f"hf:{name}"))
    assert caught.value.what == f"'hf:{name}' is not a hub reference"
    assert "repo_id" in caught.value.why.lower().replace(" ", "_")


@pytest.mark.parametrize(
    ("error", "what", "why"),
    [
        (GatedRepoError, "the model 'org/name' is gated", "accept their licence"),
        (RepositoryNotFoundError, "the hub has no model 'org/name'", ""),
        (RevisionNotFoundError, "the model 'org/name' has no revision 'v9'", "no branch, tag or commit"),
        (ConnectionError, "'hf:org/name' could not be downloaded", "ConnectionError"),
    ],
)
def test_what_keeps_the_hub_from_giving_a_model_is_named(monkeypatch, error, what, why):
    def refuse(*_, **__):
        raise error.__new__(error)  # without a text

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    monkeypatch.setattr("duomo.hub.is_offline", lambda: False)
    with pytest.raises(WeightsMissing) as caught:
        locate(SPEC._replace(weights="hf:org/name@v9"))
    assert caught.value.what == what
    assert why in caught.value.why
    asked = {RevisionNotFoundError: "hf:org/name", ConnectionError: "check the network"}
    assert asked.get(error, "hf auth login") in caught.value.fix


@pytest.mark.parametrize("offline", [False, True])
@pytest.mark.parametrize(("number", "why"), [(errno.ENOSPC, "No space left"), (errno.EACCES, "Permission denied")])
def test_the_disk_of_the_hubs_cache_is_not_taken_for_the_network(monkeypatch, offline, number, why):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    monkeypatch.setattr("duomo.hub.is_offline", lambda: offline)
    with pytest.raises(WeightsMissing, match="the hub's cache") as caught:
        locate(SPEC._replace(weights="hf:org/name"))
    assert why in caught.value.why
    assert "HF_HOME" in caught.value.fix


def test_a_checkpoint_that_fails_without_a_word_is_named_by_its_error(tmp_path):
    class Silent:
        @staticmethod
        def from_pretrained(*_, **__):
            raise OSError

    weights = WeightsRef(SPEC, tmp_path)
    for load in (lambda: load_network(Silent, weights), lambda: load_processor(Silent, weights, "tokenizer")):
        with pytest.raises((WeightsProblem, WeightsMissing)) as caught:
            load()
        assert caught.value.why == "OSError"
