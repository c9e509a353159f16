//! The users of simulated servers: this machine's, and the one that cloud images have.

use std::path::Path;

use anyhow::Context as _;

/// As whom the controller logs in where nobody names another.
const USER: &str = "ubuntu";
/// Who may use Docker without being root.
pub(super) const DOCKER: &str = "docker";
/// Their numbers, where this machine has none of these names.
const USER_ID: &str = "1000";
const DOCKER_ID: &str = "990";

/// Writes `passwd` and `group`, which a server has in the place of this machine's.
pub(super) fn write(dir: &Path) -> anyhow::Result<()> {
    let read = |path: &str| std::fs::read_to_string(path).with_context(|| path.to_owned());
    let (passwd, group) = tables(&read("/etc/passwd")?, &read("/etc/group")?);
    std::fs::write(dir.join("passwd"), passwd)?;
    std::fs::write(dir.join("group"), group)?;
    Ok(())
}

fn tables(passwd: &str, group: &str) -> (String, String) {
    let docker = number(group, DOCKER).unwrap_or(DOCKER_ID);
    let user = number(passwd, USER).unwrap_or(USER_ID);
    (
        format!("{}{USER}:*:{user}:{user}::/:/bin/sh\n", others(passwd, &[USER])),
        format!("{}{USER}:x:{user}:\n{DOCKER}:x:{docker}:{USER}\n", others(group, &[USER, DOCKER])),
    )
}

/// The third field of a name's line.
fn number<'a>(table: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = table.lines().map(|line| line.split(':'));
    lines.find_map(|mut fields| fields.next().filter(|first| *first == name).and_then(|_| fields.nth(1)))
}

fn others(table: &str, names: &[&str]) -> String {
    let is_other = |line: &&str| !names.contains(&line.split(':').next().unwrap_or_default());
    table.lines().filter(is_other).map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_may_use_docker_and_all_others_stay() {
        let (passwd, group) = tables("root:x:0:0:root:/root:/bin/bash\n", "root:x:0:\ndocker:x:104:ann\n");
        assert_eq!(passwd, "root:x:0:0:root:/root:/bin/bash\nubuntu:*:1000:1000::/:/bin/sh\n");
        assert_eq!(group, "root:x:0:\nubuntu:x:1000:\ndocker:x:104:ubuntu\n");
        let (passwd, group) = tables("ubuntu:x:1001:1001:U:/home/ubuntu:/bin/bash", "ubuntu:x:1001:");
        assert_eq!(passwd, "ubuntu:*:1001:1001::/:/bin/sh\n");
        assert_eq!(group, "ubuntu:x:1001:\ndocker:x:990:ubuntu\n");
    }
}
