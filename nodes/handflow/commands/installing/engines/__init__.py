"""What `deploy` writes: a graph's nodes as what systemd, Compose, Kubernetes or dora keeps running."""
