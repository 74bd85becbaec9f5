"""What `deploy` writes: a graph's nodes as what systemd, Compose or Kubernetes keeps running."""
