//! `trustkeep demo`: what vault, ledger, auditor, agents and controller do together, told in seconds, with a forger who is caught and a server that is lost.
//!
//! Everything is real: servers on free ports of this machine, their stores in a directory of their own, and every
//! sentence is printed after what it says has happened. Where something does not, the demo fails.

mod agents;
mod forger;
mod servers;
mod stage;

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::{Value, json};
use trustkeep_contract::json::{Json, object};
use trustkeep_crypto::hash;
use trustkeep_scalar_client::{Ages, Call, HashStore};
use trustkeep_scalar_rpc::{Error, StatusCode};

use self::stage::Stage;
use crate::host::Host;

/// What is left when it is over.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit code: 0 if everything happened as it is told, 1 if not.\n\n\
    Examples:\n  \
    trustkeep demo\n  \
    trustkeep demo --keep     keep the stores, keys and logs, and say where they are")]
pub(crate) struct Args {
    /// Keep the directory with the stores and keys instead of removing it
    #[arg(long)]
    keep: bool,
}

/// Runs to its end, or until interrupted.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let host = Host::start("error", None, false)?;
    let began = tokio::time::Instant::now();
    let mut dir = tempfile::Builder::new().prefix("trustkeep-demo-").tempdir()?;
    dir.disable_cleanup(args.keep);
    let told = tokio::select! {
        told = tell(dir.path(), &host) => told,
        () = host.supervisor.shutdown().wait() => Err(anyhow::anyhow!("the demo was interrupted")),
    };
    let told = match told {
        Ok(stage) => stage.strike().await,
        Err(error) => Err(error),
    };
    host.supervisor.shutdown().trigger("the demo is over");
    let ended = host.run().await;
    told?;
    say(&format!("\nAll of this took {:.1} seconds.", began.elapsed().as_secs_f64()))?;
    if args.keep {
        say(&format!("The stores and keys are in {}.", dir.path().display()))?;
    }
    ended
}

async fn tell(dir: &Path, host: &Host) -> anyhow::Result<Stage> {
    let mut stage = Stage::set(dir, &host.supervisor, &host.reload).await?;
    chapter("A vault, a ledger and an auditor")?;
    say(&format!(
        "The vault answers at {}, the ledger at {}, the auditor at {}.",
        stage.vault.address,
        stage.ledger_address(),
        stage.auditor_address()
    ))?;
    say(
        "Each has a store and keys of its own. In earnest the auditor belongs to somebody else: two administrators would have to lie together.",
    )?;
    say("A client called `demo` is registered at both, and each server knows the other's certificate.")?;
    keep_a_secret(&stage).await?;
    keep_records(&stage).await?;
    forge(&mut stage).await?;
    catch(&stage).await?;
    go_on(&stage).await?;
    agents::connect_and_talk(dir, &stage, &host.supervisor).await?;
    read_the_audit_log(&stage).await?;
    servers::place_and_lose(dir, &host.supervisor, &host.reload).await?;
    Ok(stage)
}

async fn keep_a_secret(stage: &Stage) -> anyhow::Result<()> {
    chapter("A secret in the vault")?;
    let device = json!({ "type": "ledger", "options": { "properties_file": stage.audit_properties } });
    stage.vault_request("POST", "sys/audit/ledger", Some(device)).await?;
    say(
        "The vault writes its audit log into the ledger from now on: it answers no request that is not on record there.",
    )?;
    let secret = json!({ "data": { "password": SECRET } });
    stage.vault_request("POST", "secret/data/payroll", Some(secret)).await?;
    let read = stage.vault_request("GET", "secret/data/payroll", None).await?;
    let password = read.pointer("/data/data/password").and_then(Value::as_str);
    anyhow::ensure!(password == Some(SECRET), "another password came back: {read}");
    say(&format!("Stored at secret/payroll and read back: password = {SECRET}."))
}

