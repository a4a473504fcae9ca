"""`python -m tradeoff`, which is also how `accelerate launch -m tradeoff` starts it."""

from tradeoff.cli import main

main()
