"""The true annotation files of the public data sets, where they are."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"


@pytest.fixture
def shared() -> Path:
    """True annotation files and sample videos; users do not have them."""
    if not (SHARED / "annotations").is_dir():
        pytest.skip(f"{SHARED / 'annotations'} is not here: true annotation files are not part of the product")
    return SHARED
