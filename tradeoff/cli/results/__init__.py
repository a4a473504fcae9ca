"""Commands about a results folder: ls, show, diff, export, prune, verify. None of them needs torch."""

# Importing registers the commands, in the order in which --help lists them.
# isort: off
from tradeoff.cli.results import ls as ls
from tradeoff.cli.results import show as show
from tradeoff.cli.results import diff as diff
from tradeoff.cli.results import export as export
from tradeoff.cli.results import prune as prune
from tradeoff.cli.results import verify as verify
