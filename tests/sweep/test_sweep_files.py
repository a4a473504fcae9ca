"""The sweep files that come with the product: all of them parse, and the paper's say what the paper says."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tradeoff.data import CatalogueData
from tradeoff.measure.conventions import convention_of  # noqa: F401  (replaced below)
from tradeoff.sweep.file import Sweep, read_sweep
