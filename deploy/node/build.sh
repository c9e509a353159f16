#!/bin/sh
# Builds the base image of nodes out of Debian packages; no registry is asked. What comes out is what `docker load` reads.
#   build.sh [--minimal] OUTPUT.tar [NAME:TAG]     --minimal: without a container engine, for tests that need a node soon
# Needs root (or subordinate user ids) and mmdebstrap.
#   NODE_IMAGE_PACKAGES   more packages, separated by spaces
#   NODE_IMAGE_SUITE      Debian's release: bookworm
#   NODE_IMAGE_MIRROR     where its packages are: http://deb.debian.org/debian
#   NODE_IMAGE_SECURITY   and its security updates: http://deb.debian.org/debian-security; empty: none
set -eu
here=$(cd "$(dirname "$0")" && pwd)

engine=docker.io
if [ "${1:-}" = --minimal ]; then engine=; shift; fi
if [ $# -lt 1 ] || [ $# -gt 2 ]; then sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2; fi
command -v mmdebstrap >/dev/null || { echo "mmdebstrap is missing: apt-get install mmdebstrap" >&2; exit 1; }

version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$here/../../Cargo.toml" | head -n 1)
output=$1 tag=${2:-vcp/base:$version}
suite=${NODE_IMAGE_SUITE:-bookworm}
mirror=${NODE_IMAGE_MIRROR:-http://deb.debian.org/debian}
security=${NODE_IMAGE_SECURITY-http://deb.debian.org/debian-security}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$here" log -1 --format=%ct -- . 2>/dev/null || date +%s)}
[ -n "$SOURCE_DATE_EPOCH" ] || SOURCE_DATE_EPOCH=$(date +%s)
export SOURCE_DATE_EPOCH

main() {
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  trap 'exit 1' INT TERM
  mkdir "$work/image"
  root_filesystem "$work/image/layer.tar"
  describe "$work/image"
  tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -C "$work/image" -cf "$output.new" .
  mv "$output.new" "$output"
  echo "$tag: $(($(wc -c <"$output") >> 20)) MiB in $output"
}

# Services are runit's, the rest is what they run and what the scripts of rootfs call.
root_filesystem() {
  layer=$1
  packages="usr-is-merged openssh-server serf prometheus-node-exporter runit tini iproute2 ca-certificates procps sudo"
  [ -z "$engine" ] || packages="$packages $engine iptables"
  set -- "deb $mirror $suite main" "deb $mirror $suite-updates main"
  [ -z "$security" ] || set -- "$@" "deb $security $suite-security main"
  sources=$(printf '%s\n' "$@")
  # shellcheck disable=SC2016 # "$1" is the image's folder, for the hook to fill in
  # With /usr merged from the beginning, what would merge it later (and perl with it) is not needed.
  mmdebstrap --quiet --variant=apt --format=tar --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
    --include="$(echo "$packages ${NODE_IMAGE_PACKAGES:-}" | tr -s ' ' ',' | sed 's/,$//')" \
    --aptopt='Apt::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --customize-hook="sh '$here/install.sh' '$here/rootfs' \"\$1\" '$engine'" \
    "$suite" "$layer" - <<SOURCES
$sources
SOURCES
}

# The image's configuration, by its own digest, and the list of what is in the archive.
describe() {
  layer=$(sha256sum "$1/layer.tar" | cut -d ' ' -f 1)
  case $(dpkg --print-architecture) in amd64) architecture=amd64 ;; arm64) architecture=arm64 ;; *) echo "no such image yet: amd64 and arm64 only" >&2; exit 1 ;; esac
  [ -z "$engine" ] && volumes= || volumes='"Volumes":{"/var/lib/docker":{}},'
  cat >"$1/config.json" <<CONFIG
{"architecture":"$architecture","os":"linux","created":"$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)",
"config":{"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin","LANG=C.UTF-8","container=docker"],
"Entrypoint":["/usr/bin/tini","--","/usr/local/sbin/vcp-node"],"Cmd":["run"],"StopSignal":"SIGTERM",$volumes
"ExposedPorts":{"22/tcp":{},"7947/tcp":{},"7947/udp":{},"18083/tcp":{}},
"Labels":{"org.opencontainers.image.title":"VCP base container","org.opencontainers.image.version":"$version"}},
"rootfs":{"type":"layers","diff_ids":["sha256:$layer"]},
"history":[{"created_by":"deploy/node/build.sh"}]}
CONFIG
  digest=$(sha256sum "$1/config.json" | cut -d ' ' -f 1)
  mv "$1/config.json" "$1/$digest.json"
  mkdir "$1/$layer"
  mv "$1/layer.tar" "$1/$layer/layer.tar"
  echo "[{\"Config\":\"$digest.json\",\"RepoTags\":[\"$tag\"],\"Layers\":[\"$layer/layer.tar\"]}]" >"$1/manifest.json"
}

main
