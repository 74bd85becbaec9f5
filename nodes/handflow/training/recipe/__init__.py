"""A whole training from one file: data, stages, export and evaluation, going on by itself wherever it was stopped."""
