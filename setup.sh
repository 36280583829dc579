#!/bin/sh
# Sets up .venv from constraints.txt: with uv where it can be had, else with venv and pip. Called by the Makefile.
# Usage: [SETUP=auto|uv|pip] sh setup.sh PYTHON
set -eu
python=$1
say() { printf '%s\n' "$*" >&2; }

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || {
    say "set-up: '$python' is not Python 3.10 or newer: install one, or name it: make PYTHON=/path/to/python3 ..."
    exit 2
}
"$python" -m pip --version >/dev/null 2>&1 || {
    say "set-up: '$python' has no pip: install it (on Debian: apt-get install python3-pip python3-venv)"
    exit 2
}
# What a user's pip configuration asks for elsewhere does not hold here; its index, proxy and certificate do.
export PIP_USER=0 PIP_REQUIRE_VIRTUALENV=0 PIP_NO_DEPS=0
unset PIP_CONSTRAINT
rm -rf .venv

if [ "${SETUP:-auto}" != pip ] && [ ! -x .tools/bin/uv ]; then
    say "set-up: fetching uv"
    "$python" -m pip install --quiet --disable-pip-version-check --no-warn-script-location --upgrade \
        --target .tools uv 2>.tools.log || {
        rm -rf .tools
        [ "${SETUP:-auto}" = auto ] || { cat .tools.log >&2; rm -f .tools.log; exit 1; }
        say "set-up: no uv for this machine, going on with pip"
    }
    rm -f .tools.log
fi

say "set-up: installing the pinned dependencies"
if [ "${SETUP:-auto}" != pip ] && [ -x .tools/bin/uv ]; then
    .tools/bin/uv venv --quiet --python "$python" .venv
    .tools/bin/uv pip install --quiet --python .venv/bin/python --require-hashes -r constraints.txt
    .tools/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation -e .
else
    "$python" -m venv .venv || {
        say "set-up: '$python' cannot make a venv (on Debian: apt-get install python3-venv)"
        exit 2
    }
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
fi

# Real robots.txt files for one test, best effort: the sdist of Protego carries them, its wheel does not. pip asks its
# build back end, which .venv has, for metadata; nothing is built.
files=.tools/protego
sdist=$(sed -n 's/^\(protego\)==\([^ ;]*\).*/\1-\2/p' constraints.txt)
if [ ! -d "$files/$sdist/tests/test_data" ]; then
    rm -rf "$files"
    mkdir -p "$files"
    sed -n '/^protego==/,/[^\\]$/p' constraints.txt >"$files/requirements.txt"
    {
        PYTHONPATH=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') \
            "$python" -m pip download --quiet --disable-pip-version-check --retries 1 --timeout 15 --no-deps \
            --no-binary protego --no-build-isolation --require-hashes -r "$files/requirements.txt" --dest "$files" &&
            tar -xzf "$files/$sdist.tar.gz" -C "$files" "$sdist/tests/test_data"
    } >/dev/null 2>&1 || {
        rm -rf "${files:?}/$sdist"
        say "set-up: no sdist of Protego to be had: the test over its robots.txt files will be skipped"
    }
    rm -f "$files/$sdist.tar.gz" "$files/requirements.txt"
fi
