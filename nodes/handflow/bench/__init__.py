"""`handflow bench`: how fast, how light and how steady all this is on this machine, alone or beside its peers."""
