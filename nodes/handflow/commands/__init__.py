"""The command line: a file for each verb, in a folder for each group of `handflow --help`.

What verbs share: `_arguments` (types and groups of them), `_settings` (NODE.KEY=VALUE of `--set`), `_graphs` (which
graph), `_supervise` (runs one with a table), `_console` (lines on stderr), `_standard_streams`
(what becomes of lines that cannot be written).
"""
