//! What cloud-init does at the first start, so that the machine can be a node.

use serde_json::json;

/// The port of the machine's sshd: 22 belongs to the base container.
const SSH_PORT: u16 = 20022;

/// The user that the controller logs in as.
const USER: &str = "ubuntu";

/// Docker where the image has none, then sshd on its port. The port comes last, so that a machine that answers there is
/// ready; and it comes in any case, so that one without a way to the packages can say so instead of never answering.
const PREPARE: &str = r#"
if ! command -v docker >/dev/null 2>&1; then
  export DEBIAN_FRONTEND=noninteractive
  for pause in 5 10 20 40 0; do
    apt-get -q -o DPkg::Lock::Timeout=300 update &&
      apt-get -q -y -o DPkg::Lock::Timeout=300 install docker.io && break
    sleep "$pause"
  done
fi
systemctl enable --now docker
usermod -aG docker USER
for file in /etc/ssh/sshd_config /etc/ssh/sshd_config.d/*.conf; do
  if [ -f "$file" ]; then sed -i -E '/^[[:space:]]*Port[[:space:]]/Id' "$file"; fi
done
sed -i '1i Port PORT' /etc/ssh/sshd_config
if systemctl is-enabled --quiet ssh.socket 2>/dev/null; then
  systemctl disable --now ssh.socket
  systemctl enable ssh.service
fi
systemctl restart ssh.service || systemctl restart sshd.service
"#;

/// A `#cloud-config` document. It is JSON, which YAML contains, so that nothing needs quoting by hand.
pub(crate) fn cloud_config(public_key: &str) -> String {
    let prepare = PREPARE.replace("USER", USER).replace("PORT", &SSH_PORT.to_string());
    let document = json!({
        "users": [{
            "name": USER,
            "groups": "adm, sudo",
            "shell": "/bin/bash",
            "sudo": "ALL=(ALL) NOPASSWD:ALL",
            "lock_passwd": true,
            "ssh_authorized_keys": [public_key.trim()],
        }],
        "disable_root": true,
        "ssh_pwauth": false,
        "runcmd": [["sh", "-c", prepare.trim()]],
    });
    format!("#cloud-config\n{document}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_document_with_the_key_and_a_script_that_sh_reads() {
        let text = cloud_config("ssh-ed25519 AAAA vcc\n");
        let (first, json) = text.split_once('\n').unwrap();
        assert_eq!(first, "#cloud-config");
        let document: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(document["users"][0]["ssh_authorized_keys"][0], "ssh-ed25519 AAAA vcc");
        let script = document["runcmd"][0][2].as_str().unwrap();
        assert!(script.contains("1i Port 20022") && script.contains("usermod -aG docker ubuntu"), "{script}");
        let checked = std::process::Command::new("sh").args(["-n", "-c", script]).status().unwrap();
        assert!(checked.success());
        // EC2's limit.
        assert!(text.len() < 16 << 10);
    }
}
