"""One page for people, made of the schemas of what is served."""
