"""What all encoders share: packed rows, heads, windows."""
