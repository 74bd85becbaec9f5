"""What is seen in a picture and followed: model, peaks, tracks, planes. Plain functions on arrays."""
