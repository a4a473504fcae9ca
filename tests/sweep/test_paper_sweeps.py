"""The sweep files that come with the product: all parse; the paper's state what the paper says and plan completely."""

from __future__ import annotations

import csv
import functools
import gzip
import json
import re
import shutil
import tarfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from small_trees import touch, write_texts

import tradeoff
from tradeoff.data import CatalogueData
from tradeoff.networks import build
from tradeoff.records.published import Fact
from tradeoff.sweep.file import Sweep, read_sweep
from tradeoff.sweep.plan import Plan, make_plan
from tradeoff.variants import UNITS, InceptionVariant, Variant
from tradeoff.weights.checkpoints import checkpoint_bytes

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "sweeps").rglob("*.yaml"))
PAPER = sorted((ROOT / "sweeps" / "paper").glob("*.yaml"))
ANNOTATIONS = ROOT.parent / "shared" / "data" / "annotations"
DATA = {
    "kinetics400": "kinetics-full",
    "mini-kinetics200": "mini-kinetics-200",
    "something-v1": "something-something-v1",
    "ucf101": "ucf101",
    "hmdb51": "hmdb51",
}
"""What the paper's tables call the catalogue's sets."""
EVERYWHERE = "S3D (3x1x1 in all branches)"
Tool = Callable[..., tuple[int, str, str]]
Row = tuple[str, str, str, str]  # table, data set, variant, order of frames


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_sweep_file_parses(path: Path) -> None:
    sweep = read_sweep(path)
    assert sweep.name == path.stem
    assert path.read_text().startswith("# ")  # what it asks, what it takes and what to expect


def test_names_are_unique_and_the_papers_are_whole() -> None:
    names = [path.stem for path in FILES]
    assert len(set(names)) == len(names)
    assert len(PAPER) == 6 + 2 * 2 * 3


@pytest.mark.parametrize("path", PAPER, ids=lambda path: path.stem)
def test_the_papers_protocol(path: Path) -> None:
    """Steps, batch, and what the rate is at the first step, after each fall, by shares of the steps."""
    sweep, recipe, set_ = read_sweep(path), read_sweep(path).train, catalogue(read_sweep(path))
    assert recipe is not None and sweep.published
    fine_tuned = set_ in ("ucf101", "hmdb51")
    length = (8000, 48) if fine_tuned else (10_000, 96) if set_ == "something-v1" else (80_000, 336)
    assert (recipe.steps, recipe.batch) == length
    rates = (0.01, [6000]) if fine_tuned else (0.1, [length[0] * 3 / 4, length[0] * 7 / 8])
    assert (recipe.rate, [share * length[0] for share in recipe.milestones]) == rates
    assert (recipe.momentum, recipe.weight_decay, recipe.dropout, recipe.decay) == (0.9, 1e-7, 0.2, 0.1)
    assert (recipe.schedule, recipe.warmup) == ("steps", 0)
    assert sweep.sampling is not None and sweep.views is not None
    assert sweep.sampling.fields() == {"frames": "consecutive", "resize": (256, 256)}
    assert sweep.views.fields() == {"frames": "all", "resize": (256, 256)}
    assert (sweep.clip, sweep.width, sweep.derive) == ("64x224x224", 1.0, True)
    assert sweep.data is not None and sweep.data.flips == (set_ != "something-v1")  # type: ignore[union-attr]


def test_what_is_measured_with_what_is_shared() -> None:
    """Of one data set nothing else differs, so that networks are trained once for all."""
    by_set = defaultdict(list)
    for path in PAPER:
        sweep = read_sweep(path)
        alike = sweep.model_dump(exclude={"name", "variants", "orders", "published", "claims"})
        by_set[catalogue(sweep), Path(str(sweep.weights)).name, str(alike["data"]["split"])].append(alike)
    assert all(each == group[0] for group in by_set.values() for each in group)
    shared = {key[0]: len(group) for key, group in by_set.items() if len(group) > 1}
    assert shared == {"kinetics400": 2, "something-v1": 3}


