"""Medicine: images, waveforms, tables and notes, with what keeps them honest: a plugin of duomo."""
