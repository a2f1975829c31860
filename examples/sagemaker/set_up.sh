#!/bin/bash
# Set up the notebooks on a SageMaker notebook instance or in a JupyterLab space of SageMaker Studio:
# a virtual environment with htrlib, and a kernel of it that the notebooks here name.
#
#     bash examples/sagemaker/set_up.sh                   # on the stack's notebook instance
#     HTR_STACK=htr bash examples/sagemaker/set_up.sh     # in Studio: the notebooks use that stack
#
# Running it again brings both up to date. The environment lies beside the repository, which must be
# on the volume that stays (~/SageMaker, or ~ in Studio). HTRLIB_PYTHON names another Python.
set -euo pipefail
trap 'echo "htrlib is not ready: see the lines above"' ERR

root=$(cd "$(dirname "$0")/../.." && pwd)
venv=$(dirname "$root")/.htrlib-venv
here=$root/examples/sagemaker

fits() {  # whether a Python runs MXNet, which trains
    "$1" -c 'import sys; sys.exit(not (3, 9) <= sys.version_info[:2] <= (3, 12))' 2> /dev/null
}

if [ -z "${HTRLIB_PYTHON:-}" ]; then
    # The system's own Python on Amazon Linux 2023 is 3.9, older than that of the conda environments.
    for candidate in python3.12 python3.11 python3.10 \
        "$HOME/anaconda3/envs/python3/bin/python" /opt/conda/bin/python python3.9 python3; do
        if fits "$candidate"; then
            HTRLIB_PYTHON=$candidate
            break
        fi
    done
fi
if [ -z "${HTRLIB_PYTHON:-}" ]; then
    echo "no Python from 3.9 to 3.12 is here; name one with HTRLIB_PYTHON"
    false
fi

if ! ldconfig -p 2> /dev/null | grep -q libquadmath; then  # which MXNet's library asks for
    if command -v apt-get > /dev/null; then
        sudo apt-get update -qq && sudo apt-get install -y -qq libquadmath0
    else
        sudo dnf install -y -q libquadmath
    fi
fi

# An environment whose Python went away, with a restart, is made again.
"$venv/bin/python" -c '' 2> /dev/null || "$HTRLIB_PYTHON" -m venv --clear "$venv"
python=$venv/bin/python

# The kernel first, so that notebook 0 opens and tells how far the rest is.
"$python" -m pip install --quiet --upgrade pip ipykernel
"$python" -m ipykernel install --user --name htrlib --display-name htrlib \
    ${HTR_STACK:+--env HTR_STACK "$HTR_STACK"}
"$python" "$here/name_kernel.py" htrlib "$here"/*.ipynb
"$python" -m pip install --quiet "$root[aws,review]"

"$python" -c 'import sys, boto3, htrlib; htrlib.transcribe(sys.argv[1])' \
    "$root/examples/data/letter.png"
echo "htrlib is ready"
