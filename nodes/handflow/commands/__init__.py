"""The command line: a file for each verb, in a folder for each group of `handflow --help`."""
