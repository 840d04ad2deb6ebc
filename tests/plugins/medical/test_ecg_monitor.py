"""An ECG whose cart measured it too, and recordings that must be refused."""

import numpy as np
import pytest

from duomo.errors import BadInput, InputUnreadable

pydicom = pytest.importorskip("pydicom")
from duomo_medical import ecg_reading, intervals, qrs  # noqa: E402
from duomo_medical.ecg_monitor import EcgMonitor  # noqa: E402
from duomo_medical.ecg_reading import Recording, made_up  # noqa: E402
from duomo_medical.phantom import dicom_bytes  # noqa: E402

CART = {"pr": 161, "qrs": 75, "qt": 368}
"""Milliseconds, as the cart that recorded the packaged file wrote them into it."""


@pytest.fixture(scope="module")
def twelve_leads(packaged):
    return (packaged / "waveform_ecg.dcm").read_bytes()


def one_lead(recording: Recording, at: int) -> Recording:
    return Recording(recording.signal[:, [at]], recording.leads[at : at + 1], recording.rate)


def test_the_packaged_recording_has_the_rate_that_its_cart_measured(twelve_leads):
    result = EcgMonitor()(twelve_leads)
    assert result.payload.rr_ms == pytest.approx(982, abs=5)
    assert result.payload.rate_bpm == pytest.approx(61, abs=0.5)
    assert result.payload.num_beats == 10
    assert result.payload.rhythm == "regular"
    assert result.payload.detectors_agree == 1.0
    assert [each.name for each in result.payload.leads] == list(ecg_reading.NAMES)
    assert result.decision.outcome == "accept"
    assert result.human_review == "required"


def test_every_beat_is_where_the_cart_saw_it(twelve_leads):
    dataset = pydicom.dcmread(__import__("io").BytesIO(twelve_leads))
    cart = [
        each.ReferencedSamplePositions
        for each in dataset.WaveformAnnotationSequence
        if "ReferencedSamplePositions" in each
        and each.AnnotationGroupNumber >= 100
        and each.ConceptNameCodeSequence[0].CodeMeaning == "Fiducial Point"
    ]
    recording = ecg_reading.from_dicom(twelve_leads)
    for detect in qrs.DETECTORS.values():
        beats = qrs.vote([detect(lead, recording.rate) for lead in recording.signal.T], recording.rate)
        assert len(beats) == len(cart)
        assert np.abs(beats - np.array(cart, float)).max() < 20  # milliseconds


def test_an_interval_is_given_only_where_two_methods_agree(twelve_leads):
    payload = EcgMonitor()(twelve_leads).payload
    assert set(payload.intervals_ms) | set(payload.refused) == set(CART)
    assert not set(payload.intervals_ms) & set(payload.refused)
    for name, ms in payload.intervals_ms.items():
        assert ms == pytest.approx(CART[name], rel=0.15), name
    assert all(payload.refused.values())


def test_a_lead_alone_is_for_a_person_and_so_is_one_detector_that_counts_t_waves(twelve_leads):
    recording = ecg_reading.from_dicom(twelve_leads)
    alone = EcgMonitor()(one_lead(recording, 1))
    assert alone.decision.outcome == "refer"
    assert alone.decision.reason == "QUALITY.LEADS_DISAGREE"
    assert alone.payload.rr_ms is None
    v4 = recording.signal[:, 9]
    assert len(qrs.by_length(v4, 1000)) == 2 * len(qrs.by_energy(v4, 1000))  # here one of the two is fooled
    twice = Recording(np.stack([v4, 0.9 * v4], 1), ("V4", "V5"), 1000)
    disagree = EcgMonitor()(twice)
    assert disagree.decision.reason == "QUALITY.LEADS_DISAGREE"
    assert disagree.payload.rate_bpm is None
    assert set(disagree.payload.refused) == set(CART)


@pytest.mark.parametrize("bpm", [45, 62, 80, 110, 150, 180])
def test_made_up_rates_are_measured_to_one_percent(bpm):
    payload = EcgMonitor()(made_up(bpm=bpm, rate=500)).payload
    assert payload.rate_bpm == pytest.approx(bpm, rel=0.01)
    assert payload.intervals_ms.get("qt", 0) < 60_000 / bpm


@pytest.mark.parametrize("rate", [200, 250, 1000])
def test_the_sampling_rate_does_not_show(rate):
    assert EcgMonitor()(made_up(bpm=72, rate=rate)).payload.rate_bpm == pytest.approx(72, rel=0.01)


