#!/bin/sh
# Settings of the inner engine: its own bridge and addresses, no rules of its own, no open port.
set -eu
: "${LOG_DRIVER:=local}" "${DOCKER_TLS_DIR:=/etc/vcp/docker-tls}"

say() { echo "00-docker: $*" >&2; }

# A network of 65,536 addresses that the server has no route into.
choose_pool() {
  for pool in ${VCP_DOCKER_POOL:-172.29.0.0/16 172.28.0.0/16 172.27.0.0/16 10.213.0.0/16 10.214.0.0/16}; do
    case $pool in *.*.0.0/16) ;; *) say "VCP_DOCKER_POOL=$pool: it has to be a network of 16 bits, such as 172.29.0.0/16"; exit 1 ;; esac
    if ! { ip -4 route show root "$pool"; ip -4 route show match "$pool" | grep -v '^default'; } | grep -q .; then
      echo "$pool"
      return
    fi
  done
  say "no addresses for containers: the server has routes into all of the usual networks; set VCP_DOCKER_POOL"
  exit 1
}

pool=$(choose_pool)
echo "$pool" >/run/vcp/pool

hosts='"unix:///run/docker.sock"' tls=
case ${DOCKER_TCP:-} in
  true | 1 | yes)
    if [ -r "$DOCKER_TLS_DIR/ca.pem" ] && [ -r "$DOCKER_TLS_DIR/cert.pem" ] && [ -r "$DOCKER_TLS_DIR/key.pem" ]; then
      case $PRIVATE_IP in *:*) address="[$PRIVATE_IP]" ;; *) address=$PRIVATE_IP ;; esac
      hosts="$hosts, \"tcp://$address:2375\""
      tls=", \"tlsverify\": true, \"tlscacert\": \"$DOCKER_TLS_DIR/ca.pem\", \"tlscert\": \"$DOCKER_TLS_DIR/cert.pem\", \"tlskey\": \"$DOCKER_TLS_DIR/key.pem\""
    else
      say "DOCKER_TCP: port 2375 stays closed, because whoever reaches an unprotected engine is root on this server. Bind a folder with" \
        "ca.pem, cert.pem and key.pem to $DOCKER_TLS_DIR, or go through SSH: docker -H ssh://root@$PRIVATE_IP"
    fi
    ;;
esac

registries=
[ -z "${VCCCTR_IPADDR:-}" ] || registries="\"$VCCCTR_IPADDR:5000\", \"$VCCCTR_IPADDR:5001\""
mkdir -p /etc/docker
cat >/etc/docker/daemon.json <<JSON
{
  "hosts": [$hosts]$tls,
  "bridge": "vcp0",
  "default-address-pools": [{ "base": "$pool", "size": 24 }],
  "iptables": false,
  "ip6tables": false,
  "ip-masq": false,
  "log-driver": "$LOG_DRIVER",
  "shutdown-timeout": 3,
  "insecure-registries": [$registries]
}
JSON
