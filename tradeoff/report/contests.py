"""The rows that may be held against each other over a cost: one a variant, each protocol by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from tradeoff.report.columns import value_of
from tradeoff.report.joined import TIMED
from tradeoff.report.protocols import ACCURACY, INPUT, LATENCY, SETTING, SETTINGS, protocol_names, split_protocols
from tradeoff.report.settings import NETWORK, fastest, is_deployed_variously, present


def contests(table: pd.DataFrame, costs: Sequence[str]) -> list[tuple[str, pd.DataFrame]]:
    """Rows with all of these costs and an accuracy, each protocol's by themselves, with a part of a name for it.

    Over what was timed, a device, a batch size and so on are protocols of their own, and of several settings (runtime,
    precision, layout) each variant has its fastest. Over what was counted, latencies make no difference. Costs that
    follow from other columns are columns too.
    """
    whole = table.assign(**{cost: value_of(table, cost).astype(float) for cost in costs})
    known = whole[whole[["top1", *costs]].notna().all(axis=1)]
    if known.empty:
        return []
    timed = any(cost in TIMED for cost in costs)
    across = SETTING if timed else LATENCY
    once = known if timed else known.drop_duplicates(present(known, *NETWORK, *INPUT, *ACCURACY))
    once = fastest(once) if timed and is_deployed_variously(once) else once
    parts = split_protocols(once, across=across)
    return list(zip(protocol_names(parts, across=across), parts, strict=True))


def deployed(row: Any) -> str:
    """`openvino bf16`, where a row is the fastest of several settings; else nothing."""
    several = getattr(row, SETTINGS, 1)
    return f"{row.runtime} {row.precision}" if pd.notna(several) and several > 1 else ""
