"""The command line: parse, call, print. Torch is imported only by the commands that need it."""

from tradeoff.cli.app import app as app
from tradeoff.cli.app import main as main

# Importing registers the commands, in the order in which --help lists them.
# isort: off
from tradeoff.cli import sweeping as sweeping
from tradeoff.cli import costs as costs
from tradeoff.cli import timing as timing
from tradeoff.cli import gating as gating
from tradeoff.cli import weights as weights
from tradeoff.cli import reporting as reporting
from tradeoff.cli import status as status
from tradeoff.cli import results as results
from tradeoff.cli import data as data
