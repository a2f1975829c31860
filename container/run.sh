#!/usr/bin/env bash
# Runs the image that build.sh made, with Docker or without a daemon: run.sh serve, run.sh train, ...
# What stands before the image goes into RUN_OPTIONS: RUN_OPTIONS="-v $PWD/job:/opt/ml" run.sh train
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/engine.sh"

image=${HTRLIB_IMAGE:-htrlib:serve}
if [ -z "$("${engine[@]}" images -q "$image")" ]; then
    echo "there is no image $image; build it with container/build.sh" >&2
    exit 1
fi
read -ra more <<< "${RUN_OPTIONS:-}"
exec "${engine[@]}" run --rm -p "${PORT:-8080}:8080" "${run_options[@]}" "${more[@]}" "$image" "$@"
