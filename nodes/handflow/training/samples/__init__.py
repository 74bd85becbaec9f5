"""Training samples: labelled pictures composed into scenes, spoiled as cameras spoil them, batched."""
