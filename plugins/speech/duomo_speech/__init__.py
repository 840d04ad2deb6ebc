"""Sound: recognition, voice activity, speech, speakers."""
