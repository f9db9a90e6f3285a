#!/bin/bash
# bare_machine.sh REPO COMMAND...: clones REPO into a fresh, bare Debian 12 root and runs each COMMAND there, in order.
#
# The root is what debootstrap's minbase makes, with git, make and ca-certificates: a set-up step that a used machine
# hides shows itself. Prints "bare: SECONDS s: COMMAND" after each. Needs root rights, debootstrap and 6 GiB under BARE
# (default /var/tmp/pictor-bare), where the root is kept packed for the next time. The packages come from where this
# machine's own apt takes them; its certificates are taken along, and nothing else of it.
set -euo pipefail
usage='usage: bare_machine.sh REPO COMMAND...'
repo=$(readlink -f "${1:?$usage}"); shift; : "${1:?$usage}"
sources=/etc/apt/sources.list.d/debian.sources
for tool in debootstrap zstd unshare git; do
  command -v "$tool" >/dev/null || { echo "bare_machine: $tool is missing: apt-get install $tool" >&2; exit 3; }
done
[ "$(id -u)" = 0 ] || { echo "bare_machine: needs root rights, to make and enter another root" >&2; exit 3; }
[ -r "$sources" ] || { echo "bare_machine: $sources is missing: only Debian 12 has been thought of" >&2; exit 3; }
bare=${BARE:-/var/tmp/pictor-bare}; mkdir -p "$bare"
if [ ! -f "$bare/base.tar.zst" ]; then
  fresh=$(mktemp -d "$bare/base.XXXXXX"); trap 'rm -rf "$fresh"' EXIT
  debootstrap --variant=minbase --include=ca-certificates bookworm "$fresh" \
    "$(sed -n 's/^URIs: *//p' "$sources" | head -1)" >&2
  tar -C "$fresh" --exclude='./var/cache/apt/archives/*.deb' -cf - . | zstd -q -3 -o "$bare/base.tar.zst.part"
  mv "$bare/base.tar.zst.part" "$bare/base.tar.zst"; rm -rf "$fresh"
fi
root=$(mktemp -d "$bare/run.XXXXXX"); trap 'rm -rf "$root"' EXIT
tar -C "$root" --zstd -xf "$bare/base.tar.zst"; chmod 755 "$root"
cp /etc/resolv.conf "$root/etc/"
cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/" 2>/dev/null || true
rm -f "$root/etc/apt/sources.list"; cp "$sources" "$root/etc/apt/sources.list.d/"
git clone -q --no-hardlinks "$repo" "$root/src"
inside='update-ca-certificates >/dev/null; apt-get -qq update
  apt-get -qq install -y --no-install-recommends make git >/dev/null; cd /src
  for command; do
    started=$SECONDS; bash -ec "$command"; echo "bare: $((SECONDS - started)) s: $command"
  done'
# The mounts live in a name space of their own and go with it, so that removing the root can never reach the machine's.
unshare --mount --pid --fork --kill-child bash -ec '
  root=$1; inside=$2; shift 2
  mount -t proc proc "$root/proc"; mount --rbind /sys "$root/sys"; mount --rbind /dev "$root/dev"
  exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 CI=true DEBIAN_FRONTEND=noninteractive \
    chroot "$root" bash -ec "$inside" bare "$@"
' _ "$root" "$inside" "$@"
