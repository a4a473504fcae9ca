"""Procedurally generated clips: `motion`, where the order of frames decides, and `appearance`, where it does not."""

from tradeoff.data.synthetic.generate import GENERATOR_VERSION, Labels, generate
from tradeoff.data.synthetic.tasks import CLASSES

__all__ = ["CLASSES", "GENERATOR_VERSION", "Labels", "generate"]
