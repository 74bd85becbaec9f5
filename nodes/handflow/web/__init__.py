"""The server of the pages, and the pages."""
