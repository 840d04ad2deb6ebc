"""Images, text and speech in one space."""
