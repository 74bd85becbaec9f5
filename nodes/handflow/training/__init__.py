"""From labelled pictures to a model: targets, data, network, training, evaluation, export."""
