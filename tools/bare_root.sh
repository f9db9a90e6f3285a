# shellcheck shell=bash
# A fresh, bare Debian 12 root, for scripts that source this: bare_root makes one, bare_enter runs a command in it.
#
# The root is what debootstrap's minbase makes, with ca-certificates. It is kept packed under BARE (default
# /var/tmp/pictor-bare) for the next time. The packages come from where this machine's own apt takes them; its certificates
# are taken along, and nothing else of it. Needs root rights and debootstrap.
bare_sources=/etc/apt/sources.list.d/debian.sources
bare=${BARE:-/var/tmp/pictor-bare}

bare_fail() { echo "$(basename "$0"): $*" >&2; exit 3; }

bare_check() {
  local tool
  for tool in debootstrap zstd unshare; do
    command -v "$tool" >/dev/null || bare_fail "$tool is missing: apt-get install $tool"
  done
  [ "$(id -u)" = 0 ] || bare_fail "needs root rights, to make and enter another root"
  [ -r "$bare_sources" ] || bare_fail "$bare_sources is missing: only Debian 12 has been thought of"
}

bare_base() {  # makes the packed root where there is none
  local fresh
  [ ! -f "$bare/base.tar.zst" ] || return 0
  fresh=$(mktemp -d "$bare/base.XXXXXX")
  if ! debootstrap --variant=minbase --include=ca-certificates bookworm "$fresh" \
    "$(sed -n 's/^URIs: *//p' "$bare_sources" | head -1)" >&2; then
    rm -rf "$fresh"
    bare_fail "debootstrap failed: is there a network?"
  fi
  tar -C "$fresh" --exclude='./var/cache/apt/archives/*.deb' -cf - . | zstd -q -3 -o "$bare/base.tar.zst.part"
  mv "$bare/base.tar.zst.part" "$bare/base.tar.zst"
  rm -rf "$fresh"
}

bare_root() {  # prints the path of a fresh root; whoever asked removes it
  local root
  bare_check
  mkdir -p "$bare"
  bare_base
  root=$(mktemp -d "$bare/run.XXXXXX")
  tar -C "$root" --zstd -xf "$bare/base.tar.zst"
  chmod 755 "$root"
  cp /etc/resolv.conf "$root/etc/"
  cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/" 2>/dev/null || true
  rm -f "$root/etc/apt/sources.list"
  cp "$bare_sources" "$root/etc/apt/sources.list.d/"
  echo "$root"
}

# bare_mounted ROOT [unshare options] -- COMMAND...: runs it here, while ROOT has its /proc, /sys and /dev. The mounts live in
# a name space of their own and go with it, so that removing the root can never reach the machine's.
bare_mounted() {
  local root=$1 options=()
  shift
  while [ "$1" != -- ]; do options+=("$1"); shift; done
  shift
  unshare --mount --pid --fork --kill-child "${options[@]}" bash -ec '
    root=$1; shift
    mount -t proc proc "$root/proc"; mount --rbind /sys "$root/sys"; mount --rbind /dev "$root/dev"
    exec "$@"
  ' _ "$root" "$@"
}

bare_enter() {  # ROOT SCRIPT ARGUMENTS...: bash in the root, which knows nothing of this machine's environment
  local root=$1 script=$2
  shift 2
  bare_mounted "$root" -- env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 CI=true DEBIAN_FRONTEND=noninteractive \
    chroot "$root" bash -ec "$script" bare "$@"
}
