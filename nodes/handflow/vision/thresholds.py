"""From which score on a peak is a hand, and a hand an open palm. Chosen on validation pictures: models/README.md."""

START_SCORE = 0.6  # a peak this high may start a hand
STRONG_SCORE = 0.52  # and one this high finds the hand it belongs to before weaker ones do
KEEP_SCORE = 0.15  # a hand that is followed goes on with a peak this low
OPEN_AT = 0.56  # a hand this open is an open palm
