"""A classifier on DICOM pixels: what it sees is right, and what it says is not taken for more than it is."""

import numpy as np
import pytest

from duomo.outcome import outcome_of

pytest.importorskip("pydicom")
from duomo.adapters import Decision, DomainResult, Provenance, Threshold
from duomo.tasks.results import Classification, Label
from duomo_medical.image_classify import Expects, ImageClassify, ImageVerdict, identical_outputs
from duomo_medical.phantom import dicom_bytes


class Bright:
    """A runner whose model says how bright a picture is."""

    def map(self, items, *, batch_size=None, **options):
        from duomo.errors import DuomoError
        from duomo.outcome import ItemError, Meta

        for index, item in enumerate(items):
            if isinstance(item, DuomoError):  # a record that needs no model, as for any runner
                yield outcome_of(
                    index, str(index), None, ItemError.of(item), Meta("image-classification", "test/bright")
                )
                continue
            score = float(item.mean()) / 255
            result = Classification.ranked(["opaque", "clear"], [score, 1 - score], 2)
            yield outcome_of(index, str(index), result, None, Meta("image-classification", "test/bright"))


def adapter(**expects):
    given = {"expects": Expects(**expects)} if expects else {}
    return ImageClassify(runner=Bright(), artifacts=given)  # type: ignore[arg-type]


RAMP = np.tile(np.arange(64, dtype=np.int16) * 40 - 1024, (64, 1))


def test_a_score_that_nobody_calibrated_is_for_a_person_and_says_so():
    result = adapter(modalities=("OT",))(dicom_bytes())
    assert result.score.kind == "uncalibrated"
    assert not result.payload.calibrated
    assert result.decision.outcome == "refer"
    assert result.decision.reason == "CALIB.MISSING: the score ranks and is not a probability"
    assert result.human_review == "required"
    assert "no accuracy" in ImageClassify.__doc__


def test_a_threshold_does_not_take_the_score_for_a_probability():
    given = {"expects": Expects(modalities=("OT",)), "policy": Threshold(threshold=0.5)}
    [outcome] = ImageClassify(runner=Bright(), artifacts=given).map([dicom_bytes()])  # type: ignore[arg-type]
    assert outcome.error.what.startswith("CALIB.MISSING: a threshold policy needs a probability")


@pytest.mark.parametrize(
    ("expects", "text"), [({}, "is not stated"), ({"modalities": ("CR", "DX")}, "was made for CR, DX")]
)
def test_another_modality_than_the_models_is_for_a_person(expects, text):
    result = adapter(**expects)(dicom_bytes(modality="MR"))
    assert result.decision.outcome == "refer"
    assert [each.code for each in result.findings] == ["OOD.MODALITY"]
    assert text in result.findings[0].text


def test_labels_are_in_the_words_of_the_domain_and_the_window_is_the_models():
    file = dicom_bytes(modality="CT", stored=RAMP, RescaleSlope=1, RescaleIntercept=0)
    lung, bone = (
        adapter(modalities=("CT",), window=window, names={"opaque": "consolidation"})(file)
        for window in ("lung", "bone")
    )
    shares = [{each.name: each.score for each in one.payload.labels}["consolidation"] for one in (lung, bone)]
    assert shares[0] > shares[1] + 0.1
    assert lung.payload.unit == "HU"


def test_a_negative_is_seen_like_its_positive():
    stored = np.tile(np.arange(64, dtype=np.uint16) ** 2, (64, 1))
    positive, negative = (
        adapter(modalities=("CR",))(dicom_bytes(modality="CR", stored=each, PhotometricInterpretation=kind))
        for each, kind in ((stored, "MONOCHROME2"), (stored.max() - stored, "MONOCHROME1"))
    )
    assert negative.payload.inverted
    assert not positive.payload.inverted
    assert negative.payload.labels[0].score == pytest.approx(positive.payload.labels[0].score, abs=1e-3)


def test_an_image_that_is_all_black_in_the_models_window_is_out_of_range():
    file = dicom_bytes(modality="CT", stored=np.full((32, 32), -900, np.int16), RescaleSlope=1, RescaleIntercept=0)
    result = adapter(modalities=("CT",), window="bone")(file)
    assert "OOD.RANGE" in [each.code for each in result.findings]
    assert "100% of the pixels are black or white" in result.findings[0].text


def test_several_frames_are_several_records_and_a_bad_one_costs_no_other():
    many, good = adapter(modalities=("OT",)).map([dicom_bytes(stored=np.zeros((3, 8, 8), np.uint8)), dicom_bytes()])
    assert many.error.what == "this object has 3 frames"
    assert good.ok


def test_the_very_same_scores_for_different_images_are_found():
    def said(digest: str, score: float) -> DomainResult[ImageVerdict]:
        verdict = ImageVerdict(
            labels=(Label(name="ill", score=score),),
            calibrated=False,
            modality="CR",
            unit="",
            inverted=False,
            directions="",
        )
        provenance = Provenance(adapter="medical/image-classify", adapter_version="1", input_digest=digest)
        return DomainResult[ImageVerdict](
            id="", key=digest, payload=verdict, decision=Decision(outcome="refer", reason="x"), provenance=provenance
        )

    found = identical_outputs(said(digest, 0.5183) for digest in "abcd")
    assert found.code == "OOD.RANGE"
    assert found.severity == "block"
    assert "4 different images have the very same scores" in found.text
    assert identical_outputs([said("a", 0.5), said("b", 0.6), said("c", 0.5)]) is None
