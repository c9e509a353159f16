"""Transit with hvac, and what it makes checked by other implementations: pyca's cryptography."""

import base64
import hashlib
import hmac
import json
import os

import hvac.exceptions
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KINDS = [
    "aes128-gcm96",
    "aes256-gcm96",
    "chacha20-poly1305",
    "ed25519",
    "ecdsa-p256",
    "ecdsa-p384",
    "ecdsa-p521",
    "rsa-2048",
    "rsa-3072",
    "rsa-4096",
    "hmac",
]
CIPHERS = {"aes128-gcm96": AESGCM, "aes256-gcm96": AESGCM, "chacha20-poly1305": ChaCha20Poly1305}
DIGESTS = {
    "sha1": hashes.SHA1(),
    "sha2-224": hashes.SHA224(),
    "sha2-256": hashes.SHA256(),
    "sha2-384": hashes.SHA384(),
    "sha2-512": hashes.SHA512(),
    "sha3-224": hashes.SHA3_224(),
    "sha3-256": hashes.SHA3_256(),
    "sha3-384": hashes.SHA3_384(),
    "sha3-512": hashes.SHA3_512(),
}
MESSAGE = b"some plaintext"


def b64(data):
    return base64.b64encode(data).decode()


def unb64(text):
    return base64.b64decode(text)


def payload(text, version=1):
    prefix = f"vault:v{version}:"
    assert text.startswith(prefix), text
    return text.removeprefix(prefix)


@pytest.fixture
def mount(vault, root):
    path = vault.new_name("transit")
    root.sys.enable_secrets_engine("transit", path=path)
    yield path
    root.sys.disable_secrets_engine(path)


@pytest.fixture
def transit(root, mount):
    """hvac's transit API at a mount that only this test uses."""
    return Bound(root, mount)


class Bound:
    """hvac's methods with the mount point given, and bare writes for what they do not take."""

    def __init__(self, client, mount):
        self.client, self.api, self.mount = client, client.secrets.transit, mount

    def write(self, path, **data):
        """What hvac checks against lists of its own that are shorter than Vault's goes past those checks."""
        return self.client.write_data(f"{self.mount}/{path}", data=data)

    def __getattr__(self, name):
        method = getattr(self.api, name)
        return lambda *args, **kwargs: method(*args, mount_point=self.mount, **kwargs)


def test_every_type_is_made_shown_listed_rotated_and_deleted(transit):
    for kind in KINDS:
        made = transit.write(f"keys/{kind}", type=kind, exportable=True)["data"]
        assert (made["type"], made["latest_version"], made["name"]) == (kind, 1, kind)
        assert transit.read_key(kind)["data"] == made
        again = transit.create_key(kind)
        assert again["warnings"] == [f"key {kind} already existed"] and again["data"] == made
        rotated = transit.rotate_key(kind)
        assert transit.read_key(kind)["data"]["latest_version"] == 2, rotated
    assert transit.list_keys()["data"]["keys"] == sorted(KINDS)
    for kind in KINDS:
        with pytest.raises(hvac.exceptions.InvalidRequest, match="deletion is not allowed for this key"):
            transit.delete_key(kind)
        transit.update_key_configuration(kind, deletion_allowed=True)
        transit.delete_key(kind)
        with pytest.raises(hvac.exceptions.InvalidPath):
            transit.read_key(kind)
    with pytest.raises(hvac.exceptions.InvalidPath):
        transit.list_keys()


