"""What an installation needs beside the graph: its machine, its cameras, its service."""
