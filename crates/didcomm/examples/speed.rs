//! What a message costs, beside the primitives that bound it: `cargo run --release -p trustkeep-didcomm --example speed`.
//! One thread, in time on the processor where the system tells it; the best of several rounds, because other work on the
//! machine only ever adds.

use std::hint::black_box;
use std::io::Write as _;
use std::time::{Duration, Instant};

use askar_crypto::alg::chacha20::{C20P, Chacha20Key};
use askar_crypto::alg::x25519::X25519KeyPair;
use askar_crypto::encrypt::KeyAeadInPlace as _;
use askar_crypto::kdf::KeyExchange as _;
use askar_crypto::repr::KeySecretBytes as _;
use serde_json::json;
use trustkeep_crypto::random::SystemRandom;
use trustkeep_didcomm::document::{current, legacy};
use trustkeep_didcomm::{
    Attachment, Document, Envelope, Keypair, Message, Nym, Prefix, Recipient, Result, SignatureDecorator,
    envelope, forward,
};

const ROUNDS: usize = 15;
const ROUND: Duration = Duration::from_millis(60);

fn main() -> Result<()> {
    let random = SystemRandom;
    let (alice, bob, router) =
        (Keypair::generate(&random)?, Keypair::generate(&random)?, Keypair::generate(&random)?);
    let (to_bob, to_router) = ([Recipient::new(bob.verkey())?], [Recipient::new(router.verkey())?]);
    let message = json!({
        "@type": "https://didcomm.org/basicmessage/1.0/message", "@id": "4a7fd0c5-4f3e-4f2c-8d3c-000000000001",
        "~l10n": {"locale": "en"}, "sent_time": "2026-01-01 12:00:00Z", "content": "x".repeat(90),
    });
    let message = message.to_string().into_bytes();
    let packed = envelope::authcrypt(&message, &to_bob, &alice, &random)?;
    let sealed = envelope::anoncrypt(&message, &to_bob, &random)?;
    say(&format!(
        "a message of {} bytes packs to {} and {} bytes",
        message.len(),
        packed.len(),
        sealed.len()
    ));

    // The primitives of one packing: two agreements and an ephemeral key; of one opening: two agreements.
    let exchange = |seed: u8| X25519KeyPair::from_secret_bytes(&[seed; 32]);
    if let (Ok(one), Ok(other)) = (exchange(1), exchange(2)) {
        measure("X25519 agreement", || drop(black_box(one.key_exchange_bytes(&other))));
    }
    measure("X25519 key of a secret", || drop(black_box(exchange(3))));
    if let Ok(key) = Chacha20Key::<C20P>::from_secret_bytes(&[4; 32]) {
        measure("ChaCha20-Poly1305 of 1 KiB", || {
            let mut buffer = vec![0; 1024];
            drop(black_box(key.encrypt_in_place(&mut buffer, &[0; 12], b"")));
        });
    }
    measure("key pair", || drop(black_box(Keypair::generate(&random))));
    measure("recipient of a verkey", || drop(black_box(Recipient::new(bob.verkey()))));
    measure("pack, authcrypt", || drop(black_box(envelope::authcrypt(&message, &to_bob, &alice, &random))));
    measure("open, authcrypt", || {
        drop(black_box(Envelope::parse(&packed).and_then(|envelope| envelope.open(&bob))));
    });
    measure("pack, anoncrypt", || drop(black_box(envelope::anoncrypt(&message, &to_bob, &random))));
    measure("open, anoncrypt", || {
        drop(black_box(Envelope::parse(&sealed).and_then(|envelope| envelope.open(&bob))));
    });
    measure("forward to one mediator", || {
        drop(black_box(forward::wrap(packed.clone(), bob.verkey(), &to_router, Prefix::DidComm, &random)));
    });
    measure("parse an envelope", || drop(black_box(Envelope::parse(&packed))));
    measure("parse a message", || drop(black_box(Message::parse(&message))));

    let document = legacy::document(Nym::of(&alice.verkey()), alice.verkey(), &["http://a"], &[]);
    let four = current::peer_four(alice.verkey(), &["http://127.0.0.1:8030"], &[])?;
    measure("read a legacy document", || drop(black_box(Document::from_value(&document))));
    measure("read a long did:peer:4", || {
        let did = trustkeep_didcomm::did::peer::PeerFour::parse(four.long());
        drop(black_box(did.and_then(|did| did.document())));
    });
    measure("sign a decorator", || {
        drop(black_box(SignatureDecorator::sign(&document, &alice, 0, Prefix::DidComm)));
    });
    let decorator = SignatureDecorator::sign(&document, &alice, 0, Prefix::DidComm);
    measure("verify a decorator", || drop(black_box(decorator.verify())));
    let mut attachment = Attachment::from_bytes(None, "application/json", document.to_string().as_bytes());
    attachment.sign(&[&alice])?;
    measure("verify an attachment", || drop(black_box(attachment.signers())));

    // The slowest text that anybody can send: base58 takes quadratic time.
    let padding = json!({"x": "y".repeat(5_600)}).as_object().cloned().unwrap_or_default();
    let largest = trustkeep_didcomm::did::peer::PeerFour::generate(padding)?;
    measure(&format!("a did:peer:4 of {} characters", largest.long().len()), || {
        drop(black_box(trustkeep_didcomm::did::peer::PeerFour::parse(largest.long())));
    });
    Ok(())
}

fn measure(what: &str, mut work: impl FnMut()) {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let (start, on_processor, mut times) = (Instant::now(), on_processor(), 0_u32);
        while start.elapsed() < ROUND {
            work();
            times += 1;
        }
        let spent = match (on_processor, self::on_processor()) {
            (Some(before), Some(after)) => after.saturating_sub(before),
            _ => start.elapsed(),
        };
        best = best.min(spent.as_secs_f64() / f64::from(times));
    }
    say(&format!("{what:<36} {:>9.1} us {:>9.0} a second", best * 1e6, 1.0 / best));
}

/// The time that this thread has run, as Linux counts it.
fn on_processor() -> Option<Duration> {
    let counts = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    counts.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

fn say(line: &str) {
    // Nobody reads on: nothing to do about it.
    let _ = writeln!(std::io::stdout(), "{line}");
}
