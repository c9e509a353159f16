//! Opening and making wallets.

use trustkeep_wallet::{Backend as _, Batch, Error, Query, Record};
use trustkeep_wallet_askar::{AskarSettings, AskarWallet, KeyDerivation, Opening};

use crate::places::{Place, raw_key};

async fn refusal(settings: &AskarSettings, opening: Opening) -> Error {
    AskarWallet::open(settings, opening).await.unwrap_err()
}

async fn put(wallet: &AskarWallet) {
    let mut batch = Batch::new();
    batch.insert(Record::new("c", "1", "kept"));
    assert!(wallet.commit(&[batch]).await.unwrap()[0].is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_is_made_once_and_opened_afterwards() {
    for place in Place::all() {
        let settings = place.settings();
        assert!(matches!(refusal(&settings, Opening::Existing).await, Error::NotFound(_)));
        let first = AskarWallet::open(&settings, Opening::Provisioned).await.unwrap();
        assert!(first.is_new());
        put(&first).await;
        for opening in [Opening::Provisioned, Opening::Existing] {
            let again = AskarWallet::open(&settings, opening).await.unwrap();
            assert!(!again.is_new());
            assert_eq!(again.profile(), first.profile());
            assert_eq!(again.count(&Query::all("c")).await.unwrap(), 1);
            again.close().await;
        }
        first.close().await;
        let anew = AskarWallet::open(&settings, Opening::Recreated).await.unwrap();
        assert!(anew.is_new());
        assert_eq!(anew.count(&Query::all("c")).await.unwrap(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_database_is_no_wallet_yet() {
    for place in Place::all() {
        place.execute("SELECT 1").await;
        assert!(matches!(refusal(&place.settings(), Opening::Existing).await, Error::NotFound(_)));
        assert!(AskarWallet::open(&place.settings(), Opening::Provisioned).await.unwrap().is_new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_not_its_key_is_denied() {
    for place in Place::all() {
        let key = raw_key(1);
        AskarWallet::open(&place.settings(), Opening::Provisioned).await.unwrap().close().await;
        for (key, derivation) in [
            (raw_key(2).as_str(), KeyDerivation::Raw),
            ("thisissecret", KeyDerivation::Raw),
            (key.as_str(), KeyDerivation::Interactive),
        ] {
            for opening in [Opening::Existing, Opening::Provisioned] {
                let error = refusal(&place.settings_with(key, derivation), opening).await;
                assert!(matches!(error, Error::Denied(_)), "{error}");
                assert!(!error.to_string().contains(key), "{error}");
            }
        }
        let other = AskarSettings { profile: Some("other".to_owned()), ..place.settings() };
        let error = refusal(&other, Opening::Existing).await;
        assert!(matches!(&error, Error::NotFound(what) if what.contains("other")), "{error}");
        let whatever = AskarSettings { derivation: None, ..place.settings() };
        AskarWallet::open(&whatever, Opening::Existing).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passphrase_opens_what_it_made() {
    let place = Place::folder();
    let settings = place.settings_with("thisissecret", KeyDerivation::Interactive);
    AskarWallet::open(&settings, Opening::Provisioned).await.unwrap().close().await;
    AskarWallet::open(&settings, Opening::Existing).await.unwrap();
    let error =
        refusal(&place.settings_with("thisiswrong", KeyDerivation::Interactive), Opening::Existing).await;
    assert!(matches!(error, Error::Denied(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_that_start_together_stand_on_one_wallet() {
    const ROUNDS: usize = 20;
    const INSTANCES: usize = 5;
    for round in 0..ROUNDS {
        for place in Place::all() {
            let mut starts = tokio::task::JoinSet::new();
            for _ in 0..INSTANCES {
                let settings = place.settings();
                starts.spawn(async move { AskarWallet::open(&settings, Opening::Provisioned).await });
            }
            let wallets: Vec<_> = starts.join_all().await.into_iter().collect::<Result<_, _>>().unwrap();
            let new = wallets.iter().filter(|wallet| wallet.is_new()).count();
            assert_eq!(new, 1, "round {round}");
            put(&wallets[0]).await;
            for wallet in &wallets {
                assert_eq!(wallet.profile(), wallets[0].profile());
                assert!(wallet.get("c", "1").await.unwrap().is_some());
                wallet.close().await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_askar_wallet_is_left_as_it_is() {
    let indy = "CREATE TABLE items (id INTEGER); CREATE TABLE metadata (id INTEGER); \
                CREATE TABLE tags_encrypted (name TEXT); CREATE TABLE tags_plaintext (name TEXT)";
    for (tables, named) in [(indy, "libindy"), ("CREATE TABLE profiles (id INTEGER)", "no wallet")] {
        for place in Place::all() {
            place.execute(tables).await;
            for opening in [Opening::Existing, Opening::Provisioned, Opening::Recreated] {
                let error = refusal(&place.settings(), opening).await;
                assert!(matches!(&error, Error::Invalid(why) if why.contains(named)), "{error}");
            }
            place
                .execute(if named == "libindy" { "SELECT * FROM items" } else { "SELECT * FROM profiles" })
                .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_database_is_left_as_it_is() {
    let place = Place::folder();
    let settings = place.settings();
    let file = std::path::Path::new(&settings.name);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, "a letter".repeat(1000)).unwrap();
    for opening in [Opening::Existing, Opening::Provisioned, Opening::Recreated] {
        let error = refusal(&settings, opening).await;
        assert!(matches!(error, Error::Invalid(_)), "{error}");
    }
    assert!(std::fs::read_to_string(file).unwrap().starts_with("a letter"));
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_finds_records_by_their_tags() {
    use sqlx::{Connection as _, Row as _};
    let place = Place::folder();
    AskarWallet::open(&place.settings(), Opening::Provisioned).await.unwrap();
    let url = format!("sqlite://{}", place.settings().name);
    let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
    // The condition that Askar's queries have.
    let plan = "EXPLAIN QUERY PLAN SELECT i.id FROM items i WHERE i.profile_id = 1 AND (i.kind = 2 OR 2 IS NULL) AND i.id IN \
                (SELECT item_id FROM items_tags WHERE name = 'a' AND value = 'b' AND SUBSTR(value, 1, 12) = 'b' \
                AND plaintext = 0) ORDER BY id";
    let plan = sqlx::query(plan).fetch_all(&mut connection).await.unwrap();
    let plan: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
    assert!(plan.iter().any(|step| step.contains("SEARCH i USING INTEGER PRIMARY KEY")), "{plan:?}");
}
