"""How a causal language model writes: caches and sampling."""
