use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_credential_types::provider::ProvideCredentials as _;
use trustkeep_aws::credentials::SdkCredentials;
use trustkeep_aws::{
    Attempt, Chain, ChainSettings, Context, Credentials, CredentialsProvider as _, Error, region,
};

use crate::double::{Clock, Double, context, context_at, document, imds, ok, role_xml, status};

const LATER: &str = "2026-06-01T18:00:00Z";
const OFF: (&str, &str) = ("AWS_EC2_METADATA_DISABLED", "true");

fn settings() -> ChainSettings {
    ChainSettings::default()
}

async fn find(context: Context, settings: ChainSettings) -> Result<Arc<Credentials>, Error> {
    Chain::new(context, settings).unwrap().credentials().await
}

async fn tried(context: Context, settings: ChainSettings) -> Vec<Attempt> {
    match find(context, settings).await {
        Err(Error::Credentials { tried }) => tried,
        other => panic!("expected a list of attempts, got {other:?}"),
    }
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn path(file: &tempfile::NamedTempFile) -> &str {
    file.path().to_str().unwrap()
}

/// Every place has credentials; taking them away one by one shows the order.
#[tokio::test]
async fn places_are_tried_in_the_documented_order() {
    let credentials_file = file("[default]\naws_access_key_id = PROFILE\naws_secret_access_key = s\n");
    let token_file = file("web-token\n");
    let sts = Double::start(|_, _| ok(role_xml("AssumeRoleWithWebIdentity", "WEB", LATER))).await;
    let container = Double::start(|_, _| ok(document("CONTAINER", LATER))).await;
    let instance = imds(|_| document("INSTANCE", LATER)).await;
    let container_url = format!("{}/creds", container.url);
    let steps: [(&str, &[(&str, &str)]); 6] = [
        ("INSTANCE", &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &instance.url)]),
        ("CONTAINER", &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &container_url)]),
        (
            "WEB",
            &[
                ("AWS_WEB_IDENTITY_TOKEN_FILE", path(&token_file)),
                ("AWS_ROLE_ARN", "arn:aws:iam::1:role/r"),
                ("AWS_ENDPOINT_URL_STS", &sts.url),
            ],
        ),
        ("PROFILE", &[("AWS_SHARED_CREDENTIALS_FILE", path(&credentials_file))]),
        ("ENV", &[("AWS_ACCESS_KEY_ID", "ENV"), ("AWS_SECRET_ACCESS_KEY", "s")]),
        ("STATIC", &[]),
    ];
    let mut variables = Vec::new();
    for (expected, more) in steps {
        variables.extend_from_slice(more);
        let mut settings = settings();
        if expected == "STATIC" {
            settings.access_key_id = Some("STATIC".into());
            settings.secret_access_key = Some("s".into());
        }
        let found = find(context(&variables), settings).await.unwrap();
        assert_eq!(found.access_key_id, expected);
    }
}

