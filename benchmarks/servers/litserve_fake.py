"""LitServe in batches of 32 around a model without a network, which does what the words of its texts say.

``naps`` takes a hundredth of a second, an empty text is refused when it is decoded, ``poison`` raises before the others
of its batch are computed and ``crash`` after.
"""

import sys
import time

import litserve


class Label(litserve.LitAPI):
    """The usual four methods."""

    def setup(self, device):
        """Load nothing."""

    def decode_request(self, request):
        """Take the text out."""
        if not request["input"]:
            raise ValueError("this text is empty")
        return request["input"]

    def predict(self, texts):
        """Label a batch."""
        if any("poison" in text for text in texts):
            raise ValueError("poison")
        time.sleep(0.01 * sum("naps" in text for text in texts))
        if any("crash" in text for text in texts):
            raise RuntimeError("crash in the forward pass")
        return [{"labels": [{"name": text, "score": 1.0}, {"name": "other", "score": 0.0}]} for text in texts]

    def encode_response(self, output):
        """Put the labels in."""
        return output


if __name__ == "__main__":
    api = Label(max_batch_size=32, batch_timeout=0.01, api_path="/v1/tasks/text-classification")
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="critical")
