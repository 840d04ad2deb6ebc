"""Another model in the place of the one that serves: compared on a share of the traffic, promoted, rolled back."""
