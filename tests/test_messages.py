"""Messages cast and check what they are made of."""

from typing import Annotated

import numpy as np
import pytest

from handflow import Array, Frame, Hands, Message, now_ns


class Pair(Message):
    left: Annotated[np.ndarray, Array("float32", ("n", 2))]
    right: Annotated[np.ndarray, Array("int32", ("n",))]


def test_a_list_becomes_an_array_of_the_declared_dtype() -> None:
    pair = Pair(left=[[1, 2]], right=[3])
    assert pair.left.dtype == np.float32
    assert pair.right.dtype == np.int32
    assert pair.left.tolist() == [[1.0, 2.0]]


def test_empty_lists_take_the_declared_shape() -> None:
    pair = Pair(left=[], right=[])
    assert pair.left.shape == (0, 2)
    assert pair.right.shape == (0,)


def test_a_name_in_two_shapes_stands_for_one_size() -> None:
    with pytest.raises(ValueError, match=r"Pair\.right: shape \(1,\) found, \(n=2\) expected"):
        Pair(left=[[1, 2], [3, 4]], right=[5])


def test_a_wrong_shape_names_the_field_and_both_shapes() -> None:
    with pytest.raises(ValueError, match=r"Frame\.image: shape \(4, 6\) found, \(height, width, 3\) expected"):
        Frame(image=np.zeros((4, 6), np.uint8))


def test_a_cast_that_loses_meaning_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Pair\.right: float64 found, int32 expected"):
        Pair(left=[[1, 2]], right=[0.5])


def test_a_number_too_large_for_its_dtype_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Pair\.right: 2147483648 does not fit into int32"):
        Pair(left=[[1, 2]], right=[2**31])


def test_an_array_of_the_right_kind_is_not_copied() -> None:
    image = np.zeros((4, 6, 3), np.uint8)
    assert Frame(image=image).image is image


def test_no_hands_needs_no_arguments() -> None:
    assert Hands().xy.shape == (0, 2)


def test_hands_made_without_zones_are_in_none() -> None:
    hands = Hands(
        id=[1, 2], state=[1, 1], xy=[[0, 0], [1, 1]], velocity=[[0, 0], [0, 0]], radius=[0, 0], score=[1, 1],
        open=[0, 0], is_open=[False, False], age=[0, 0],
    )  # fmt: skip
    assert hands.zone.tolist() == [-1, -1]
    assert hands.zone_s.tolist() == [0, 0]
    assert hands.dwelt.tolist() == [False, False]


def test_zones_of_another_number_of_hands_are_refused() -> None:
    with pytest.raises(ValueError, match=r"Hands\.zone: shape \(2,\) found, \(n=0\) expected"):
        Hands(zone=[0, 1])


def test_the_stream_clock_goes_forward() -> None:
    first = now_ns()
    assert now_ns() >= first
