"""How hands leave: OSC and TUIO, JSON lines, result files, pages."""
