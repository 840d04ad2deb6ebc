"""sentence-transformers under FastAPI, one request a forward pass: what most people write first."""

import sys

import torch
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from sentence_transformers import SentenceTransformer

torch.set_num_threads(1)
model = SentenceTransformer(sys.argv[1], device="cpu")
app = FastAPI()


class Body(BaseModel):
    """One text."""

    input: str


@app.post("/embed")
def embed(body: Body) -> dict[str, list[float]]:
    """Embed one text."""
    return {"vector": model.encode([body.input])[0].tolist()}


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
