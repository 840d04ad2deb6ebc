"""An ECG that ships with pydicom, a DICOM file without its patient, and a risk that may say nothing; draws ecg.png."""

from pathlib import Path

import matplotlib.pyplot as plt
import pydicom

from duomo_medical import qrs
from duomo_medical.dicom_gateway import DicomGateway
from duomo_medical.ecg_monitor import EcgMonitor
from duomo_medical.ecg_reading import Recording, from_dicom
from duomo_medical.tabular_risk import TabularRisk

files = Path(pydicom.__file__).parent / "data" / "test_files"

# Twelve leads and two detectors that agree; then one lead alone, which is for a person.
content = (files / "waveform_ecg.dcm").read_bytes()
recording, monitor = from_dicom(content), EcgMonitor()
ecg = monitor(content)
print(f"RR {ecg.payload.rr_ms:.0f} ms, {ecg.payload.rate_bpm:.0f} beats a minute: {ecg.decision.reason}")
print("given:", ecg.payload.intervals_ms, "refused:", ecg.payload.refused)
alone = monitor(Recording(recording.signal[:, :1], recording.leads[:1], recording.rate))
print("one lead:", alone.decision.outcome, alone.decision.reason)

lead = recording.signal[::10, 1]
figure, axes = plt.subplots(figsize=(12, 3), layout="constrained")
axes.plot(lead, linewidth=0.8)
axes.vlines(qrs.by_energy(recording.signal[:, 1], recording.rate) // 10, 1.2, 1.3, color="tab:red")
axes.set(title=f"lead {recording.leads[1]}", ylabel="mV", xlabel=f"samples, {recording.rate / 10:g} a second")
figure.savefig("ecg.png")

# Without OCR text in pixels cannot be found: the image is referred unless the site vouches for its CTs.
careful, vouching = (DicomGateway(secret="a secret of this site", ocr="none", text_free=free) for free in ((), ("CT",)))
print("CT, no OCR:", careful(files / "CT_small.dcm").decision.reason)
clean = vouching(files / "CT_small.dcm")
print("vouched for:", clean.decision.reason, "→", clean.payload.file_name)

for outcome in TabularRisk.example().map(TabularRisk.samples()[:4]):
    risk = outcome.result
    print(f"{risk.payload.probability:.2f}", risk.payload.possible, risk.decision.outcome)
