# One of two nodes in two zones. On the other, only the addresses differ: 10.10.20.10 instead of 10.10.10.10.
# A load balancer in front asks /v1/sys/health on port 8200: 200 is the active node, 429 its standby.

api_addr     = "http://10.10.10.10:8200"
cluster_addr = "http://10.10.10.10:8201"
cluster_name = "trust"
log_level    = "Info"
ui           = true

listener "tcp" {
  address         = "0.0.0.0:8200"
  cluster_address = "10.10.10.10:8201"

  # The balancer ends TLS, in a network of its own. Otherwise:
  # tls_cert_file = "/etc/vault.d/cert.pem"
  # tls_key_file  = "/etc/vault.d/key.pem"
  tls_disable = "true"
}

# Without access_key and secret_key, here and below, the role of the instance is used.
seal "awskms" {
  region     = "eu-central-1"
  kms_key_id = "alias/vault"
}

# A table with partition key Path and sort key Key, both strings.
storage "dynamodb" {
  ha_enabled = "true"
  region     = "eu-central-1"
  table      = "vault"
}