# --- the numbers ---


def catalogue(sweep: Sweep) -> str:
    assert isinstance(sweep.data, CatalogueData)
    return sweep.data.catalogue


def stated() -> Iterator[tuple[Row, Fact, Path]]:
    """Every fact of every file, by the row that it should be of."""
    for path in PAPER:
        sweep = read_sweep(path)
        for fact in sweep.published:
            yield (fact.source, DATA[catalogue(sweep)], Variant.parse(fact.variant).name, fact.order), fact, path


def table(paper: Path, name: str) -> list[dict[str, str]]:
    with (paper / name).open(newline="") as file:
        return list(csv.DictReader(file))


def number(text: str) -> float | None:
    return float(text) if text else None


def published(paper: Path) -> dict[Row, dict[str, Any]]:
    """What the paper's tables say of networks that we have."""
    rows: dict[Row, dict[str, Any]] = {}

    def add(source: str, data: str, name: str, order: str, confidence: str, **numbers: str) -> None:
        if (ours := our_name(paper, data, name, numbers.get("gmacs", ""))) is not None:
            given = {key: number(text) for key, text in numbers.items()}
            rows[source, data, ours, order] = (
                {"top1": None, "top5": None, "gmacs": None} | given | {"confidence": confidence}
            )

    for row in table(paper, "table1_reversed.csv"):
        add("Table 1", row["dataset"], row["model"], row["order"], row["confidence"], top1=row["top1"])
    for row in table(paper, "table2_kinetics.csv"):
        numbers = {key: row[key] for key in ("top1", "top5", "gmacs")}
        add("Table 2", "kinetics-full", row["model"], "normal", row["confidence"], **numbers)
    for row in table(paper, "table3_something.csv"):
        numbers = {"top1": row["val_top1"], "top5": row["val_top5"]}
        add("Table 3", "something-something-v1", row["model"], "normal", row["confidence"], **numbers)
    for row in table(paper, "figure4_tradeoff.csv"):
        numbers = {key: row[key] for key in ("top1", "gmacs")}
        add("Figure 4", row["dataset"], row["model"], "normal", row["confidence"], **numbers)
    for row in table(paper, "table5_transfer.csv"):
        for data in ("ucf101", "hmdb51"):
            add("Table 5", data, row["model"], "normal", row["confidence"], top1=row[data])
    return rows


def our_name(paper: Path, data: str, name: str, gmacs: str) -> str | None:
    """The variant of a row; of a point of a curve, the cut whose count is nearest to the one that was read off."""
    if name in ("I2D", "I3D", "S3D", "S3D-G", "Fast-S3D"):
        return Variant.parse(name).name
    if name == EVERYWHERE:
        return Variant.parse("S3D(temporal_branches=4)").name
    if "-Heavy-" not in name:
        return None
    heavy, model = name.split("-Heavy-")
    kind = {"I3D": "full", "S3D": "separable"}[model]
    rows = [each for each in table(paper, "cut_costs.csv") if each["convention"] == "paper"]
    own = [each for each in rows if (each["heavy"], each["convolution"]) == (heavy.lower(), kind)]
    nearest = min(own, key=lambda each: abs(float(each["gmacs"]) - float(gmacs)))
    units = nearest["units_in_3d"].split()
    return InceptionVariant(convolutions=tuple(kind if unit in units else "flat" for unit in UNITS)).name  # type: ignore[misc]


def test_every_number_is_the_papers(paper: Path) -> None:
    known, checked = published(paper), 0
    for row, fact, path in stated():
        assert row in known, f"{path.name}: {row} is no row of the paper's tables"
        said = known[row]
        assert fact.confidence == said["confidence"], (path.name, row)
        for key in ("top1", "top5", "gmacs"):
            assert getattr(fact, key) == said[key], (path.name, row, key)
            checked += said[key] is not None
    assert checked > 50


