"""What a search chooses from, and which of it goes on."""

from __future__ import annotations

import pytest

from tradeoff import Variant
from tradeoff.sweep.search.file import Search
from tradeoff.sweep.search.halving import places, promoted
from tradeoff.sweep.search.most import Most, Stage
from tradeoff.sweep.search.space import Space, space_of
from tradeoff.variants import UNITS


def space(units: str, **more: object) -> Space:
    return space_of(Search(units=units, **more))  # type: ignore[arg-type]


def test_points_are_named_as_a_sweep_file_would() -> None:
    whole = space("[23s]{11}", width=(0.125, 0.25), gating=(False, True))
    assert whole.size == 3**11 * 2 * 2
    assert whole.name(whole.dearest()) == "I3D-G(width=0.25)"
    for point in whole.random(20, seed=3):
        variant = Variant.parse(whole.name(point))
        assert variant.units == "".join(point[unit] for unit in UNITS)
        assert (variant.gating, variant.width) == (point["gating"], point["width"])  # type: ignore[attr-defined]
    assert space("2{11}").name(space("2{11}").dearest()) == "I2D"


def test_a_grid_ties_neighbours_until_it_is_small_enough() -> None:
    found = [space("22[3s]{2}2{3}[2s]{4}").name(point) for point in space("22[3s]{2}2{3}[2s]{4}").grid(9, seed=0)]
    # Six free units, two choices each: three pairs of neighbours give 8 points, four groups would give 16.
    by_hand = [f"22{low * 2}222{middle * 2}{high * 2}" for low in "3s" for middle in "2s" for high in "2s"]
    assert {Variant.parse(name).units for name in found} == set(by_hand)
    assert len(found) == 8


def test_a_grid_is_shuffled_by_its_seed_and_covers_width_and_gating() -> None:
    wide = space("[23s]{11}", width=(0.125, 0.25))
    one, same, other = ([wide.name(point) for point in wide.grid(20, seed)] for seed in (0, 0, 1))
    assert one == same != other
    assert sorted(one) == sorted(other)
    assert len(one) == 3 * 3 * 2  # 3 x 3 x 3 x 2 points would be too many
    assert len(space("[23s]{11}", width=(0.1, 0.2, 0.3)).grid(4, 0)) == 4  # of 9 points, at which all units are tied


def test_promotion_by_hand() -> None:
    # Nothing beats 0 (cheap), 2 (accurate) and 3 (between); they beat 1, which beats 4.
    cost, accuracy = [1, 4, 5, 3, 6], [0.2, 0.5, 0.9, 0.6, 0.4]
    assert promoted(cost, accuracy, 0.9) == [0, 1, 2, 3, 4]
    assert promoted(cost, accuracy, 0.8) == [0, 1, 2, 3]
    assert promoted(cost, accuracy, 0.6) == [0, 2, 3]
    # Of the three the ends go first, of which nobody knows how much room they have.
    assert promoted(cost, accuracy, 0.4) == [0, 2]
    assert promoted([], [], 0.5) == []


def test_of_a_front_those_with_room_around_them_go_on() -> None:
    # All on one front. By hand, the share of the range between the neighbours, cost and accuracy:
    # 1: 2/10 + 20/100, 2: 3/10 + 30/100, 3: 8/10 + 80/100.
    cost, accuracy = [0, 1, 2, 4, 10], [0, 10, 20, 40, 100]
    assert promoted(cost, accuracy, 0.6) == [0, 3, 4]
    assert promoted(cost, accuracy, 0.8) == [0, 2, 3, 4]


@pytest.mark.parametrize(
    ("count", "keep", "left"), [(30, 0.1, 3), (9, 0.34, 4), (8, 0.25, 2), (1, 0.01, 1), (0, 0.5, 0)]
)
def test_the_share_that_goes_on_is_rounded_up(count: int, keep: float, left: int) -> None:
    assert places(count, keep) == left


def test_the_most_is_that_of_the_slowest() -> None:
    stages = Stage("counted", 40, 0.5, 1.0), Stage("whole trainings", 20, 30.0, 45.0)
    found = Most("mine", 2, ("I3D", "S3D"), stages, 60.0, ("the machine was busy",))
    assert found.typical_seconds == 60 + 40 * 0.5 + 20 * 30  # 11.3 minutes
    assert found.seconds == 60 + 40 * 1 + 20 * 45  # 16.7 minutes
    time, note = found.lines()[-2:]
    assert time == (
        "time: about 11 min if candidates are like 4 random ones, and at most about 17 min, if all were I3D or S3D"
    )
    assert note == "note: the machine was busy"