@pytest.mark.parametrize("kind", list(CIPHERS))
def test_ciphertexts_are_opened_by_another_implementation(transit, kind):
    transit.write("keys/k", type=kind, exportable=True)
    key = unb64(transit.export_key("k", "encryption-key")["data"]["keys"]["1"])
    cipher = CIPHERS[kind](key)
    made = transit.encrypt_data("k", plaintext=b64(MESSAGE), associated_data=b64(b"aad"))["data"]
    sealed = unb64(payload(made["ciphertext"]))
    assert made["key_version"] == 1 and len(sealed) == 12 + len(MESSAGE) + 16
    assert cipher.decrypt(sealed[:12], sealed[12:], b"aad") == MESSAGE
    nonce = os.urandom(12)
    theirs = "vault:v1:" + b64(nonce + cipher.encrypt(nonce, b"from outside", None))
    assert unb64(transit.decrypt_data("k", ciphertext=theirs)["data"]["plaintext"]) == b"from outside"
    with pytest.raises(hvac.exceptions.InvalidRequest, match="message authentication failed"):
        transit.decrypt_data("k", ciphertext=made["ciphertext"])


@pytest.mark.parametrize("kind", list(CIPHERS))
def test_derived_and_convergent_keys_are_those_of_vault(transit, kind):
    transit.write("keys/k", type=kind, exportable=True, derived=True, convergent_encryption=True)
    shown = transit.read_key("k")["data"]
    assert (shown["kdf"], shown["convergent_encryption"], shown["convergent_encryption_version"]) == ("hkdf_sha256", True, -1)
    secret = unb64(transit.export_key("k", "encryption-key")["data"]["keys"]["1"])
    context = b"customer 7"
    derived = HKDF(hashes.SHA256(), len(secret) + 32, None, context).derive(secret)
    nonce = hmac.digest(derived[len(secret):], MESSAGE, "sha256")[:12]
    expected = b64(nonce + CIPHERS[kind](derived[: len(secret)]).encrypt(nonce, MESSAGE, None))
    for _ in range(2):
        made = transit.encrypt_data("k", plaintext=b64(MESSAGE), context=b64(context))["data"]["ciphertext"]
        assert payload(made) == expected
    opened = transit.decrypt_data("k", ciphertext=made, context=b64(context))["data"]
    assert unb64(opened["plaintext"]) == MESSAGE
    with pytest.raises(hvac.exceptions.InvalidRequest, match="message authentication failed"):
        transit.decrypt_data("k", ciphertext=made, context=b64(b"another"))
    with pytest.raises(hvac.exceptions.InvalidRequest, match="missing 'context' for key derivation"):
        transit.encrypt_data("k", plaintext=b64(MESSAGE))


@pytest.mark.parametrize("kind", ["rsa-2048", "rsa-3072", "rsa-4096"])
def test_rsa_encrypts_as_others_do(transit, kind):
    transit.create_key("k", key_type=kind, exportable=True)
    private = serialization.load_pem_private_key(
        transit.export_key("k", "encryption-key")["data"]["keys"]["1"].encode(), None
    )
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    sealed = transit.encrypt_data("k", plaintext=b64(MESSAGE))["data"]["ciphertext"]
    assert private.decrypt(unb64(payload(sealed)), oaep) == MESSAGE
    theirs = "vault:v1:" + b64(private.public_key().encrypt(MESSAGE, oaep))
    assert unb64(transit.decrypt_data("k", ciphertext=theirs)["data"]["plaintext"]) == MESSAGE


def public_key(transit, name, version="1"):
    text = transit.read_key(name)["data"]["keys"][version]["public_key"]
    if text.startswith("-----BEGIN"):
        return serialization.load_pem_public_key(text.encode())
    return ed25519.Ed25519PublicKey.from_public_bytes(unb64(text))


