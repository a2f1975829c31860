#!/usr/bin/env bash
# Runs the image htrlib:serve (or another one that is named) as SageMaker would, and asks it:
# test.sh [IMAGE [options of pytest]]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source container/engine.sh

export HTRLIB_IMAGE=${1:-htrlib:serve}
export HTRLIB_CONTAINER_ENGINE="${engine[*]}"
export HTRLIB_RUN_OPTIONS="${run_options[*]}"
pytest -s tests/container "${@:2}"
