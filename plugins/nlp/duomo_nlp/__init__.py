"""Text: embedding, classification, search, languages, chat."""