def test_no_published_row_of_a_network_that_we_have_is_left_out(paper: Path) -> None:
    assert published(paper).keys() - {row for row, _, _ in stated()} == set()


def test_each_split_states_the_mean_of_all() -> None:
    counted = Counter(row for row, fact, _ in stated() if fact.data == "mean of the three official splits")
    assert set(counted.values()) == {3}
    assert {row[0] for row in counted} == {"Table 5"} and len(counted) == 4


# --- the arithmetic of GPU-hours ---

RATE = 30e12  # multiply-adds a second, assumed
ARITHMETIC = re.compile(
    r"3 x ([\d.]+)e9 multiply-adds x ([\d.]+)e6 clips / 30e12 a second \(ASSUMED of an A100.*?\) = ([\d.]+) h"
)


@functools.cache
def macs(variant: Variant) -> int:
    return tradeoff.cost(variant, "64x224x224").macs


def hours(sweep: Sweep, variants: Iterable[Variant]) -> float:
    assert sweep.train is not None and sweep.train.steps is not None
    return sum(3 * macs(each) * sweep.train.steps * sweep.train.batch / RATE / 3600 for each in variants)


@pytest.mark.parametrize("path", PAPER, ids=lambda path: path.stem)
def test_the_hours_that_a_file_names_follow_from_its_own_numbers(path: Path) -> None:
    comment = " ".join(line.lstrip("# ") for line in path.read_text().splitlines() if line.startswith("#"))
    (found,) = ARITHMETIC.findall(comment)
    sweep, variant = read_sweep(path), Variant.parse("S3D-G" if "_s3dg_" in path.stem else "I3D")
    assert sweep.train is not None and sweep.train.steps is not None
    assert float(found[0]) == round(macs(variant) / 1e9, 2)
    assert float(found[1]) * 1e6 == sweep.train.steps * sweep.train.batch
    assert float(found[2]) == float(f"{hours(sweep, [variant]):.2g}")
    assert "ot measured on any GPU" in comment


@pytest.mark.parametrize("name", ["table1_kinetics", "table2_kinetics", "table1_something", "table3_something"])
def test_the_hours_of_a_table_are_the_sum_of_its_networks(name: str) -> None:
    sweep = read_sweep(ROOT / "sweeps" / "paper" / f"{name}.yaml")
    row = next(line for line in (ROOT / "sweeps/paper/README.md").read_text().splitlines() if f"`{name}.yaml`" in line)
    assert row.split("|")[3].strip() == f"{hours(sweep, sweep.chosen(400)):.0f}"


@pytest.mark.parametrize(
    ("name", "points", "all_cuts"), [("figure4_mini_kinetics", 414, 2140), ("figure4_something", 12, 74)]
)
def test_the_published_points_of_a_figure_come_first(name: str, points: int, all_cuts: int) -> None:
    sweep = read_sweep(ROOT / "sweeps" / "paper" / f"{name}.yaml")
    variants, facts = sweep.chosen(400), [sweep.variant(fact.variant, 400) for fact in sweep.published]
    assert variants[: len(facts)] == facts
    assert hours(sweep, facts) == pytest.approx(points, rel=0.03)
    assert hours(sweep, variants) == pytest.approx(all_cuts, rel=0.01)


# --- the plans ---


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The paper's sweeps over small trees with true annotation files, of which a few clips a class are kept."""
    if not ANNOTATIONS.is_dir():
        pytest.skip(f"{ANNOTATIONS} is not here: true annotation files are not part of the product")
    root = tmp_path_factory.mktemp("repository")
    shutil.copytree(ROOT / "sweeps" / "paper", root / "sweeps" / "paper")
    for make in (kinetics, mini_kinetics, something, ucf101, hmdb51):
        make(root / "data")
    return root


