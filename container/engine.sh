# Sourced by build.sh and test.sh: `engine` is the command that runs images, `build` the one that
# builds them. With a Docker daemon both are Docker; without one they are Podman and Buildah, which
# need none, with images in a folder of their own.
images=${HTRLIB_IMAGES:-${XDG_CACHE_HOME:-$HOME/.cache}/htrlib-ci/images}

if command -v docker > /dev/null && docker info > /dev/null 2>&1; then
    engine=(docker)
    build=(docker build)
    run_options=()
else
    for tool in buildah podman runc; do
        if ! command -v "$tool" > /dev/null; then
            echo "no Docker daemon answers, and $tool is not installed; install buildah podman" \
                "runc debootstrap golang-github-containers-common netavark slirp4netns" >&2
            exit 1
        fi
    done
    mkdir -p "$images"
    store=(--root "$images/storage" --runroot "$images/run" --storage-driver overlay)
    engine=(podman "${store[@]}" --runtime runc)
    build=(buildah "${store[@]}" build --isolation chroot --layers --pull-never)
    # The usual limits are more than this machine may allow.
    run_options=(--ulimit nofile=20000:20000 --ulimit nproc=20000:20000)
fi
