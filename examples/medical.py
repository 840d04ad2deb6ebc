"""An ECG that ships with pydicom, a DICOM file without its patient, and a risk that may say nothing; writes ecg.svg."""

from pathlib import Path

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
beats = qrs.by_energy(recording.signal[:, 1], recording.rate) // 10
line = " ".join(f"{at},{100 - 70 * height:.1f}" for at, height in enumerate(lead))
marks = "".join(f'<path d="M{at} 10v10" stroke="#b5482a"/>' for at in beats)
svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {len(lead)} 150">{marks}'
Path("ecg.svg").write_text(f'{svg}<polyline points="{line}" fill="none" stroke="#20506b"/></svg>', "utf-8")

# Without OCR text in pixels cannot be found: the image is referred unless the site vouches for its CTs.
careful, vouching = (DicomGateway(secret="a secret of this site", ocr="none", text_free=free) for free in ((), ("CT",)))
print("CT, no OCR:", careful(files / "CT_small.dcm").decision.reason)
clean = vouching(files / "CT_small.dcm")
print("vouched for:", clean.decision.reason, "→", clean.payload.file_name)

for outcome in TabularRisk.example().map(TabularRisk.samples()[:4]):
    risk = outcome.result
    print(f"{risk.payload.probability:.2f}", risk.payload.possible, risk.decision.outcome)