#[tokio::test]
async fn failure_lists_every_place() {
    let tried = tried(context(&[OFF, ("HOME", "/nonexistent")]), settings()).await;
    let places: Vec<_> = tried.iter().map(|attempt| attempt.place).collect();
    let all = [
        "configuration",
        "environment",
        "profile files",
        "web identity",
        "container endpoint",
        "instance metadata",
    ];
    assert_eq!(places, all);
    let text = Error::Credentials { tried }.to_string();
    for part in [
        "environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set",
        "there is no profile default in /nonexistent/.aws/config or /nonexistent/.aws/credentials",
        "web identity: AWS_WEB_IDENTITY_TOKEN_FILE is not set",
        "instance metadata: switched off by AWS_EC2_METADATA_DISABLED",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[tokio::test]
async fn a_broken_place_ends_the_search() {
    let instance = imds(|_| document("INSTANCE", LATER)).await;
    let here = ("AWS_EC2_METADATA_SERVICE_ENDPOINT", instance.url.as_str());
    let half = tried(context(&[here, ("AWS_ACCESS_KEY_ID", "A")]), settings()).await;
    assert_eq!(
        half.last().unwrap().to_string(),
        "environment: AWS_ACCESS_KEY_ID is set but AWS_SECRET_ACCESS_KEY is not"
    );

    let named =
        tried(context(&[here, ("AWS_PROFILE", "absent"), ("HOME", "/nonexistent")]), settings()).await;
    assert!(named.last().unwrap().reason.starts_with("there is no profile absent in"), "{named:?}");

    let no_role = tried(context(&[here, ("AWS_WEB_IDENTITY_TOKEN_FILE", "/t")]), settings()).await;
    assert_eq!(no_role.last().unwrap().reason, "AWS_WEB_IDENTITY_TOKEN_FILE is set but AWS_ROLE_ARN is not");

    let file = ("AWS_WEB_IDENTITY_TOKEN_FILE", "/nonexistent/token");
    let no_file = tried(context(&[here, file, ("AWS_ROLE_ARN", "r")]), settings()).await;
    assert!(no_file.last().unwrap().reason.contains("/nonexistent/token: No such file"), "{no_file:?}");

    let container = Double::start(|_, _| status(500, "secret detail")).await;
    let uri = format!("{}/c", container.url);
    let failing = tried(context(&[here, ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &uri)]), settings()).await;
    assert_eq!(failing.last().unwrap().reason, format!("{uri} answered HTTP 500"));
    assert!(instance.asked().is_empty(), "the instance's role must not be used instead");
}

#[tokio::test]
async fn sts_refusing_a_token_is_explained() {
    let token = file("web-token");
    let sts = Double::start(|_, _| {
        status(
            403,
            "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>\
             <Message>Not authorized to perform sts:AssumeRoleWithWebIdentity</Message></Error>\
             <RequestId>r-7</RequestId></ErrorResponse>",
        )
    })
    .await;
    let variables = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", path(&token)),
        ("AWS_ROLE_ARN", "r"),
        ("AWS_ENDPOINT_URL_STS", sts.url.as_str()),
    ];
    let tried = tried(context(&variables), settings()).await;
    assert_eq!(
        tried.last().unwrap().to_string(),
        "web identity: sts answered AccessDenied (HTTP 403): Not authorized to perform \
         sts:AssumeRoleWithWebIdentity (request r-7)"
    );
    assert_eq!(sts.asked().len(), 1, "a refusal must not be repeated");
}

#[tokio::test]
async fn web_identity_sends_the_token_unsigned() {
    let token = file("web+token/=\n");
    let sts = Double::start(|_, _| ok(role_xml("AssumeRoleWithWebIdentity", "WEB", LATER))).await;
    let variables = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", path(&token)),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/r"),
        ("AWS_ROLE_SESSION_NAME", "pod-7"),
        ("AWS_ENDPOINT_URL_STS", sts.url.as_str()),
    ];
    let found = find(context(&variables), settings()).await.unwrap();
    assert_eq!(found.secret_access_key.expose(), "s+/=");
    assert_eq!(found.session_token.as_ref().unwrap().expose(), "t");
    assert_eq!(found.expires_at.unwrap().to_string(), LATER);
    let asked = &sts.asked()[0];
    assert_eq!(asked.header("authorization"), "");
    let form = asked.form();
    assert_eq!(form["Action"], "AssumeRoleWithWebIdentity");
    assert_eq!(form["Version"], "2011-06-15");
    assert_eq!(form["RoleSessionName"], "pod-7");
    assert_eq!(form["WebIdentityToken"], "web+token/=");
}

