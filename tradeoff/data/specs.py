"""What a sweep file's `data:` may say."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

Count = Annotated[int, Field(strict=True, ge=2)]


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SyntheticData(_Spec):
    """Generated clips: `motion` (the order of the frames decides) or `appearance` (what is there decides)."""

    synthetic: Literal["motion", "appearance"]
    train: Count = 4096
    test: Count = 1024
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**32)] = 0

    @model_validator(mode="after")
    def _whole_pairs(self) -> SyntheticData:
        for key in ("train", "test"):
            if self.synthetic == "motion" and getattr(self, key) % 2:
                count = getattr(self, key)
                raise ValueError(f"{key} is {count}; motion needs an even number: each clip comes with its reverse")
        return self

    def resolve(self, base: Path) -> SyntheticData:
        """Itself: no path depends on the sweep file's folder."""
        return self


class VideoData(_Spec):
    """Videos of the user's: a folder of class folders, or a CSV with columns path, label and split or fold.

    `flips` lets training mirror clips left to right; off unless asked for: left and right may be labels.
    """

    videos: Path
    flips: Annotated[bool, Field(strict=True)] = False

    @field_validator("videos", mode="before")
    @classmethod
    def _not_empty(cls, value: Any) -> Any:
        if isinstance(value, str) and not value.strip():
            raise ValueError("should be a folder of class folders, or a CSV with columns path, label and split or fold")
        return value

    def resolve(self, base: Path) -> VideoData:
        """A copy whose path is absolute, a relative one being taken from `base`."""
        path = os.path.normpath((base / self.videos.expanduser()).absolute())
        return self.model_copy(update={"videos": Path(path)})


def _kind(value: Any) -> str | None:
    """Which spec is meant, by its first key, so that an error is about that spec alone."""
    given = value if isinstance(value, dict) else vars(value) if isinstance(value, _Spec) else {}
    kinds = [kind for kind in ("synthetic", "videos") if kind in given]
    return kinds[0] if len(kinds) == 1 else None


DataSpec = Annotated[
    Annotated[SyntheticData, Tag("synthetic")] | Annotated[VideoData, Tag("videos")],
    Discriminator(
        _kind,
        custom_error_type="data_kind",
        custom_error_message="should have one of 'synthetic' (motion or appearance) and 'videos' (a path)",
    ),
]
