"""Images: classification, embedding, faces, reading print."""
