"""Small videos, folders of frames and annotation files that tests make themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import av
import numpy as np
from PIL import Image


def write_video(path: Path, levels: Sequence[int], codec: str = "ffv1", pixels: str = "bgr0", rate: int = 10) -> Path:
    """A video of 48x36 whose frame i has the grey `levels[i]`; FFV1 keeps every value."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = 48, 36, pixels
        for level in levels:
            image = np.full((36, 48, 3), level, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        container.mux(stream.encode())
    return path


def write_frames(folder: Path, levels: Sequence[int], first: int = 1) -> Path:
    """A folder of JPEGs of 48x36, 00001.jpg and so on; JPEG keeps a grey frame's level."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, level in enumerate(levels, first):
        Image.new("RGB", (48, 36), (level, level, level)).save(folder / f"{number:05}.jpg", quality=95)
    return folder


def touch(root: Path, *names: str) -> None:
    """Empty files, whose folders are made."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")


def write_table(root: Path, text: str) -> Path:
    """`clips.csv` beside four files, 1.mp4 to 4.mp4, that hold their names."""
    root.mkdir(parents=True, exist_ok=True)
    for name in ("1.mp4", "2.mp4", "3.mp4", "4.mp4"):
        (root / name).write_bytes(name.encode())
    return write_texts(root, {"clips.csv": text}) / "clips.csv"


def write_texts(folder: Path, texts: Mapping[str, str]) -> Path:
    """Text files by name."""
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8", newline="")
    return folder


UCF101 = {
    "classInd.txt": "1 Archery\r\n2 YoYo\r\n",
    "trainlist01.txt": "".join(
        f"{name}/v_{name}_g0{g}_c01.avi {n}\r\n" for n, name in ((1, "Archery"), (2, "YoYo")) for g in (3, 4, 5, 6)
    ),
    "testlist01.txt": "".join(f"{name}/v_{name}_g0{g}_c01.avi\r\n" for name in ("Archery", "YoYo") for g in (1, 2)),
}
"""Annotation files of a UCF-101 of two classes: of each class four clips to train on and two to test."""

JESTER = {
    "jester-v1-labels.csv": "Swiping Right\nSwiping Left\n",
    "jester-v1-train.csv": "".join(f"{n};Swiping {('Right', 'Left')[n % 2]}\n" for n in range(10, 18)),
    "jester-v1-validation.csv": "20;Swiping Right\n21;Swiping Left\n",
}
"""Annotation files of a Jester of two gestures; ids 10 to 17 are trained on, even ones swipe right."""

SOMETHING_V2 = {
    "something-something-v2-labels.json": json.dumps({"Opening something": "1", "Closing something": "0"}),
    "something-something-v2-train.json": json.dumps(
        [
            {"id": "7", "label": "opening a box", "template": "Opening [something]", "placeholders": ["a box"]},
            {"id": "8", "label": "closing a box", "template": "Closing [something]", "placeholders": ["a box"]},
        ]
    ),
    "something-something-v2-validation.json": json.dumps([{"id": "9", "template": "Closing [something]"}]),
}
"""Annotation files of a Something-something v2 of two templates."""


def make_ucf101(root: Path) -> Path:
    """The UCF-101 of two classes, whole, the annotation files in `<root>/annotations`."""
    write_texts(root / "annotations", UCF101)
    for place, name in enumerate(("Archery", "YoYo")):
        for g in range(1, 7):
            write_video(root / name / f"v_{name}_g0{g}_c01.avi", [100 * place + 10 * g + i for i in range(6)])
    return root


def make_jester(root: Path) -> Path:
    """The Jester of two gestures, whole, the annotation files in `root`."""
    write_texts(root, JESTER)
    for number in (*range(10, 18), 20, 21):
        write_frames(root / str(number), [10 * number % 250 + i for i in range(9)])
    return root
