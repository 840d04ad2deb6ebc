"""From stored pixels to what is shown: every step has a file that shows what leaving it out does."""

import io
import subprocess
import sys

import numpy as np
import pytest

from duomo.errors import BadInput, InputMissing, InputUnreadable

pydicom = pytest.importorskip("pydicom")
from duomo_medical import deidentify, orientation, pixels  # noqa: E402
from duomo_medical.dicom_file import read  # noqa: E402
from duomo_medical.phantom import dicom_bytes  # noqa: E402


def read_all(folder):
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        try:
            yield path, read(path).dataset
        except InputUnreadable as error:
            yield path, error


def test_of_the_packaged_files_with_pixels_all_are_decoded_but_seven_which_say_why(packaged):
    pytest.importorskip("gdcm")
    pytest.importorskip("jpeg_ls")
    decoded, refused = [], {}
    for path, found in read_all(packaged):
        if isinstance(found, InputUnreadable) or pixels.has_pixels(found):
            try:
                frames = pixels.develop(found) if not isinstance(found, InputUnreadable) else None
            except InputUnreadable as error:
                refused[path.name] = error.why
                continue
            if frames is not None:
                decoded.append(path.name)
                if frames.unit == "HU":
                    assert frames.values.min() >= -1024, path.name
                    assert frames.values.max() <= 3071, path.name
            elif path.name == "MR_truncated.dcm":
                refused[path.name] = found.why
    assert len(decoded) == 88
    assert set(refused) == {
        "JPEG-lossy.dcm",
        "JPGExtended.dcm",
        "JPEG2000-embedded-sequence-delimiter.dcm",
        "MR_truncated.dcm",
        "badVR.dcm",
        "meta_missing_tsyntax.dcm",
        "nested_priv_SQ.dcm",
    }
    assert "JPEG Extended" in refused["JPGExtended.dcm"]
    assert "longer than what is left" in refused["MR_truncated.dcm"]
    assert "does not name a transfer syntax" in refused["meta_missing_tsyntax.dcm"]


def test_a_film_that_is_stored_as_a_negative_is_turned_and_its_window_with_it(packaged):
    dataset = read(packaged / "dicomdirtests" / "77654033" / "CR1" / "6154").dataset
    assert dataset.PhotometricInterpretation == "MONOCHROME1"
    shown = pixels.develop(dataset)
    stored = pixels.decode(dataset).astype(float)
    assert shown.inverted
    assert np.corrcoef(shown.values.ravel(), stored.ravel())[0, 1] == pytest.approx(-1, abs=1e-6)
    dataset.PhotometricInterpretation = "MONOCHROME2"
    other = pixels.develop(dataset)
    assert np.abs(shown.to_uint8().astype(int) + other.to_uint8() - 255).max() <= 1


def test_what_a_ct_stores_outside_its_field_of_view_becomes_air(packaged):
    dataset = read(packaged / "693_J2KI.dcm").dataset
    raw = pixels.decode(dataset).astype(float) * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
    frames = pixels.develop(dataset)
    assert raw.min() < -1024
    assert frames.values.min() == -1024
    assert frames.padding is not None
    assert frames.padding.any()
    assert frames.to_uint8("soft").std() > 0
    with pytest.raises(BadInput, match="no window 'liver'"):
        frames.to_uint8("liver")


def test_a_named_window_is_refused_where_there_are_no_hounsfield_units(packaged):
    with pytest.raises(BadInput, match="meant for CT in Hounsfield units"):
        pixels.develop(read(packaged / "MR_small.dcm").dataset).to_uint8("lung")


@pytest.mark.parametrize(
    ("cosines", "turned", "directions"),
    [
        ((1, 0, 0, 0, 1, 0), [[0, 1], [2, 3]], "LP"),
        ((-1, 0, 0, 0, 1, 0), [[1, 0], [3, 2]], "LP"),
        ((1, 0, 0, 0, -1, 0), [[2, 3], [0, 1]], "LP"),
        ((0, 1, 0, 1, 0, 0), [[0, 2], [1, 3]], "LP"),
        ((1, 0, 0, 0, 0, -1), [[0, 1], [2, 3]], "LF"),
        ((1, 0, 0, 0, 0, 1), [[2, 3], [0, 1]], "LF"),
        ((0, -1, 0, 0, 0, -1), [[1, 0], [3, 2]], "PF"),
    ],
)
def test_every_slice_is_turned_to_the_same_view(cosines, turned, directions):
    turn = orientation.from_cosines(cosines)
    assert turn.apply(np.arange(4).reshape(1, 2, 2))[0].tolist() == turned
    assert turn.directions == directions