@pytest.mark.parametrize("kind", ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521"])
def test_ecdsa_signatures_verify_elsewhere_and_theirs_here(transit, kind):
    transit.create_key("k", key_type=kind, exportable=True)
    public = public_key(transit, "k")
    private = serialization.load_pem_private_key(
        transit.export_key("k", "signing-key")["data"]["keys"]["1"].encode(), None
    )
    assert private.public_key() == public
    for name, digest in DIGESTS.items():
        signed = transit.write("sign/k", input=b64(MESSAGE), hash_algorithm=name)["data"]["signature"]
        public.verify(unb64(payload(signed)), MESSAGE, ec.ECDSA(digest))
        theirs = "vault:v1:" + b64(private.sign(MESSAGE, ec.ECDSA(digest)))
        other = "vault:v1:" + b64(private.sign(b"other", ec.ECDSA(digest)))
        for signature, valid in [(theirs, True), (signed, True), (other, False)]:
            verified = transit.write("verify/k", input=b64(MESSAGE), signature=signature, hash_algorithm=name)
            assert verified["data"] == {"valid": valid}
        hashed = hashes.Hash(digest)
        hashed.update(MESSAGE)
        prehashed = transit.write("sign/k", input=b64(hashed.finalize()), hash_algorithm=name, prehashed=True)
        public.verify(unb64(payload(prehashed["data"]["signature"])), MESSAGE, ec.ECDSA(digest))
    signed = transit.sign_data("k", hash_input=b64(MESSAGE), hash_algorithm="sha2-384")["data"]["signature"]
    verified = transit.verify_signed_data(
        "k", hash_input=b64(MESSAGE), signature=signed, hash_algorithm="sha2-384"
    )
    assert verified["data"] == {"valid": True}
    jws = payload(transit.sign_data("k", hash_input=b64(MESSAGE), marshaling_algorithm="jws")["data"]["signature"])
    raw = base64.urlsafe_b64decode(jws + "=" * (-len(jws) % 4))
    half = len(raw) // 2
    assert half == (public.curve.key_size + 7) // 8
    der = utils.encode_dss_signature(int.from_bytes(raw[:half]), int.from_bytes(raw[half:]))
    public.verify(der, MESSAGE, ec.ECDSA(hashes.SHA256()))


@pytest.mark.parametrize("kind", ["rsa-2048", "rsa-3072", "rsa-4096"])
def test_rsa_signatures_verify_elsewhere_and_theirs_here(transit, kind):
    transit.create_key("k", key_type=kind, exportable=True)
    public = public_key(transit, "k")
    private = serialization.load_pem_private_key(
        transit.export_key("k", "signing-key")["data"]["keys"]["1"].encode(), None
    )
    for name in ["sha2-256", "sha2-384", "sha2-512"]:
        digest = DIGESTS[name]
        salts = {None: padding.PSS.MAX_LENGTH, "auto": padding.PSS.MAX_LENGTH, "hash": padding.PSS.DIGEST_LENGTH, "5": 5}
        for salt, length in salts.items():
            how = padding.PSS(padding.MGF1(digest), length)
            signed = transit.sign_data("k", hash_input=b64(MESSAGE), hash_algorithm=name, salt_length=salt)
            public.verify(unb64(payload(signed["data"]["signature"])), MESSAGE, how, digest)
            theirs = "vault:v1:" + b64(private.sign(MESSAGE, how, digest))
            for salt_length in [salt, "auto"]:
                verified = transit.verify_signed_data(
                    "k", hash_input=b64(MESSAGE), signature=theirs, hash_algorithm=name, salt_length=salt_length
                )
                assert verified["data"] == {"valid": True}
        signed = transit.sign_data(
            "k", hash_input=b64(MESSAGE), hash_algorithm=name, signature_algorithm="pkcs1v15"
        )
        public.verify(unb64(payload(signed["data"]["signature"])), MESSAGE, padding.PKCS1v15(), digest)
    with pytest.raises(hvac.exceptions.InvalidRequest, match="unsupported hash algorithm"):
        transit.sign_data("k", hash_input=b64(MESSAGE), hash_algorithm="sha2-224")
    other = b64(private.sign(b"other", padding.PKCS1v15(), hashes.SHA256()))
    verified = transit.verify_signed_data("k", hash_input=b64(MESSAGE), signature="vault:v1:" + other)
    assert verified["data"] == {"valid": False}


def test_ed25519_signs_as_others_do(transit):
    transit.create_key("k", key_type="ed25519", exportable=True)
    exported = unb64(transit.export_key("k", "signing-key")["data"]["keys"]["1"])
    private = ed25519.Ed25519PrivateKey.from_private_bytes(exported[:32])
    assert private.public_key().public_bytes_raw() == exported[32:] == public_key(transit, "k").public_bytes_raw()
    signed = transit.sign_data("k", hash_input=b64(MESSAGE))["data"]["signature"]
    assert unb64(payload(signed)) == private.sign(MESSAGE)
    transit.create_key("d", key_type="ed25519", derived=True)
    signed = transit.sign_data("d", hash_input=b64(MESSAGE), context=b64(b"c"))["data"]
    public = ed25519.Ed25519PublicKey.from_public_bytes(unb64(signed["public_key"]))
    public.verify(unb64(payload(signed["signature"])), MESSAGE)
    with pytest.raises(InvalidSignature):
        public.verify(unb64(payload(signed["signature"])), b"other")
    verified = transit.verify_signed_data(
        "d", hash_input=b64(MESSAGE), context=b64(b"c"), signature=signed["signature"]
    )
    assert verified["data"] == {"valid": True}


def test_codes_are_those_of_hashlib(transit):
    transit.create_key("k", exportable=True)
    key = unb64(transit.export_key("k", "hmac-key")["data"]["keys"]["1"])
    for name in DIGESTS.keys() - {"sha1"}:
        digest = name.replace("sha2-", "sha").replace("sha3-", "sha3_")
        code = transit.write("hmac/k", input=b64(MESSAGE), algorithm=name)["data"]["hmac"]
        assert unb64(payload(code)) == hmac.digest(key, MESSAGE, digest)
        verified = transit.write("verify/k", input=b64(MESSAGE), hmac=code, algorithm=name)
        assert verified["data"] == {"valid": True}
        summed = transit.write("hash", input=b64(MESSAGE), algorithm=name)["data"]["sum"]
        assert summed == hashlib.new(digest, MESSAGE).hexdigest()
    code = transit.generate_hmac("k", hash_input=b64(MESSAGE), algorithm="sha2-512")["data"]["hmac"]
    verified = transit.verify_signed_data("k", hash_input=b64(MESSAGE), hmac=code, hash_algorithm="sha2-512")
    assert verified["data"] == {"valid": True}
    summed = transit.hash_data(b64(MESSAGE), algorithm="sha2-384", output_format="base64")["data"]["sum"]
    assert unb64(summed) == hashlib.sha384(MESSAGE).digest()


def test_versions_bind_and_are_trimmed(transit):
    transit.create_key("k")
    first = transit.encrypt_data("k", plaintext=b64(MESSAGE))["data"]["ciphertext"]
    for _ in range(10):
        transit.rotate_key("k")
    rewrapped = transit.rewrap_data("k", ciphertext=first)["data"]
    assert rewrapped["key_version"] == 11 and rewrapped["ciphertext"].startswith("vault:v11:")
    transit.update_key_configuration("k", min_decryption_version=3, min_encryption_version=9)
    with pytest.raises(hvac.exceptions.InvalidRequest, match="disallowed by policy .too old."):
        transit.decrypt_data("k", ciphertext=first)
    transit.trim_key("k", min_version=2)
    assert transit.read_key("k")["data"]["min_available_version"] == 2
    opened = transit.decrypt_data("k", ciphertext=rewrapped["ciphertext"])["data"]["plaintext"]
    assert unb64(opened) == MESSAGE


def test_batches(transit, vault, mount):
    transit.create_key("k")
    batch = [{"plaintext": b64(bytes([n])), "reference": str(n)} for n in range(50)]
    sealed = transit.encrypt_data("k", batch_input=batch)["data"]["batch_results"]
    assert [item["reference"] for item in sealed] == [str(n) for n in range(50)]
    opened = transit.decrypt_data("k", batch_input=[{"ciphertext": item["ciphertext"]} for item in sealed])
    assert [unb64(item["plaintext"]) for item in opened["data"]["batch_results"]] == [bytes([n]) for n in range(50)]
    broken = {"batch_input": [{"ciphertext": sealed[0]["ciphertext"]}, {"ciphertext": "vault:v1:AAAA"}]}
    answer = vault.request("POST", f"{mount}/decrypt/k", broken)
    assert answer.status_code == 400
    assert answer.json()["data"]["batch_results"] == [
        {"plaintext": b64(b"\0"), "reference": ""},
        {"plaintext": "", "error": "invalid ciphertext length", "reference": ""},
    ]
    answer = vault.request("POST", f"{mount}/decrypt/k", {**broken, "partial_failure_response_code": 202})
    assert answer.status_code == 202


def test_data_keys_and_random_bytes(transit):
    transit.create_key("k")
    for bits in [128, 256, 512]:
        made = transit.generate_data_key("k", "plaintext", bits=bits)["data"]
        assert len(unb64(made["plaintext"])) * 8 == bits
        assert transit.decrypt_data("k", ciphertext=made["ciphertext"])["data"]["plaintext"] == made["plaintext"]
    assert "plaintext" not in transit.generate_data_key("k", "wrapped")["data"]
    made = transit.generate_random_bytes(n_bytes=17, output_format="hex")["data"]["random_bytes"]
    assert len(bytes.fromhex(made)) == 17


def test_a_key_is_backed_up_and_restored(transit):
    transit.create_key("k")
    sealed = transit.encrypt_data("k", plaintext=b64(MESSAGE))["data"]["ciphertext"]
    with pytest.raises(hvac.exceptions.InternalServerError, match="exporting is disallowed on the policy"):
        transit.backup_key("k")
    transit.update_key_configuration("k", exportable=True)
    with pytest.raises(hvac.exceptions.InternalServerError, match="plaintext backup is disallowed on the policy"):
        transit.backup_key("k")
    transit.update_key_configuration("k", allow_plaintext_backup=True)
    backup = transit.backup_key("k")["data"]["backup"]
    with pytest.raises(hvac.exceptions.InternalServerError, match="already exists"):
        transit.restore_key(backup)
    transit.restore_key(backup, force=True)
    transit.restore_key(backup, name="copy")
    for name in ["k", "copy"]:
        assert unb64(transit.decrypt_data(name, ciphertext=sealed)["data"]["plaintext"]) == MESSAGE


def wrap_for(vault, mount, key):
    """Wraps a key for import, as the documentation of Vault tells its users."""
    public = vault.request("GET", f"{mount}/wrapping_key").json()["data"]["public_key"]
    public = serialization.load_pem_public_key(public.encode())
    assert public.key_size == 4096
    ephemeral = os.urandom(32)
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    return b64(public.encrypt(ephemeral, oaep) + keywrap.aes_key_wrap_with_padding(ephemeral, key))


def pkcs8(key):
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def test_keys_made_elsewhere_are_imported(transit, vault, mount):
    keys = {
        "aes256-gcm96": os.urandom(32),
        "aes128-gcm96": os.urandom(16),
        "chacha20-poly1305": os.urandom(32),
        "hmac": os.urandom(48),
        "ed25519": ed25519.Ed25519PrivateKey.generate(),
        "ecdsa-p256": ec.generate_private_key(ec.SECP256R1()),
        "ecdsa-p384": ec.generate_private_key(ec.SECP384R1()),
        "ecdsa-p521": ec.generate_private_key(ec.SECP521R1()),
        "rsa-2048": rsa.generate_private_key(65537, 2048),
    }
    for kind, key in keys.items():
        raw = key if isinstance(key, bytes) else pkcs8(key)
        answer = vault.request(
            "POST", f"{mount}/keys/{kind}/import", {"type": kind, "ciphertext": wrap_for(vault, mount, raw)}
        )
        assert answer.status_code == 204, answer.text
        shown = transit.read_key(kind)["data"]
        assert (shown["imported_key"], shown["imported_key_allow_rotation"]) == (True, False)
        if kind in CIPHERS:
            sealed = unb64(payload(transit.encrypt_data(kind, plaintext=b64(MESSAGE))["data"]["ciphertext"]))
            assert CIPHERS[kind](key).decrypt(sealed[:12], sealed[12:], None) == MESSAGE
        elif kind == "hmac":
            code = transit.generate_hmac(kind, hash_input=b64(MESSAGE))["data"]["hmac"]
            assert unb64(payload(code)) == hmac.digest(key, MESSAGE, "sha256")
        elif kind.startswith("ecdsa"):
            signed = transit.sign_data(kind, hash_input=b64(MESSAGE))["data"]["signature"]
            key.public_key().verify(unb64(payload(signed)), MESSAGE, ec.ECDSA(hashes.SHA256()))
        elif kind == "ed25519":
            assert unb64(payload(transit.sign_data(kind, hash_input=b64(MESSAGE))["data"]["signature"])) == key.sign(MESSAGE)


def test_upsert_follows_the_policy(vault, root, mount):
    def with_policy(*capabilities):
        name = vault.new_name("policy")
        allowed = json.dumps(list(capabilities))
        root.sys.create_or_update_policy(name, f'path "{mount}/*" {{ capabilities = {allowed} }}')
        token = root.auth.token.create(policies=[name])["auth"]["client_token"]
        return lambda key: vault.request("POST", f"{mount}/encrypt/{key}", {"plaintext": ""}, token=token).status_code

    updater, creator = with_policy("update"), with_policy("create")
    assert updater("new") == 403 and creator("new") == 200
    assert updater("new") == 200 and creator("new") == 403
    root.write_data(f"{mount}/config/keys", data={"disable_upsert": True})
    assert creator("another") == 400


def test_tools_make_random_bytes_and_digests(vault):
    for path, body, length in [
        ("sys/tools/random", {}, 32),
        ("sys/tools/random/7", {}, 7),
        ("sys/tools/random/platform/9", {}, 9),
        ("sys/tools/random/all", {"bytes": 5}, 5),
    ]:
        answer = vault.request("POST", path, body).json()
        assert len(unb64(answer["data"]["random_bytes"])) == length
    answer = vault.request("POST", "sys/tools/hash/sha3-512", {"input": b64(MESSAGE)}).json()
    assert answer["data"]["sum"] == hashlib.sha3_512(MESSAGE).hexdigest()
    assert vault.request("POST", "sys/tools/hash/md5", {"input": ""}).json()["errors"] == ["unsupported algorithm md5"]


def test_passwords_follow_policies(vault):
    text = 'length = 20\nrule "charset" {\n  charset = "abc"\n}\nrule "charset" {\n  charset = "01"\n  min-chars = 3\n}\n'
    assert vault.request("GET", "sys/policies/password/mine").status_code == 404
    for policy in [text, b64(text.encode())]:
        assert vault.request("PUT", "sys/policies/password/mine", {"policy": policy}).status_code == 204
        assert vault.request("GET", "sys/policies/password/mine").json()["data"] == {"policy": text}
    assert vault.request("LIST", "sys/policies/password").json()["data"]["keys"] == ["mine"]
    made = {vault.request("GET", "sys/policies/password/mine/generate").json()["data"]["password"] for _ in range(20)}
    assert len(made) == 20
    for password in made:
        assert len(password) == 20 and set(password) <= set("abc01") and sum(c in "01" for c in password) >= 3
    short = 'length = 3\nrule "charset" { charset = "abc" }'
    answer = vault.request("PUT", "sys/policies/password/short", {"policy": short})
    assert answer.status_code == 400
    assert answer.json()["errors"] == ["1 error occurred:\n\t* passwords must be between 4 and 100 characters\n\n"]
    assert vault.request("DELETE", "sys/policies/password/mine").status_code == 204
    assert vault.request("GET", "sys/policies/password/mine/generate").status_code == 404
