#!/usr/bin/env bash
# Builds an image: build.sh [serve|serve-mxnet|gpu] gives htrlib:serve, htrlib:serve-mxnet or htrlib:gpu.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source container/engine.sh

# Docker 29 and buildx otherwise push an index of the image and of how it was built, and SageMaker takes
# no index ("Unsupported manifest media type").
export BUILDX_NO_DEFAULT_ATTESTATIONS=1

target=${1:-serve}
case "$target" in # other names
    serve-onnx) target=serve ;;
    serve-gpu) target=gpu ;;
esac
arguments=(--build-arg "VERSION=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' htrlib/_version.py)")
case "$target" in
    serve) # reads, and cannot train: without MXNet
        arguments+=(--build-arg MXNET= --build-arg REQUIREMENTS=requirements.txt)
        ;;
    serve-mxnet) ;; # reads and trains
    gpu)
        arguments+=(
            --build-arg MXNET=mxnet-cu112==1.9.1
            --build-arg "REQUIREMENTS=requirements.txt requirements-train.txt requirements-gpu.txt"
            --build-arg NVIDIA_VISIBLE_DEVICES=all
        )
        ;;
    *)
        echo "build.sh takes serve, serve-mxnet or gpu, found $target" >&2
        exit 2
        ;;
esac

# Makes the base image from Debian's packages, once, since no image can be pulled without a registry.
make_base() {
    local scratch root sources
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' RETURN
    root=$scratch/root
    debootstrap --variant=minbase --include=ca-certificates bookworm "$root" > "$scratch/log" \
        || { tail -n 20 "$scratch/log" >&2; return 1; }
    # As in the image of Docker's library: security updates too.
    sources=$root/etc/apt/sources.list
    sed -n 's|^deb \(.*\)/debian bookworm main$|deb \1/debian-security bookworm-security main|p' \
        "$sources" > "$scratch/security"
    cat "$scratch/security" >> "$sources"
    rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale}/*
    tar -C "$root" -c . | "${engine[@]}" import - "$base"
}

if [ "${engine[0]}" = podman ]; then
    base=localhost/htrlib-base:bookworm
    "${engine[@]}" image exists "$base" || make_base
    arguments+=(--build-arg "BASE=$base")
    # pip in the build needs the certificates that it needs here.
    certificates=${PIP_CERT:-$(python3 -m pip config get global.cert 2> /dev/null || true)}
    if [ -n "$certificates" ]; then
        arguments+=(-v "$certificates:/run/host-ca.crt:ro" --build-arg PIP_CERT=/run/host-ca.crt)
    fi
fi
"${build[@]}" "${arguments[@]}" -t "htrlib:$target" -f container/Dockerfile .
if [ "${engine[0]}" = podman ]; then # layers of earlier builds, of which nothing has been made since
    "${engine[@]}" image prune --force --filter until=48h > /dev/null
fi
"${engine[@]}" image inspect --format "htrlib:$target, {{.Size}} bytes" "htrlib:$target"
