#!/bin/sh
# Settings of the inner engine: a bridge and addresses of its own, no open port.
set -eu
: "${LOG_DRIVER:=local}" "${DOCKER_TLS_DIR:=/etc/vcp/docker-tls}"

say() { echo "00-docker: $*" >&2; }

# A network of 16 bits that the server has no route into.
choose_subnet() {
  for subnet in ${VCP_DOCKER_SUBNET:-172.29.0.0/16 172.28.0.0/16 172.27.0.0/16 10.213.0.0/16 10.214.0.0/16}; do
    case $subnet in
      *.*.0.0/16) ;;
      *) say "VCP_DOCKER_SUBNET=$subnet: it has to be a network of 16 bits, such as 172.29.0.0/16"; exit 1 ;;
    esac
    if ! { ip -4 route show root "$subnet"; ip -4 route show match "$subnet" | grep -v '^default'; } | grep -q .; then
      echo "$subnet"
      return
    fi
  done
  say "no addresses for containers: the server has routes into all of the usual networks; set VCP_DOCKER_SUBNET"
  exit 1
}

subnet=$(choose_subnet)
echo "$subnet" >/run/vcp/subnet

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
  "log-driver": "$LOG_DRIVER",
  "shutdown-timeout": 3,
  "insecure-registries": [$registries]
}
JSON
