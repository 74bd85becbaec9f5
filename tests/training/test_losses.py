"""What counts how much in the loss."""

import torch

from handflow.training.losses import mistaken_for_hands
from handflow.training.targets import ELBOW, FOOT, HEAD, PERSON, WRIST


def test_what_hands_are_confused_with_counts_more_but_not_where_a_hand_is():
    parts, heat = torch.zeros(2, 5, 2, 3), torch.zeros(2, 4, 6)
    for part, column in ((HEAD, 0), (ELBOW, 1), (FOOT, 2)):
        parts[0, part - PERSON, 0, column] = 1
    parts[1, PERSON - PERSON], parts[1, WRIST - PERSON] = 1, 1
    heat[0, 0, 5] = 0.5  # a hand beside the foot
    weight = mistaken_for_hands(parts, heat, 3.0)
    assert weight[0].tolist() == [[3, 3, 3, 3, 3, 1], [3] * 6, [1] * 6, [1] * 6]
    assert weight[1].tolist() == [[1] * 6] * 4
    assert (mistaken_for_hands(parts, heat, 1.0) == 1).all()
