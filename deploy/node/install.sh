#!/bin/sh
# Called by build.sh while the image is still a folder: puts our files into it and takes out what each node has to make for itself.
#   install.sh ROOTFS IMAGE_FOLDER [ENGINE]
set -eu
from=$1 image=$2 engine=${3:-}

cp -R --preserve=mode "$from/." "$image/"
if [ -n "$engine" ]; then
  # Where clients of the original look for it.
  ln -s /usr/bin/docker "$image/usr/local/bin/docker"
else
  rm -r "$image/etc/vcp/service/dockerd" "$image/etc/vcp/rc.d/00-docker.sh" "$image/usr/local/libexec/vcp-node"
fi
# Host keys and the machine's id are each node's own.
rm -f "$image"/etc/ssh/ssh_host_* "$image/etc/machine-id" "$image/etc/hostname" "$image/etc/resolv.conf"
# Nothing may be left of the build that differs each time.
rm -rf "$image"/var/log/*.log "$image"/var/log/apt "$image"/var/cache/ldconfig/* "$image"/var/lib/apt/lists/*
