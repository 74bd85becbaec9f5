"""How nodes are driven, joined, watched and measured."""
