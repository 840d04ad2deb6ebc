"""Damaged, endless and oversized pixels cost their own file, whatever the native decoder does."""

import io
import os
import struct
import zlib

import numpy as np
import pytest

from duomo.errors import BadInput, InputTooLarge, InputUnreadable

pydicom = pytest.importorskip("pydicom")
pytest.importorskip("gdcm")
from pydicom.encaps import encapsulate, generate_frames  # noqa: E402

from duomo.inputs import apart  # noqa: E402
from duomo_medical import decoding, dicom_file, pixels  # noqa: E402
from duomo_medical.dicom_gateway import DicomGateway  # noqa: E402
from duomo_medical.phantom import dicom_bytes  # noqa: E402

FORMATS = {
    "SC_rgb_jpeg_gdcm.dcm": 20,
    "SC_rgb_dcmtk_+eb+cy+np.dcm": 200,
    "JPEG2000.dcm": 200,
    "JPEGLSNearLossless_16.dcm": 6,
    "SC_rgb_rle_2frame.dcm": 200,
}
"""JPEG lossless, JPEG baseline, JPEG 2000, JPEG-LS and RLE, and how many mutations of each: every abort of a decoder
costs the start of a process. Every night two thousand of each."""
NIGHTLY = bool(os.environ.get("DUOMO_NIGHTLY"))


def stream(path):
    """The first frame's codestream."""
    return bytearray(next(generate_frames(pydicom.dcmread(path).PixelData, number_of_frames=1)))


def with_stream(path, content):
    """The file with another codestream, as bytes."""
    dataset = pydicom.dcmread(path)
    dataset.PixelData = encapsulate([bytes(content)])
    dataset["PixelData"].is_undefined_length = True
    file = io.BytesIO()
    pydicom.dcmwrite(file, dataset)
    return file.getvalue()


def mutated(content, random):
    """A few bytes of the stream changed, its end cut off, or a run of it overwritten."""
    content, kind = bytearray(content), int(random.integers(3))
    at = int(random.integers(2, len(content)))
    if kind == 0:
        for place in random.integers(2, len(content), 6):
            content[place] = int(random.integers(256))
    elif kind == 1:
        del content[at:]
    else:
        length = int(random.integers(1, 200))
        content[at : at + length] = bytes([int(random.choice([0, 0xFF]))]) * min(length, len(content) - at)
    return content


@pytest.fixture
def aborting(packaged):
    """A JPEG whose first segment has the length 0, at which its only decoder aborts."""
    content = stream(packaged / "SC_rgb_jpeg_gdcm.dcm")
    content[4:6] = b"\0\0"
    return with_stream(packaged / "SC_rgb_jpeg_gdcm.dcm", content)


def test_a_scan_that_makes_the_decoder_abort_costs_its_own_file_only(aborting):
    gateway = DicomGateway(secret=b"s", ocr="none", text_free=("OT",))
    first, lost, last = gateway.map([dicom_bytes(number=1), aborting, dicom_bytes(number=2)])
    assert first.ok
    assert last.ok
    assert lost.error.type == "InputUnreadable"
    assert "the decoder ended in the middle" in lost.error.why


def test_after_an_abort_the_next_file_is_decoded(aborting, packaged):
    good = dicom_file.read(packaged / "JPEG2000.dcm").dataset
    before = pixels.decode(good)
    with pytest.raises(InputUnreadable):
        pixels.decode(dicom_file.read(aborting).dataset)
    np.testing.assert_array_equal(pixels.decode(good), before)


@pytest.mark.parametrize(("name", "count"), FORMATS.items())
def test_mutated_streams_are_decoded_or_refused_and_nothing_else(packaged, name, count):
    random, content, refused = np.random.default_rng(0), stream(packaged / name), 0
    count = 2000 if NIGHTLY else count
    for _ in range(count):
        file = with_stream(packaged / name, mutated(content, random))
        try:
            pixels.decode(dicom_file.read(file).dataset)
        except InputUnreadable:
            refused += 1
    assert 0 < refused <= count


FILES = ("CT_small.dcm", "ExplVR_BigEnd.dcm", "image_dfl.dcm", "MR_small_RLE.dcm", "JPGExtended.dcm")
"""Little and big endian, deflated, RLE, and a codestream that no decoder here reads."""


def damaged(content, random):
    """A file with one to six changes, half of them in its first kilobyte, where groups and lengths stand."""
    content = bytearray(content)
    for _ in range(random.integers(1, 7)):
        at = int(random.integers(0, min(len(content), 1200) if random.random() < 0.5 else len(content)))
        size = int(random.integers(1, 9))
        kind = random.integers(0, 5)
        if kind == 0:
            content[at] ^= 1 << int(random.integers(0, 8))
        elif kind == 1:
            content[at : at + size] = random.bytes(size)
        elif kind == 2:
            content[at : at + size] = bytes([int(random.choice([0, 255]))]) * size
        elif kind == 3:
            del content[at : at + size]
        elif random.random() < 0.3:
            del content[at + 1 :]
    return bytes(content)


