"""Manufacturing and transport: two adapters that a stranger might write."""
