#!/bin/sh
# What the image does: `serve` and `train` are SageMaker's words.
set -eu
case "${1:-}" in
    serve) shift && exec python -m htrlib.serving "$@" ;;
    train) shift && exec python -m htrlib.sagemaker.training_job "$@" ;;
    htr) shift && exec python -m htrlib "$@" ;;
esac
echo "this image takes serve, train, or htr with a command of it; found: $*" >&2
exit 2