#[tokio::test]
async fn profiles_take_roles_through_one_another() {
    let config = file(
        "[profile outer]\nrole_arn = arn:outer\nsource_profile = inner\nexternal_id = x-1\n\
         [profile inner]\nrole_arn = arn:inner\nsource_profile = base\nrole_session_name = mine\nregion = us-west-2\n\
         [profile loop]\nrole_arn = a\nsource_profile = pool\n[profile pool]\nrole_arn = b\nsource_profile = loop\n\
         [profile sso]\nsso_session = corp\n",
    );
    let credentials = file("[base]\naws_access_key_id = BASE\naws_secret_access_key = s\n");
    let sts = Double::start(|_, number| ok(role_xml("AssumeRole", &format!("ROLE{number}"), LATER))).await;
    let profile = |name: &'static str| {
        context(&[
            OFF,
            ("AWS_PROFILE", name),
            ("AWS_CONFIG_FILE", path(&config)),
            ("AWS_SHARED_CREDENTIALS_FILE", path(&credentials)),
            ("AWS_ENDPOINT_URL", &sts.url),
            ("AWS_REGION", "eu-west-1"),
        ])
    };
    assert_eq!(find(profile("outer"), settings()).await.unwrap().access_key_id, "ROLE1");
    let [inner, outer] = &sts.asked()[..] else { panic!("two calls") };
    assert_eq!(
        (inner.form()["RoleArn"].as_str(), inner.form()["RoleSessionName"].as_str()),
        ("arn:inner", "mine")
    );
    assert!(inner.header("authorization").contains("Credential=BASE/20260601/eu-west-1/sts/aws4_request"));
    assert_eq!((outer.form()["RoleArn"].as_str(), outer.form()["ExternalId"].as_str()), ("arn:outer", "x-1"));
    assert!(outer.header("authorization").contains("Credential=ROLE0/"));
    assert_eq!(outer.header("x-amz-security-token"), "t");

    let loops = tried(profile("loop"), settings()).await;
    assert_eq!(loops.last().unwrap().reason, "more than 5 profiles refer to one another");
    let sso = tried(profile("sso"), settings()).await;
    assert_eq!(sso.last().unwrap().reason, "profile sso uses sso_session, which is not supported");
}

#[tokio::test]
async fn a_configured_role_is_taken_with_what_is_found() {
    let sts = Double::start(|_, _| ok(role_xml("AssumeRole", "ROLE", LATER))).await;
    let variables = [
        ("AWS_ACCESS_KEY_ID", "ENV"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
        ("AWS_ENDPOINT_URL", sts.url.as_str()),
    ];
    let role = ChainSettings { role_arn: Some("arn:r".into()), ..settings() };
    let found = find(context(&variables), role).await.unwrap();
    assert_eq!((found.access_key_id.as_str(), found.source), ("ROLE", "assumed role"));
    assert!(sts.asked()[0].header("authorization").contains("Credential=ENV/"));
}

#[tokio::test]
async fn container_tokens_are_read_anew_from_their_file() {
    let container =
        Double::start(|_, number| ok(document("C", ["2026-06-01T12:01:00Z", LATER][number]))).await;
    let token = file("first");
    let uri = format!("{}/v1/credentials", container.url);
    let clock = Clock::at("2026-06-01T12:00:00Z");
    let variables = [
        OFF,
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri.as_str()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path(&token)),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "ignored"),
    ];
    let chain = Chain::new(context_at(&variables, &clock), settings()).unwrap();
    chain.credentials().await.unwrap();
    std::fs::write(token.path(), "second\n").unwrap();
    clock.set("2026-06-01T13:00:00Z");
    chain.credentials().await.unwrap();
    let tokens: Vec<_> =
        container.asked().iter().map(|asked| asked.header("authorization").to_owned()).collect();
    assert_eq!(tokens, ["first", "second"]);
}

