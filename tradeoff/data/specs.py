"""What a sweep file's `data:` may say."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

from tradeoff.data.catalogue import CATALOGUE
from tradeoff.setting_names import Decoder

PACKING_VERSION = 2  # in the digest of packed videos: to be raised when the same video would be kept otherwise
Count = Annotated[int, Field(strict=True, ge=2)]


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SyntheticData(_Spec):
    """Generated clips.

    synthetic  `motion` (the order of the frames decides) or `appearance` (what is there decides).
    train      how many training clips; an even number of `motion`.
    test       how many test clips; an even number of `motion`.
    seed       of the generator.
    """

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


class Pack(_Spec):
    """Frames that are decoded once, scaled and kept in the cache folder, for clips that are drawn anew each time.

    short_side  in pixels; smaller videos keep their size.
    format      one frame takes 3 bytes a pixel as `uint8`, and about a tenth of that as `jpeg` (quality 95), which is
                slower to read.
    """

    short_side: Annotated[int, Field(strict=True, ge=32, le=4096)] = 256
    format: Literal["uint8", "jpeg"] = "uint8"


class _Videos(_Spec):
    """What all videos have in common.

    flips    lets training mirror clips left to right; off unless asked for: left and right may be labels.
    decoder  `pyav`, or `torchcodec` (an extra), whose pixels differ a little.
    pack     frames kept in the cache folder; with `sampling` or `views` only.
    """

    flips: Annotated[bool, Field(strict=True)] = False
    decoder: Decoder = "pyav"
    pack: Pack | None = None

    def reading(self) -> dict[str, Any]:
        """What the pixels of its frames depend on beside the files: what is not at its default."""
        given = self.model_dump(include={"decoder", "pack"}, exclude_defaults=True)
        return given | ({"pack": self.pack.model_dump() | {"version": PACKING_VERSION}} if self.pack else {})


class VideoData(_Videos):
    """Videos of the user's.

    videos  a folder of class folders, or a CSV with columns path, label and split or fold.
    broken  the largest share of them that may be unreadable, from 0 to 1; by default any, if each class and each fold
            has some left.
    """

    videos: Path
    broken: Annotated[float, Field(strict=True, ge=0, le=1)] | None = None

    @field_validator("videos", mode="before")
    @classmethod
    def _not_empty(cls, value: Any) -> Any:
        if isinstance(value, str) and not value.strip():
            raise ValueError("should be a folder of class folders, or a CSV with columns path, label and split or fold")
        return value

    def resolve(self, base: Path) -> VideoData:
        """A copy whose path is absolute, a relative one being taken from `base`."""
        return self.model_copy(update={"videos": _absolute(base, self.videos)})


class CatalogueData(_Videos):
    """A public data set by its name in the catalogue, listed by its official annotation files.

    catalogue    a name that `tradeoff data list` has.
    root         the folder that holds the videos.
    annotations  the folder of the annotation files; by default `root`, then `root`/annotations.
    split        which official split, for a data set that has several.
    flips        is refused where left and right are labels.
    broken       the largest share of the listed clips that may be missing or unreadable, from 0 to 1.
    """

    catalogue: str
    root: Path
    annotations: Path | None = None
    split: Annotated[int, Field(strict=True, ge=1)] = 1
    broken: Annotated[float, Field(strict=True, ge=0, le=1)] = 0.05

    @field_validator("catalogue")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in CATALOGUE:
            raise ValueError(f"should be one of {', '.join(CATALOGUE)}")
        return value

    @field_validator("root", "annotations", mode="before")
    @classmethod
    def _not_empty(cls, value: Any) -> Any:
        if isinstance(value, str) and not value.strip():
            raise ValueError("should be a folder")
        return value

    @model_validator(mode="after")
    def _as_the_entry_allows(self) -> CatalogueData:
        entry = CATALOGUE[self.catalogue]
        if self.flips and not entry.flips_allowed:
            raise ValueError(f"flips is true, but left and right are labels in {entry.name}: leave flips false")
        if self.split not in entry.splits:
            splits = ", ".join(str(number) for number in entry.splits)
            raise ValueError(f"split is {self.split}; {entry.name} has {splits}")
        return self

    def resolve(self, base: Path) -> CatalogueData:
        """A copy whose paths are absolute, relative ones being taken from `base`."""
        paths = {"root": self.root, "annotations": self.annotations}
        update = {name: _absolute(base, path) for name, path in paths.items() if path is not None}
        return self.model_copy(update=update)


def _absolute(base: Path, path: Path) -> Path:
    return Path(os.path.normpath((base / path.expanduser()).absolute()))


def _kind(value: Any) -> str | None:
    """Which spec is meant, by its first key, so that an error is about that spec alone."""
    given = value if isinstance(value, dict) else vars(value) if isinstance(value, _Spec) else {}
    kinds = [kind for kind in ("synthetic", "videos", "catalogue") if kind in given]
    return kinds[0] if len(kinds) == 1 else None


DataSpec = Annotated[
    Annotated[SyntheticData, Tag("synthetic")]
    | Annotated[VideoData, Tag("videos")]
    | Annotated[CatalogueData, Tag("catalogue")],
    Discriminator(
        _kind,
        custom_error_type="data_kind",
        custom_error_message=(
            "should have one of 'synthetic' (motion or appearance), 'videos' (a path) and "
            "'catalogue' (a public data set, with its root)"
        ),
    ),
]
