"""What a server counts, measures and writes down about itself."""
