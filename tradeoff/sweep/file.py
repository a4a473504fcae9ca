"""A sweep file: which variants, on which data, trained how, measured how. YAML, validated key by key."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)

from tradeoff.clip_shape import ClipShape
from tradeoff.data.sampling import Sampling, Views
from tradeoff.data.specs import CatalogueData, DataSpec, Pack, SyntheticData, VideoData
from tradeoff.errors import InputError
from tradeoff.measure.protocol import LatencyAxes
from tradeoff.records.claims import Accuracy, All, Claim, Costs, Frontier
from tradeoff.records.published import Fact
from tradeoff.sweep.claims import check_claims
from tradeoff.sweep.search.file import Halving, Limits, Search
from tradeoff.sweep.tolerance import Retries, Timeout
from tradeoff.training.recipe import Recipe
from tradeoff.variants import UNITS, Variant, curve_names, expand_units
from tradeoff.weights.known import is_name

Seed = Annotated[int, Field(strict=True, ge=0, lt=2**32)]
Fold = Annotated[int, Field(strict=True, ge=0)]


def _none(value: Any) -> Any:
    return None if value == "none" else value


class Curve(BaseModel):
    """Several cuts of one of the paper's curves: `{curve: Top-Heavy-I3D, cuts: [2, 4]}`.

    curve  `Top-Heavy-I3D`, `Top-Heavy-S3D`, `Bottom-Heavy-I3D` or `Bottom-Heavy-S3D`.
    cuts   how many units are 3D in each.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    curve: str
    cuts: tuple[Annotated[int, Field(strict=True, ge=0, le=len(UNITS))], ...] = Field(min_length=1)

    @field_validator("curve")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in curve_names():
            raise ValueError(f"should be one of {', '.join(curve_names())}")
        return value

    def names(self) -> list[str]:
        return [f"{self.curve}-{k}" for k in self.cuts]


