"""What a running graph does, call by call, for whoever wants a trace of it."""