@pytest.mark.parametrize(
    ("content", "what", "why"),
    [
        (b"Name: Jane Doe\n" * 20, "this is not a DICOM file", "bytes 128 to 131 are not 'DICM'"),
        (b"", "this file is empty", ""),
        (dicom_bytes()[:-700], "this DICOM file is damaged", "longer than what is left of the file"),
        (dicom_bytes()[:180], "this DICOM file is damaged", ""),
    ],
)
def test_what_is_no_dicom_file_or_only_part_of_one_says_so_and_names_nobody(tmp_path, content, what, why):
    path = tmp_path / "Doe_Jane.dcm"
    path.write_bytes(content)
    with pytest.raises(InputUnreadable) as caught:
        read(path)
    assert caught.value.what == what
    assert why in caught.value.why
    assert caught.value.fix
    assert "Jane" not in str(caught.value)


def test_a_file_that_is_not_there_is_not_named_either(tmp_path):
    with pytest.raises(InputMissing) as caught:
        read(tmp_path / "Doe_Jane.dcm")
    assert "Jane" not in str(caught.value)


def test_a_transfer_syntax_without_decoder_is_named_with_what_to_install():
    file = pydicom.dcmread(__import__("io").BytesIO(dicom_bytes()))
    file.file_meta.TransferSyntaxUID = pydicom.uid.MPEG2MPML
    with pytest.raises(InputUnreadable, match="cannot be decoded") as caught:
        pixels.decode(file)
    assert "MPEG2" in caught.value.why
    assert "duomo-medical[codecs]" in caught.value.fix


def test_a_folder_called_dl_does_not_break_the_import(tmp_path):
    pytest.importorskip("gdcm")
    (tmp_path / "dl").mkdir()
    (tmp_path / "dl" / "__init__.py").write_text("")
    code = "import duomo_medical.dicom_file, sys; assert 'gdcm' in sys.modules; import dl; print(dl.__name__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.split() == ["dl"], done.stderr
    broken = subprocess.run(
        [sys.executable, "-c", "import pydicom.pixels"], cwd=tmp_path, capture_output=True, text=True
    )
    assert "RTLD_NOW" in broken.stderr  # what is being guarded against; when this fails, the guard can go


def enhanced(stored, *, shared):
    """A CT of several frames that keeps slope, intercept and window in its functional groups."""
    dataset = pydicom.dcmread(io.BytesIO(dicom_bytes(modality="CT", stored=stored)))
    groups = []
    for at in range(1 if shared else len(stored)):
        group, rescale, window = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
        rescale.RescaleSlope, rescale.RescaleIntercept, rescale.RescaleType = 1 + at, -1000, "HU"
        window.WindowCenter, window.WindowWidth = 40, 400
        group.PixelValueTransformationSequence, group.FrameVOILUTSequence = [rescale], [window]
        groups.append(group)
    setattr(dataset, f"{'Shared' if shared else 'PerFrame'}FunctionalGroupsSequence", groups)
    return dataset


@pytest.mark.parametrize("shared", [True, False])
def test_an_enhanced_object_has_its_unit_and_window_in_functional_groups(shared):
    stored = np.stack([np.full((4, 5), 1000 + at, np.uint16) for at in range(3)])
    frames = pixels.develop(enhanced(stored, shared=shared))
    assert frames.unit == "HU"
    assert frames.window == (39.5, 399.0)  # from -160 to 239, by PS3.3 C.11.2.1.2
    expected = [0, 1, 2] if shared else [0, 1002, 2006]
    assert frames.values[:, 0, 0].tolist() == expected


@pytest.mark.parametrize(
    ("elements", "unit"),
    [
        ({}, ""),
        ({"RescaleSlope": 1, "RescaleIntercept": -1000}, "HU"),
        ({"RescaleSlope": 1, "RescaleIntercept": -1000, "RescaleType": "HU"}, "HU"),
        ({"RescaleSlope": 1, "RescaleIntercept": 0, "RescaleType": "MGML"}, "MGML"),
    ],
)
def test_a_ct_is_in_hounsfield_units_only_where_it_is_brought_to_them(elements, unit):
    stored = np.full((4, 5), 1000, np.uint16)
    frames = pixels.develop(read(dicom_bytes(modality="CT", stored=stored, **elements)).dataset)
    assert frames.unit == unit
    if not unit:
        with pytest.raises(BadInput, match="meant for CT in Hounsfield units"):
            frames.to_uint8("lung")


