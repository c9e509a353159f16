use proptest::prelude::*;

use super::*;

fn entries(text: &str) -> (Vec<(String, String)>, String) {
    let outside = |name: &str| (name == "OUTSIDE").then_some("from outside");
    let mut problems = Problems::new();
    let entries = parse_dotenv(Path::new(".env"), text, &outside, &mut problems);
    (entries.into_iter().map(|entry| (entry.key, entry.value)).collect(), problems.to_string())
}

#[test]
fn values_are_read_as_docker_compose_reads_them() {
    for (text, expected) in [
        ("A=b", "b"),
        ("export A=b", "b"),
        ("A: b c ", "b c"),
        ("A = b", "b"),
        ("A=b # said of b", "b"),
        ("A=b#c", "b#c"),
        ("A=# nothing", ""),
        ("A=", ""),
        ("A='b # $OUTSIDE'", "b # $OUTSIDE"),
        ("A='it\\'s' # comment", "it's"),
        ("A=\"b\\tc\\n\\\"d\\\" \\\\ \\$OUTSIDE\"", "b\tc\n\"d\" \\ $OUTSIDE"),
        ("A=\"two\nlines\"  # comment\nB=c", "two\nlines"),
        ("A='two\n# lines'", "two\n# lines"),
        ("A=$OUTSIDE/x", "from outside/x"),
        ("A=${OUTSIDE}", "from outside"),
        ("Z=1\nA=\"${Z}${Y:-${X-2}}\"", "12"),
        ("Z=\nA=${Z:-a}${Z-b}${Z:+c}${Z+d}", "ad"),
        ("A=100$$ $ 5", "100$ $ 5"),
        ("\u{feff}A=b\r\n", "b"),
        ("A=1\nA=2", "2"),
    ] {
        let (entries, problems) = entries(text);
        assert_eq!(problems, "no problem", "{text}");
        let found = entries.iter().rev().find(|(key, _)| key == "A").map(|(_, value)| value.as_str());
        assert_eq!(found, Some(expected), "{text}");
    }
    for (text, expected) in [
        ("\n\n= b", ".env:3: a line is KEY=value"),
        ("A b", ".env:1: A: a \"=\" is expected"),
        ("A=\"b", ".env:1: A: the \" is not closed"),
        ("B='two\nlines'\nA='b' c", ".env:3: A: something stands behind the closing '"),
        ("A=${B:?set B first}", ".env:1: A: B is not set: set B first"),
        ("A=${B", "a \"${\" is not closed"),
        ("A=${1}", "${1} names no variable"),
        ("A=${B%x}", "${B%x} is no way"),
        (&format!("A={}{}", "${A:-".repeat(20), "}".repeat(20)), "within each other"),
    ] {
        let (_, problems) = entries(text);
        assert!(problems.contains(expected), "{text}: {problems}");
    }
    let (entries, problems) = entries("A=\"x\nB=1\n# comment\n\nJUST_A_NAME\nC=2");
    assert_eq!(entries, [("B".to_owned(), "1".to_owned()), ("C".to_owned(), "2".to_owned())]);
    assert!(problems.contains(".env:1: A:"));
}

fn load(text: &str, environment: &[(&str, &str)]) -> Result<Settings, Problems> {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(".env"), text).unwrap();
    let environment = environment.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned()));
    Settings::load_with(directory.path(), environment)
}

#[test]
fn the_originals_file_is_taken_as_it_is() {
    let settings = load(
        "# settings\nVCP_VCC_PRIVATE_IPMASK=10.0.2.15/24\n\nTAG=25.04.0-rc0\n\
         VCP_OFFICIAL_REGISTRY_ADDRESS=harbor.vcloud.nii.ac.jp\nCONSUL_BASE_URL=http://127.0.0.1:8500/v1/\n",
        &[],
    )
    .unwrap();
    assert_eq!(settings.warnings, Vec::<String>::new());
    assert_eq!(settings.address.to_string(), "10.0.2.15");
    assert_eq!(settings.network.to_string(), "10.0.2.0/24");
    assert_eq!((settings.api_port, settings.vault_port, settings.host_ssh_port), (443, 8443, 20022));
    assert_eq!(settings.data_dir, settings.directory.join("volume"));
    assert_eq!(settings.patience.check, Patience::default().check);
    assert!(settings.vault_url.is_none());
}

#[test]
fn the_environment_beats_the_file_and_own_keys_say_the_rest() {
    let settings = load(
        "VCP_VCC_PRIVATE_IPMASK=fd00::5/64\nVCC_API_PORT=7443\nVCC_DATA_DIR=/var/lib/vcc\nVCC_CHECK_INTERVAL=5s\n\
         VAULT_API_URL=https://vault.example.com:8200/\nVAULT_TOKEN='s.secret'\nREQUESTS_CA_BUNDLE=cert/ca.pem\n\
         SERF_ADVERTISE=10.0.0.9\nNGINX_PROXY_HOST=vcc.example.com\nBC_REGISTRY_HOST=10.0.0.5:5000\nVCC_APi_PORT=1\nHELLO=1\n",
        &[("VCC_API_PORT", "9443"), ("VCC_VAULT_PORT", ""), ("HOME", "/")],
    )
    .unwrap();
    assert_eq!((settings.api_port, settings.vault_port), (9443, 8443));
    assert_eq!(settings.address.to_string(), "fd00::5");
    assert_eq!(settings.data_dir, Path::new("/var/lib/vcc"));
    assert_eq!(settings.patience.check, Duration::from_secs(5));
    assert_eq!(settings.vault_url.as_deref(), Some("https://vault.example.com:8200"));
    assert_eq!(settings.vault_ca_file, Some(settings.directory.join("cert/ca.pem")));
    assert_eq!(settings.registry, "10.0.0.5:5000");
    assert!(!format!("{settings:?}").contains("s.secret"));
    let warnings = settings.warnings.join("\n");
    assert!(
        warnings.contains(".env:11: VCC_APi_PORT: unknown key; did you mean \"VCC_API_PORT\"?"),
        "{warnings}"
    );
    assert!(warnings.contains(".env:12: HELLO: unknown key"), "{warnings}");
}