def test_noise_and_flat_leads_are_not_used_and_without_enough_others_nothing_is_said():
    good = made_up(leads=3)
    flat = Recording(np.column_stack([good.signal, np.zeros(len(good.signal))]), (*good.leads, "V1"), good.rate)
    payload = EcgMonitor()(flat).payload
    assert [each.reason for each in payload.leads] == ["", "", "", "flat"]
    assert payload.rate_bpm == pytest.approx(70, rel=0.01)
    noisy = EcgMonitor()(made_up(noise=0.5))
    assert noisy.decision.reason == "QUALITY.SNR"
    assert noisy.payload.rate_bpm is None
    assert noisy.payload.rhythm == "unknown"


@pytest.mark.parametrize("part", [slice(0, 900), slice(1600, None), slice(1000, 1700)])
def test_a_part_without_beats_is_for_a_person(part):
    """Electrodes that fell off, or a heart that stopped: the rate of the other half would be a comfort."""
    good = made_up()
    signal = good.signal.copy()
    signal[part] = 0
    result = EcgMonitor()(good._replace(signal=signal))
    assert result.decision.outcome == "refer"
    assert result.payload.rate_bpm is None


@pytest.mark.parametrize(("bpm", "seconds"), [(200, 30), (35, 30), (25, 10)])
def test_fast_and_slow_hearts_are_measured(bpm, seconds):
    result = EcgMonitor()(made_up(bpm=bpm, seconds=seconds))
    assert result.decision.outcome == "accept"
    assert result.payload.rate_bpm == pytest.approx(bpm, rel=0.01)


def test_microvolts_taken_for_millivolts_stop_the_record():
    good = made_up()
    result = EcgMonitor()(good._replace(signal=good.signal * 1000))
    assert [each.code for each in result.findings] == ["UNITS.MISMATCH"]
    assert result.payload is None
    upside_down = EcgMonitor()(good._replace(signal=-good.signal))
    assert upside_down.payload.rate_bpm == pytest.approx(70, rel=0.01)


def test_an_irregular_rhythm_is_for_a_person_and_is_not_named():
    parts = [made_up(leads=3, rate=500, seconds=5, bpm=bpm, seed=bpm).signal for bpm in (55, 120, 75)]
    result = EcgMonitor()(Recording(np.concatenate(parts), ("I", "II", "III"), 500))
    assert result.decision.outcome == "refer"
    assert "irregular" in result.decision.reason
    assert "fibrillation" not in result.model_dump_json()


def table(header: str, rows: int = 3000, step: float = 0.004) -> bytes:
    wave = made_up(leads=2, rate=1 / step, seconds=rows * step).signal
    lines = [f"{at * step:.4f},{one:.4f},{two:.4f}" for at, (one, two) in enumerate(wave)]
    return "\n".join([header, *lines]).encode()


def test_a_table_is_read_with_the_units_of_its_columns():
    first = EcgMonitor()(table("seconds,I [mV],II [mV]"))
    assert first.payload.rate_bpm == pytest.approx(70, rel=0.01)
    assert [each.name for each in first.payload.leads] == ["I", "II"]


def test_a_copied_lead_is_no_second_witness_and_a_lead_beyond_a_volt_is_not_used():
    good = made_up(leads=2)
    copied = EcgMonitor()(good._replace(signal=good.signal[:, [0, 0]]))
    assert copied.payload.rate_bpm is None
    assert [each.reason for each in copied.payload.leads] == ["", "a copy of another lead"]
    spoilt = made_up(leads=3).signal
    spoilt[100, 0] = 1e30
    found = EcgMonitor()(Recording(spoilt, ("I", "II", "III"), 250.0))
    assert found.payload.rate_bpm == pytest.approx(70, rel=0.01)
    assert [each.reason for each in found.payload.leads] == ["out of range", "", ""]


@pytest.mark.parametrize("change", [{"leads": ("I",)}, {"leads": ("I", "I", "II")}, {"signal": np.zeros(2500)}])
def test_a_signal_whose_leads_are_not_its_names_is_refused(change):
    with pytest.raises(BadInput, match="names of leads"):
        EcgMonitor()(made_up(leads=3)._replace(**change))


def test_a_table_may_have_semicolons_and_no_time_that_is_not_a_number():
    content = table("seconds,I [mV],II [mV]")
    assert EcgMonitor()(content.replace(b",", b";")).payload.rate_bpm == pytest.approx(70, rel=0.01)
    with pytest.raises(BadInput, match=r"INPUT\.GAP"):
        EcgMonitor()(content.replace(b"1.0000,", b"nan,", 1))


@pytest.mark.parametrize("rate", [128, 300, 360, 512, 1000])
def test_times_of_three_decimals_do_not_change_the_rate(rate):
    wave = made_up(leads=2, rate=rate, seconds=12).signal
    rows = [f"{at / rate:.3f},{one:.4f},{two:.4f}" for at, (one, two) in enumerate(wave)]
    found = EcgMonitor()("\n".join(["seconds,I [mV],II [mV]", *rows]).encode())
    assert found.payload.rate_bpm == pytest.approx(70, rel=0.005)


