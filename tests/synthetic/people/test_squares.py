"""Drawn places, looked at in directions that leave nothing to divide by."""

import numpy as np

from handflow.synthetic.people.camera import PinholeCamera
from handflow.synthetic.people.lights import daylight
from handflow.synthetic.people.squares import Place, draw_place


def test_rays_that_see_no_sky_are_no_trouble() -> None:
    rng = np.random.default_rng(0)
    # Rays whose rise is -.15: there a level of clouds would never be reached.
    camera = PinholeCamera.level((40, 30), focal=2.5 / 0.15 / 40, pitch_rad=0.0, height_m=2.5)
    place = Place.random(rng, dark=False, covered=True)._replace(roof=False)
    assert np.isin(np.float32(-0.15), camera.all_rays()[:, 1].astype(np.float32))
    assert np.isfinite(draw_place(rng, place, camera, daylight(rng, overcast=True))).all()