@pytest.mark.parametrize(("bits", "high", "kind"), [(12, 15, "u"), (12, 13, "u"), (12, 15, "i"), (12, 11, "i")])
def test_a_pixel_is_read_from_where_its_high_bit_says(bits, high, kind):
    values = np.array([[0, 1, 0x0AB, 0x7FF], [0x400, 5, 0x123, 0x456]], np.int16)
    if kind == "i":
        values = values - 0x400
    else:
        values[1, 0] = 0xFFF
    stored = (values.astype(np.int64) << (high - bits + 1) & 0xFFFF).astype(np.uint16)
    file = dicom_bytes(stored=stored, BitsStored=bits, HighBit=high, PixelRepresentation=int(kind == "i"))
    dataset = read(file).dataset
    decoded = pixels.decode(dataset)
    assert np.array_equal(decoded[0], values)
    deidentify.native_pixels(dataset, decoded)
    assert np.array_equal(pixels.decode(dataset), decoded)
    assert dataset.HighBit == bits - 1


@pytest.mark.parametrize("elements", [{"RescaleSlope": "1e300", "RescaleIntercept": 0}, {"RescaleSlope": 0}])
def test_a_rescaling_that_leaves_no_numbers_is_an_error(elements):
    stored = np.arange(20, dtype=np.uint16).reshape(4, 5)
    dataset = read(dicom_bytes(stored=stored, **{"RescaleIntercept": 0, **elements})).dataset
    with pytest.raises(InputUnreadable, match=r"not numbers|brought to its modality's unit"):
        pixels.develop(dataset)


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_a_file_without_a_window_is_shown_by_its_own_table(bits):
    table = pydicom.Dataset()
    most = 2**bits - 1
    table.LUTDescriptor = [256, 0, bits]
    table.LUTData = [round(most * (at / 255) ** 0.5) for at in range(256)]
    stored = np.arange(0, 200, 10, dtype=np.uint16).reshape(4, 5)
    dataset = read(dicom_bytes(modality="DX", stored=stored)).dataset
    for name in ("WindowCenter", "WindowWidth", "RescaleSlope", "RescaleIntercept", "RescaleType"):
        if name in dataset:
            delattr(dataset, name)
    dataset.VOILUTSequence = [table]
    expected = 255 * (stored / 255.0) ** 0.5
    assert np.abs(pixels.develop(dataset).to_uint8()[0] - expected).max() <= 1
    dataset.PhotometricInterpretation = "MONOCHROME1"
    turned = pixels.develop(dataset).to_uint8()[0].astype(float)
    assert (np.diff(turned.ravel()) <= 0).all()
    del dataset.VOILUTSequence[0].LUTDescriptor
    with pytest.raises(InputUnreadable, match="cannot be shown as it asks"):
        pixels.develop(dataset)


@pytest.mark.parametrize("function", [None, "LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize("window", [(128, 256), (100, 2), (60, 1), (90, 40.5)])
def test_a_window_is_drawn_by_its_function(function, window):
    stored = np.arange(256, dtype=np.uint8).reshape(16, 16)
    dataset = read(dicom_bytes(modality="DX", stored=stored, WindowCenter=window[0], WindowWidth=window[1])).dataset
    if function is not None:
        dataset.VOILUTFunction = function
    expected = np.asarray(pydicom.pixels.apply_windowing(stored, dataset))
    assert np.abs(pixels.develop(dataset).to_uint8()[0] - expected).max() <= 0.51
    dataset.PhotometricInterpretation = "MONOCHROME1"
    assert np.abs(pixels.develop(dataset).to_uint8()[0] - (255 - expected)).max() <= 0.51


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_colours_are_of_the_bits_that_are_stored(bits):
    kind = np.uint8 if bits == 8 else np.uint16
    dataset = read(dicom_bytes(modality="US", stored=np.zeros((4, 5), kind))).dataset
    half = np.full((4, 5, 3), (2**bits - 1) // 2, kind)
    dataset.PhotometricInterpretation, dataset.SamplesPerPixel, dataset.PlanarConfiguration = "RGB", 3, 0
    dataset.BitsStored, dataset.HighBit = bits, bits - 1
    dataset.PixelData = half.tobytes()
    assert np.abs(pixels.develop(dataset).to_uint8().astype(int) - 127).max() <= 1
