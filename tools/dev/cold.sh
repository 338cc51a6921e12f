#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Cold-machine check: makes a bare Debian 12 with debootstrap, clones the committed tree into it, runs both README commands there and
# checks that they print what the README says and that build and tests take no more than 35 minutes. Needs root and debootstrap. usage: cold.sh [FOLDER]; the folder is kept for a look.
set -euo pipefail
cd "$(dirname "$0")/../.."
source_tree=$PWD
root=${1:-$(mktemp -d /tmp/vtpu-cold.XXXXXX)}
[ "$(id -u)" = 0 ] || { echo "cold: needs root for debootstrap and chroot; run it with sudo" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "cold: debootstrap is missing; apt-get install debootstrap" >&2; exit 1; }
say() { printf '[cold] %s (%d s)\n' "$*" "$SECONDS"; }

# The machine's own mirrors and pip settings are used: the bare system must reach what this one reaches.
mirror=$(find /etc/apt -name '*.list' -o -name '*.sources' | sort | xargs cat |
  sed -nE 's/^(deb +(\[[^]]*\] +)?|URIs: +)((https?|file):[^ ]+\/debian)\/?( .*)?$/\3/p' | head -n 1)
say "debootstrap into $root"
debootstrap --variant=minbase bookworm "$root" ${mirror:+"$mirror"} >"$root.debootstrap.log" 2>&1 || { tail -n 20 "$root.debootstrap.log" >&2; exit 1; }
cleanup() { awk -v root="$root/" 'index($2, root) == 1 {print $2}' /proc/mounts | sort -r | xargs -r umount -l; }
trap cleanup EXIT
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount --rbind --make-rslave /dev "$root/dev" # with its pseudo terminals
rm -f "$root/etc/apt/sources.list"
cp -r /etc/apt/sources.list* /etc/apt/apt.conf.d /etc/apt/trusted.gpg.d "$root/etc/apt/" 2>/dev/null || true
cp /etc/resolv.conf /etc/hosts "$root/etc/" 2>/dev/null || true
[ ! -e /etc/pip.conf ] || cp /etc/pip.conf "$root/etc/"
if command -v pip >/dev/null; then pip config list 2>/dev/null | sed "s/^[^.]*\.//; s/='/ = /; s/'$//" >"$root.pip"; fi
apt_environment=$(env | grep -iE '^(https?_proxy|no_proxy|PIP_[A-Z_]*|SSL_CERT_FILE|REQUESTS_CA_BUNDLE)=' || true)
# Folders of packages that pip is told to look in are mounted read-only at the same place.
sed -nE 's#.*(file://)?(/[^ ]*).*#\2#p' "$root.pip" 2>/dev/null | grep -oE '/[^ \\]+' | sort -u | while read -r folder; do
  [ -d "$folder" ] && mkdir -p "$root$folder" && mount --bind -o ro "$folder" "$root$folder" || true
done
[ ! -d /usr/local/share/ca-certificates ] || { mkdir -p "$root/usr/local/share"; cp -r /usr/local/share/ca-certificates "$root/usr/local/share/"; }

inside() { # shellcheck disable=SC2086
  chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 $apt_environment "$@"; }
say "git and a clone"
inside sh -c 'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends git ca-certificates' \
  >"$root.apt.log" 2>&1 || { tail -n 20 "$root.apt.log" >&2; exit 1; }
git clone -q --no-hardlinks "$source_tree" "$root/srv/vtpu"

say "README command 1: tools/dev/demo.sh"
before=$SECONDS
inside sh -c 'cd /srv/vtpu && bash tools/dev/demo.sh --json demo.json' | tee "$root.demo.log"
say "README command 2: tools/dev/test.sh"
inside sh -c 'cd /srv/vtpu && bash tools/dev/test.sh' | tee "$root.test.log"
both=$((SECONDS - before))

status=0
# What the README promises: lines in its `prints` blocks that end in a pattern of the form /regular expression/.
while read -r file pattern; do
  if grep -qE -- "$pattern" "$root.$file.log"; then say "seen in $file: $pattern"; else say "MISSING in $file: $pattern"; status=1; fi
done < <(sed -nE 's/^<!-- prints (demo|test): (.*) -->$/\1 \2/p' README.md)
# Downloads and installed packages are no part of the build.
installing=$(sed -nE 's/^\[setup\] building \(([0-9]+) s\)$/\1/p' "$root.demo.log" | head -n 1)
building=$((both - ${installing:?the demo printed no time of its set-up}))
if [ "$building" -gt $((35 * 60)) ]; then say "TOO SLOW: build, main job and tests took $building s of 2100"; status=1; fi
say "both commands took $both s, without downloads $building s; done, status $status"
exit $status
