"""Results while the input still comes: a websocket that hears speech, or streams what a model writes."""