async fn keep_records(stage: &Stage) -> anyhow::Result<()> {
    chapter("Records in the ledger")?;
    let objects = HashStore::new(stage.client.clone());
    for (invoice, amount) in [(FORGED, 1200), (FORGED, HONEST_AMOUNT), (UNTOUCHED, 300)] {
        let put = objects.put_object(invoice, &digest(invoice, amount), metadata(amount), None).await?;
        let [proof] = put.ledger_proofs.as_slice() else { anyhow::bail!("one proof was expected: {put:?}") };
        let [theirs] = put.auditor_proofs.as_slice() else {
            anyhow::bail!("one proof was expected: {put:?}")
        };
        anyhow::ensure!(proof.hash == theirs.hash, "the proofs differ: {put:?}");
        say(&format!(
            "{invoice}: {amount} for Aoki Ltd. Version {}; ledger and auditor both sign hash {}….",
            proof.age + 1,
            short(&proof.hash)
        ))?;
    }
    let read = objects.get_object(FORGED).await?;
    anyhow::ensure!(amount(read.contract_result.as_deref()) == Some(HONEST_AMOUNT), "{read:?}");
    say(&format!(
        "Read back: {FORGED} is {HONEST_AMOUNT}. Each version holds the hash of the one before, and the signed request that made it."
    ))?;
    let valid = objects.validate_object(FORGED, Ages::ALL).await?;
    anyhow::ensure!(valid.code == StatusCode::Ok, "{valid:?}");
    say(&format!(
        "Validated from its first version to its last: {} {}.",
        valid.code.number(),
        valid.code.name()
    ))
}

async fn forge(stage: &mut Stage) -> anyhow::Result<()> {
    chapter("Somebody rewrites history")?;
    stage.stop_ledger().await?;
    let (from, to) = (format!("\"amount\":{HONEST_AMOUNT}"), format!("\"amount\":{FORGED_AMOUNT}"));
    let forged = forger::forge(&stage.ledger_store(), &asset(FORGED), &from, &to).await?;
    stage.start_ledger().await?;
    say("The ledger's administrator stops it, opens its store, and changes the latest version:")?;
    say(&format!("  before   {}", forged.before))?;
    say(&format!("  after    {}", forged.after))?;
    say("No fool: the stored hash is made anew to match. The ledger starts again as if nothing had happened.")
}

async fn catch(stage: &Stage) -> anyhow::Result<()> {
    chapter("And is caught")?;
    let argument = json!({ "object_id": FORGED }).to_string();
    let call = Call { contract_id: "object.v1_0_0.Get", argument: &argument, ..Call::default() };
    let ordered = stage.client.order(stage.client.prepare(call)?).await?;
    let answer = stage.client.execute_at_ledger(ordered.clone()).await?;
    anyhow::ensure!(amount(Some(&answer.contract_result)) == Some(FORGED_AMOUNT), "{answer:?}");
    say(&format!("Asked for {FORGED}, the ledger answers {FORGED_AMOUNT}, and signs it."))?;
    let verdict = stage.client.validate_at_auditor(ordered, answer.proofs).await;
    let verdict = inconsistent(verdict.err()).context("the auditor was to catch the ledger")?;
    say(&format!(
        "The client shows that to the auditor, which ran the same contract on its own records:\n  {} {}",
        verdict.code.number(),
        verdict.message
    ))?;
    let validated = stage.client.validate_ledger(None, &asset(FORGED), Ages::ALL).await;
    let code = match validated {
        Ok(validation) => Error::new(validation.code, ""),
        Err(error) => error,
    };
    let code = inconsistent(Some(code)).context("the validation was to fail")?;
    say(&format!(
        "Validating {FORGED} says the same to whoever asks: {} {}.",
        code.code.number(),
        code.code.name()
    ))
}

