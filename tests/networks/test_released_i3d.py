"""Our I3D against a direct port of the released one, the same weights in both."""

from __future__ import annotations

import torch
from released_i3d import ReleasedI3D

from tradeoff import build
from tradeoff.measure.timing.subject import error_of


def test_the_direct_port_gives_the_same_logits() -> None:
    torch.manual_seed(0)
    ours, port = build("I3D", classes=7).eval(), ReleasedI3D(classes=7).eval()
    state = ours.state_dict()
    assert len(state) == len(port.state_dict())
    port.load_state_dict(dict(zip(port.state_dict(), state.values(), strict=True)))
    clips = torch.rand(1, 3, 16, 225, 224)
    with torch.inference_mode():
        assert error_of(ours(clips), port(clips)) < 1e-5
