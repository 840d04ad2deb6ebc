"""A generalist in the manner of Gato: one decoder that writes, says what images show, and acts."""
