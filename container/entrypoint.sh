#!/bin/sh
# What the image does: `serve` and `train` are SageMaker's words.
set -eu
case "${1:-}" in
    serve) shift && exec python -m htrlib.serving "$@" ;;
    train) shift && exec python -m htrlib.sagemaker.training_job "$@" ;;
    # All addresses: those of the container alone cannot be reached. A token is asked for then.
    review) shift && exec python -m htrlib review --host 0.0.0.0 --no-browser "$@" ;;
    htr) shift && exec python -m htrlib "$@" ;;
esac
echo "this image takes serve, train, review, or htr with a command of it; found: $*" >&2
exit 2