async fn go_on(stage: &Stage) -> anyhow::Result<()> {
    chapter("What nobody touched still works")?;
    let objects = HashStore::new(stage.client.clone());
    objects.put_object(UNTOUCHED, &digest(UNTOUCHED, 310), metadata(310), None).await?;
    let valid = objects.validate_object(UNTOUCHED, Ages::ALL).await?;
    anyhow::ensure!(valid.code == StatusCode::Ok, "{valid:?}");
    say(&format!(
        "{UNTOUCHED} takes another version, and is validated: {} {}.",
        valid.code.number(),
        valid.code.name()
    ))
}

async fn read_the_audit_log(stage: &Stage) -> anyhow::Result<()> {
    chapter("The vault's audit log")?;
    stage.vault_request("GET", "secret/data/payroll", None).await?;
    let argument = json!({ "asset_id": asset(AUDIT_LOG) }).to_string();
    let contract = &stage.client.config().validation_contract_id;
    let read = stage.client.execute_contract(contract, &argument).await?;
    let states: Value = serde_json::from_str(read.contract_result.as_deref().unwrap_or_default())?;
    let states = states.get(asset(AUDIT_LOG)).and_then(Value::as_array).cloned().unwrap_or_default();
    let entries = states.iter().filter_map(|state| state.pointer("/data/metadata/entries"));
    let log: String = entries.filter_map(Value::as_array).flatten().filter_map(Value::as_str).collect();
    let lines: Vec<Value> = log.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let reads = lines.iter().filter(|line| {
        let at = |pointer| line.pointer(pointer).and_then(Value::as_str);
        at("/type") == Some("response")
            && at("/request/path") == Some("secret/data/payroll")
            && at("/request/operation") == Some("read")
    });
    let reads = reads.count();
    anyhow::ensure!(reads == 2, "two reads of the secret were to be on record, not {reads}: {log}");
    anyhow::ensure!(!log.contains(SECRET), "the secret itself is in the log");
    say(&format!(
        "{} entries in {} records of the ledger; the secret's two readings are among them, its value is not.",
        lines.len(),
        states.len()
    ))?;
    let valid = stage.client.validate_ledger(None, &asset(AUDIT_LOG), Ages::ALL).await?;
    anyhow::ensure!(valid.code == StatusCode::Ok, "{valid:?}");
    say(&format!(
        "Validated: {} {}. Who changes an entry is caught as the forger was.",
        valid.code.number(),
        valid.code.name()
    ))
}

/// The error if it says that the servers' states differ.
fn inconsistent(error: Option<Error>) -> anyhow::Result<Error> {
    match error {
        Some(error) if error.code == StatusCode::InconsistentStates => Ok(error),
        Some(error) => Err(error.into()),
        None => anyhow::bail!("nobody noticed"),
    }
}

fn amount(result: Option<&str>) -> Option<i32> {
    let amount = serde_json::from_str::<Value>(result?).ok()?.pointer("/metadata/amount")?.as_i64()?;
    amount.try_into().ok()
}

fn metadata(amount: i32) -> Option<Json> {
    Some(object([("payee", "Aoki Ltd".into()), ("amount", amount.into())]))
}

/// What stands for the document itself, which no ledger needs to see.
fn digest(invoice: &str, amount: i32) -> String {
    hash::Algorithm::Sha256.digest(format!("{invoice}: {amount} for Aoki Ltd").as_bytes()).to_hex()
}

/// The asset that holds an object of the generic contracts.
fn asset(object: &str) -> String {
    format!("o_{object}")
}

fn short(hash: &[u8]) -> String {
    hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

fn chapter(title: &str) -> anyhow::Result<()> {
    say(&format!("\n== {title}"))
}

fn say(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

const SECRET: &str = "correct horse battery staple";
const FORGED: &str = "invoice-17";
const UNTOUCHED: &str = "invoice-18";
const HONEST_AMOUNT: i32 = 1250;
const FORGED_AMOUNT: i32 = 9250;
/// The object that the vault's audit device writes unless told otherwise.
const AUDIT_LOG: &str = "vault-audit";
