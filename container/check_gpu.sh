#!/usr/bin/env bash
# Looks for libraries that those of htrlib:gpu ask for and that are not in it: there must be none but
# the driver's, which comes with the host.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source container/engine.sh

found=$("${engine[@]}" run --rm "${run_options[@]}" --entrypoint sh "${1:-htrlib:gpu}" -c '
    find /opt/htrlib -name "libmxnet.so" -o -path "*/nvidia/*/lib/*.so*" | xargs ldd')
missing=$(printf '%s\n' "$found" | sed -n 's/^[[:space:]]*\(.*\) => not found$/\1/p' | sort -u)
printf '%s libraries, missing: %s\n' "$(printf '%s\n' "$found" | grep -c ':$')" "${missing:-none}"
[ "$missing" = libcuda.so.1 ]
