#!/bin/sh
# Resolve pyproject.toml anew and write tools/constraints.txt.
set -eu
{
  echo "# The versions that the project is developed and tested with: \`make setup\` installs these."
  echo "# Made by \`make constraints\`; pip resolves in seconds with it, in many minutes without."
  uv pip compile --quiet --upgrade --python-version 3.11 --universal --extra dev \
    --no-header --no-annotate pyproject.toml
} >tools/constraints.txt.new
mv tools/constraints.txt.new tools/constraints.txt
