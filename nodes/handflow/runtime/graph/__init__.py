"""From pipeline.yaml to checked stages, and back into the file."""
