"""Sweeps on a real Ray cluster of three nodes, all of them on this machine; workers and a node are killed."""

from __future__ import annotations

import json
import os
import pickle
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

pytest.importorskip("ray", reason="Ray is not installed: pip install 'tradeoff[ray]'")

import psutil
import ray
import torch
from ray.cluster_utils import Cluster
from ray.exceptions import ActorDiedError, OutOfMemoryError

from tradeoff.cli.options import make_sweep_of
from tradeoff.errors import InputError
from tradeoff.records.keys import Key
from tradeoff.records.store import Store
from tradeoff.sweep import plan as planning
from tradeoff.sweep.attempts import note_attempt
from tradeoff.sweep.executors import on_ray, ray_seat
from tradeoff.sweep.executors.on_ray import OnRay, plan_on_ray
from tradeoff.sweep.executors.ray_cluster import Machines, Needs, Node, connect
from tradeoff.sweep.failures import Failed
from tradeoff.sweep.listening import Listener
from tradeoff.sweep.measuring import Measurer
from tradeoff.sweep.plan import make_plan

Tool = Callable[..., tuple[int, str, str]]
MEMORY = 80 * 2**20
PAIR = {"num_cpus": 2, "object_store_memory": MEMORY, "resources": {"accelerator_type:epyc": 1}}


@pytest.fixture(scope="module")
def folder_of_seats() -> Iterator[Path]:
    """Where seats have their folders for the time that they are there; Ray's sockets in it allow no long path."""
    with tempfile.TemporaryDirectory(prefix="seats") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def cluster(folder_of_seats: Path) -> Iterator[Any]:
    """A head with a single CPU, and two machines of a kind with two each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("TMPDIR", str(folder_of_seats))
        started = Cluster(
            initialize_head=True,
            head_node_args={"num_cpus": 1, "object_store_memory": MEMORY, "include_dashboard": False},
        )
        for _ in range(2):
            started.add_node(**PAIR)
        yield started
        started.shutdown()


@pytest.fixture
def on_cluster(cluster: Any, one_thread: None, tool: Tool, monkeypatch: pytest.MonkeyPatch) -> Tool:
    """The command on the machines of a kind, with a thread a process."""
    monkeypatch.setattr(on_ray, "SECONDS_BETWEEN_NEWS", 0.2)

    def run(*arguments: str) -> tuple[int, str, str]:
        place = ["--executor", "ray", "--address", cluster.address, "--accelerator", "epyc", "--threads", "1"]
        return tool(*arguments, *place)

    return run


def write(path: Path, values: dict[str, Any]) -> str:
    path.write_text(yaml.safe_dump(values))
    return str(path)


def measured(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def raylet_of(node: Any) -> int:
    """The process of a node that starts the others, and ends them with itself."""
    return int(node.all_processes["raylet"][0].process.pid)


def seats(cluster: Any) -> list[psutil.Process]:
    """The processes of the cluster that measure or have measured."""
    raylets = [raylet_of(each) for each in [cluster.head_node, *cluster.worker_nodes]]
    found = []
    for process in psutil.process_iter(["cmdline", "ppid"]):
        name, *_ = process.info["cmdline"] or [""]
        if process.info["ppid"] in raylets and name.startswith("ray::Seat"):
            found.append(process)
    return found


def test_what_a_cluster_measures_is_what_this_process_measures(
    cluster: Any, on_cluster: Tool, tool: Tool, tmp_path: Path, tiny: dict[str, Any], folder_of_seats: Path
) -> None:
    file = write(tmp_path / "mine.yaml", tiny | {"variants": ["I2D"], "keep": "none"})
    code, out, err = on_cluster("sweep", file, "--results", "there", "--json")
    assert code == 0, err
    assert json.loads(out)["measured"] == 4
    assert tool("sweep", file, "--results", "here", "--threads", "1")[0] == 0
    for kind in ("cost", "training", "accuracy", "latency"):
        (there,), (here,) = (measured(tmp_path / place / kind) for place in ("there", "here"))
        assert there["key"] == here["key"]
        assert (there["about"], there["depends_on"]) == (here["about"], here["depends_on"])
        if kind in ("cost", "accuracy"):
            assert (there["measured"], there["arrays"]) == (here["measured"], here["arrays"])
    (there,), (here,) = (measured(tmp_path / place / "training") for place in ("there", "here"))
    assert there["measured"]["state"] == here["measured"]["state"]
    assert [each["loss"] for each in there["measured"]["epochs"]] == [
        each["loss"] for each in here["measured"]["epochs"]
    ]
    files = [{each.name for each in (tmp_path / place / "accuracy").iterdir()} for place in ("there", "here")]
    assert files[0] == files[1]
    assert list((tmp_path / "there/checkpoints").iterdir()) == []  # keep: none
    assert "ended: loss" in (tmp_path / f"there/logs/training-{there['key']}.log").read_text()
    assert list(folder_of_seats.glob("tradeoff-seat-*")) == []
    assert psutil.wait_procs(seats(cluster), timeout=10)[1] == []


def test_a_training_goes_on_after_ctrl_c_a_killed_worker_and_a_killed_node(
    cluster: Any, on_cluster: Tool, tool: Tool, tmp_path: Path, tiny: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends with the weights of one that nothing disturbed."""
    monkeypatch.setattr(Measurer, "save_every", 0.2)
    longer = tiny["train"] | {"epochs": 60, "batch": 4}
    values = tiny | {"variants": ["I2D"], "train": longer, "latency": "none", "retries": {"died": 2}}
    file = write(tmp_path / "mine.yaml", values)
    command = ("sweep", file, "--only", "training", "--results", "killed")

    def kill_worker() -> None:
        (seat,) = seats(cluster)
        seat.kill()

    def kill_node() -> None:
        (seat,) = seats(cluster)
        (node,) = (each for each in cluster.worker_nodes if raylet_of(each) == seat.ppid())
        # As a machine that is lost: nothing of it says goodbye.
        cluster.remove_node(node, allow_graceful=False)

    with as_its_state_comes_home(tmp_path / "killed", lambda: os.kill(os.getpid(), signal.SIGINT)):
        code, _, err = on_cluster(*command)
    assert code == 130, err
    assert "stopping once what is under way is saved" in err
    assert measured(tmp_path / "killed/attempts") == []
    with as_its_state_comes_home(tmp_path / "killed", kill_worker, kill_node):
        code, out, err = on_cluster(*command)
    assert code == 0, err
    assert "Raylet" not in out + err
    assert err.count("I2D seed 0 training: goes on from") == 3
    notes = measured(tmp_path / "killed/attempts")
    assert [each["outcome"] for each in notes] == ["died", "died"]
    assert "was lost, or the machine with it; tried again" in err
    assert tool("sweep", file, "--only", "training", "--results", "undisturbed", "--threads", "1")[0] == 0
    (killed,), (undisturbed,) = (measured(tmp_path / each / "training") for each in ("killed", "undisturbed"))
    assert killed["measured"]["state"] == undisturbed["measured"]["state"]
    (log,) = (tmp_path / "killed/logs").glob("*.csv")
    assert [line.split(",")[0] for line in log.read_text().splitlines()[1:]] == [str(n) for n in range(1, 61)]
    assert [path.name.count("resume") for path in (tmp_path / "killed/checkpoints").iterdir()] == [0]


