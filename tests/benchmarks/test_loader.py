"""How fast clips are drawn from videos, beside bare decoding of the same frames by the same library. `make bench`.

Both sides of a ratio take turns in one run, with as many threads; the frames are those of 64x224x224 clips from frames
of a short side of 256. The loader also finds out which frames a file has, once, crops and stacks; bare decoding knows
where to seek and ends with RGB of the plan's size. What comes after, scaling to a network's numbers, is the device's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import av
import numpy as np
import pytest
import torch
from av.video.reformatter import VideoReformatter
from pytest_benchmark.fixture import BenchmarkFixture

from tradeoff.clip_shape import ClipShape
from tradeoff.data import VideoData, open_videos, processors
from tradeoff.data.decoding import SCALING, Unreadable
from tradeoff.data.readers import open_video
from tradeoff.data.readers.py_av import PyAVReader
from tradeoff.data.sampling import Sampling
from tradeoff.errors import InputError
from tradeoff.training.streams import VideoBatches

CLIP, SAMPLING = ClipShape(64, 224, 224), Sampling(resize=256)
HEIGHT, WIDTH, RATE, SECONDS, VIDEOS = 256, 340, 25, 10, 8
ROUNDS, BATCH, SEED = 8, 4, 0
SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "data" / "samples"
KINDS = ("one key frame in 12", "one key frame in 250", "shared samples")
Times = dict[str, float]


class Wanted(NamedTuple):
    """The frames of one clip: their numbers, their timestamps in the stream's unit, and (height, width)."""

    path: Path
    numbers: list[int]
    stamps: list[int]
    size: tuple[int, int]