#[tokio::test]
async fn instance_metadata_problems_are_told_apart() {
    let at = |url: &str| context(&[("HOME", "/nonexistent"), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", url)]);
    let no_role =
        Double::start(|asked, _| if asked.method == "PUT" { ok("tok") } else { status(404, "") }).await;
    let reason = tried(at(&no_role.url), settings()).await.pop().unwrap().reason;
    assert_eq!(reason, "the instance has no role; attach an instance profile");

    let failed =
        imds(|_| r#"{"Code":"AssumeRoleUnauthorizedAccess","Message":"EC2 cannot assume the role"}"#.into());
    let reason = tried(at(&failed.await.url), settings()).await.pop().unwrap().reason;
    assert_eq!(reason, "it answered AssumeRoleUnauthorizedAccess: EC2 cannot assume the role");

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let reason = tried(at(&nobody), settings()).await.pop().unwrap().reason;
    assert!(reason.starts_with("not on an EC2 instance (") && reason.contains("refused"), "{reason}");
}

#[tokio::test]
async fn credentials_are_kept_and_refreshed_before_they_expire() {
    let instance = imds(|number| match number {
        0..3 => document("FIRST", "2026-06-01T13:00:00Z"),
        3..6 => document("SECOND", "2026-06-01T19:00:00Z"),
        _ => r#"{"Code":"Failed","Message":"down"}"#.into(),
    })
    .await;
    let clock = Clock::at("2026-06-01T12:00:00Z");
    let variables = [("HOME", "/nonexistent"), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", instance.url.as_str())];
    let chain = Arc::new(Chain::new(context_at(&variables, &clock), settings()).unwrap());
    let key = async |time: &str| {
        clock.set(time);
        chain.credentials().await.map(|found| found.access_key_id.clone())
    };
    // Token, role name and document make three requests a search.
    assert_eq!(key("2026-06-01T12:00:00Z").await.unwrap(), "FIRST");
    assert_eq!(key("2026-06-01T12:54:00Z").await.unwrap(), "FIRST");
    assert_eq!(instance.asked().len(), 3);
    assert_eq!(key("2026-06-01T12:56:00Z").await.unwrap(), "SECOND");
    assert_eq!(instance.asked().len(), 6);
    // While refreshing fails, the old ones serve, and the service is left in peace for half a minute.
    assert_eq!(key("2026-06-01T18:56:00Z").await.unwrap(), "SECOND");
    assert_eq!(key("2026-06-01T18:56:29Z").await.unwrap(), "SECOND");
    assert_eq!(instance.asked().len(), 9);
    assert_eq!(key("2026-06-01T18:56:30Z").await.unwrap(), "SECOND");
    assert_eq!(instance.asked().len(), 12);
    assert!(matches!(key("2026-06-01T19:00:00Z").await, Err(Error::Credentials { .. })));

    let sdk = SdkCredentials(chain.clone()).provide_credentials().await.unwrap_err();
    assert!(std::error::Error::source(&sdk).unwrap().to_string().contains("down"));
}

#[tokio::test]
async fn many_callers_make_one_search() {
    let token = file("web-token");
    let searches = Arc::new(AtomicUsize::new(0));
    let counter = searches.clone();
    let sts = Double::start(move |_, _| {
        counter.fetch_add(1, Ordering::SeqCst);
        ok(role_xml("AssumeRoleWithWebIdentity", "WEB", LATER))
    })
    .await;
    let variables = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", path(&token)),
        ("AWS_ROLE_ARN", "r"),
        ("AWS_ENDPOINT_URL_STS", sts.url.as_str()),
    ];
    let chain = Arc::new(Chain::new(context(&variables), settings()).unwrap());
    let callers = (0..50).map(|_| {
        let chain = chain.clone();
        tokio::spawn(async move { chain.credentials().await.unwrap().access_key_id.clone() })
    });
    for found in futures::future::join_all(callers).await {
        assert_eq!(found.unwrap(), "WEB");
    }
    assert_eq!(searches.load(Ordering::SeqCst), 1);

    let sdk = SdkCredentials(chain).provide_credentials().await.unwrap();
    assert_eq!((sdk.access_key_id(), sdk.session_token()), ("WEB", Some("t")));
    assert_eq!(sdk.expiry(), Some("2026-06-01T18:00:00Z".parse::<jiff::Timestamp>().unwrap().into()));
}

#[tokio::test]
async fn regions_are_tried_in_the_documented_order() {
    let config = file("[default]\nregion = profile-1\n");
    let instance = imds(|_| document("I", LATER)).await;
    let steps: [(&str, (&str, &str)); 4] = [
        ("eu-north-1", ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &instance.url)),
        ("profile-1", ("AWS_CONFIG_FILE", path(&config))),
        ("default-1", ("AWS_DEFAULT_REGION", "default-1")),
        ("env-1", ("AWS_REGION", "env-1")),
    ];
    let mut variables = vec![("HOME", "/nonexistent")];
    for (expected, more) in steps {
        variables.push(more);
        assert_eq!(region::resolve(&context(&variables), &settings()).await.unwrap(), expected);
    }
    let set = ChainSettings { region: Some("set-1".into()), ..settings() };
    assert_eq!(region::resolve(&context(&variables), &set).await.unwrap(), "set-1");

    let nowhere = region::resolve(&context(&[OFF]), &settings()).await.unwrap_err().to_string();
    assert!(nowhere.ends_with("set `region` or AWS_REGION"), "{nowhere}");
    let odd = ChainSettings { region: Some("evil.example/#".into()), ..settings() };
    let odd = region::resolve(&context(&[]), &odd).await.unwrap_err();
    assert!(matches!(odd, Error::Setting { parameter: "region", .. }), "{odd}");
}
