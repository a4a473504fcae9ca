"""Every runtime against PyTorch in float32, and what is said of those that are not here."""

from __future__ import annotations

import copy
import logging
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from random_networks import randomised
from torch import Tensor, nn

from tradeoff import setting_names as names
from tradeoff.errors import InputError
from tradeoff.measure.protocol import LatencyAxes, LatencyProtocol
from tradeoff.measure.runtimes import RUNTIMES, Deployed, combinations, refusal
from tradeoff.measure.runtimes import compiled as compiled_module
from tradeoff.measure.runtimes import tensor_rt as tensor_rt_module
from tradeoff.measure.runtimes.base import check
from tradeoff.measure.runtimes.open_vino import OpenVino
from tradeoff.measure.runtimes.tensor_rt import build_plan
from tradeoff.networks import build

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
SHAPE = (2, 3, 8, 32, 32)
CLOSE = {"float32": 0.01, "bf16": 0.25}  # of the difference between two clips' answers


class Tiny(nn.Module):
    """A few operators, since inductor takes a second for each kernel."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv3d(3, 8, 3, bias=False), nn.BatchNorm3d(8), nn.ReLU())
        self.logits = nn.Linear(8, 3)

    def forward(self, clips: Tensor) -> Tensor:
        logits: Tensor = self.logits(self.features(clips).mean(dim=(2, 3, 4)))
        return logits


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return randomised(build("S3D-G", width=0.0625, classes=3))


@pytest.fixture(scope="module")
def ungated() -> nn.Module:
    """For bf16: random gates leave so little of a clip that rounding would be as much."""
    return randomised(build("S3D", width=0.0625, classes=3))


def clips(seed: int) -> Tensor:
    """Noise over a colour, which differs from clip to clip."""
    random = torch.Generator().manual_seed(seed)
    colour = torch.rand(*SHAPE[:2], 1, 1, 1, generator=random) * 2 - 1
    return colour + torch.rand(SHAPE, generator=random) - 0.5


def deploy(network: nn.Module, runtime: str, precision: str, layout: str | None = None) -> Deployed:
    """A copy of the network, deployed; the test is skipped where the runtime is not here."""
    of = RUNTIMES[runtime]
    if reason := of.missing():
        pytest.skip(reason)
    protocol = LatencyProtocol(runtime=runtime, precision=precision, layout=layout or of.layouts[0], threads=1)  # type: ignore[arg-type]
    if precision not in of.precisions(CPU):
        pytest.skip(str(refusal(of, precision, protocol.layout, CPU)))
    return of.deploy(copy.deepcopy(network), clips(0), protocol, CPU)


def check_answers(network: nn.Module, deployed: Deployed, precision: str) -> None:
    """Different clips, one pass after the other, have the answers of eager float32, and keep them."""
    with torch.inference_mode():
        expected = [network(clips(seed)) for seed in (1, 2)]
        placed = [deployed.place(clips(seed)) for seed in (1, 2)]
        answers = [deployed.fetch(deployed.run(batch)) for batch in (*placed, placed[0])]
    difference = float((expected[0] - expected[1]).abs().max())
    for answer, right in zip(answers, [*expected, expected[0]], strict=True):
        assert answer.dtype == torch.float32
        torch.testing.assert_close(answer, right, rtol=0, atol=CLOSE[precision] * difference)


@pytest.mark.parametrize("runtime", ["eager", "onnxruntime", "openvino"])
def test_a_runtime_answers_as_eager_float32(network: nn.Module, runtime: str) -> None:
    check_answers(network, deploy(network, runtime, "float32"), "float32")


@pytest.mark.parametrize("runtime", ["eager", "openvino"])
def test_a_runtime_answers_in_bf16(ungated: nn.Module, runtime: str) -> None:
    deployed = deploy(ungated, runtime, "bf16")
    check_answers(ungated, deployed, "bf16")
    if runtime == "openvino":  # 77 convolutions with batch norm, and the logits'
        assert deployed.facts == {"threads": 1, "convolutions": {"bf16": 78}, "matrix_products": {}}


@pytest.mark.parametrize("layout", ["channels_last_3d", "contiguous"])
def test_eager_answers_alike_in_either_layout(network: nn.Module, layout: str) -> None:
    check_answers(network, deploy(network, "eager", "float32", layout), "float32")


@pytest.mark.parametrize("runtime", ["compile", "compile-frozen"])
def test_what_is_compiled_answers_as_eager_float32_and_is_compiled_once(
    runtime: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    from torch._dynamo.utils import counters
    from torch._inductor import config

    network, frozen = randomised(Tiny()), runtime == "compile-frozen"
    for precision in ("float32", "bf16"):
        deployed = deploy(network, runtime, precision)
        assert deployed.facts == {
            "batch_norms_folded": 1,
            "mode": "default",
            "graphs": 1,
            "graph_breaks": 0,
            "graph_cache": {"bypass" if frozen else "miss": 1},
        }
        # Weights that are constants are packed for their kernels: the sign that freezing took effect.
        assert bool(counters["inductor"]["mkldnn_conv_weight_pack_matcher_count"]) == frozen
        check_answers(network, deployed, precision)
        with torch.no_grad():
            deployed.run(deployed.place(clips(1)))
        assert counters["stats"]["unique_graphs"] == 1
        assert config.freezing is False
    if not frozen:
        assert deploy(network, runtime, "bf16").facts["graph_cache"] == {"hit": 1}


def test_an_onnx_session_leaves_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    deployed = deploy(Tiny().eval(), "onnxruntime", "float32")
    assert deployed.facts == {"provider": "CPUExecutionProvider"}
    assert list(tmp_path.iterdir()) == []


def test_onnxruntime_without_cuda_does_not_fall_back() -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    protocol = LatencyProtocol(runtime="onnxruntime", layout="contiguous", threads=1)
    with pytest.raises(InputError, match=r"onnxruntime has no cuda here: it has .*CPUExecutionProvider; install"):
        RUNTIMES["onnxruntime"].deploy(Tiny().eval(), clips(0), protocol, CUDA)


def test_openvino_refuses_a_precision_that_the_device_has_not() -> None:
    runtime = OpenVino()
    if reason := runtime.missing():
        pytest.skip(reason)
    if "fp16" in (has := runtime.precisions(CPU)):
        pytest.skip("this processor has fp16")
    assert refusal(runtime, "fp16", "contiguous", CPU) == (
        f"runtime openvino has no fp16 on cpu: it has {', '.join(has)}"
    )
    protocol = LatencyProtocol(runtime="openvino", precision="fp16", layout="contiguous", threads=1)
    with pytest.raises(InputError, match=r"openvino has no fp16 on cpu: it has float32"):
        check(runtime, protocol, CPU)
    with pytest.raises(InputError, match=r"openvino executes (bf16|f32) here where fp16 is asked for"):
        runtime.deploy(Tiny().eval(), clips(0), protocol, CPU)


def test_openvino_tells_nobody() -> None:
    deploy(Tiny().eval(), "openvino", "float32")
    assert sys.modules["openvino.tools.ovc.telemetry_utils"].tm.__name__ == "openvino.tools.ovc.telemetry_stub"
    assert sys.modules["openvino_telemetry"] is None


def test_converting_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    for runtime in ("onnxruntime", "openvino"):
        deploy(Tiny().eval(), runtime, "float32")
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger().level == logging.WARNING


@pytest.mark.parametrize(
    ("runtime", "module", "extra"),
    [("onnxruntime", "onnxscript", "onnxruntime"), ("openvino", "openvino", "openvino")],
)
def test_a_runtime_that_is_not_installed_says_how_to_get_it(
    runtime: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if reason := RUNTIMES[runtime].missing():
        pytest.skip(reason)
    monkeypatch.setitem(sys.modules, module, None)
    sentence = f"runtime {runtime} needs {module}: pip install 'tradeoff[{extra}]'"
    assert RUNTIMES[runtime].missing() == sentence
    with pytest.raises(InputError) as raised:
        combinations(LatencyAxes(runtime=("eager", runtime)), CPU)  # type: ignore[arg-type]
    assert str(raised.value) == f"latency.runtime is '{runtime}': {sentence}"
    had, left_out = combinations(LatencyAxes(runtime=("all",)), CPU)
    assert runtime not in {each.runtime for each in had}
    assert left_out.count(sentence) == 1


def test_without_a_compiler_nothing_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled_module, "_has_compiler", lambda: False)
    assert RUNTIMES["compile"].missing() == "runtime compile needs a C++ compiler: install g++, or name one in CXX"


@pytest.fixture
def everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every runtime installed, on a processor with bf16 and without fp16."""
    for runtime in RUNTIMES.values():
        monkeypatch.setattr(runtime, "missing", lambda: None)
    monkeypatch.setattr(RUNTIMES["openvino"], "precisions", lambda device: ("float32", "bf16"))