def first_of_each(rows: Iterable[str], of: Callable[[str], str], count: int = 2) -> list[str]:
    """The first `count` rows of each class, in their order."""
    seen: Counter[str] = Counter()
    kept = []
    for row in rows:
        seen[of(row)] += 1
        if seen[of(row)] <= count:
            kept.append(row)
    return kept


def text(path: Path) -> list[str]:
    content = path.read_bytes()
    return (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8-sig").splitlines()


def make(root: Path, names: Iterable[str]) -> None:
    """Files that no two of are alike."""
    for name in names:
        touch(root, name)
        (root / name).write_text(name)


def kinetics_files(split: str, rows: list[str]) -> list[str]:
    made = []
    for label, youtube, start, end, *_ in csv.reader(rows):
        made.append(f"{split}/{label}/{youtube}_{int(start):06}_{int(end):06}.mp4")
    return made


def kinetics(data: Path) -> None:
    """The true validation list is cut in two, the first half under the training list's name, as that is not at hand."""
    header, *rows = text(ANNOTATIONS / "kinetics" / "kinetics-400_val.csv")
    kept = first_of_each(rows, lambda row: next(csv.reader([row]))[0], 3)
    train = [row.replace(",val,", ",train,") for place, row in enumerate(kept) if place % 3]
    lists = {"train": train, "val": kept[::3]}
    for split, own in lists.items():
        write_texts(data / "kinetics400" / "annotations", {f"{split}.csv": "\n".join([header, *own]) + "\n"})
        make(data / "kinetics400", kinetics_files(split, own))


def mini_kinetics(data: Path) -> None:
    for split, name in (("train", "train_k200.csv.gz"), ("val", "val_k200.csv")):
        header, *rows = text(ANNOTATIONS / "mini-kinetics-200" / name)
        kept = first_of_each(rows, lambda row: next(csv.reader([row]))[0])
        write_texts(data / "mini-kinetics200", {f"{split}_k200.csv": "\n".join([header, *kept]) + "\n"})
        make(data / "kinetics400", kinetics_files(split, kept))


def something(data: Path) -> None:
    """Made lists in the format of v1, with the labels of v2, of which there are as many."""
    labels = json.loads((ANNOTATIONS / "something-something" / "something-something-v2-labels.json").read_text())
    root, names = data / "something-v1", sorted(labels)
    stem = "something-something-v1-"
    lists: dict[str, list[str]] = {"train": [], "validation": []}
    for place, name in enumerate(names):
        lists["train"] += [f"{10 * place + 1};{name}", f"{10 * place + 2};{name}"]
        lists["validation"].append(f"{10 * place + 3};{name}")
    texts = {f"{stem}{split}.csv": "\n".join(lines) + "\n" for split, lines in lists.items()}
    write_texts(root, texts | {f"{stem}labels.csv": "\n".join(names) + "\n"})
    make(root, (f"{line.split(';')[0]}/00001.jpg" for lines in lists.values() for line in lines))


def ucf101(data: Path) -> None:
    source, root = ANNOTATIONS / "ucf101", data / "ucf101"
    write_texts(root / "ucfTrainTestlist", {"classInd.txt": (source / "classInd.txt").read_text()})
    for name in sorted(path.name for path in source.glob("t*list0?.txt")):
        kept = first_of_each(text(source / name), lambda row: row.split("/")[0])
        write_texts(root / "ucfTrainTestlist", {name: "\n".join(kept) + "\n"})
        make(root, (row.split()[0] for row in kept))


def hmdb51(data: Path) -> None:
    root = data / "hmdb51"
    with tarfile.open(ANNOTATIONS / "hmdb51" / "test_train_splits.tar.gz") as tar:
        for member in tar:
            name = member.name.rpartition("/")[2]
            file = tar.extractfile(member) if member.isfile() and "_test_split" in name else None
            if file is None or name.startswith("._"):
                continue
            rows = file.read().decode().splitlines()
            kept = first_of_each((row for row in rows if row.split()[-1:] != ["0"]), lambda row: row.split()[1])
            write_texts(root / "testTrainMulti_7030_splits", {name: "\n".join(kept) + "\n"})
            label = name.rpartition("_test_split")[0]
            make(root, (f"{label}/{row.split()[0]}" for row in kept))


@pytest.fixture(scope="module")
def weights(repository: Path) -> Path:
    """Files of the true layouts, with random weights, where known ones are kept; and a trained S3D-G's."""
    folder = repository / "kept"
    folder.mkdir()
    (repository / "weights").mkdir()
    image = torchvision.models.googlenet(weights=None, init_weights=False, aux_logits=True)
    torch.save(image.state_dict(), folder / "googlenet-1378be20.pth")
    own = Variant.parse("S3D-G", stem_padding="symmetric", pool_padding="ceil")
    for variant, path in (
        (own, repository / "weights" / "s3dg_kinetics400.pt"),
        (Variant.parse("I3D"), folder / "i3d-kinetics-400.ckpt"),
    ):
        path.write_bytes(checkpoint_bytes(build(variant), variant))
    return folder


@pytest.fixture
def planned(repository: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Plan]:
    monkeypatch.setenv("TRADEOFF_WEIGHTS", str(weights))
    return lambda name: make_plan(read_sweep(repository / "sweeps" / "paper" / f"{name}.yaml"), torch.device("cpu"))


CLASSES = {"kinetics400": 400, "mini-kinetics200": 200, "something-v1": 174, "ucf101": 101, "hmdb51": 51}
SIZES = {"figure4_mini_kinetics": 44, "figure4_something": 43, "table2_kinetics": 4, "table3_something": 4} | {
    "table1_kinetics": 2,
    "table1_something": 2,
}
"""Networks of a sweep: four curves of 12 cuts share I2D, and each two their full end: 4 x 10 + 3."""


@pytest.mark.parametrize("path", PAPER, ids=lambda path: path.stem)
def test_the_papers_sweeps_plan_completely(planned: Callable[[str], Plan], path: Path) -> None:
    plan = planned(path.stem)
    kinds, networks = Counter(each.key.kind for each in plan.measurements), SIZES.get(path.stem, 1)
    orders = len(plan.sweep.orders)
    assert kinds == {"cost": networks, "training": networks, "accuracy": networks * orders}
    assert plan.description is not None
    assert len(plan.description.classes) == CLASSES[catalogue(plan.sweep)]
    train, test = plan.description.split_sizes(0)
    assert train >= len(plan.description.classes) <= test
    # Every fact is of a network that is planned, with the knobs that the weights bring.
    fields = [each.fields() for each in plan.variants]
    assert all(fact["variant"] in fields for fact in plan.published())
    knobs = {(each.stem_padding, each.pool_padding) for each in plan.variants if isinstance(each, InceptionVariant)}
    assert knobs == ({("same", "same")} if "_i3d_" in path.stem else {("symmetric", "ceil")})


def test_without_the_data_a_dry_run_says_what_is_missing(tool: Tool, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "sweeps" / "paper", tmp_path / "sweeps" / "paper")
    code, out, err = tool("sweep", "sweeps/paper/figure4_mini_kinetics.yaml", "--dry-run")
    assert (code, out) == (2, "")
    root = tmp_path / "data" / "kinetics400"
    assert (
        err.strip()
        == f"tradeoff: root {root} of mini-kinetics200 does not exist; give the folder that holds its videos"
    )


def test_tables_and_figures_of_one_set_share_their_trainings(planned: Callable[[str], Plan]) -> None:
    def trainings(name: str) -> set[str]:
        return {each.key.digest for each in planned(name).measurements if each.key.kind == "training"}

    assert trainings("table1_something") < trainings("table3_something")
    assert len(trainings("table3_something") & trainings("figure4_something")) == 3  # not S3D-G
    assert trainings("table1_kinetics") < trainings("table2_kinetics")
