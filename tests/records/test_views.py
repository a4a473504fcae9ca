"""How clips were drawn, in words, from what keys hold."""

from __future__ import annotations

from typing import Any

import pytest

from tradeoff.data.sampling import Sampling, Views
from tradeoff.records.views import sampling_words, view_words

PACK = {"short_side": 128, "format": "jpeg", "version": 2}


@pytest.mark.parametrize(
    ("views", "rest", "words"),
    [
        ("paper", {}, "all frames, centre crop of 224x224 from 256x256, 1 view, float32"),
        (
            "dense",
            {},
            "10 clips of 64 consecutive frames, 3 crops of 224x224 from short side 256, 30 views averaged, float32",
        ),
        ("centre", {}, "64 consecutive frames, centre crop of 224x224 from short side 256, 1 view, float32"),
        ("segments", {}, "64 frames, one from each equal part, centre crop of 224x224 from short side 256, 1 view, fl"),
        ("spread", {}, "64 frames spread over the video, centre crop of 224x224 from an eighth more, 1 view, float32"),
        (
            {"stride": 2, "rate": 12.5, "crops": 3, "resize": 256},
            {"decoder": "torchcodec", "pack": PACK},
            "64 consecutive frames 2 apart at 12.5 frames a second, 3 crops of 224x224 from short side 256 of frames "
            "kept as jpeg, short side 128, decoded by torchcodec, 3 views averaged, float32",
        ),
    ],
)
def test_views(views: Any, rest: dict[str, Any], words: str) -> None:
    fields = Views.model_validate(views).fields() | rest | {"clip": "64x224x224", "precision": "float32"}
    assert view_words(fields).startswith(words)


def test_stored_clips_have_the_words_that_they_always_had() -> None:
    assert view_words({"crop": "centre", "views": 1, "precision": "float32"}) == "centre crop, 1 view, float32"


def test_samplings() -> None:
    def words(sampling: Any, **rest: Any) -> str:
        return sampling_words(Sampling.model_validate(sampling).fields() | {"clip": "16x112x112"} | rest)

    assert words("paper") == "16 consecutive frames, random crop of 112x112 from 256x256"
    assert words({"rate": 25.0}, pack=PACK | {"format": "uint8"}) == (
        "16 consecutive frames at 25 frames a second, random crop of 112x112 from an eighth more of frames kept as "
        "uint8, short side 128"
    )