def test_runtimes_are_in_their_order() -> None:
    assert tuple(RUNTIMES) == names.RUNTIMES
    assert all(name == runtime.name for name, runtime in RUNTIMES.items())


def points(had: list[LatencyProtocol]) -> list[tuple[str, str, str]]:
    return [(each.runtime, each.precision, each.layout) for each in had]


def test_axes_at_rest_are_one_latency(everywhere: None) -> None:
    had, left_out = combinations(LatencyAxes(seconds=3.0, threads=2), CPU)
    assert had == [LatencyProtocol(seconds=3.0, threads=2)]
    assert left_out == []


def test_all_is_what_the_runtimes_have_and_a_sentence_a_runtime_about_the_rest(everywhere: None) -> None:
    axes = LatencyAxes(runtime=("all",), precision=("all",), layout=("all",), batch=(1, 2))
    had, left_out = combinations(axes, CPU)
    expected = [
        (runtime, precision, layout)
        for runtime in ("eager", "compile", "compile-frozen")
        for precision in ("float32", "bf16")
        for layout in ("channels_last_3d", "contiguous")
    ] + [(runtime, "float32", "contiguous") for runtime in ("onnxruntime", "openvino")]
    assert points(had)[::2] == [*expected, ("openvino", "bf16", "contiguous")]
    assert [each.batch for each in had] == [1, 2] * (len(had) // 2)
    assert left_out == [
        "runtime eager has no tf32, fp16 on cpu: it has float32, bf16",
        "runtime compile has no tf32, fp16 on cpu: it has float32, bf16",
        "runtime compile-frozen has no tf32, fp16 on cpu: it has float32, bf16",
        "runtime onnxruntime has no tf32, bf16, fp16 on cpu: it has float32",
        "runtime openvino has no tf32, fp16 on cpu: it has float32, bf16",
        "runtime tensorrt does not run on cpu",
    ]


def test_each_runtime_takes_the_layout_that_it_is_best_with(everywhere: None) -> None:
    had, left_out = combinations(LatencyAxes(runtime=("eager", "openvino"), precision=("bf16",)), CPU)
    assert points(had) == [("eager", "bf16", "channels_last_3d"), ("openvino", "bf16", "contiguous")]
    assert left_out == []


def test_a_named_layout_is_left_out_where_it_is_not_had(everywhere: None) -> None:
    axes = LatencyAxes(runtime=("eager", "onnxruntime"), layout=("contiguous", "channels_last_3d"), precision=("all",))
    had, left_out = combinations(axes, CPU)
    assert ("onnxruntime", "float32", "contiguous") in points(had)
    assert left_out == [
        "runtime eager has no tf32, fp16 on cpu: it has float32, bf16",
        "runtime onnxruntime has no layout channels_last_3d: it has contiguous",
        "runtime onnxruntime has no tf32, bf16, fp16 on cpu: it has float32",
    ]


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({"precision": ["float32", "fp16"]}, "latency.precision is 'fp16': runtime eager has no fp16 on cpu: it has"),
        ({"runtime": "all", "precision": "tf32"}, "latency.precision is 'tf32': runtime eager has no tf32 on cpu"),
        ({"runtime": "tensorrt", "precision": "all"}, "latency.runtime is 'tensorrt': runtime tensorrt does not run"),
        (
            {"runtime": "onnxruntime", "layout": "channels_last_3d"},
            "latency.layout is 'channels_last_3d': runtime onnxruntime has no layout channels_last_3d: it has",
        ),
        (
            {"runtime": ["eager", "onnxruntime"], "precision": "bf16"},
            "latency.runtime is 'onnxruntime': runtime onnxruntime has no bf16 on cpu: it has float32",
        ),
    ],
)
def test_a_value_that_is_named_and_nowhere_had_is_refused(everywhere: None, axes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as raised:
        combinations(LatencyAxes(**axes), CPU)
    assert str(raised.value).startswith(message)


def test_nothing_left_is_refused(everywhere: None) -> None:
    with pytest.raises(InputError, match="latency: no runtime is left: runtime eager does not run on cpu"):
        for_nobody = {name: (lambda device: ()) for name in RUNTIMES}
        with pytest.MonkeyPatch.context() as patch:
            for name, has in for_nobody.items():
                patch.setattr(RUNTIMES[name], "precisions", has)
            combinations(LatencyAxes(runtime=("all",), precision=("all",)), CPU)


class Recorder:
    """A stand-in for TensorRT that keeps what it was asked and computes nothing."""

    def __init__(self, errors: tuple[str, ...] = (), builds: bool = True) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.flags = {"TF32"}  # as TensorRT's own default has it
        self.module = ModuleType("tensorrt")
        self.module.__spec__ = ModuleSpec("tensorrt", None)
        self.module.__dict__.update(self._names(errors, builds))

    def _names(self, errors: tuple[str, ...], builds: bool) -> dict[str, Any]:
        def parse(path: str) -> bool:
            self.calls.append(("parse", (Path(path).is_file(), Path(path).name)))
            return not errors

        def serialise(network: Any, config: Any) -> Any:
            self.calls.append(("flags", sorted(self.flags)))
            if not builds:
                self.logger.log("error", "no kernel for node 7")
            return memoryview(b"plan") if builds else None

        def execute(stream: int) -> bool:
            self.calls.append(("execute", stream))
            return True

        class ILogger:
            ERROR, INTERNAL_ERROR = "error", "internal error"

        def builder(logger: Any) -> Any:
            self.logger = logger
            return SimpleNamespace(
                create_network=lambda flags: self.calls.append(("network", flags)),
                create_builder_config=lambda: SimpleNamespace(set_flag=self.flags.add, clear_flag=self.flags.discard),
                build_serialized_network=serialise,
            )

        context = SimpleNamespace(
            set_tensor_address=lambda name, address: self.calls.append((name, address)), execute_async_v3=execute
        )
        engine = SimpleNamespace(
            create_execution_context=lambda: context,
            get_tensor_shape=lambda name: (2, 3),
            get_tensor_dtype=lambda name: "half",
        )
        return {
            "ILogger": ILogger,
            "Builder": builder,
            "OnnxParser": lambda network, logger: SimpleNamespace(
                parse_from_file=parse,
                num_errors=len(errors),
                get_error=lambda index: SimpleNamespace(desc=lambda: errors[index]),
            ),
            "Runtime": lambda logger: SimpleNamespace(deserialize_cuda_engine=lambda plan: engine),
            "NetworkDefinitionCreationFlag": SimpleNamespace(STRONGLY_TYPED=1),
            "BuilderFlag": SimpleNamespace(TF32="TF32"),
            "DataType": SimpleNamespace(FLOAT="float", HALF="half", BF16="bf16"),
        }


Export = Callable[[nn.Module, Tensor, Path], Path]


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> list[torch.dtype]:
    """The precisions of the networks and clips that are exported, which here are not."""
    dtypes: list[torch.dtype] = []

    def export(network: nn.Module, clips: Tensor, folder: Path) -> Path:
        dtypes.extend((next(network.parameters()).dtype, clips.dtype))
        (folder / "network.onnx").touch()
        return folder / "network.onnx"

    monkeypatch.setattr(tensor_rt_module, "export_onnx", export)
    return dtypes


@pytest.mark.parametrize(
    ("precision", "dtype", "flags"),
    [
        ("float32", torch.float32, []),
        ("tf32", torch.float32, ["TF32"]),
        ("bf16", torch.bfloat16, []),
        ("fp16", torch.float16, []),
    ],
)
def test_tensorrt_is_given_the_network_in_its_precision(
    precision: str, dtype: torch.dtype, flags: list[str], exported: list[torch.dtype], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = Recorder()
    monkeypatch.setitem(sys.modules, "tensorrt", fake.module)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: SimpleNamespace(cuda_stream=11))
    protocol = LatencyProtocol(runtime="tensorrt", precision=precision, layout="contiguous", threads=1)  # type: ignore[arg-type]
    deployed = RUNTIMES["tensorrt"].deploy(Tiny().eval(), clips(0), protocol, CPU)  # tensors stay where there is memory
    placed = deployed.place(clips(1))
    logits = deployed.run(placed)
    assert exported == [dtype, dtype]
    assert placed.clips.dtype == dtype
    assert logits.dtype == torch.float16  # what the engine says
    assert deployed.fetch(logits).shape == (2, 3)
    assert fake.calls == [
        ("network", 1 << 1),  # strongly typed
        ("parse", (True, "network.onnx")),
        ("flags", flags),
        ("clips", placed.clips.data_ptr()),
        ("logits", logits.data_ptr()),
        ("execute", 11),
    ]


def test_what_tensorrt_has_against_a_network_is_raised(exported: list[torch.dtype], tmp_path: Path) -> None:
    refusing, failing = Recorder(errors=("no operator Foo", "no operator Bar")), Recorder(builds=False)
    for fake, message in (
        (refusing, "cannot read the network: no operator Foo; no operator Bar"),
        (failing, "cannot build an engine: no kernel for node 7"),
    ):
        logger = tensor_rt_module._logger(fake.module)
        with pytest.raises(RuntimeError, match=message):
            build_plan(fake.module, logger, tmp_path / "network.onnx", "float32")


def test_tensorrt_runs_on_cuda_only_in_what_the_gpu_has(monkeypatch: pytest.MonkeyPatch) -> None:
    assert RUNTIMES["tensorrt"].precisions(CPU) == ()
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 0))
    assert RUNTIMES["tensorrt"].precisions(CUDA) == RUNTIMES["eager"].precisions(CUDA) == names.PRECISIONS
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    assert RUNTIMES["tensorrt"].precisions(CUDA) == RUNTIMES["compile"].precisions(CUDA) == ("float32", "fp16")
    assert OpenVino().precisions(CUDA) == ()
