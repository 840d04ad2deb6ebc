"""A classifier's scores as a DICOM structured report (TID 1500), partial and unverified, for the archive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duomo.adapters import DomainResult
from duomo.errors import GuardRefused, RequirementMissing
from duomo_medical.dicom_file import quiet
from duomo_medical.image_classify import ImageVerdict
from duomo_medical.pseudonyms import Pseudonyms

if TYPE_CHECKING:
    from pydicom import Dataset

SCHEME = "99DUOMO"


def measurement_report(result: DomainResult[ImageVerdict], image: Dataset, pseudonyms: Pseudonyms) -> Dataset:
    """A data set to store beside the image: CompletionFlag PARTIAL, VerificationFlag UNVERIFIED, never more.

    Args:
        result: of ``medical/image-classify``.
        image: the data set that was classified; cleaned, if the report is to leave the house.
        pseudonyms: make the UIDs of the report, so that the same result gives the same ones.

    Raises `GuardRefused` without payload, `RequirementMissing` without highdicom.
    """
    try:
        import highdicom as hd
        from pydicom.sr.codedict import codes
    except ImportError:
        raise RequirementMissing(
            "a structured report needs highdicom", why="it is not installed", fix="pip install 'duomo-medical[sr]'"
        ) from None
    if result.payload is None:
        raise GuardRefused("a result without payload has nothing to report", fix="report results that were not stopped")
    device = hd.sr.DeviceObserverIdentifyingAttributes(
        uid=pseudonyms.uid(f"device {result.provenance.model}"), name=result.provenance.adapter
    )
    context = hd.sr.ObservationContext(
        observer_device_context=hd.sr.ObserverContext(codes.DCM.Device, observer_identifying_attributes=device)
    )
    kind = "probability" if result.payload.calibrated else "uncalibrated score"
    scores = [
        hd.sr.Measurement(
            name=hd.sr.CodedConcept(f"LABEL{at}", SCHEME, f"{each.name}: {kind}"[:64]),
            value=each.score,
            unit=codes.UCUM.NoUnits,
        )
        for at, each in enumerate(result.payload.labels)
    ]
    group = hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(pseudonyms.uid(f"tracking {result.id}"), "image"),
        measurements=scores,
        source_images=[hd.sr.SourceImageForMeasurementGroup.from_source_image(image)],
    )
    content = hd.sr.MeasurementReport(
        observation_context=context,
        procedure_reported=hd.sr.CodedConcept("363679005", "SCT", "Imaging procedure"),
        imaging_measurements=[group],
    )
    with quiet():
        return hd.sr.EnhancedSR(
            evidence=[image],
            content=content,
            series_instance_uid=pseudonyms.uid(f"series {result.id}"),
            series_number=9000,
            sop_instance_uid=pseudonyms.uid(f"report {result.id}"),
            instance_number=1,
            manufacturer="duomo",
            is_complete=False,
            is_final=False,
            is_verified=False,
        )
