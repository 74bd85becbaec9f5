"""How well a model finds and follows labelled hands."""
