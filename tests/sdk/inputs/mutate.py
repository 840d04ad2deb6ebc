"""Decode damaged files, one after another, in a process that may die of it: a fork for each format asked for on stdin.

Every file is a good one with a few bytes changed, cut or doubled, by a seed; every other PNG and OGG has its checksums
made right again, or its decoder would look no further. What goes wrong is written as JSON into "found", what decoders
say into "remarks"; the seed of the file at hand is kept in "state", so that a crash can be traced.
"""

import gc
import io
import itertools
import json
import os
import resource
import sys
import tempfile
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch._dynamo  # noqa: F401 - once, for all forks
import torchaudio.functional  # noqa: F401 - once, for all forks
import transformers.modeling_utils  # noqa: F401 - once, for all forks

from duomo.data.rows import read_rows
from duomo.errors import DuomoError
from duomo.inputs import Audio, Image
from duomo.inputs.frames import VideoReader

MEMORY = 6 * 1024**3
"""Bytes of address space beside that of libraries; beyond them an allocation fails, and MemoryError is no error of an
item."""


def images(format: str) -> list[bytes]:
    rng = np.random.default_rng(0)
    smooth = np.add.outer(np.arange(24) * 5, np.arange(40) * 3)[..., None] + np.array([0, 60, 120])
    photo = PIL.Image.fromarray((smooth + rng.integers(0, 20, (24, 40, 3)) & 255).astype(np.uint8))
    exif = PIL.Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "somebody"
    palette = photo.quantize(16)
    grey16 = PIL.Image.fromarray(rng.integers(0, 65535, (24, 40)).astype(np.uint16))
    key = {"transparency": (200, 30, 30)}
    smaller = photo.reduce(2)
    smaller.encoderinfo = {"tiffinfo": {254: 1}}
    frames = {"save_all": True, "append_images": [photo.rotate(90), photo.rotate(180)]}
    made = {
        "JPEG": [
            (photo, {"exif": exif}),
            (photo, {"progressive": True, "quality": 90}),
            (photo.convert("CMYK"), {}),
            (photo.convert("L"), {"restart_marker_blocks": 1}),
        ],
        "PNG": [
            (photo, key),
            (palette, {"transparency": 3}),
            (grey16, {"transparency": 300}),
            (photo.convert("RGBA"), {"exif": exif}),
            (photo, frames),
        ],
        "GIF": [(palette, {"transparency": 3}), (photo, frames)],
        "BMP": [(photo, {}), (palette, {}), (photo.convert("1"), {})],
        "WEBP": [(photo, {"exif": exif}), (photo.convert("RGBA"), {"lossless": True}), (photo, frames)],
        "TIFF": [
            *((photo, {"compression": each}) for each in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")),
            (photo.convert("1"), {"compression": "group4"}),
            (grey16, {}),
            (photo, {"save_all": True, "append_images": [smaller]}),
        ],
        "AVIF": [(photo, {"exif": exif}), (photo.convert("RGBA"), {}), (photo, frames)],
    }
    files = []
    for image, options in made[format]:  # type: ignore[attr-defined]
        file = io.BytesIO()
        image.save(file, format, **options)
        files.append(file.getvalue())
    return files


def sounds(format: str) -> list[bytes]:
    import soundfile

    clock = np.arange(4000) / 16_000
    tone = 0.5 * np.sin(2 * np.pi * 440 * clock) + 0.01 * np.random.default_rng(0).standard_normal(4000)
    stereo = np.stack([tone, tone**2], axis=1)
    made = {
        "WAV": ["PCM_16", "PCM_24", "FLOAT", "ULAW", "IMA_ADPCM", "MS_ADPCM", "GSM610"],
        "FLAC": ["PCM_16", "PCM_24"],
        "OGG": ["VORBIS", "OPUS"],
        "MP3": ["MPEG_LAYER_III"],
        "AIFF": ["PCM_16", "PCM_S8", "ULAW"],
        "CAF": ["PCM_16", "ALAC_16"],
        "W64": ["PCM_16"],
        "AU": ["PCM_16", "ULAW"],
    }
    files = []
    for subtype in made[format]:
        for samples in (tone, stereo) if subtype != "GSM610" else (tone,):
            file = io.BytesIO()
            soundfile.write(file, samples, 16_000, subtype, format=format)
            files.append(file.getvalue())
    return files


def pages(format: str) -> list[bytes]:
    [photo, grey] = [PIL.Image.open(io.BytesIO(each)).convert("RGB") for each in images("BMP")[:2]]
    files = []
    for image, options in ((photo, {}), (photo.convert("1"), {}), (grey, {"save_all": True, "append_images": [photo]})):
        file = io.BytesIO()
        image.save(file, format, **options)
        files.append(file.getvalue())
    text = b"BT /F1 12 Tf 10 50 Td (Hello) Tj ET 0 0 1 rg 10 10 30 20 re f"
    files.append(
        b"%%PDF-1.4\n1 0 obj <</Type/Catalog/Pages 2 0 R>> endobj\n"
        b"2 0 obj <</Type/Pages/Kids[3 0 R]/Count 1>> endobj\n"
        b"3 0 obj <</Type/Page/Parent 2 0 R/MediaBox[0 0 100 100]/Contents 4 0 R"
        b"/Resources<</Font<</F1 5 0 R>>>>>> endobj\n"
        b"4 0 obj <</Length %d>> stream\n%s\nendstream endobj\n"
        b"5 0 obj <</Type/Font/Subtype/Type1/BaseFont/Helvetica>> endobj\n"
        b"trailer <</Size 6/Root 1 0 R>>\n%%%%EOF\n" % (len(text), text)
    )
    return files


def videos(format: str) -> list[bytes]:
    import av

    files = []
    for codec, container in {"MP4": [("mpeg4", "mp4")], "MKV": [("mpeg4", "matroska"), ("mjpeg", "matroska")],
                             "AVI": [("mpeg4", "avi"), ("rawvideo", "avi")],
                             "TS": [("mpeg2video", "mpegts")], "FLV": [("flv1", "flv")]}[format]:  # fmt: skip
        file = io.BytesIO()
        with av.open(file, "w", format=container) as out:
            stream: Any = out.add_stream(codec, rate=10)
            stream.width, stream.height = 32, 24
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            for at in range(6):
                picture = av.VideoFrame.from_ndarray(np.full((24, 32, 3), at * 40, np.uint8), format="rgb24")
                out.mux(stream.encode(picture))
            out.mux(stream.encode())
        files.append(file.getvalue())
    return files


def tables(format: str) -> list[bytes]:
    import pyarrow
    import pyarrow.parquet

    rows = {"text": ["one", "two", None, "a longer text"] * 25, "number": [*range(100)], "share": [0.5] * 100,
            "list": [[1, 2], [], None, [3]] * 25}  # fmt: skip
    files = []
    for options in (
        {},
        {"compression": "zstd", "use_dictionary": False},
        {"compression": "none", "row_group_size": 10},
    ):
        file = io.BytesIO()
        pyarrow.parquet.write_table(pyarrow.table(rows), file, **options)
        files.append(file.getvalue())
    return files


PLACE = Path(tempfile.mkdtemp())
"""Where weights lie while they are read."""


def checkpoints(format: str) -> list[bytes]:
    """Weights of a tiny network; its configuration lies in `PLACE`."""
    import torch
    import transformers

    from duomo.pretrained import quiet

    torch.manual_seed(0)
    sizes: Any = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    network: Any = transformers.BertModel(transformers.BertConfig(vocab_size=16, max_position_embeddings=8, **sizes))
    files = []
    for dtype in (torch.float32, torch.bfloat16):
        with quiet():
            network.to(dtype).save_pretrained(PLACE)
        files.append((PLACE / f"model.{format.lower()}").read_bytes())
    return files


def graphs(format: str) -> list[bytes]:
    """A graph of TensorFlow.js, the file that names its weights; the weights lie in `PLACE`."""
    kernel, bias = np.ones((3, 3, 3, 2), "<f4"), np.zeros(2, "<f4")
    (PLACE / "weights.bin").write_bytes(kernel.tobytes() + bias.tobytes())
    ones = {"list": {"i": ["1", "1", "1", "1"]}}
    nodes = [
        {"name": "x", "op": "Placeholder", "attr": {"dtype": {"type": "DT_FLOAT"}}},
        {"name": "k", "op": "Const", "attr": {}},
        {"name": "b", "op": "Const", "attr": {}},
        {"name": "c", "op": "Conv2D", "input": ["x", "k"], "attr": {"strides": ones, "padding": {"s": "U0FNRQ=="}}},
        {"name": "y", "op": "AddV2", "input": ["c", "b"], "attr": {}},
    ]
    said = [
        {"name": "k", "shape": [3, 3, 3, 2], "dtype": "float32"},
        {"name": "b", "shape": [2], "dtype": "float32"},
    ]
    manifest = [{"paths": ["weights.bin"], "weights": said}]
    return [json.dumps({"modelTopology": {"node": nodes}, "weightsManifest": manifest}).encode()]


def decoders(format: str) -> list[bytes]:
    """A tiny Llama with its tokenizer, as llama.cpp keeps it."""
    import gguf

    rng, width, words = np.random.default_rng(0), 32, ["<unk>", "<s>", "</s>", *"abcdefghijklm"]
    writer = gguf.GGUFWriter(PLACE / "a.gguf", "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(width)
    writer.add_block_count(1)
    writer.add_feed_forward_length(width)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(width // 2)
    writer.add_vocab_size(len(words))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(words)
    writer.add_token_scores([-1.0 * at for at in range(len(words))])
    writer.add_token_types([2, 3, 3, *[1] * (len(words) - 3)])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    layer = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
    shapes: dict[str, tuple[int, ...]] = {f"blk.0.{name}": (width, width) for name in layer}
    shapes |= {name: (len(words), width) for name in ("token_embd", "output")} | {"output_norm": (width,)}
    shapes |= {f"blk.0.{name}_norm": (width,) for name in ("attn", "ffn")}
    for name, shape in shapes.items():
        tensor = rng.normal(0, 0.1, shape).astype(np.float32)
        if name.endswith("ffn_up"):
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(f"{name}.weight", gguf.quants.quantize(tensor, kind), raw_dtype=kind)
        else:
            writer.add_tensor(f"{name}.weight", tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return [(PLACE / "a.gguf").read_bytes()]


def convolutions(format: str) -> list[bytes]:
    """Text and weights of ncnn in one, with a zero byte between them."""
    param = (
        "7767517\n3 3\nInput in 0 1 in\nConvolution a 1 1 in b 0=2 1=3 3=2 5=1 6=54 9=2 -23310=1,0.1\n"
        "Deconvolution c 1 1 b d 0=3 1=2 3=2 5=0 6=24\n"
    )
    weights = bytes(4) + np.ones(56, "<f4").tobytes() + bytes(4) + np.ones(24, "<f4").tobytes()
    return [param.encode() + b"\0" + weights]


def whispers(format: str) -> list[bytes]:
    """Part of a Whisper as CTranslate2 keeps it, in 16 and in 8 bits."""

    def text(value: str) -> bytes:
        return (len(value) + 1).to_bytes(2, "little") + value.encode() + b"\0"

    def variable(name: str, values: np.ndarray, kind: int) -> bytes:
        shape = b"".join(each.to_bytes(4, "little") for each in values.shape)
        size = values.nbytes.to_bytes(4, "little")
        return text(name) + bytes([values.ndim]) + shape + bytes([kind]) + size + values.tobytes()

    half, small = np.ones((6, 2), "<f2"), np.ones((6, 2), "i1")
    layer = "encoder/layer_0/self_attention/linear_0/weight"
    files = []
    for known in ([variable(layer, half, 4)], [variable(layer, small, 1), variable(f"{layer}_scale", half[:, 0], 4)]):
        variables = [variable("decoder/embeddings/weight", half[:3], 4), *known]
        head = (6).to_bytes(4, "little") + text("WhisperSpec") + (3).to_bytes(4, "little")
        files.append(head + len(variables).to_bytes(4, "little") + b"".join(variables))
    return files


def networks(format: str) -> list[bytes]:
    """A product with a matrix as ONNX keeps it."""
    from onnx import TensorProto, helper, numpy_helper

    nodes = [helper.make_node("Flatten", ["x"], ["f"], axis=1), helper.make_node("MatMul", ["f", "m"], ["y"])]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["b", size]) for name, size in (("x", 9), ("y", 3)))
    graph = helper.make_graph(nodes, "made", [x], [y], [numpy_helper.from_array(np.ones((9, 3), np.float32), "m")])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return [made.SerializeToString()]


def lite_graphs(format: str) -> list[bytes]:
    """The packaged graph that finds persons."""
    from duomo.weights import find_package_file

    file = find_package_file("package:npm_mediapipe_selfie_segmentation/selfie_segmentation.tflite")
    return [file.read_bytes()] if file else []


def filings(format: str) -> list[bytes]:
    """Three facts, and two of a page with its sums in words."""
    from duomo_finance import made_up

    plain = made_up.filing()
    parts = plain.partition("<ifrs:Assets")
    page = (
        parts[0].replace("<xbrl ", '<html xmlns:ix="http://www.xbrl.org/2013/inlineXBRL" ')
        + '<ix:nonFraction name="ifrs:Assets" contextRef="now" unitRef="eur" decimals="-6" scale="6">1,234.5'
        + '</ix:nonFraction><ix:nonNumeric name="ifrs:Name" contextRef="now" continuedAt="c">Made </ix:nonNumeric>'
        + '<ix:continuation id="c">Up</ix:continuation></html>'
    )
    return [plain.encode(), page.encode(), plain.encode("utf-16")]


def read_network(data: bytes) -> None:
    from duomo import ModelSpec
    from duomo.weights import open_folder
    from duomo_edge.artifact import Settings, open_graph

    (PLACE / "a.onnx").write_bytes(data)
    (PLACE / "duomo.json").write_text("{}")
    spec = ModelSpec("tests/graph", "feature-extraction", "tests:Graph", "a matrix", "MIT", weights="given")
    open_graph(open_folder(spec, str(PLACE)), Settings(graphs={"network": "a.onnx"}))


def read_lite_graph(data: bytes) -> None:
    from duomo_vision import tflite

    (PLACE / "a.tflite").write_bytes(data)
    tflite.read(PLACE / "a.tflite")


def read_filing(data: bytes) -> None:
    from duomo_finance.filings import DocumentFields

    DocumentFields()(data)


def read_decoder(data: bytes) -> None:
    import shutil

    from duomo.converting import plain_folder

    (PLACE / "a.gguf").write_bytes(data)
    shutil.rmtree(plain_folder(PLACE / "a.gguf", Path))


def read_convolutions(data: bytes) -> None:
    from duomo_vision import ncnn

    param, _, weights = data.partition(b"\0")
    (PLACE / "a.param").write_bytes(param)
    (PLACE / "a.bin").write_bytes(weights)
    ncnn.read(PLACE / "a.param")


def read_whisper(data: bytes) -> None:
    from duomo_speech import ctranslate2

    ctranslate2.read_whisper(data)


def read_checkpoint(data: bytes) -> None:
    import transformers

    from duomo import ModelSpec
    from duomo.pretrained import load_network
    from duomo.weights import open_folder

    (PLACE / "model.safetensors").write_bytes(data)
    spec = ModelSpec("tests/bert", "feature-extraction", "tests:Bert", "a tiny network", "MIT", weights="given")
    load_network(transformers.AutoModel, open_folder(spec, str(PLACE)))


def read_graph(data: bytes) -> None:
    from duomo_vision import tfjs

    (PLACE / "model.json").write_bytes(data)
    tfjs.read(PLACE / "model.json", ("y",))


def read_pages(data: bytes) -> None:
    for page in Image.pages(data):
        page.array()


def read_video(data: bytes) -> None:
    with VideoReader(data) as video:
        for frame in itertools.islice(video.frames(), 100):
            frame.rgb()


def read_table(data: bytes) -> None:
    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        file.write(data)
        file.flush()
        for row in read_rows(file.name):
            if isinstance(row, DuomoError):
                raise row


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """A file with one to six changes, half of them near its head, where sizes and tables stand."""
    found = bytearray(data)
    for _ in range(rng.integers(1, 7)):
        reach = min(len(found), 128) if rng.random() < 0.5 else len(found)
        at = int(rng.integers(0, max(1, reach)))
        size = int(rng.integers(1, 9))
        how = rng.integers(0, 6)
        if how == 0:
            found[at : at + 1] = bytes([found[at] ^ (1 << int(rng.integers(0, 8)))]) if found else b""
        elif how == 1:
            found[at : at + size] = rng.bytes(size)
        elif how == 2:
            found[at : at + size] = bytes([int(rng.choice([0, 255, 127, 128]))]) * size
        elif how == 3:
            del found[at : at + size]
        elif how == 4:
            found[at:at] = found[at : at + 8 * size]
        elif rng.random() < 0.3:
            del found[at:]
    return bytes(found)


def checked(data: bytes) -> bytes:
    """A PNG or OGG with its checksums made right, as far as its structure can be followed."""
    found = bytearray(data)
    if data[:4] == b"\x89PNG":
        at = 8
        while at + 12 <= len(found) and (end := at + 8 + int.from_bytes(found[at : at + 4], "big")) + 4 <= len(found):
            found[end : end + 4] = zlib.crc32(found[at + 4 : end]).to_bytes(4, "big")
            at = end + 4
    at = 0
    while data[:4] == b"OggS" and at + 27 <= len(found):
        end = at + 27 + found[at + 26] + sum(found[at + 27 : at + 27 + found[at + 26]])
        found[at + 22 : at + 26] = bytes(4)
        found[at + 22 : at + 26] = ogg_checksum(bytes(found[at:end])).to_bytes(4, "little")
        at = end
    return bytes(found)


def ogg_checksum(page: bytes) -> int:
    value = 0
    for byte in page:
        value = (value << 8) & 0xFFFFFFFF ^ OGG_TABLE[value >> 24 ^ byte]
    return value


def ogg_table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1) ^ (0x04C11DB7 if value & 0x80000000 else 0)
        table.append(value & 0xFFFFFFFF)
    return table


OGG_TABLE = ogg_table()


KINDS: list[tuple[tuple[str, ...], Callable[[str], list[bytes]], Callable[[bytes], object]]] = [
    (("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "AVIF"), images, lambda data: Image.accept(data).array()),
    (
        ("WAV", "FLAC", "OGG", "MP3", "AIFF", "CAF", "W64", "AU"),
        sounds,
        lambda data: Audio.accept(data).samples(16_000),
    ),
    (("PDF",), pages, read_pages),
    (("MP4", "MKV", "AVI", "TS", "FLV"), videos, read_video),
    (("PARQUET",), tables, read_table),
    (("SAFETENSORS",), checkpoints, read_checkpoint),
    (("TFJS",), graphs, read_graph),
    (("GGUF",), decoders, read_decoder),
    (("NCNN",), convolutions, read_convolutions),
    (("CTRANSLATE2",), whispers, read_whisper),
    (("ONNX",), networks, read_network),
    (("TFLITE",), lite_graphs, read_lite_graph),
    (("XBRL",), filings, read_filing),
]
"""Formats, what makes good files, and what reads one."""


def main(format: str, count: int, state: Path) -> None:
    most = MEMORY + int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    make, read = next((make, read) for formats, make, read in KINDS if format in formats)
    files = make(format)
    for data in files:
        read(data)  # what is not damaged can be read
    if make is sounds:
        Audio.accept((np.zeros(800), 8_000)).samples(16_000)  # loads what resamples
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wrong, refused = [], 0
    for seed in range(count):
        state.write_text(str(seed))
        rng = np.random.default_rng(seed)
        data = mutated(files[seed % len(files)], rng)
        data = checked(data) if seed // len(files) % 2 else data
        try:
            read(data)
        except DuomoError as error:
            refused += 1
            if not error.what or error.code == "E-DUOMO":
                wrong.append((seed, repr(error)))
        except BaseException as error:
            wrong.append((seed, f"{type(error).__name__}: {error}"))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(json.dumps({"refused": refused, "wrong": wrong[:20], "grown_mib": grown}))


def serve() -> None:
    """Answer each line of stdin with the exit code of its fork: what takes long to import is imported once."""
    gc.freeze()  # a search for garbage in a fork would copy all pages
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if not child:
            warnings.simplefilter("error")
            os.environ.update(asked["environment"])
            for number, name in ((1, "found"), (2, "remarks")):
                os.dup2(os.open(asked[name], os.O_WRONLY | os.O_CREAT), number)
            main(asked["format"], asked["count"], Path(asked["state"]))
            sys.stdout.flush()
            os._exit(0)  # to take all modules apart takes longer than the files
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    serve()
