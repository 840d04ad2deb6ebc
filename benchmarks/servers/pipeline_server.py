"""transformers' pipeline behind HTTP for pictures and speech: under FastAPI one by one, under LitServe in batches of 8.

Files come as base64, as in the JSON of ours.
"""

import base64
import io
import sys
from typing import Any

import litserve
import torch
from transformers import pipeline

FRAMEWORK, TASK, FOLDER, PORT = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
SIZE = 8


class Served:
    """The pipeline, and what a file is for it."""

    def __init__(self) -> None:
        torch.set_num_threads(1)
        self._pipe = pipeline(TASK, model=FOLDER, device="cpu")  # type: ignore[call-overload]
        self._says: dict[str, Any] = {"top_k": 5}
        if TASK == "automatic-speech-recognition":
            self._says = {"return_timestamps": True, "generate_kwargs": {"num_beams": 1}}

    def __call__(self, files: list[bytes]) -> list[Any]:
        """Compute them all in one call."""
        answers = self._pipe([self._read(each) for each in files], batch_size=len(files), **self._says)
        return [each["text"] if isinstance(each, dict) else each for each in answers]

    def _read(self, file: bytes) -> Any:
        if TASK == "automatic-speech-recognition":
            import soundfile

            samples, rate = soundfile.read(io.BytesIO(file), dtype="float32")
            return {"raw": samples, "sampling_rate": rate}
        import PIL.Image

        return PIL.Image.open(io.BytesIO(file)).convert("RGB")


def fastapi() -> None:
    """One request a forward pass."""
    import uvicorn
    from fastapi import FastAPI

    served, app = Served(), FastAPI()

    @app.post("/run")
    def run(body: dict[str, str]) -> Any:
        """Compute one file."""
        return {"result": served([base64.b64decode(body["input"])])[0]}

    uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="warning")


def serve_lit() -> None:
    """Batches of 8, after 10 ms at most."""
    api = Run(max_batch_size=SIZE, batch_timeout=0.01, api_path="/run")
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=PORT, generate_client_file=False, log_level="warning")


class Run(litserve.LitAPI):
    """The usual four methods."""

    def setup(self, device):
        """Load the model once a worker."""
        self.served = Served()

    def decode_request(self, request):
        """Take the file out."""
        return base64.b64decode(request["input"])

    def predict(self, files):
        """Compute a batch."""
        return self.served(files)

    def encode_response(self, output):
        """Put the answer in."""
        return {"result": output}


if __name__ == "__main__":
    {"fastapi": fastapi, "litserve": serve_lit}[FRAMEWORK]()