class as_its_state_comes_home(threading.Thread):
    """Does one thing each time that a newer state of a training has come home since the last one."""

    def __init__(self, results: Path, *acts: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self.checkpoints, self.acts, self.errors = results / "checkpoints", acts, []

    def __enter__(self) -> None:
        self.start()

    def __exit__(self, *error: Any) -> None:
        self.join(timeout=1)
        assert not self.is_alive(), "no newer state came home"
        assert self.errors == []

    def run(self) -> None:
        try:
            for act in self.acts:
                before = self.saved()
                while self.saved() == before:
                    time.sleep(0.05)
                act()
        except Exception as error:
            self.errors.append(error)

    def saved(self) -> list[int]:
        with suppress(OSError):
            return [path.stat().st_mtime_ns for path in self.checkpoints.glob("*.resume.pt")]
        return []


def test_processes_that_train_together_are_started_where_ray_has_room_for_them(
    on_cluster: Tool, tmp_path: Path, tiny: dict[str, Any]
) -> None:
    file = write(tmp_path / "mine.yaml", tiny | {"variants": ["I2D"], "processes": 2, "latency": "none"})
    code, _, err = on_cluster("sweep", file, "--only", "training")
    assert code == 0, err
    assert "clips/s in 2 processes" in err
    (record,) = measured(tmp_path / "results/local/training")
    assert record["depends_on"]["processes"] == 2
    (checkpoint,) = (tmp_path / "results/local/checkpoints").iterdir()
    assert checkpoint.name == f"{record['key']}.{record['measured']['state']}.pt"


def test_a_latency_has_its_machine_alone_and_no_other_kind_of_machine_records_it(
    cluster: Any,
    one_thread: None,
    tmp_path: Path,
    clip_cache: Path,
    tiny: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sweep = make_sweep_of("mine", tiny | {"variants": ["I2D"], "timeout": {"training": 1e-3}})
    store = Store(tmp_path / "results").prepare()
    with connect(cluster.address, print):
        plan, machines = plan_on_ray(sweep, "cpu", 1, clip_cache, "epyc", print)
        cost, training, _, latency = plan.measurements
        with OnRay(store, clip_cache, machines) as executor:
            executor.prepare(plan, ("latency",), Listener())
            assert executor.takes(latency)
            executor.start(latency, Listener(), 1)
            assert not executor.takes(cost) and not executor.takes(latency)
            free = 1.0
            while store.root.exists() and free and not store.has(latency.key):
                free = ray._private.state.available_resources_per_node()[machines.planned_on].get("CPU", 0.0)
                time.sleep(0.02)
            assert free == 0.0  # of two, though it is measured on one thread
            (ended,) = executor.wait()
            assert ended.failed is None
            assert store.has(latency.key)

            other = {**latency.key.depends_on, "machine": {**latency.key.depends_on["machine"], "cores": 1000}}
            executor.start(replace(latency, key=Key("latency", other)), Listener(), 1)
            (ended,) = executor.wait()
            assert ended.failed is not None
            assert "where the sweep is planned for 1000: its latency would be another" in ended.failed.reason

            executor.start(cost, Listener(), 1)
            assert executor.takes(training) and not executor.takes(latency)
            executor.start(training, Listener(), 1)
            ended_both = [*executor.wait()]
            while len(ended_both) < 2:
                ended_both += executor.wait()
            assert [each.failed and each.failed.how for each in sorted(ended_both, key=str)] == [None, "timeout"]

        gone = replace(machines, accelerator="Transputer")
        monkeypatch.setattr(on_ray, "SECONDS_WITHOUT_ROOM", 0.1)
        with OnRay(store, clip_cache, gone) as executor:
            executor.prepare(plan, (), Listener())
            executor.start(cost, Listener(), 1)
            (ended,) = executor.wait()
            assert ended.failed is not None
            assert ended.failed.reason == "no machine of the Ray cluster has 1 CPUs of kind Transputer any more"

        assert plan.description is not None
        odd = replace(plan, description=replace(plan.description, digest="0" * 16))
        odd.settle()
        with OnRay(store, clip_cache, machines) as executor:
            executor.prepare(odd, ("latency",), Listener())
            executor.start(odd.measurements[1], Listener(), 1)
            with pytest.raises(InputError, match=r"data set motion is another on machine .* than where the sweep was"):
                executor.wait()
    assert len(measured(tmp_path / "results/latency")) == 1


def test_machines_of_another_kind_code_or_size_are_refused(
    cluster: Any, tool: Tool, tmp_path: Path, tiny: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "mine.yaml", tiny)
    place = ["sweep", file, "--executor", "ray", "--address", cluster.address]
    for options, sentence in (
        (["--threads", "3"], "no machine of the Ray cluster has 3 CPUs, which one measurement needs: "),
        (["--accelerator", "H100"], "no machine of the Ray cluster has 1 CPUs of kind H100, which"),
        (["--device", "cuda"], "no machine of the Ray cluster has 1 GPUs and 1 CPUs, which"),
        (["--device", "cuda:1"], "--device is cuda:1 and Ray chooses the GPU: use cpu or cuda"),
    ):
        code, _, err = tool(*place, *options)
        assert (code, err.count("\n")) == (2, 1), err
        assert sentence in err
    monkeypatch.setattr(ray_seat, "code_digest", lambda: "another")
    code, _, err = tool(*place, "--threads", "1")
    assert code == 2
    assert "in the Ray cluster is not the one that started the sweep: install the same on all" in err
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ["--address", "127.0.0.1:6379"],
            "--address is 127.0.0.1:6379 and measures nothing on Ray: add --executor ray",
        ),
        (["--accelerator", "H100"], "--accelerator is H100 and measures nothing on Ray: add --executor ray"),
        (["--executor", "ray", "--workers", "2"], "--workers is 2 and on Ray what is free decides: leave it out"),
        (["--executor", "ray", "--dry-run"], "--dry-run estimates what this machine would take"),
        (["--executor", "ray", "--address", "127.0.0.1:1"], "no Ray cluster answers there ([Errno 111]"),
        (
            ["--executor", "ray", "--address", "head"],
            "--address is head and no Ray cluster answers there (it should be",
        ),
        (
            ["--executor", "ray", "--address", "ray://h:1"],
            "start one with: ray start --head, and on each other machine",
        ),
    ],
)
def test_options_that_do_not_go_together_and_clusters_that_are_not_there_are_bad_input(
    tool: Tool, tmp_path: Path, tiny: dict[str, Any], options: list[str], sentence: str
) -> None:
    code, _, err = tool("sweep", write(tmp_path / "mine.yaml", tiny), *options)
    assert (code, err.count("\n")) == (2, 1), err
    assert sentence in err
    assert not (tmp_path / "results").exists()


