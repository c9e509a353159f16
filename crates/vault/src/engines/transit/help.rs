//! What transit says of its paths.

use crate::help::{Field, Help, PathHelp, flag, int, seconds, text, texts};
use crate::request::Operation::{Create, Delete, List, Read, Update};

/// See [`Help`].
pub(super) const HELP: Help = Help {
    overview: "Encrypts, decrypts, signs and verifies data with named keys that do not leave this server unless a key allows it. The data are not stored.",
    paths: &[
        PathHelp::new("keys", &[List], "Lists the names of the keys."),
        PathHelp::new("keys/{name}/rotate", &[Update], "Adds a version to a key, which encrypts and signs from then on."),
        PathHelp::new("keys/{name}/import", &[Update], "Makes a key of one that was made elsewhere.").takes(IMPORT),
        PathHelp::new("keys/{name}/import_version", &[Update], "Adds a version that was made elsewhere to an imported key.").takes(&[CIPHERTEXT, PUBLIC_KEY, HASH_FUNCTION, int("version", "The version to which the private key is added.")]),
        PathHelp::new("keys/{name}/config", &[Update], "Changes the settings of a key.").takes(&[
            int("min_decryption_version", "The lowest version that decrypts and verifies."),
            int("min_encryption_version", "The lowest version that encrypts and signs; 0 for the latest only."),
            flag("deletion_allowed", "Whether the key may be deleted."),
            EXPORTABLE,
            BACKUP,
            PERIOD,
        ]),
        PathHelp::new("keys/{name}/trim", &[Update], "Removes the old versions of a key for good.").takes(&[int("min_available_version", "The lowest version that is kept.")]),
        PathHelp::new("keys/{name}", &[Update, Read, Delete], "Makes, shows or deletes a key.").takes(&[
            TYPE,
            flag("derived", "Whether each context has a key of its own."),
            flag("convergent_encryption", "Whether a plaintext has one ciphertext under a context."),
            EXPORTABLE,
            BACKUP,
            PERIOD,
            int("key_size", "The bytes of a key of type hmac."),
            CONTEXT,
        ]),
        PathHelp::new("wrapping_key", &[Read], "The public key under which keys are wrapped to be imported."),
        PathHelp::new("encrypt/{name}", &[Create, Update], "Encrypts a plaintext, or a batch of them.").takes(&[
            text("plaintext", "The plaintext in base64."),
            CONTEXT,
            VERSION,
            AAD,
            TYPE,
            flag("convergent_encryption", "For a key that is made by this request."),
            BATCH,
            PARTIAL,
        ]),
        PathHelp::new("decrypt/{name}", &[Update], "Decrypts a ciphertext, or a batch of them.").takes(&[CIPHERTEXT, CONTEXT, AAD, BATCH, PARTIAL]),
        PathHelp::new("rewrap/{name}", &[Update], "Encrypts what a ciphertext holds with the latest version of its key.").takes(&[CIPHERTEXT, CONTEXT, VERSION, BATCH]),
        PathHelp::new("datakey/{plaintext}/{name}", &[Update], "Makes a key for use elsewhere: encrypted (wrapped), or also in plaintext.").takes(&[int("bits", "128, 256 or 512."), CONTEXT, VERSION, AAD]),
        PathHelp::new("hmac/{name}", &[Update], "Makes a message authentication code.").takes(&[INPUT, ALGORITHM, VERSION, BATCH]),
        PathHelp::new("hmac/{name}/{urlalgorithm}", &[Update], "Makes a message authentication code.").takes(&[INPUT, VERSION, BATCH]),
        PathHelp::new("sign/{name}", &[Update], "Signs data.").takes(SIGN),
        PathHelp::new("sign/{name}/{urlalgorithm}", &[Update], "Signs data.").takes(SIGN),
        PathHelp::new("verify/{name}", &[Update], "Verifies a signature or a message authentication code.").takes(VERIFY),
        PathHelp::new("verify/{name}/{urlalgorithm}", &[Update], "Verifies a signature or a message authentication code.").takes(VERIFY),
        PathHelp::new("export/{type}/{name}", &[Read], "Shows the keys of a key that may be exported: encryption-key, signing-key, hmac-key or public-key.").takes(&[FORMAT]),
        PathHelp::new("export/{type}/{name}/{version}", &[Read], "Shows one version, or the latest.").takes(&[FORMAT]),
        PathHelp::new("byok-export/{destination}/{source}", &[Read], "Shows a key wrapped under another, an RSA key.").takes(&[text("hash", "The digest of OAEP.")]),
        PathHelp::new("byok-export/{destination}/{source}/{version}", &[Read], "Shows one version wrapped under another key.").takes(&[text("hash", "The digest of OAEP.")]),
        PathHelp::new("backup/{name}", &[Read], "Shows a key with all in it as one text."),
        PathHelp::new("restore", &[Update], "Stores the key of a backup.").takes(RESTORE),
        PathHelp::new("restore/{name}", &[Update], "Stores the key of a backup under a name.").takes(RESTORE),
        PathHelp::new("random", &[Update], "Makes random bytes.").takes(RANDOM),
        PathHelp::new("random/{source}", &[Update], "Makes random bytes.").takes(RANDOM),
        PathHelp::new("random/{source}/{urlbytes}", &[Update], "Makes random bytes.").takes(RANDOM),
        PathHelp::new("hash", &[Update], "Makes a digest.").takes(HASH),
        PathHelp::new("hash/{urlalgorithm}", &[Update], "Makes a digest.").takes(HASH),
        PathHelp::new("cache-config", &[Read, Update], "How many keys stay in memory.").takes(&[int("size", "The number of keys; 0 for as many as there may be.")]),
        PathHelp::new("config/keys", &[Read, Update], "Settings of all keys.").takes(&[flag("disable_upsert", "Whether encrypting with an unknown key makes none.")]),
    ],
};

