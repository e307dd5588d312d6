"""`python -m ferryman`: the command line."""

from ferryman.cli import main

main()