def test_damaged_files_are_read_or_refused_and_nothing_else(packaged):
    files, refused, count = [(packaged / name).read_bytes() for name in FILES], 0, 2000 if NIGHTLY else 200
    for seed in range(count):
        content = damaged(files[seed % len(files)], np.random.default_rng(seed))
        try:
            pixels.decode(dicom_file.read(content).dataset)
        except (InputUnreadable, BadInput):
            refused += 1
    assert count / 10 < refused < count


def test_the_child_decodes_what_the_library_decodes_in_this_process(packaged):
    compared = 0
    for path in sorted(packaged.glob("*.dcm")):
        try:
            dataset = dicom_file.read(path).dataset
            if not dataset.file_meta.TransferSyntaxUID.is_encapsulated:
                continue
            ours = decoding.decode_encapsulated(dataset)
        except (InputUnreadable, AttributeError, apart.DecoderFailed):
            continue
        # Lossy decoders differ by a grey level, and which of them comes first is ours to choose.
        lossy = dataset.file_meta.TransferSyntaxUID in pydicom.uid.JPEGTransferSyntaxes[:2]
        assert np.abs(ours.astype(float) - dataset.pixel_array).max() <= (3 if lossy else 1), path.name
        compared += 1
    assert compared >= 30


def test_a_stream_that_claims_a_huge_image_gets_no_memory_for_it(packaged):
    content = stream(packaged / "JPEG2000.dcm")
    at = content.index(b"\xff\x51") + 6  # SIZ: the width and height of the image, and of its one tile
    for place in (at, at + 16):
        content[place : place + 8] = struct.pack(">II", 60_000, 60_000)
    with pytest.raises(InputUnreadable):
        pixels.decode(dicom_file.read(with_stream(packaged / "JPEG2000.dcm", content)).dataset)


def test_a_decoder_that_takes_too_long_is_stopped(packaged, monkeypatch):
    dataset = dicom_file.read(packaged / "JPEG2000.dcm").dataset
    monkeypatch.setattr(decoding.CHILD, "seconds", 0.0)
    with pytest.raises(apart.DecoderStopped, match="took more than 0 s"):
        decoding.decode_encapsulated(dataset)
    monkeypatch.undo()
    assert decoding.decode_encapsulated(dataset).shape == (1024, 256)


def test_the_child_is_told_nothing_of_the_patient(packaged):
    dataset = dicom_file.read(packaged / "JPEG2000.dcm").dataset
    part = pydicom.dcmread(io.BytesIO(decoding._pixel_file(dataset)))  # what leaves the process is the point
    assert {tag.group for tag in part.keys()} <= {0x0028, 0x7FE0}  # noqa: SIM118
    assert str(dataset.PatientName).encode() not in decoding._pixel_file(dataset)  # as above


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_process_that_was_forked_has_a_child_of_its_own(packaged):
    dataset = dicom_file.read(packaged / "JPEG2000.dcm").dataset
    shape = decoding.decode_encapsulated(dataset).shape
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(0 if decoding.decode_encapsulated(dataset).shape == shape else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert decoding.decode_encapsulated(dataset).shape == shape


def deflated(extra):
    """A small file in the deflated transfer syntax, with so many more bytes of zeros in it."""
    dataset = pydicom.dcmread(io.BytesIO(dicom_bytes()))
    if extra:
        dataset.add_new(0x00420010, "ST", "notes")
        dataset.add_new(0x7FE10010, "LO", "MAKER")
        dataset.add_new(0x7FE11001, "OB", bytes(extra))
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    file = io.BytesIO()
    pydicom.dcmwrite(file, dataset)
    return file.getvalue()


def test_a_small_file_that_inflates_without_end_is_refused():
    bomb = deflated(100_000_000)
    assert len(bomb) < 110_000
    with pytest.raises(InputTooLarge, match="inflates to more than"):
        dicom_file.read(bomb)


@pytest.mark.parametrize("extra", [0, 1_000_000, 50_000_000])
def test_a_deflated_file_below_the_limit_is_read(extra):
    assert dicom_file.read(deflated(extra)).dataset.PatientName == "Doe^Jane"


def test_many_streams_behind_one_another_count_as_one(packaged):
    """zlib stops at the first end; what follows it is not read by anyone."""
    assert dicom_file.read(deflated(0) + zlib.compress(bytes(1000))).dataset.PatientName == "Doe^Jane"
    assert dicom_file.read(packaged / "image_dfl.dcm").dataset.Rows == 512
