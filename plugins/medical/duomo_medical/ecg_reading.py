"""ECGs of several leads from DICOM and CSV, in millivolts."""

from __future__ import annotations

import csv
import math
import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from duomo.errors import BadInput, InputUnreadable
from duomo_medical import dicom_file
from duomo_medical.dicom_file import DicomFile, quiet, value

if TYPE_CHECKING:
    from pydicom import Dataset

MILLIVOLTS = {"mV": 1.0, "uV": 1e-3, "V": 1e3}
_MICRO = re.compile("[\u00b5\u03bc]")
"""The sign of a millionth, and the Greek letter that looks like it."""
NAMES = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
MIN_SECONDS = 5.0
"""A shorter piece has too few beats for two detectors to disagree about."""
MIN_RATE, MAX_RATE = 100.0, 20_000.0
"""Samples a second: below, a QRS complex has too few; above, it is not an ECG."""


class Recording(NamedTuple):
    """One ECG: (samples, leads) in millivolts."""

    signal: NDArray[np.float64]
    leads: tuple[str, ...]
    rate: float
    """Samples a second."""

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.signal) / self.rate


def from_dicom(file: DicomFile | bytes) -> Recording:
    """The rhythm of a DICOM waveform: its longest group of channels.

    Raises `InputUnreadable` where it is damaged, `BadInput` where it has none or a channel does not say its unit.
    """
    dataset = (file if isinstance(file, DicomFile) else dicom_file.read(file)).dataset
    groups = value(dataset, "WaveformSequence")
    if not groups:
        raise BadInput("this DICOM object has no waveform", fix="send it to an adapter for its kind")
    with quiet():
        at = max(range(len(groups)), key=lambda i: int(value(groups[i], "NumberOfWaveformSamples", 0)))
        channels = value(groups[at], "ChannelDefinitionSequence", [])
        units = [_unit_of(each) for each in channels]
        try:
            signal = np.asarray(dataset.waveform_array(at), float)
            rate = float(groups[at].SamplingFrequency)
        except Exception:  # its words may quote the file
            raise InputUnreadable(
                "the waveform of this DICOM file cannot be decoded",
                why="fewer samples than it says, or an element that describes them is missing",
                fix="send it again from the cart",
            ) from None
    unknown = next((i for i, unit in enumerate(units) if unit not in MILLIVOLTS), None)
    if unknown is not None:
        raise BadInput(
            f"UNITS.MISSING: channel {unknown} does not say its unit",
            why=f"one of {', '.join(MILLIVOLTS)} is expected in ChannelSensitivityUnitsSequence",
            fix="export it with calibrated channels",
        )
    scale = np.array([MILLIVOLTS[unit] for unit in units])
    return checked(Recording(signal * scale, tuple(_lead_of(each, i) for i, each in enumerate(channels)), rate))


def _point(cell: str, mark: str) -> str:
    """A number with a point; where the mark between cells is not a comma, a comma may stand before the fraction."""
    return cell if mark == "," else cell.replace(",", ".")


