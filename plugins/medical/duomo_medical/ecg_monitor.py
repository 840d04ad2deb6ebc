"""Heart rate from an ECG, where leads and detectors agree; otherwise a person looks.

read in millivolts → drop leads that are flat or noise → two detectors a lead → vote of the leads → rate, rhythm
→ intervals by two methods
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from duomo.adapters import Adapter, Case, Decision, Finding, Payload, Record, Source, find, pseudonym
from duomo.errors import BadInput, InputMissing, InputUnreadable
from duomo.inputs import check_unsealed
from duomo.tasks.base import Result
from duomo_medical import ecg_reading, intervals, qrs
from duomo_medical.dicom_file import read, value
from duomo_medical.dicom_gateway import files_of
from duomo_medical.ecg_reading import Recording
from duomo_medical.plugin import ECG_MONITOR

MIN_LEADS = 2
MIN_AGREEMENT = 0.9
"""Share of beats that both detectors must have (F1)."""
MAX_RR_DIFFERENCE = 0.05
RATES = (20.0, 250.0)
"""Beats a minute."""
FLAT_MV = 0.02
MAX_MV = 20.0
"""No heart is so loud at the skin; a number above it is in another unit."""
MAX_OFFSET_MV = 1000.0
"""Electrodes have some 300 mV of their own; a volt is a slip in the file."""
MAX_SILENCE = 2.5
"""Usual RR intervals without a beat, at either end or between, from which something is missing."""
MIN_SNR_DB = 6.0
MIN_CONCENTRATION = 0.35
"""How much of a lead's steepness must lie in its beats beyond the share of time that they take: 0 for a periodic signal
without complexes (a sine has 0.2 at most), 1 for complexes alone. The least of twelve leads of a patient is 0.74."""
MAX_STEP = 0.45
"""How far the level after a complex may be from that before it, as a share of the complex: 0.14 at most in twelve leads
of a patient, 0.6 and more for sawtooth and square waves, which jump and stay there."""
MAX_JUMP = 0.8
"""How much of a complex may lie between two samples 4 ms apart: 0.61 at most in a patient; 1 for edges and pulses."""
MIN_FAST = 0.06
"""Share of the power from 0.5 to 40 Hz above 8 Hz: 0.17 at least in a patient, 0.01 at most in a pulse wave."""
IRREGULAR = 0.12
"""Spread of RR intervals as a share of their mean (robust) from which a rhythm is called irregular."""


class Lead(Result):
    """One lead: whether it was used, and why not."""

    name: str
    used: bool
    snr_db: float
    """Size of the QRS over what is left between the beats."""
    beats: dict[str, int]
    """How many beats each detector found."""
    reason: str = ""


class EcgVerdict(Payload):
    """Rate and regularity, and intervals or why they are refused. No diagnosis."""

    seconds: float
    rate_bpm: float | None
    rr_ms: float | None
    """Mean of the RR intervals."""
    rr_spread_ms: float | None
    """Their standard deviation."""
    rhythm: str
    """``regular``, ``irregular`` or ``unknown``; names no arrhythmia."""
    num_beats: int
    detectors_agree: float
    """F1 of the two detectors after the vote of the leads."""
    intervals_ms: dict[str, float]
    refused: dict[str, str]
    """By interval, why it is not given."""
    leads: tuple[Lead, ...]


class Reading(NamedTuple):
    """What was measured."""

    leads: tuple[Lead, ...]
    beats: dict[str, NDArray[np.int64]]
    agreement: float
    spans: dict[str, intervals.Interval]


class EcgMonitor(Adapter[Recording, EcgVerdict]):
    """Two detectors on every lead, a vote among leads, and a refusal where they differ."""

    spec = ECG_MONITOR
    Output = EcgVerdict
    batch_size = 1

    def read(self, source: str | os.PathLike[str]) -> Iterator[Any]:
        yield from files_of(source)

    def record(self, value: object, position: int = 0) -> Record[Recording]:
        if isinstance(value, Recording):
            return Record(ecg_reading.checked(value), str(position))
        content = _content(value)
        if content[128:132] == b"DICM":
            return self._of_dicom(content)
        try:
            recording = ecg_reading.from_csv(content.decode("utf-8-sig"))
        except UnicodeDecodeError:
            raise InputUnreadable(
                "this is neither a DICOM file nor a table", why="it is not text", fix="export it as DICOM or CSV"
            ) from None
        key = pseudonym(hashlib.sha256(content).hexdigest(), self.secret)
        return Record(recording, key, source=Source(size=len(content), format="csv"))

    def guards(self, phase: str) -> Sequence[Any]:
        return (_is_in_millivolts,) if phase == "input" else ()

    def score(self, prepared: Sequence[Record[Recording]]) -> list[Reading]:
        return [measure(each.payload) for each in prepared]

    def decide(self, case: Case[Recording]) -> Decision:
        reading: Reading = case.raw
        used = [each for each in reading.leads if each.used]
        if len(used) < MIN_LEADS:
            few = len(case.record.payload.leads) < MIN_LEADS
            case.find(
                "QUALITY.LEADS_DISAGREE" if few else "QUALITY.SNR",
                f"{len(used)} usable lead, and {MIN_LEADS} must agree"
                if few
                else "too few leads show a heartbeat above their noise",
                fix="record more leads" if few else "check the electrodes and record again",
            )
        rates = [60_000 / each for each in map(self._rr, reading.beats.values(), [case] * 2) if each]
        differ = len(rates) < 2 or abs(rates[0] - rates[1]) > MAX_RR_DIFFERENCE * max(rates)
        if reading.agreement < MIN_AGREEMENT or differ:
            case.find("QUALITY.LEADS_DISAGREE", "two detectors do not see the same beats", field="RR",
                      fix="a person must count them")  # fmt: skip
        elif not RATES[0] <= rates[0] <= RATES[1]:
            case.find("OOD.RANGE", f"a rate beyond {RATES[0]:g} to {RATES[1]:g} beats a minute", field="RR",
                      fix="check the sampling rate of the file")  # fmt: skip
        elif _silence(reading.beats["energy"], len(case.record.payload.signal)) > MAX_SILENCE:
            # Electrodes that fell off, or a heart that stopped: the rate of the rest describes neither.
            case.find("QUALITY.FORMAT", "a part of this recording has no beats", field="RR",
                      fix="look at the patient, then at the electrodes")  # fmt: skip
        if _rhythm(reading.beats["energy"]) == "irregular":
            return Decision(outcome="refer", reason="the rhythm is irregular, which this adapter does not name")
        return Decision(outcome="accept", reason="leads and detectors agree")

    def result(self, case: Case[Recording]) -> EcgVerdict:
        reading: Reading = case.raw
        trusted = case.decision is None or not any(each.severity == "refer" for each in case.findings)
        beats, rate = reading.beats["energy"], case.record.payload.rate
        rr = np.diff(beats) * 1000 / rate
        has_rate = trusted and len(rr) > 0
        return EcgVerdict(
            seconds=round(case.record.payload.seconds, 3),
            rate_bpm=round(60_000 / float(rr.mean()), 1) if has_rate else None,
            rr_ms=round(float(rr.mean()), 1) if has_rate else None,
            rr_spread_ms=round(float(rr.std()), 1) if has_rate else None,
            rhythm=_rhythm(beats) if trusted else "unknown",
            num_beats=len(beats),
            detectors_agree=round(reading.agreement, 4),
            intervals_ms={name: each.ms for name, each in reading.spans.items() if trusted and each.ms is not None},
            refused={
                name: each.refused or "leads or detectors disagree"
                for name, each in reading.spans.items()
                if not trusted or each.ms is None
            },
            leads=reading.leads,
        )

    @classmethod
    def samples(cls) -> list[Any]:
        return [ecg_reading.made_up(bpm=bpm, seed=seed) for seed, bpm in enumerate((62, 70, 95))]

    @classmethod
    def canaries(cls, marker: str) -> list[Any]:
        from duomo_medical.phantom import dicom_bytes

        table = [f"seconds,{marker} [mV],II [mV]", *(f"{at / 250},0.1,0.2" for at in range(1500))]
        return [dicom_bytes(patient=marker), "\n".join(table).encode()]

    def _of_dicom(self, content: bytes) -> Record[Recording]:
        file = read(content)
        own = str(value(file.dataset, "SOPInstanceUID", "")) or hashlib.sha256(content).hexdigest()
        patient = value(file.dataset, "PatientID")
        group = pseudonym(str(patient), self.secret) if patient else None
        source = Source(size=len(content), format="dicom", reader="pydicom")
        return Record(ecg_reading.from_dicom(file), pseudonym(own, self.secret), group, source=source)

    @staticmethod
    def _rr(beats: NDArray[np.int64], case: Case[Recording]) -> float | None:
        """Mean RR interval in milliseconds, or None with fewer than two beats."""
        return float(np.diff(beats).mean()) * 1000 / case.record.payload.rate if len(beats) > 1 else None


def measure(recording: Recording) -> Reading:
    """Leads, beats and intervals of one recording."""
    rate, leads, found = recording.rate, [], []
    for position, name in enumerate(recording.leads):
        signal = recording.signal[:, position]
        beats = {kind: detect(signal, rate) for kind, detect in qrs.DETECTORS.items()}
        snr, reason = _quality(signal, beats["energy"], rate)
        if any(np.array_equal(signal, each) for each in recording.signal.T[:position]):
            reason = reason or "a copy of another lead"  # no second witness
        found.append(beats if not reason else None)
        shown = name if name in ecg_reading.NAMES else f"lead {position}"
        counts = {kind: len(each) for kind, each in beats.items()}
        leads.append(Lead(name=shown, used=not reason, snr_db=round(snr, 1), beats=counts, reason=reason))
    usable = [at for at, each in enumerate(found) if each is not None]
    voted = {
        kind: qrs.vote([each[kind] for each in found if each is not None], rate) if usable else np.empty(0, np.int64)
        for kind in qrs.DETECTORS
    }
    spans = intervals.measure(recording.signal[:, usable], voted["energy"], rate)
    return Reading(tuple(leads), voted, qrs.agreement(voted["energy"], voted["length"], rate), spans)


def _quality(signal: NDArray[np.float64], beats: NDArray[np.int64], rate: float) -> tuple[float, str]:
    """Signal over noise in decibels, and why a lead cannot be used."""
    if np.ptp(signal) < FLAT_MV:
        return 0.0, "flat"
    if np.ptp(signal) > MAX_OFFSET_MV:
        return 0.0, "out of range"
    band = qrs.bandpass(signal, rate, 1, 40)
    near = np.zeros(len(signal), bool)
    for at in beats:
        near[max(at - int(0.06 * rate), 0) : at + int(0.06 * rate)] = True
    if near.all() or not near.any():
        return 0.0, "no beats"
    noise = float(np.std(np.diff(signal)[~near[1:]])) * np.sqrt(rate / 250) + 1e-6
    tops = [np.abs(band[max(at - int(0.06 * rate), 0) : at + int(0.06 * rate)]).max() for at in beats]
    snr = 20 * float(np.log10(np.median(tops) / (4 * noise)))
    if snr < MIN_SNR_DB:
        return snr, "noise"
    return snr, "" if _has_complexes(signal, beats, near, rate) else "no heartbeat"


def _has_complexes(signal: NDArray[np.float64], beats: NDArray[np.int64], near: NDArray[np.bool_], rate: float) -> bool:
    """Whether what was found can be QRS complexes: steep and short, back where they began, and with no edges."""
    # A sine or a triangle moves as much between its turning points as at them.
    slow = qrs.bandpass(signal, rate, 0.5, 40)
    slope = np.gradient(slow) ** 2
    share, time = float(slope[near].sum() / slope.sum()), float(near.mean())
    if share - time < MIN_CONCENTRATION * (1 - time):
        return False
    if qrs.bandpass(signal, rate, 8, 40).std() ** 2 < MIN_FAST * slow.std() ** 2:
        return False
    before, after, edge = int(0.1 * rate), int(0.12 * rate), max(int(0.03 * rate), 1)
    whole = [signal[at - before : at + after] for at in beats if at >= before and at + after <= len(signal)]
    if not whole:
        return False
    complexes = np.stack(whole)
    heights = np.ptp(complexes, axis=1)
    steps = np.abs(complexes[:, :edge].mean(1) - complexes[:, -edge:].mean(1)) / heights
    apart = max(round(0.004 * rate), 1)
    jumps = np.abs(complexes[:, apart:] - complexes[:, :-apart]).max(1) / heights
    # Below 200 samples a second two samples are too far apart to tell an edge from an R wave.
    return bool(np.median(steps) <= MAX_STEP and (rate < 200 or np.median(jumps) <= MAX_JUMP))


def _is_in_millivolts(record: Record[Recording]) -> Iterator[Finding]:
    rate = record.payload.rate
    heights = [np.ptp(np.percentile(qrs.bandpass(lead, rate, 1, 40), (0.1, 99.9))) for lead in record.payload.signal.T]
    if heights and np.median(heights) > MAX_MV:
        yield find("UNITS.MISMATCH", f"waves of more than {MAX_MV:g} mV would be believable in uV", field="signal",
                   record=record.key, fix="say the unit that the numbers are in")  # fmt: skip


def _silence(beats: NDArray[np.int64], num_samples: int) -> float:
    """The longest time without a beat, in usual RR intervals; 0 with fewer than two beats."""
    if len(beats) < 2:
        return 0.0
    return float(np.diff([0, *beats, num_samples]).max() / np.median(np.diff(beats)))


def _rhythm(beats: NDArray[np.int64]) -> str:
    rr = np.diff(beats)
    if len(rr) < 3:
        return "unknown"
    spread = 1.4826 * float(np.median(np.abs(rr - np.median(rr))))
    return "irregular" if max(spread, float(rr.std()) / 2) > IRREGULAR * float(rr.mean()) else "regular"


def _content(source: object) -> bytes:
    if isinstance(source, bytes):
        return source
    if isinstance(source, str | os.PathLike):
        check_unsealed("an ECG")
        if not os.path.isfile(source):  # of a name that is too long, too
            raise InputMissing("there is no such file", fix="check the path")
        return Path(source).read_bytes()
    raise BadInput(f"an ECG is expected, not {type(source).__name__}", fix="pass a path, bytes, or a Recording")
