"""A loaded model made faster."""
