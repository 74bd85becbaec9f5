"""Settings and stages of a running graph changed: by commands, by OSC, by its file, by a page."""
