"""What was fitted is data: saved as JSON, named by its fingerprint, refused when it was changed."""

import json

import pytest

from duomo.adapters import Artifact, Isotonic, Sigmoid, Threshold
from duomo.errors import ArtifactProblem, CannotWrite
from duomo.testing.thermometer import Thermometer


@pytest.fixture
def sigmoid():
    return Sigmoid(slope=2.0, intercept=-1.0, event="failure")


def test_an_artefact_is_the_same_after_saving_and_loading(sigmoid, tmp_path):
    path = sigmoid.save(tmp_path / "sigmoid.json")
    assert Sigmoid.load(path) == sigmoid
    assert type(Artifact.load(path)) is Sigmoid
    assert Artifact.load(path).fingerprint == sigmoid.fingerprint == sigmoid.ref.sha256
    assert json.loads(path.read_text())["content"]["slope"] == 2.0


def test_the_fingerprint_tells_the_slightest_difference(sigmoid):
    before = sigmoid.fingerprint
    changed = sigmoid.model_copy(update={"slope": 2.0 + 1e-12})
    assert changed.fingerprint != before
    assert changed.ref.sha256 == changed.fingerprint
    assert Sigmoid(slope=2.0, intercept=-1.0, event="failure").fingerprint == sigmoid.fingerprint


def test_an_artefact_that_was_changed_is_refused(sigmoid, tmp_path):
    path = sigmoid.save(tmp_path / "sigmoid.json")
    path.write_text(path.read_text().replace("-1.0", "-3.0"))
    with pytest.raises(ArtifactProblem, match="was changed after it was saved") as caught:
        Sigmoid.load(path)
    assert "fit it again" in caught.value.fix


@pytest.mark.parametrize("text", ["", "[]", "{}", "\x80\x04pickle"])
def test_a_file_that_is_no_artefact_is_refused(text, tmp_path):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ArtifactProblem, match="is not an artefact"):
        Artifact.load(tmp_path / "x.json")


def test_an_artefact_of_another_kind_is_refused(sigmoid, tmp_path):
    path = sigmoid.save(tmp_path / "sigmoid.json")
    with pytest.raises(ArtifactProblem, match=r"is a 'duomo.sigmoid/1'") as caught:
        Isotonic.load(path)
    assert "a duomo.isotonic/1 is expected" in caught.value.why
    with pytest.raises(ArtifactProblem, match="no artefact at"):
        Sigmoid.load(tmp_path / "gone.json")
    with pytest.raises(CannotWrite):
        sigmoid.save(tmp_path / "no" / "such" / "folder.json")


def test_a_kind_that_nobody_loaded_is_refused(tmp_path):
    from duomo.adapters.artifacts import _digest  # the fingerprint of a file that was changed by hand

    text = json.dumps({"kind": "birds.nest/1", "sha256": _digest("birds.nest/1", {}), "content": {}})
    (tmp_path / "nest.json").write_text(text)
    with pytest.raises(ArtifactProblem, match=r"is a 'birds.nest/1'") as caught:
        Artifact.load(tmp_path / "nest.json")
    assert "no class of that kind is loaded" in caught.value.why


def test_a_kind_has_one_class_and_a_subclass_without_its_own_is_of_its_bases_kind(sigmoid, tmp_path):
    class Steep(Sigmoid):
        pass

    assert type(Sigmoid.load(sigmoid.save(tmp_path / "s.json"))) is Sigmoid
    with pytest.raises(
        TypeError, match=r"the kind 'duomo.sigmoid/1' is taken by duomo.adapters.statistics.calibration.Sigmoid"
    ):

        class Other(Artifact):
            kind = "duomo.sigmoid/1"


def test_content_that_no_longer_fits_its_class_is_refused(tmp_path):
    from duomo.adapters.artifacts import _digest  # the fingerprint of a file that was changed by hand

    content = {"threshold": 2.0, "accept": "below", "margin": 0.0, "fitted_on": None}
    data = {"kind": Threshold.kind, "sha256": _digest(Threshold.kind, content), "content": content}
    (tmp_path / "t.json").write_text(json.dumps(data))
    with pytest.raises(ArtifactProblem, match="does not fit") as caught:
        Threshold.load(tmp_path / "t.json")
    assert caught.value.why.startswith("threshold:")


def test_a_fitted_adapter_goes_through_a_folder(thermometer, row, tmp_path):
    thermometer.save(tmp_path / "fitted")
    assert sorted(path.name for path in (tmp_path / "fitted").iterdir()) == [
        "adapter.json",
        "calibrator.json",
        "policy.json",
    ]
    again = Thermometer.load(tmp_path / "fitted", secret=thermometer.secret)
    assert again(row()) == thermometer(row())


def test_an_artefact_exchanged_for_another_sound_one_is_refused(thermometer, sigmoid, tmp_path):
    folder = thermometer.save(tmp_path)
    sigmoid.save(folder / "calibrator.json")
    with pytest.raises(ArtifactProblem, match="is not the artefact that was saved with this adapter"):
        Thermometer.load(folder)


def test_artefacts_of_another_adapter_are_refused(thermometer, tmp_path):
    folder = thermometer.save(tmp_path)

    class Other(Thermometer):
        spec = Thermometer.spec._replace(name="fake/other")

    with pytest.raises(ArtifactProblem, match="belong to 'fake/thermometer'"):
        Other.load(folder)
    text = (folder / "adapter.json").read_text()
    (folder / "adapter.json").write_text(text.replace('"policy"', '"../policy"'))
    with pytest.raises(ArtifactProblem, match="cannot be read") as caught:
        Thermometer.load(folder)
    assert "not the name of an artefact" in caught.value.why
    (folder / "adapter.json").write_text("{")
    with pytest.raises(ArtifactProblem, match="cannot be read"):
        Thermometer.load(folder)
    with pytest.raises(ArtifactProblem, match="no fitted adapter in"):
        Thermometer.load(tmp_path / "gone")


def test_a_field_that_a_class_gains_changes_neither_what_was_saved_nor_its_name(tmp_path):
    """A later version of a class loads the folder of an earlier one, and names what is in it as before."""
    from duomo.adapters.artifacts import load_folder, save_folder

    class Nest(Artifact):
        kind = "tests.nest/1"
        eggs: int
        colour: str = "blue"

    old = Nest(eggs=3)
    save_folder(tmp_path, "birds/nest", "1", {"nest": old})
    before = old.fingerprint
    # A class of the same module and name takes its place, as when a later version is imported.

    class Later(Artifact):
        __qualname__ = Nest.__qualname__
        kind = "tests.nest/1"
        eggs: int
        colour: str = "blue"
        height_m: float = 4.0

    found = load_folder(tmp_path, "birds/nest")["nest"]
    assert (type(found), found.eggs, found.height_m) == (Later, 3, 4.0)  # type: ignore[attr-defined]
    assert found.fingerprint == before == Later(eggs=3).fingerprint
    assert Later(eggs=3, height_m=5.0).fingerprint != before
    save_folder(tmp_path / "again", "birds/nest", "1", {"nest": found})
    assert load_folder(tmp_path / "again", "birds/nest")["nest"].fingerprint == before


def test_a_fingerprint_that_was_changed_is_refused(sigmoid, tmp_path):
    path = sigmoid.save(tmp_path / "sigmoid.json")
    path.write_text(path.read_text().replace(sigmoid.fingerprint, "0" * 64))
    with pytest.raises(ArtifactProblem, match="was changed after it was saved"):
        Sigmoid.load(path)
