"""Larger networks as teachers: MediaPipe's palm detector and hand landmarks, and networks of our own."""
