#!/bin/bash
# bare_machine.sh REPO COMMAND...: clones REPO into a fresh, bare Debian 12 root and runs each COMMAND there, in order.
#
# The root (tools/bare_root.sh) gets git, make and ca-certificates: a set-up step that a used machine hides shows itself.
# Prints "bare: SECONDS s: COMMAND" after each. Needs root rights, debootstrap and 6 GiB under BARE.
set -euo pipefail
usage='usage: bare_machine.sh REPO COMMAND...'
repo=$(readlink -f "${1:?$usage}"); shift; : "${1:?$usage}"
. "$(dirname "$(readlink -f "$0")")/bare_root.sh"
root=$(bare_root); trap 'rm -rf "$root"' EXIT
git clone -q --no-hardlinks "$repo" "$root/src"
bare_enter "$root" 'update-ca-certificates >/dev/null; apt-get -qq update
  apt-get -qq install -y --no-install-recommends make git >/dev/null; cd /src
  for command; do
    started=$SECONDS; bash -ec "$command"; echo "bare: $((SECONDS - started)) s: $command"
  done' "$@"