@pytest.mark.parametrize(
    ("content", "what", "fix"),
    [
        (table("seconds,I,II [mV]"), "UNITS.MISSING: column 2 does not say its unit", "name it with its unit"),
        (table("time,I [mV],II [mV]"), "INPUT.MISSING_COLUMN: the first column must be 'seconds'", "write: seconds"),
        (table("seconds,I [mV],II [mV]", rows=500), "this ECG lasts 2.0 seconds", "record longer"),
        (table("seconds,I [mV],II [mV]", step=0.02), "50 samples a second", "export it in full"),
        (table("seconds,I [mV],II [mV]").replace(b"1.0000,", b"3.0000,", 1), "INPUT.GAP", "unbroken piece"),
        (table("seconds,I [mV],II [mV]") + b"\n9,x", "this table of an ECG is damaged", "export it again"),
        (b"\xff\xfe\x00\x01" * 50, "this is neither a DICOM file nor a table", "export it as DICOM or CSV"),
        (dicom_bytes(), "this DICOM object has no waveform", "send it to an adapter for its kind"),
    ],
)
def test_what_is_no_ecg_says_why_and_the_others_go_on(content, what, fix):
    bad, good = EcgMonitor().map([content, made_up()])
    assert bad.error.what.startswith(what)
    assert fix in bad.error.fix
    assert good.ok


def test_a_truncated_recording_is_an_error(twelve_leads):
    with pytest.raises(InputUnreadable, match="damaged"):
        EcgMonitor()(twelve_leads[:200_000])


def test_channels_without_a_unit_are_refused(twelve_leads):
    dataset = pydicom.dcmread(__import__("io").BytesIO(twelve_leads))
    del dataset.WaveformSequence[0].ChannelDefinitionSequence[3].ChannelSensitivityUnitsSequence
    saved = __import__("io").BytesIO()
    dataset.save_as(saved)
    with pytest.raises(BadInput, match=r"UNITS\.MISSING: channel 3 does not say its unit"):
        EcgMonitor()(saved.getvalue())


def test_two_methods_that_differ_are_both_named():
    refused = intervals._agree("qrs", 76.0, 60.0)  # no recording here has methods so far apart
    assert refused.ms is None
    assert refused.refused == "two methods differ by more than 15%: 76 and 60 ms"
    assert intervals._agree("qrs", 80.0, 84.0).ms == 82.0  # the same
    assert "beyond 50 to 220" in intervals._agree("qrs", 206.0, 300.0).refused  # the same


TIME = np.arange(2500) / 250
NOISE = np.random.default_rng(0).normal(0, 0.005, (len(TIME), 3))


@pytest.mark.parametrize(
    "wave",
    [
        *(np.sin(2 * np.pi * hertz * TIME) for hertz in (0.8, 1.0, 1.2, 2.0, 3.0)),
        *(np.arcsin(np.sin(2 * np.pi * hertz * TIME)) for hertz in (0.8, 1.0, 1.5, 2.0)),
        np.sin(2 * np.pi * 1.2 * TIME) + 0.3 * np.sin(2 * np.pi * 2.4 * TIME),
        np.exp(2 * np.sin(2 * np.pi * 1.1 * TIME)) / 7,
        np.sin(2 * np.pi * 10 * TIME) * (1 + 0.5 * np.sin(2 * np.pi * 0.3 * TIME)),
        np.sin(2 * np.pi * 9 * TIME) * (1.2 + np.sin(2 * np.pi * TIME)),
        *(2 * (TIME * hertz % 1) - 1 for hertz in (0.8, 1, 2)),
        *(1 - 2 * (TIME * hertz % 1) for hertz in (0.8, 2)),
        *(np.where(TIME * hertz % 1 < share, 1.0, -1.0) for hertz in (0.5, 1, 1.5) for share in (0.5, 0.3, 0.1, 0.05)),
        np.floor(TIME) % 3,
        np.clip(3 * np.sin(2 * np.pi * TIME), -1, 1),
        *(np.exp(-(TIME % 1) / decay) for decay in (0.03, 0.1)),
        (np.arange(len(TIME)) % 250 == 0).astype(float),
        np.exp(-(((TIME * 1.3 % 1 - 0.2) / 0.09) ** 2)) + 0.35 * np.exp(-(((TIME * 1.3 % 1 - 0.5) / 0.12) ** 2)),
    ],
    ids=[
        *(f"sine {each}" for each in (0.8, 1, 1.2, 2, 3)),
        *(f"triangle {each}" for each in (0.8, 1, 1.5, 2)),
        "two sines",
        "pulse",
        "alpha waves",
        "beats of a tone",
        *(f"sawtooth {each}" for each in (0.8, 1, 2)),
        *(f"falling sawtooth {each}" for each in (0.8, 2)),
        *(f"square {hertz} {share}" for hertz in (0.5, 1, 1.5) for share in (0.5, 0.3, 0.1, 0.05)),
        "steps",
        "clipped sine",
        *(f"decay {each}" for each in (0.03, 0.1)),
        "ticks",
        "pulse wave",
    ],
)
def test_a_periodic_signal_that_is_not_a_heartbeat_is_not_given_a_rate(wave):
    found = EcgMonitor()(Recording(np.outer(wave, (1, 0.8, -1)) + NOISE, ("I", "II", "III"), 250.0))
    assert found.decision.outcome == "refer"
    assert found.payload.rate_bpm is None


