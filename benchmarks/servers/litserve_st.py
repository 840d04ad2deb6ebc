"""sentence-transformers under LitServe; the last argument is its batch size, 1 for none, or ``best``.

``best`` sorts and pads in groups of 8 inside `predict`, as a user who knows about padding would.
"""

import sys

import litserve
import torch
from sentence_transformers import SentenceTransformer

FOLDER, PORT, BATCH = sys.argv[1], int(sys.argv[2]), sys.argv[3]
SIZE = 32 if BATCH == "best" else int(BATCH)


class Embed(litserve.LitAPI):
    """The usual four methods."""

    def setup(self, device):
        """Load the model once a worker."""
        torch.set_num_threads(1)
        self.model = SentenceTransformer(FOLDER, device="cpu")

    def decode_request(self, request):
        """Take the text out."""
        return request["input"]

    def predict(self, texts):
        """Embed one text, or a batch of them."""
        if SIZE == 1:
            return self.model.encode([texts])[0]
        return list(self.model.encode(texts, batch_size=8 if BATCH == "best" else SIZE))

    def encode_response(self, output):
        """Put the vector in."""
        return {"vector": output.tolist()}


if __name__ == "__main__":
    api = Embed(max_batch_size=SIZE, batch_timeout=0.01 if SIZE > 1 else 0.0, api_path="/embed")
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=PORT, generate_client_file=False, log_level="warning")
