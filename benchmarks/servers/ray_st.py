"""sentence-transformers under Ray Serve, with its dynamic batches of 32."""

import sys
import time

import ray
import torch
from ray import serve
from sentence_transformers import SentenceTransformer
from starlette.requests import Request


@serve.deployment(ray_actor_options={"num_cpus": 1}, max_ongoing_requests=256)
class Embed:
    """One replica."""

    def __init__(self, folder: str) -> None:
        """Load the model."""
        torch.set_num_threads(1)
        self.model = SentenceTransformer(folder, device="cpu")

    @serve.batch(max_batch_size=32, batch_wait_timeout_s=0.01)
    async def embed(self, texts: list[str]) -> list[dict[str, list[float]]]:
        """Embed a batch."""
        return [{"vector": each.tolist()} for each in self.model.encode(texts, batch_size=32)]

    async def __call__(self, request: Request) -> dict[str, list[float]]:
        """Embed one text."""
        return await self.embed((await request.json())["input"])


ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[2])})
serve.run(Embed.bind(sys.argv[1]), route_prefix="/embed")  # type: ignore[attr-defined]
time.sleep(3600)
