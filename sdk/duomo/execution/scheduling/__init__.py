"""Which items run together: pure, without a clock or I/O."""
