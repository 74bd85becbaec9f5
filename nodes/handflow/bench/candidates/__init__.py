"""The ends of the way of a picture, for ours and for each peer. The peers' files run in environments of their own."""