def from_csv(text: str) -> Recording:
    """Columns ``seconds`` and one a lead, named with its unit: ``I [mV]``, ``V2 [uV]``.

    Raises `BadInput` that names the column and the remedy.
    """
    lines = text.removeprefix("\ufeff").splitlines()
    mark = next((mark for mark in ";\t," if lines and mark in lines[0]), ",")
    rows = csv.reader(lines, delimiter=mark)
    header = [name.strip() for name in next(rows, [])]
    if len(header) < 2 or header[0].lower() != "seconds":
        raise BadInput(
            "INPUT.MISSING_COLUMN: the first column must be 'seconds'",
            why="without times nobody knows how many samples a second are meant",
            fix="write: seconds,I [mV],II [mV]; EDF and WFDB are not read: export DICOM or CSV",
        )
    leads: list[str] = []
    scales: list[float] = []
    for name in header[1:]:
        match = re.fullmatch(r"(.+?)\s*[\[(](\w+)[\])]", name)
        unit = _MICRO.sub("u", match[2]) if match else ""
        if match is None or unit not in MILLIVOLTS:
            raise BadInput(
                f"UNITS.MISSING: column {len(leads) + 2} does not say its unit",
                why="a wave a thousand times too large looks like one",
                fix="name it with its unit: I [mV] or I [uV]",
            )
        leads.append(match[1])
        scales.append(MILLIVOLTS[unit])
    try:
        table = np.array([[float(_point(cell, mark)) for cell in row] for row in rows if row])
        times, signal = table[:, 0], table[:, 1:] * scales
    except (ValueError, IndexError):
        raise InputUnreadable(
            "this table of an ECG is damaged",
            why="a cell is not a number, or rows differ in length",
            fix="export it again",
        ) from None
    steps = np.diff(times)
    if not (len(steps) and steps.min() > 0 and steps.max() <= 1.5 * np.median(steps)):  # a time may be NaN
        raise BadInput("INPUT.GAP: the times of this ECG have a gap, or do not rise", fix="send an unbroken piece")
    # Not the usual step: at 360 a second, times of three decimals are 3 ms apart more often than 2.
    return checked(Recording(signal, tuple(leads), float(len(steps) / (times[-1] - times[0]))))


def checked(recording: Recording) -> Recording:
    """Return the recording. Raises `BadInput` unless it can be an ECG."""
    shape, leads = np.shape(recording.signal), recording.leads
    if len(shape) != 2 or shape[1] != len(leads) or len(set(leads)) < len(leads):
        raise BadInput(
            f"an ECG of shape {shape} with {len(leads)} names of leads",
            why="it has samples by leads, and each lead a name of its own",
            fix="pass signal[:, None] for one lead, and name each once",
        )
    if not MIN_RATE <= recording.rate <= MAX_RATE:
        raise BadInput(
            f"{recording.rate:g} samples a second", why=f"{MIN_RATE:g} are the least", fix="export it in full"
        )
    if recording.seconds < MIN_SECONDS:
        raise BadInput(
            f"this ECG lasts {recording.seconds:.1f} seconds", why=f"{MIN_SECONDS:g} are the least", fix="record longer"
        )
    if not np.isfinite(recording.signal).all():
        raise BadInput("this ECG has samples that are not numbers", fix="cut them out; a gap is no signal")
    return recording


def made_up(*, leads: int = 3, rate: float = 250.0, seconds: float = 10.0, bpm: float = 70.0, noise: float = 0.01,
            seed: int = 0) -> Recording:  # fmt: skip
    """An ECG of nobody: P, QRS and T as bell curves at a steady rate."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(rate * seconds)) / rate
    beats = np.arange(0.4, seconds - 0.5, 60 / bpm)
    waves = ((-0.17, 0.025, 0.12), (-0.03, 0.009, -0.1), (0.0, 0.011, 1.0), (0.03, 0.01, -0.2), (0.25, 0.04, 0.25))
    clean = np.zeros_like(t)
    for at, width, height in waves:
        clean += height * np.exp(-((t[:, None] - beats - at) ** 2) / (2 * width**2)).sum(1)
    gains = 0.6 + 0.4 * np.cos(np.arange(leads))
    return Recording(np.outer(clean, gains) + rng.normal(0, noise, (len(t), leads)), NAMES[:leads], rate)


def _unit_of(channel: Dataset) -> str:
    units = value(channel, "ChannelSensitivityUnitsSequence")
    sensitivity = value(channel, "ChannelSensitivity")
    known = units and sensitivity is not None and math.isfinite(float(sensitivity))
    return str(value(units[0], "CodeValue", "")) if known else ""


def _lead_of(channel: Dataset, position: int) -> str:
    """The lead's short name; channels bear no free text that is passed on."""
    source = value(channel, "ChannelSourceSequence")
    meaning = str(value(source[0], "CodeMeaning", "")) if source else ""
    match = re.search(r"\b(I{1,3}|aV[RLF]|V[1-9])\b", meaning)
    return match[1] if match else f"channel {position}"
