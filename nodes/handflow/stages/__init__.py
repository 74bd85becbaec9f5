"""The nodes: one class a file, whose name is the `run:` of a graph, and nothing else."""
