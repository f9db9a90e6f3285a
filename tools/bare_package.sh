#!/bin/bash
# bare_package.sh PACKAGE COMMAND...: puts a tarball or a .deb of ours into a fresh, bare Debian 12 root, then runs
# COMMAND ROOT PROGRAM on this machine, without a network: PROGRAM is where pictor lies in it, as the root sees it.
set -euo pipefail
usage='usage: bare_package.sh PACKAGE COMMAND...'
package=$(readlink -f "${1:?$usage}"); shift; : "${1:?$usage}"
. "$(dirname "$(readlink -f "$0")")/bare_root.sh"
root=$(bare_root); trap 'rm -rf "$root"' EXIT
cp "$package" "$root/tmp/"
name=$(basename "$package")
case $name in
  *.tar.gz)
    bare_enter "$root" 'tar -C /opt -xzf "/tmp/$1"' "$name" >&2
    program=/opt/${name%.tar.gz}/bin/pictor ;;
  *.deb)
    bare_enter "$root" 'update-ca-certificates >/dev/null; apt-get -qq update
      apt-get -qq install -y --no-install-recommends "/tmp/$1"' "$name" >&2
    program=/usr/bin/pictor ;;
  *) echo "bare_package: $name is neither a .tar.gz nor a .deb" >&2; exit 2 ;;
esac
rm "$root/tmp/$name"
bare_mounted "$root" --net -- "$@" "$root" "$program"