class Units(BaseModel):
    """Every mix that a pattern stands for: `{units: "22[3s]{9}"}`.

    units  a letter a unit, the lowest first (3 full, 2 flat, s separable), `[3s]` a choice, `{9}` repeats.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    units: str

    @field_validator("units")
    @classmethod
    def _known(cls, value: str) -> str:
        expand_units(value)
        return value

    def names(self) -> list[str]:
        return expand_units(self.units)


def _entry_kind(value: Any) -> str:
    """Which kind of entry the user meant, so that an error is about that one."""
    if isinstance(value, Units) or (isinstance(value, Mapping) and "units" in value):
        return "Units"
    return "Curve" if isinstance(value, Curve | Mapping) else "str"


Entry = Annotated[
    Annotated[str, Tag("str")] | Annotated[Curve, Tag("Curve")] | Annotated[Units, Tag("Units")],
    Discriminator(_entry_kind),
]


class Sweep(BaseModel):
    """What a sweep file says.

    name       of the sweep, and of its reports: letters, digits, dots, dashes, underscores.
    variants   names of networks, cuts of a curve, or mixes of units; each network is measured once.
    width      every channel count is multiplied by it, in networks that have a width and do not name their own.
    clip       what the networks see, FRAMESxHEIGHTxWIDTH.
    data       what is trained on and tested with.
    sampling   how training clips are drawn from whole videos.
    views      how videos are tested; by default as `sampling` says.
    classes    without `data`: how many classes the logits tell apart; 400 where nothing says so.
    train      the recipe.
    weights    what trainings start from, or what is tested: a known name, or a file.
    derive     allows variants that the weights are not of.
    processes  how many train one network together.
    gpus       the same, on CUDA alone.
    seeds      of the trainings: each network trains once for each.
    folds      which folds of the data set are held out, each by trainings of its own.
    orders     of the frames when networks are tested.
    keep       `last` keeps the checkpoint of each training, `none` deletes it once its accuracies are measured.
    retries    how often a measurement that failed is tried again in one run.
    timeout    how long a measurement may take, in seconds: one number for every kind, or each its own.
    latency    how latency is measured.
    published  facts to hold what is measured against.
    claims     findings that the report decides on what was measured.
    search     proposes networks in place of `variants`.

    Without `data`, or with `train: none` and no `weights`, only cost and latency are measured. `train: none` with
    `weights` (a known name or a file) evaluates them as they are; `weights` with a recipe starts each training from
    them. With `derive` each variant starts as near to the weights as it gets.

    Without `sampling` and `views`, clips are spread evenly over a video and stored once. `sampling` alone tests a video
    once, from the middle.

    `processes: 8` trains each network in so many processes, which accelerate's launcher starts: on CUDA each with a
    GPU of its own, on a CPU by gloo. They share the clips of a step, so `train.batch` has to be a multiple of them.
    Everything else is measured in one process. `gpus: 8` is the same and runs on CUDA alone.

    `timeout` needs worker processes, which `tradeoff sweep` has unless it is told otherwise.

    `published` are facts to hold what is measured against; they stand beside it in the tables, and in no key.

    `claims` are findings that the report decides on what was measured (`tradeoff.records.claims`); they are in no key.

    `search` proposes networks in place of `variants`, which may then be left out; named ones are measured too.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    variants: tuple[Entry, ...] = Field((), min_length=1)
    width: float = Field(1.0, strict=True)
    clip: str = "16x64x64"
    data: DataSpec | None = None
    sampling: Sampling | None = None
    views: Views | None = None
    classes: int | None = Field(None, ge=1, strict=True)
    train: Annotated[Recipe | None, BeforeValidator(_none)] = Recipe()
    weights: str | None = None
    derive: Annotated[bool, Field(strict=True)] = False
    processes: int = Field(1, ge=1, le=4096, strict=True)
    gpus: int | None = Field(None, ge=1, le=4096, strict=True)
    seeds: tuple[Seed, ...] = Field((0,), min_length=1)
    folds: Literal["all"] | Annotated[tuple[Fold, ...], Field(min_length=1)] = (0,)
    orders: tuple[Literal["normal", "reversed"], ...] = Field(("normal",), min_length=1)
    keep: Literal["last", "none"] = "last"
    retries: Retries = Retries()
    timeout: Timeout | None = None
    latency: Annotated[LatencyAxes | None, BeforeValidator(_none)] = LatencyAxes()
    published: tuple[Fact, ...] = ()
    claims: tuple[Claim, ...] = ()
    search: Search | None = None

    @field_validator("clip")
    @classmethod
    def _clip(cls, value: str) -> str:
        return str(ClipShape.parse(value))

    @field_validator("seeds", "folds", "orders")
    @classmethod
    def _each_once(cls, value: Any) -> Any:
        twice = [entry for entry in value if value.count(entry) > 1] if isinstance(value, tuple) else []
        if twice:
            raise ValueError(f"{twice[0]!r} is named twice: name each once")
        return value

    @field_validator("variants")
    @classmethod
    def _known(cls, value: tuple[Entry, ...]) -> tuple[Entry, ...]:
        for entry in value:
            if isinstance(entry, str):
                Variant.parse(entry)
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Sweep:
        if self.search is not None:
            self.search.check(self.model_fields_set, self.train, self.latency)
        elif not self.variants:
            raise ValueError("key 'variants' is missing")
        Variant.parse("I3D", width=self.width)
        if self.data is not None and self.classes is not None:
            raise ValueError("classes is given beside data: leave it out, the data set knows its classes")
        if self.weights is not None and self.data is None:
            raise ValueError("weights is given without data: name the data that they are evaluated or trained on")
        self._check_sampling()
        if self.gpus is not None and "processes" in self.model_fields_set:
            raise ValueError(f"gpus is {self.gpus} and processes is given too: name one, each GPU has a process")
        self._check_published()
        check_claims(self)
        if self.derive and self.weights is None:
            raise ValueError("derive is given without weights: name the weights to derive the variants from")
        return self

    def _check_sampling(self) -> None:
        for key, value in (("sampling", self.sampling), ("views", self.views)):
            if value is not None and (self.data is None or isinstance(self.data, SyntheticData)):
                raise ValueError(f"{key} is given without videos: leave it out, or name videos or a catalogue in data")
            if value is not None:
                value.check_clip(self.shape, key)
        whole = self.sampling is not None or self.views is not None
        if not (whole or self.data is None or isinstance(self.data, SyntheticData)) and self.data.reading():
            key = next(iter(self.data.reading()))
            raise ValueError(f"data.{key} is for clips drawn from whole videos: give sampling or views too")

    def _check_published(self) -> None:
        """Each fact is of a variant and an order of the sweep, and the only one of both."""
        own, seen = set(self.chosen(400)) if self.published else set(), set()
        for place, fact in enumerate(self.published):
            try:
                variant = self.variant(fact.variant, 400)
            except InputError as error:
                raise ValueError(f"published.{place}.variant: {error}") from error
            if variant not in own:
                raise ValueError(
                    f"published.{place}.variant is {fact.variant!r}: should be one of the sweep's variants"
                )
            if fact.order not in self.orders:
                raise ValueError(f"published.{place}.order is {fact.order!r}: should be one of the sweep's orders")
            if (variant, fact.order) in seen:
                raise ValueError(
                    f"published.{place} is a second one of {fact.variant}, {fact.order} frames: give one of each"
                )
            seen.add((variant, fact.order))

    @property
    def plan_of_views(self) -> Views | None:
        """How videos are tested: as `views` says, or once as training clips are drawn; None for stored clips."""
        if self.views is None and self.sampling is not None:
            return Views(**self.sampling.fields())
        return self.views

    @property
    def together(self) -> int:
        """How many processes train one network."""
        return self.gpus or self.processes

    @property
    def names_processes(self) -> bool:
        """Whether the file says how many: even 1 then means 1."""
        return self.gpus is not None or "processes" in self.model_fields_set

    @property
    def shape(self) -> ClipShape:
        return ClipShape.parse(self.clip)

    @property
    def names(self) -> list[str]:
        """The variants' names, in the order of the file."""
        return [name for entry in self.variants for name in ([entry] if isinstance(entry, str) else entry.names())]

    def knobs(self, classes: int) -> dict[str, Any]:
        """What the sweep itself names of every variant, beside its name; a width that it leaves out is the weights'."""
        return {"classes": classes} | ({"width": self.width} if "width" in self.model_fields_set else {})

    def chosen(self, classes: int) -> list[Variant]:
        """The variants, each once, in the order of the file."""
        return list(dict.fromkeys(self.variant(name, classes) for name in self.names))

    def variant(self, name: str, classes: int) -> Variant:
        """The sweep's width is for the networks that have one and do not name their own."""
        return Variant.parse(name, {"width": self.width}, classes=classes)

    def resolve(self, base: Path) -> Sweep:
        """A copy whose paths are absolute, relative ones being taken from `base`."""
        update: dict[str, Any] = {"data": self.data and self.data.resolve(base)}
        if self.weights is not None and not is_name(self.weights):
            try:
                update["weights"] = str((base / Path(self.weights).expanduser()).resolve())
            except (OSError, RuntimeError, ValueError) as error:
                raise InputError(f"weights {self.weights} are no path that can be opened: {error}") from error
        return self.model_copy(update=update)


