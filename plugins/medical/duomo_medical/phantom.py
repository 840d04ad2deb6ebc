"""DICOM files of nobody, for examples and the conformance suite."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duomo_medical.dicom_file import pydicom

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
SCANS = {"CT": "1.2.840.10008.5.1.4.1.1.2", "MR": "1.2.840.10008.5.1.4.1.1.4"}
"""SOP classes by modality."""


def dicom_bytes(
    *,
    patient: str = "Doe^Jane",
    number: int = 0,
    modality: str = "OT",
    stored: NDArray[Any] | None = None,
    **elements: Any,
) -> bytes:
    """A small image with a header full of made-up identities.

    Args:
        patient: PatientName; the other identities are made from it.
        number: tells files of one patient apart.
        modality: Modality.
        stored: pixels (H, W) or (frames, H, W), or (H, W, 3) of uint8; a gradient when left out.
        elements: more elements, by keyword.
    """
    if stored is None:
        stored = np.add.outer(np.arange(48), np.arange(64)).astype(np.uint16) * (number + 5)
    dataset: Any = pydicom.Dataset()
    dataset.SOPClassUID = SCANS.get(modality, SECONDARY_CAPTURE)
    dataset.SOPInstanceUID = f"1.2.826.0.1.3680043.8.498.{number + 1}"
    dataset.StudyInstanceUID = "1.2.826.0.1.3680043.8.498.900"
    dataset.SeriesInstanceUID = "1.2.826.0.1.3680043.8.498.901"
    dataset.PatientName, dataset.PatientID = patient, f"MRN-{sum(map(ord, patient)) * 7919}"
    dataset.PatientBirthDate, dataset.StudyDate, dataset.StudyTime = "19480307", "20240517", "101530"
    dataset.InstitutionName, dataset.ReferringPhysicianName = "Saint Elsewhere Hospital", "Craig^Mark"
    dataset.Modality, dataset.StudyDescription = modality, f"follow-up of {patient}"
    colour = stored.ndim > 2 and stored.shape[-1] == 3
    frames = stored.shape[0] if stored.ndim - colour == 3 else 1
    dataset.Rows, dataset.Columns = stored.shape[-3:-1] if colour else stored.shape[-2:]
    if frames > 1:
        dataset.NumberOfFrames = frames
    dataset.SamplesPerPixel = 3 if colour else 1
    dataset.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        dataset.PlanarConfiguration = 0
    bits = stored.dtype.itemsize * 8
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit, dataset.PixelRepresentation = bits - 1, int(stored.dtype.kind == "i")
    dataset.add_new("PixelData", "OB" if bits == 8 else "OW", stored.tobytes())
    for keyword, held in elements.items():
        setattr(dataset, keyword, held)
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()
