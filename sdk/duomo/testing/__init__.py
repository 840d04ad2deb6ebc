"""What plugin authors test with: fakes, and the conformance suite."""