const TYPE: Field = text(
    "type",
    "aes128-gcm96, aes256-gcm96 (the default), chacha20-poly1305, ed25519, ecdsa-p256, ecdsa-p384, ecdsa-p521, rsa-2048, rsa-3072, rsa-4096 or hmac.",
);
const EXPORTABLE: Field = flag("exportable", "Whether the key may be exported. It is not taken back.");
const BACKUP: Field =
    flag("allow_plaintext_backup", "Whether the key may be backed up. It is not taken back.");
const PERIOD: Field = seconds(
    "auto_rotate_period",
    "The time after which a new version is made; 0 for never, else an hour at least.",
);
const CONTEXT: Field = text("context", "The context of a derived key, in base64.");
const VERSION: Field = int("key_version", "The version of the key; 0 for the latest.");
const AAD: Field = text("associated_data", "Data that are bound to the ciphertext, in base64.");
const BATCH: Field = texts("batch_input", "A list of objects with the fields of one request each.");
const PARTIAL: Field =
    int("partial_failure_response_code", "The status where some items of a batch fail and some do not.");
const CIPHERTEXT: Field = text("ciphertext", "The ciphertext, or a wrapped key.");
const PUBLIC_KEY: Field = text("public_key", "A public key in PEM.");
const HASH_FUNCTION: Field = text("hash_function", "The digest of OAEP: SHA1, SHA256, SHA384 or SHA512.");
const INPUT: Field = text("input", "The data in base64.");
const ALGORITHM: Field =
    text("algorithm", "The digest: sha2-224, -256, -384, -512 or sha3-224, -256, -384, -512.");
const HASH_ALGORITHM: Field = text(
    "hash_algorithm",
    "The digest: sha1, sha2-224, -256, -384, -512, sha3-224, -256, -384, -512 or none.",
);
const FORMAT: Field = text("format", "raw, der or pem; each type has its own without it.");
const PREHASHED: Field = flag("prehashed", "Whether the input is the digest.");
const SIGNATURE_ALGORITHM: Field = text("signature_algorithm", "pss or pkcs1v15, for RSA.");
const MARSHALING: Field = text("marshaling_algorithm", "asn1 or jws.");
const SALT: Field = text("salt_length", "auto, hash or a number of bytes, for PSS.");
const SIGN: &[Field] =
    &[INPUT, CONTEXT, HASH_ALGORITHM, VERSION, PREHASHED, SIGNATURE_ALGORITHM, MARSHALING, SALT, BATCH];
const VERIFY: &[Field] = &[
    INPUT,
    CONTEXT,
    text("signature", "The signature."),
    text("hmac", "The message authentication code."),
    HASH_ALGORITHM,
    PREHASHED,
    SIGNATURE_ALGORITHM,
    MARSHALING,
    SALT,
    BATCH,
];
const IMPORT: &[Field] = &[
    TYPE,
    CIPHERTEXT,
    PUBLIC_KEY,
    HASH_FUNCTION,
    flag("allow_rotation", "Whether the key may be rotated here."),
    flag("derived", "Whether each context has a key of its own."),
    EXPORTABLE,
    BACKUP,
    PERIOD,
];
const RESTORE: &[Field] =
    &[text("backup", "The text of a backup."), flag("force", "Whether a key of the name is replaced.")];
const RANDOM: &[Field] = &[int("bytes", "How many; 32 without it."), text("format", "base64 or hex.")];
const HASH: &[Field] = &[INPUT, ALGORITHM, text("format", "hex or base64.")];
