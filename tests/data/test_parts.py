from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from tradeoff.data.parts import WHOLE, Part, groups_of, shared_across

TIMES = st.one_of(st.none(), st.integers(0, 6).map(float))
PARTS = st.tuples(TIMES, TIMES).filter(lambda t: t[1] is None or t[1] > (t[0] or 0)).map(lambda t: Part.of(*t))
CLIPS = st.lists(st.tuples(st.sampled_from("ab"), PARTS, st.integers(-1, 1)), max_size=12)
TENTHS = [Fraction(number, 10) for number in range(80)]


def shown(part: Part) -> set[Fraction]:
    return {time for time in TENTHS if part.holds(time)}


def test_times_are_what_they_are_written_as() -> None:
    assert not Part.of(0.1, 0.3).holds(Fraction(3, 10))
    assert Part.of(0.1, 0.3).holds(Fraction(1, 10))
    assert Part.of(0.3, None).holds(Fraction(3, 10))
    assert [str(part) for part in (Part.of(1.5, 3), Part.of(2, None))] == ["1.5 s to 3 s", "2 s to its end"]


@given(PARTS, PARTS)
def test_parts_overlap_where_they_show_one_frame(one: Part, other: Part) -> None:
    assert one.overlaps(other) == other.overlaps(one) == bool(shown(one) & shown(other))


@given(CLIPS)
def test_what_is_shared_across_folds_is_found_pair_by_pair(clips: list[tuple[str, Part, int]]) -> None:
    contents, parts, folds = ([clip[i] for clip in clips] for i in range(3))
    rows = [
        row
        for row, (content, part, fold) in enumerate(clips)
        if any(c == content and f != fold and shown(p) & shown(part) for c, p, f in clips)
    ]
    assert shared_across(contents, parts, folds) == rows


@given(CLIPS)
def test_groups_are_what_is_joined_by_overlaps(clips: list[tuple[str, Part, int]]) -> None:
    groups = groups_of([content for content, _, _ in clips], [part for _, part, _ in clips])
    joined = [{row} for row in range(len(clips))]
    for row, (content, part, _) in enumerate(clips):
        for other, (c, p, _) in enumerate(clips):
            if c == content and shown(p) & shown(part) and joined[row] is not joined[other]:
                joined[row] |= joined[other]
                for each in joined[row]:
                    joined[each] = joined[row]
    assert all((groups[a] == groups[b]) == (b in joined[a]) for a in range(len(clips)) for b in range(len(clips)))
    assert list(dict.fromkeys(groups)) == list(range(len(set(groups))))


def test_copies_are_one_group_and_parts_that_touch_are_not() -> None:
    assert groups_of("abac", [WHOLE] * 4) == (0, 1, 0, 2)
    assert groups_of("aaa", [Part.of(0, 2), Part.of(2, 4), Part.of(None, 1)]) == (0, 1, 0)
    assert groups_of("aaa", [Part.of(3, 5), Part.of(0, 2), Part.of(1, 4)]) == (0, 0, 0)
