"""Results as FHIR resources and structured reports: valid, preliminary, and silent about what was refused."""

import io

import pytest

pydicom = pytest.importorskip("pydicom")
from duomo.errors import GuardRefused  # noqa: E402
from duomo_medical import fhir  # noqa: E402
from duomo_medical.ecg_monitor import EcgMonitor  # noqa: E402
from duomo_medical.ecg_reading import made_up  # noqa: E402
from duomo_medical.phantom import dicom_bytes  # noqa: E402
from duomo_medical.pseudonyms import Pseudonyms  # noqa: E402
from duomo_medical.tabular_risk import TabularRisk  # noqa: E402

from .test_image_classify import adapter as classifier  # noqa: E402


def valid(resource: dict) -> None:
    """By the published schema of FHIR R5, where its library is installed."""
    library = pytest.importorskip("fhir.resources")
    library.get_fhir_model_class(resource["resourceType"]).model_validate(resource)


@pytest.fixture(scope="module")
def risk():
    return TabularRisk.example()(TabularRisk.samples()[0])


def test_a_risk_becomes_a_preliminary_risk_assessment(risk):
    resource = fhir.risk_assessment(risk)
    valid(resource)
    assert resource["status"] == "preliminary"
    assert resource["prediction"][0]["probabilityDecimal"] == pytest.approx(risk.payload.probability, abs=1e-4)
    assert resource["subject"]["identifier"]["value"] == risk.key
    assert any("Human review: required." in each["text"] for each in resource["note"])


def test_what_was_stopped_is_not_exported():
    stopped = TabularRisk.example()({**TabularRisk.samples()[0], "glucose": 7.1})
    with pytest.raises(GuardRefused, match="nothing to export") as caught:
        fhir.risk_assessment(stopped)
    assert "UNITS.MISMATCH" in caught.value.why


def test_an_ecg_becomes_observations_of_what_was_not_refused():
    result = EcgMonitor()(made_up(bpm=70))
    found = fhir.observations(result)
    for each in found:
        valid(each)
        assert each["status"] == "preliminary"
    codes = {each["code"]["coding"][0]["code"]: each["valueQuantity"]["value"] for each in found}
    assert codes["8867-4"] == pytest.approx(70, rel=0.01)
    assert len(found) == 1 + len(result.payload.intervals_ms)
    assert fhir.observations(EcgMonitor()(made_up(leads=1))) == []


def test_a_report_concludes_nothing():
    for result in (EcgMonitor()(made_up()), classifier(modalities=("OT",))(dicom_bytes())):
        resource = fhir.diagnostic_report(result)
        valid(resource)
        assert resource["status"] == "preliminary"
        assert resource["conclusion"].startswith("PRELIMINARY, NOT REVIEWED.")
    assert "uncalibrated score" in resource["conclusion"]


def test_a_structured_report_is_partial_and_unverified():
    pytest.importorskip("highdicom")
    from duomo_medical.structured_report import measurement_report

    content = dicom_bytes(PatientSex="", AccessionNumber="", StudyID="")
    result = classifier(modalities=("OT",))(content)
    image = pydicom.dcmread(io.BytesIO(content))
    report = measurement_report(result, image, Pseudonyms(b"the secret of this test site"))
    assert report.CompletionFlag == "PARTIAL"
    assert report.VerificationFlag == "UNVERIFIED"
    assert report.PreliminaryFlag == "PRELIMINARY"
    assert report.StudyInstanceUID == image.StudyInstanceUID
    again = measurement_report(result, image, Pseudonyms(b"the secret of this test site"))
    assert report.SOPInstanceUID == again.SOPInstanceUID != image.SOPInstanceUID
    assert "uncalibrated score" in str(report)
