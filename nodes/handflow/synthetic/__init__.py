"""Made-up scenes, hands and motion, whose truth is known."""
