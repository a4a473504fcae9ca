"""What can start, and what becomes of what ended."""

from __future__ import annotations

from tradeoff.records.keys import Key
from tradeoff.sweep.plan import Measurement
from tradeoff.sweep.queue import Queue
from tradeoff.variants import Variant

I2D = Variant.parse("I2D")


def training(name: str) -> Measurement:
    return Measurement(Key("training", {"name": name}), I2D, seed=0)


def test(of: Measurement, order: str) -> Measurement:
    key = Key("accuracy", {"of": of.key.digest, "order": order})
    return Measurement(key, I2D, seed=0, order=order, training=of.key)  # type: ignore[arg-type]


test.__test__ = False  # type: ignore[attr-defined]


def test_tests_wait_for_their_training_and_others_do_not() -> None:
    first, second = training("first"), training("second")
    queue = Queue([first, test(first, "normal"), second])
    assert queue.next() is first
    queue.begin(first)
    assert queue.next() is second
    queue.done(first)
    assert str(queue.next()) == "I2D seed 0 accuracy"


def test_what_waits_for_a_failure_waits_in_vain() -> None:
    first, second = training("first"), training("second")
    waiting = [test(first, "normal"), test(first, "reversed")]
    queue = Queue([first, *waiting, second])
    queue.begin(first)
    assert queue.failed(first) == waiting
    assert queue.next() is second


def test_a_training_that_two_tests_ask_for_again_is_made_once() -> None:
    """Both found its checkpoint damaged, the second while it was made again already."""
    made, one, other = (first := training("first")), test(first, "normal"), test(first, "reversed")
    queue = Queue([one, other])
    queue.begin(one)
    queue.begin(other)
    queue.again(one, made, one)
    queue.begin(made)
    queue.again(other, made, other)
    assert queue.next() is None
    queue.done(made)
    for each in (other, one):
        assert queue.next() is each
        queue.begin(each)
        queue.done(each)
    assert not queue


def test_a_smaller_training_takes_the_place_of_one_with_its_tests_that_are_missing() -> None:
    first, smaller = training("first"), training("smaller")
    queue = Queue([first, test(first, "normal")])
    queue.begin(first)
    queue.replace(first, [], [test(smaller, "normal"), test(smaller, "reversed")])  # it is on record already
    found = queue.next()
    assert found is not None and found.training == smaller.key
    queue.begin(found)
    queue.done(found)
    assert not queue