def write_h264(path: Path, keys: int, seed: int) -> None:
    """Textures that move over each other, with noise: about as many bits as a video of a camera."""
    random = np.random.default_rng(seed)
    texture = np.kron(random.integers(0, 256, (48, 64, 3)), np.ones((8, 8, 1))).astype(np.int16)
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        stream.options = {"g": str(keys), "crf": "23", "preset": "veryfast"}
        for t in range(RATE * SECONDS):
            still = texture[t // 3 % 64 :][:HEIGHT, t % 128 :][:, :WIDTH].copy()
            still[60:180, 100:220] = texture[100 - t % 90 :][:120, t // 2 % 128 :][:, :120]
            image = np.clip(still + random.normal(0, 4, (HEIGHT, WIDTH, 1)), 0, 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        container.mux(stream.encode())


def readable(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.glob("*.m[pko][4v]")):
        try:
            with open_video(path) as reader:
                if reader.count >= CLIP.frames:
                    yield path
        except Unreadable:
            continue


@pytest.fixture(scope="module", params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV of videos, all but two of which are trained on."""
    root = tmp_path_factory.mktemp("videos")
    if request.param == "shared samples":
        paths = list(readable(SAMPLES))
        if not paths:
            pytest.skip(f"{SAMPLES} holds no videos")
        paths = (paths * VIDEOS)[:VIDEOS]
        for number, path in enumerate(paths):
            (root / f"{number}{path.suffix}").symlink_to(path)
        paths = sorted(each for each in root.iterdir())
    else:
        paths = [root / f"{number}.mp4" for number in range(VIDEOS)]
        for number, path in enumerate(paths):
            write_h264(path, int(request.param.rsplit(" ", 1)[1]), number)
    tests = [root / f"test{number}.mkv" for number in range(2)]
    for path in tests:
        path.write_bytes(f"{path}, which nobody opens".encode())
    rows = [f"{path},{'ab'[i % 2]},train" for i, path in enumerate(paths)]
    rows += [f"{path},{'ab'[i]},test" for i, path in enumerate(tests)]
    (root / "clips.csv").write_text("\n".join(["path,label,split", *rows]) + "\n")
    (root / "kind").write_text(request.param)
    return root / "clips.csv"


def batches(place: Path, **spec: Any) -> VideoBatches:
    data = VideoData.model_validate({"videos": place, "broken": 0.5, **spec})  # nobody opens the tests
    videos = open_videos(data, CLIP, place.parent / "cache", lambda done, total: None)
    device, indices = torch.device("cpu"), videos.split(0)[0]
    return VideoBatches(videos, indices, CLIP, SAMPLING, BATCH, SEED, device, workers=processors())


def first_epoch(place: Path) -> list[Wanted]:
    """The frames that a first epoch takes, as `VideoBatches` draws them."""
    loader = batches(place)
    wanted = []
    for position, index in enumerate(np.random.default_rng((SEED, 1)).permutation(loader.indices)):
        path, random = loader.videos.clips[index].path, np.random.default_rng((SEED, 1, 1 + position))
        with PyAVReader(path) as reader:
            rows = SAMPLING.training_frames(reader.times, CLIP.frames, random)
            assert reader.index.pts is not None
            size = SAMPLING.size(reader.height, reader.width, CLIP)
            wanted.append(Wanted(path, rows.tolist(), reader.index.pts[rows].tolist(), size))
    return wanted


def decode_by_pyav(want: Wanted, interpolation: Any = SCALING) -> list[np.ndarray]:
    stamps, frames, scaler = set(want.stamps), [], VideoReformatter()
    with av.open(want.path) as container:
        stream = container.streams.best("video")
        stream.codec_context.thread_count = 1
        container.seek(min(want.stamps), stream=stream)
        for frame in container.decode(stream):
            if frame.pts in stamps:
                rgb = scaler.reformat(
                    frame, want.size[1], want.size[0], "rgb24", interpolation=interpolation, threads=1
                )
                frames.append(rgb.to_ndarray())
                if len(frames) == len(stamps):
                    return frames
    raise AssertionError(f"{want.path} has not all of {want.numbers}")


def decode_as_pyav_comes(want: Wanted) -> list[np.ndarray]:
    return decode_by_pyav(want, None)


def decode_by_torchcodec(want: Wanted) -> Any:
    from torchcodec.decoders import VideoDecoder
    from torchcodec.transforms import Resize

    decoder = VideoDecoder(want.path, transforms=[Resize(want.size)], num_ffmpeg_threads=1, dimension_order="NHWC")
    return decoder.get_frames_at(want.numbers).data


def all_at_once(decode: Callable[[Wanted], Any], wanted: list[Wanted]) -> None:
    with ThreadPoolExecutor(processors()) as pool:
        for _ in pool.map(decode, wanted):
            pass


def compare(
    benchmark: BenchmarkFixture, times: Times, place: Path, name: str, loader: VideoBatches, *bare: Callable[[Any], Any]
) -> None:
    """Times an epoch of the loader, and before each the bare decoding of a first epoch's frames, a frame each."""
    wanted, kind, unread = first_epoch(place), (place.parent / "kind").read_text(), loader.state_dict()
    frames = sum(len(want.numbers) for want in wanted)
    taken: dict[str, list[float]] = {decode.__name__: [] for decode in bare}

    def bare_first() -> None:
        for decode in bare:
            started = time.perf_counter()
            all_at_once(decode, wanted)
            taken[decode.__name__].append(time.perf_counter() - started)
        loader.load_state_dict(unread)

    def epoch() -> None:
        for clips, _ in loader.loaded():
            assert clips.shape[1:] == (CLIP.frames, CLIP.height, CLIP.width, 3)

    benchmark.extra_info["frames"] = frames
    benchmark.pedantic(epoch, setup=bare_first, rounds=ROUNDS, warmup_rounds=1)
    if benchmark.enabled:
        times[f"{name}, {kind}"] = benchmark.stats.stats.median / frames
        for decode, seconds in taken.items():
            times[f"bare beside {name}, {decode}, {kind}"] = median(seconds) / frames


@pytest.mark.benchmark(group="an epoch of clips from videos, 64x224x224")
def test_pyav(benchmark: BenchmarkFixture, times: Times, place: Path) -> None:
    compare(benchmark, times, place, "videos by pyav", batches(place), decode_by_pyav, decode_as_pyav_comes)


@pytest.mark.benchmark(group="an epoch of clips from videos, 64x224x224")
def test_packed(benchmark: BenchmarkFixture, times: Times, place: Path) -> None:
    compare(benchmark, times, place, "packed uint8", batches(place, pack={"short_side": 256}), decode_by_pyav)


@pytest.mark.benchmark(group="an epoch of clips from videos, 64x224x224")
def test_torchcodec(benchmark: BenchmarkFixture, times: Times, place: Path) -> None:
    loader = batches(place, decoder="torchcodec")
    try:
        loader.videos.open(0).close()
    except InputError as error:
        pytest.skip(str(error))
    compare(benchmark, times, place, "videos by torchcodec", loader, decode_by_torchcodec)
