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
need python3 python3-minimal
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
fi
[ -n "$missing" ] || exit 0

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