class _UniqueKeyLoader(yaml.SafeLoader):
    """The safe loader, but a key that is given twice is an error: silently the last one would win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is given twice", node.start_mark)
        return super().construct_mapping(node, deep)


def read_sweep(path: Path) -> Sweep:
    """The sweep in a YAML file; paths in it are relative to its folder.

    Raises InputError, one sentence that names the file, the key, the value and what would be right.
    """
    try:
        values = yaml.load(path.read_text(), _UniqueKeyLoader)
    except OSError as error:
        raise InputError(f"sweep file {path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"sweep file {path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise InputError(f"sweep file {path} holds no keys: it needs at least variants")
    return make_sweep({"name": path.stem, **values}, str(path)).resolve(path.absolute().parent)


def make_sweep(values: Mapping[str, Any], origin: str) -> Sweep:
    """Validate; `origin` is the file, or whatever the user should look at. Raises InputError for the first error."""
    try:
        return Sweep.model_validate(values)
    except ValidationError as error:
        raise InputError(f"{origin}: {_sentence(error)}") from error


_SECTIONS: dict[str, type[BaseModel]] = {
    "": Sweep,
    "train": Recipe,
    "latency": LatencyAxes,
    "sampling": Sampling,
    "views": Views,
    "published": Fact,
    **{f"claims.{each.__name__}": each for each in (Accuracy, Costs, Frontier, All)},
    **{f"claims.All.all.{each.__name__}": each for each in (Accuracy, Costs, Frontier)},
    "retries": Retries,
    "timeout": Timeout,
    "search": Search,
    "search.within": Limits,
    "search.halving": Halving,
    "data.synthetic": SyntheticData,
    "data.videos": VideoData,
    "data.catalogue": CatalogueData,
    "data.videos.pack": Pack,
    "data.catalogue.pack": Pack,
    "variants.Curve": Curve,
    "variants.Units": Units,
}

_FACT = "{variant: I2D, top1: 34.4, confidence: confirmed, source: Table 1}"
_CLAIMS = "[{variant: S3D, better_than: I3D}]"
_EXAMPLES = {
    "all": _CLAIMS,
    "claims": _CLAIMS,
    "epochs": "[1, 3]",
    "gating": "[false, true]",
    "milestones": "[0.75, 0.875]",
    "orders": "[normal, reversed]",
    "published": f"[{_FACT}]",
    "throughput": "[4, 8]",
    "variants": "[I2D, I3D]",
    "width": "[0.125, 0.25]",
}
"""What a list looks like, where it is not one of numbers from 0."""


def _sentence(error: ValidationError) -> str:
    # Of a union's errors the one that got furthest into the value is about what the user meant.
    first = max(
        error.errors(),
        key=lambda each: (each["type"] == "extra_forbidden", len(each["loc"]), each["type"] == "too_short"),
    )
    where = _key(first["loc"])
    if first["type"] == "extra_forbidden":
        return f"key {where!r} is unknown: use {_allowed(first['loc'])}"
    example = _EXAMPLES.get(where.split(".")[-1], "[0, 1]")
    problem = re.sub(r"^(Value error, |Input |Tuple )", "", first["msg"]).replace(
        "valid tuple", f"list, as in {example}"
    )
    problem = problem.replace("a valid dictionary or instance of Recipe", "'none' or as in {recipe: fine-tune}")
    keys = _FACT if where.startswith("published.") else "{key: value}"
    problem = re.sub(r"a valid dictionary.*", f"keys and values, as in {keys}", problem)
    if first["type"] == "missing":
        return f"key {where!r} is missing"
    if not where:
        return problem
    if first["type"] == "value_error" and not problem.startswith("should"):
        return f"{where}: {problem}"
    return f"{where} is {_short(first['input'])}: {problem[:1].lower()}{problem[1:]}"


def _key(location: tuple[int | str, ...]) -> str:
    """The key as the file has it: without the names of union members that pydantic puts into a location."""
    members = re.compile(r"str|Curve|Units|Accuracy|Costs|Frontier|All|constrained-int|tuple\[.*|literal\[.*")
    parts = [str(part) for part in location if not members.fullmatch(str(part))]
    if parts[:1] == ["data"] and len(parts) > 2:
        del parts[1]
    return ".".join(parts)


def _allowed(location: tuple[int | str, ...]) -> str:
    section = ".".join(str(part) for part in location[:-1] if not isinstance(part, int))
    names = [*(["recipe"] if section == "train" else []), *_SECTIONS[section].model_fields]
    near = difflib.get_close_matches(str(location[-1]), names, n=1, cutoff=0.6)
    return f"{near[0]!r}, or one of {', '.join(names)}" if near else f"one of {', '.join(names)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
