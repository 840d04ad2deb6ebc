"""Pictures, text and speech in one space."""
