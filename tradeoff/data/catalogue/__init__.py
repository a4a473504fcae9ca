"""The public data sets that are known by name, each read from its official annotation files: `CATALOGUE`."""

from __future__ import annotations

from functools import partial

from tradeoff.data.catalogue.entry import Entry, Item, Listing
from tradeoff.data.catalogue.folder import read_folder
from tradeoff.data.catalogue.hmdb51 import read_hmdb51
from tradeoff.data.catalogue.kinetics import read_kinetics
from tradeoff.data.catalogue.locating import Locator
from tradeoff.data.catalogue.mini_kinetics import read_mini_kinetics
from tradeoff.data.catalogue.twenty_bn import read_jester, read_something_v1, read_something_v2
from tradeoff.data.catalogue.ucf101 import read_ucf101
from tradeoff.errors import InputError

__all__ = ["CATALOGUE", "Entry", "Item", "Listing", "Locator", "entry_of"]

_KINETICS = "CSVs of label, youtube_id, time_start, time_end: train.csv, val.csv or as ActivityNet names them"
_ENTRIES = (
    *(Entry(f"kinetics{size}", size, _KINETICS, partial(read_kinetics, size)) for size in (400, 600, 700)),
    Entry(
        "mini-kinetics200",
        200,
        "train_k200.csv, val_k200.csv; or train_ytid_list.txt, val_ytid_list.txt with Kinetics-400's CSVs or tree",
        read_mini_kinetics,
    ),
    Entry(
        "something-v1",
        174,
        "something-something-v1-{labels,train,validation}.csv over folders of JPEGs",
        read_something_v1,
        flips_allowed=False,
        frames=True,
        rate=12.0,
    ),
    Entry(
        "something-v2",
        174,
        "something-something-v2-{labels,train,validation}.json",
        read_something_v2,
        flips_allowed=False,
    ),
    Entry("ucf101", 101, "classInd.txt, trainlist0N.txt, testlist0N.txt", read_ucf101, splits=(1, 2, 3)),
    Entry(
        "hmdb51",
        51,
        "CLASS_test_splitN.txt in a folder or in test_train_splits.tar.gz",
        read_hmdb51,
        splits=(1, 2, 3),
    ),
    Entry(
        "jester",
        27,
        "jester-v1-{labels,train,validation}.csv over folders of JPEGs",
        read_jester,
        flips_allowed=False,
        frames=True,
        rate=12.0,
    ),
    Entry("folder", None, "nothing: class folders, or a CSV as `videos` takes it", read_folder, parts=True),
)
CATALOGUE: dict[str, Entry] = {entry.name: entry for entry in _ENTRIES}


def entry_of(name: str) -> Entry:
    """The entry of this name; raises InputError for one that is not in the catalogue."""
    if name not in CATALOGUE:
        raise InputError(f"data set {name!r} is not in the catalogue; use one of {', '.join(CATALOGUE)}")
    return CATALOGUE[name]
