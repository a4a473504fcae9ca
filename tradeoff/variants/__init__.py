"""What a network is, without torch: its family, its knobs, its name.

A variant is a frozen dataclass whose fields have defaults: a field at its default stays out of `fields()`, and so out
of every key, so that a new knob changes no old key. Adding a family is one file here, one builder in `networks/`.
"""

from __future__ import annotations

from tradeoff.variants.base import FAMILIES as FAMILIES
from tradeoff.variants.base import Published as Published
from tradeoff.variants.base import Variant as Variant
from tradeoff.variants.custom import CustomVariant as CustomVariant
from tradeoff.variants.inception import UNITS as UNITS
from tradeoff.variants.inception import Convolution as Convolution
from tradeoff.variants.inception import InceptionVariant as InceptionVariant
from tradeoff.variants.inception import curve_names as curve_names
from tradeoff.variants.inception import cut as cut
from tradeoff.variants.inception import expand_units as expand_units
from tradeoff.variants.inception import family_names as family_names
from tradeoff.variants.inception import unit_choices as unit_choices
from tradeoff.variants.peers import PEERS as PEERS
from tradeoff.variants.peers import PeerVariant as PeerVariant
