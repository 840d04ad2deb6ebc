"""Pictures: classification, embedding, faces, reading print."""
