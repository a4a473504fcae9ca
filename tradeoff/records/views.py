"""How clips were drawn from videos, in words, from what their keys hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_DECODERS = {"torchcodec": ", decoded by torchcodec"}


def view_words(view: Mapping[str, Any]) -> str:
    """How a video is seen when it is tested: `10 clips of 64 consecutive frames, 3 crops of 224x224 from 256x256, 30
    views averaged, float32`."""
    if "frames" not in view:
        return f"{view['crop']} crop, {view['views']} view, {view['precision']}"
    clips, crops = view.get("clips", 1), view.get("crops", 1)
    many = f"{clips} clips of " if clips > 1 else ""
    crop = f"{crops} crops" if crops > 1 else "centre crop"
    count = f"{clips * crops} views averaged" if clips * crops > 1 else "1 view"
    return f"{many}{_drawn(view, crop)}, {count}, {view['precision']}"


def sampling_words(sampling: Mapping[str, Any]) -> str:
    """How training clips are drawn: `64 consecutive frames, random crop of 224x224 from 256x256`."""
    return _drawn(sampling, "random crop")


def _drawn(how: Mapping[str, Any], crop: str) -> str:
    frames, height, width = how["clip"].split("x")
    what = {
        "all": "all frames",
        "consecutive": f"{frames} consecutive frames",
        "segments": f"{frames} frames, one from each equal part",
        "spread": f"{frames} frames spread over the video",
    }[how["frames"]]
    stride = f" {how['stride']} apart" if "stride" in how else ""
    rate = f" at {how['rate']:g} frames a second" if "rate" in how else ""
    return f"{what}{stride}{rate}, {crop} of {height}x{width} from {_scaled(how.get('resize'))}{_kept(how)}"


def _scaled(resize: Any) -> str:
    if resize is None:
        return "an eighth more"
    return f"short side {resize}" if isinstance(resize, int) else "x".join(map(str, resize))


def _kept(how: Mapping[str, Any]) -> str:
    """What stood between the file and the clip."""
    pack = how.get("pack")
    packed = f" of frames kept as {pack['format']}, short side {pack['short_side']}" if pack else ""
    return packed + _DECODERS.get(how.get("decoder", ""), "")