#[test]
fn what_is_wrong_is_named_with_file_and_line() {
    let right = "VCP_VCC_PRIVATE_IPMASK=10.0.2.15/24\n";
    for (text, expected) in [
        ("", ".env: VCP_VCC_PRIVATE_IPMASK: is missing; write this machine's address"),
        ("VCP_VCC_PRIVATE_IPMASK=\n", "VCP_VCC_PRIVATE_IPMASK: is missing"),
        ("VCP_VCC_PRIVATE_IPMASK=10.0.2.15\n", ".env:1: VCP_VCC_PRIVATE_IPMASK: \"10.0.2.15\" has no mask"),
        ("VCP_VCC_PRIVATE_IPMASK=10.0.2.0/24\n", "is the network, not this machine's address"),
        ("VCP_VCC_PRIVATE_IPMASK=eth0/24\n", "is not an address with its mask"),
        (&format!("{right}VCC_API_PORT=70000"), ".env:2: VCC_API_PORT: \"70000\" is not a port"),
        (&format!("{right}VCC_API_PORT=0"), "is not a port"),
        (
            &format!("{right}VCC_CHECK_INTERVAL=soon"),
            ".env:2: VCC_CHECK_INTERVAL: \"soon\" is not a duration",
        ),
        (&format!("{right}VCC_CHECK_INTERVAL=0s"), "is not a time between"),
        (
            &format!("{right}VAULT_API_URL=vault:8200"),
            "VAULT_API_URL: \"vault:8200\" is not an address of http",
        ),
        (&format!("{right}SERF_ADVERTISE=here"), "SERF_ADVERTISE: \"here\" is not an IP address"),
        (&format!("{right}NGINX_PROXY_HOST='a b'"), "NGINX_PROXY_HOST: \"a b\" is not a host name"),
        (&format!("{right}VCP_OFFICIAL_REGISTRY_ADDRESS=https://a"), "is not a registry's address"),
        (&format!("{right}A=\"b"), ".env:2: A: the \" is not closed"),
    ] {
        let said = load(text, &[]).unwrap_err().to_string();
        assert!(said.contains(expected), "{text}: {said}");
    }
    let said = load(right, &[("VCC_API_PORT", "x")]).unwrap_err().to_string();
    assert!(said.contains("environment variable VCC_API_PORT: VCC_API_PORT: \"x\" is not a port"), "{said}");
    let nowhere = Settings::load_with(Path::new("/nonexistent"), []).unwrap_err().to_string();
    assert!(nowhere.contains("/nonexistent/.env: VCP_VCC_PRIVATE_IPMASK: is missing"), "{nowhere}");
}

#[test]
fn what_cannot_be_taken_over_stays_until_the_next_start_and_is_named() {
    let former =
        load("VCP_VCC_PRIVATE_IPMASK=10.0.2.15/24\nVCC_DATA_DIR=/a\nVAULT_TOKEN=s.one\n", &[]).unwrap();
    let text = "VCP_VCC_PRIVATE_IPMASK=10.0.2.16/24\nSERF_ADVERTISE=10.0.0.9\nNGINX_PROXY_HOST=vcc.example.com\n\
                VAULT_API_URL=https://vault.example.com\nVAULT_TOKEN=s.two\nREQUESTS_CA_BUNDLE=ca.pem\n\
                VCC_LISTEN_ADDRESS=127.0.0.1\nVCC_API_PORT=1\nVCC_VAULT_PORT=2\nVCC_DATA_DIR=/b\n\
                VCC_HOST_SSH_PORT=22\nVCC_PAUSE=5s\n";
    let taken = load(text, &[]).unwrap().taken_over(&former);
    let keys: Vec<_> = text.lines().filter_map(|line| line.split('=').next()).collect();
    let warnings: Vec<_> = taken.warnings.iter().filter_map(|warning| warning.split(':').next()).collect();
    assert_eq!(warnings, keys[..10], "all but the last two");
    assert_eq!((taken.api_port, &*taken.data_dir), (443, Path::new("/a")));
    assert_eq!((taken.address, taken.network), (former.address, former.network));
    assert_eq!((taken.membership_address, taken.vault_url), (None, None));
    assert_eq!(taken.vault_token.unwrap().expose(), "s.one");
    assert_eq!((taken.host_ssh_port, taken.patience.pause), (22, Duration::from_secs(5)));
}

proptest! {
    #[test]
    fn no_file_makes_the_reader_panic(text in "([A-C=: '\"#$\\\\{}:?+n\n-]|OUTSIDE|é){0,60}") {
        entries(&text);
    }

    #[test]
    fn nothing_at_all_makes_the_reader_panic(text in any::<String>()) {
        entries(&text);
    }

    #[test]
    fn single_quotes_keep_everything(value in "[a-z $\"#={}]{0,20}") {
        let (found, _) = entries(&format!("X=1\nA='{value}' # rest\nB=2"));
        prop_assert_eq!(&found[1].1, &value);
        prop_assert_eq!(found.len(), 3);
    }
}