def test_a_tone_under_a_heartbeat_does_not_double_its_rate():
    """Both detectors count the tone's waves: 179.5 a minute where 90 are; a beat is as steep as what lies between."""
    phase = (TIME * 1.5 % 1 - 0.3) / 1.5
    wave = np.exp(-((phase / 0.02) ** 2)) + 0.25 * np.sin(2 * np.pi * 9 * TIME)
    found = EcgMonitor()(Recording(np.outer(wave, (1, 0.8, -1)) + NOISE, ("I", "II", "III"), 250.0))
    assert found.decision.outcome == "refer"
    assert found.payload.rate_bpm is None


def test_a_signal_that_never_rests_has_no_interval_and_no_warning():
    """Where the complex fills the median beat there is no level before it that it could be referred to."""
    found = intervals.measure(np.sin(2 * np.pi * 8 * TIME)[:, None], np.arange(125, 2400, 250), 250.0)
    assert [each.ms for each in found.values()] == [None, None, None]


@pytest.mark.parametrize("noise", [0.01, 0.05])
@pytest.mark.parametrize("bpm", [35, 70, 120, 180, 220])
def test_a_heartbeat_of_any_rate_is_one(bpm, noise):
    found = EcgMonitor()(made_up(bpm=bpm, noise=noise, seconds=20))
    assert found.decision.outcome == "accept"
    assert found.payload.rate_bpm == pytest.approx(bpm, rel=0.01)


@pytest.mark.parametrize(
    ("unit", "size", "sign", "line"),
    [("[µV]", 1000, ",", "\n"), ("[μV]", 1000, ",", "\n"), ("[uV]", 1000, ";", "\r"), ("(mV)", 1, "\t", "\r\n")],
)
def test_tables_of_an_ecg_are_read_as_programs_write_them(unit, size, sign, line):
    """With a sign of a millionth, a comma before the fraction, a mark of order before the text, any end of lines."""
    rows = [f"{at / 250:.3f} {size * (at % 7 - 3) / 10:.4f} {size * (at % 5) / 10:.4f}" for at in range(1500)]
    body = line.join(row if sign == "," else row.replace(".", ",") for row in rows).replace(" ", sign)
    read = ecg_reading.from_csv(f"\ufeffSeconds{sign}I {unit}{sign}II {unit}{line}{body}")
    assert (read.leads, round(read.rate), read.signal.shape) == (("I", "II"), 250, (1500, 2))
    assert read.signal[:3].round(6).tolist() == [[-0.3, 0.0], [-0.2, 0.1], [-0.1, 0.2]]


def test_bytes_a_path_and_an_array_of_one_recording_give_one_result(packaged, twelve_leads, tmp_path):
    """A signal in the file's own units, and a table of it: what is measured is the same."""
    read = ecg_reading.from_dicom(twelve_leads)
    path = packaged / "waveform_ecg.dcm"
    by_bytes, by_path, by_array = (EcgMonitor()(each).payload for each in (twelve_leads, path, read))
    assert by_bytes == by_path == by_array
    wave = np.column_stack([np.arange(len(read.signal)) / read.rate, read.signal])
    text = ",".join(["seconds", *(f"{lead} [mV]" for lead in read.leads)]) + "\n"
    text += "\n".join(",".join(f"{cell:.6f}" for cell in row) for row in wave)
    (tmp_path / "ecg.csv").write_text(text)
    of_table = [EcgMonitor()(each).payload for each in (text.encode(), tmp_path / "ecg.csv")]
    assert of_table[0] == of_table[1]
    assert of_table[0].rr_ms == pytest.approx(by_bytes.rr_ms, abs=0.01)
    assert of_table[0].num_beats == by_bytes.num_beats