def test_without_ray_the_extra_is_named(
    tool: Tool, tmp_path: Path, tiny: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    code, _, err = tool("sweep", write(tmp_path / "mine.yaml", tiny), "--executor", "ray")
    assert code == 2
    assert "--executor is ray and it is not installed" in err
    assert "pip install 'tradeoff[ray]'" in err


def test_a_plan_that_is_settled_goes_on_where_its_device_is_not(
    one_thread: None, tmp_path: Path, clip_cache: Path, tiny: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as on the head of a cluster, which has no GPU; there a training may turn out not to fit into memory."""
    settled = make_plan(make_sweep_of("mine", tiny), torch.device("cpu"), clip_cache)
    settled.settle()
    training = next(each for each in settled.measurements if each.key.kind == "training")
    asked = make_plan(settled.sweep, torch.device("cpu"), clip_cache).smaller(training)
    assert asked is not None
    expected = asked.keys()
    for name in ("machine", "provenance", "combinations", "resolve_precision"):
        monkeypatch.setattr(planning, name, lambda *_: pytest.fail("the device is not here"))
    smaller = pickle.loads(pickle.dumps(settled)).smaller(training)
    assert smaller.keys() == expected != settled.keys()
    store = Store(tmp_path).prepare()
    note = json.loads(note_attempt(store, smaller, training, Failed("out of memory", "too large")).read_text())
    assert note["made"]["packages"]["torch"] == torch.__version__


def test_a_worker_that_ray_ends_for_its_memory_ran_out_of_memory() -> None:
    assert on_ray.failure_of("host a", OutOfMemoryError("the node runs low")).how == "out of memory"
    lost = on_ray.failure_of("host a", ActorDiedError())
    assert (lost.how, lost.reason) == ("died", "its worker on host a was lost, or the machine with it")


def test_what_each_kind_of_measurement_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus = Machines(cuda=True, threads=4, accelerator="H100", planned_on="a")
    cpus = Machines(cuda=False, threads=4, accelerator=None, planned_on="a")
    assert gpus.needs(8, "training") == Needs(8, 8, "H100")
    assert gpus.needs(8, "accuracy") == Needs(1, 1, "H100")
    assert cpus.needs(2, "training") == Needs(8)
    assert cpus.needs(2, "accuracy") == cpus.needs(2, "cost") == Needs(4)

    here = {"CPU": 64.0, "GPU": 8.0, "accelerator_type:H100": 1.0}
    nodes = [
        {"Alive": True, "NodeID": name, "NodeManagerHostname": f"host {name}", "Resources": resources}
        for name, resources in (("a", here), ("b", here), ("c", {"CPU": 64.0}))
    ]
    monkeypatch.setattr(ray, "nodes", lambda: nodes)
    monkeypatch.setattr(ray, "get_runtime_context", lambda: SimpleNamespace(get_node_id=lambda: "c"))
    assert gpus.needs(8, "latency") == Needs(64, 8, node="a")
    nodes[0]["Alive"] = False
    assert gpus.needs(8, "latency") == Needs(64, 8, node="b")
    nodes[1]["Alive"] = False
    with pytest.raises(InputError, match=r"has 1 GPUs and 1 CPUs of kind H100, .*: host c has 64 CPUs$"):
        gpus.needs(8, "latency")

    node = Node("a", "host a", here)
    fits = [Needs(1, 1), Needs(2, 2, "H100"), Needs(40), Needs(1, 1, "A100"), Needs(1, node="b"), Needs(1, 9)]
    assert [each.fit(node) for each in fits] == [8, 4, 1, 0, 0, 0]
