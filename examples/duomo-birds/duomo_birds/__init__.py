"""Garden birds by their colours."""
