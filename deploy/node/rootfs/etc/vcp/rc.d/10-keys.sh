#!/bin/sh
# Who may log in: AUTHORIZED_KEYS (base64 of one or more lines) as root and, where VCP_USER names one, as that user.
set -eu

say() { echo "10-keys: $*" >&2; }

authorize() { # USER HOME
  mkdir -p "$2/.ssh"
  printf '%s\n' "$keys" >"$2/.ssh/authorized_keys"
  chmod 700 "$2/.ssh"
  chmod 600 "$2/.ssh/authorized_keys"
  chown -R "$1:" "$2/.ssh"
}

if [ -z "${AUTHORIZED_KEYS:-}" ]; then
  say "AUTHORIZED_KEYS is missing: nobody can log in"
  [ -z "${VCP_USER:-}" ] || exit 1
  exit 0
fi
keys=$(printf '%s' "$AUTHORIZED_KEYS" | base64 -d) || { say "AUTHORIZED_KEYS is not base64"; exit 1; }
authorize root /root

[ -n "${VCP_USER:-}" ] || exit 0
if ! id "$VCP_USER" >/dev/null 2>&1; then
  # A password that nothing matches; an account without one would be locked for keys as well.
  useradd --create-home --shell "${VCP_SHELL:-/bin/bash}" --user-group --password '*' "$VCP_USER"
  ! getent group docker >/dev/null || usermod --append --groups docker "$VCP_USER"
  if [ -z "${SUDO_NOT_PERMITTED:-}" ]; then
    echo "$VCP_USER ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/vcp
    chmod 440 /etc/sudoers.d/vcp
  fi
fi
authorize "$VCP_USER" "$(getent passwd "$VCP_USER" | cut -d : -f 6)"
