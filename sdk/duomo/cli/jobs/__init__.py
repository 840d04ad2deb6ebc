"""One job of items: what goes in, what runs, and what is written."""
