use super::*;

// Made by OpenSSL 3: `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`, `openssl ec`,
// `openssl pkey -pubout`, `openssl dgst -sha256 -sign`.
const P256_PKCS8: &str = include_str!("testdata/p256.pkcs8.pem");
const P256_SEC1: &str = include_str!("testdata/p256.sec1.pem");
const P256_PUBLIC: &str = include_str!("testdata/p256.public.pem");
const P256_SIGNATURE: &str = include_str!("testdata/p256.signature.hex");
const ED25519_PKCS8: &str = include_str!("testdata/ed25519.pkcs8.pem");
const ED25519_PUBLIC: &str = include_str!("testdata/ed25519.public.pem");
const RSA_PKCS8_PUBLIC: &str = include_str!("testdata/rsa.public.pem");

#[test]
fn sign_verify_and_encodings_round_trip() {
    for algorithm in Algorithm::ALL {
        let key = SigningKey::generate(algorithm).unwrap();
        let public = key.public_key().unwrap();
        let (der, fixed) = (key.sign(b"message").unwrap(), key.sign_fixed(b"message").unwrap());
        assert_eq!(fixed.len(), algorithm.fixed_len());
        public.verify(b"message", &der).unwrap();
        public.verify_fixed(b"message", &fixed).unwrap();
        assert_eq!(public.verify(b"massage", &der), Err(Error::Verify));
        assert_eq!(public.verify_fixed(b"massage", &fixed), Err(Error::Verify));
        if algorithm != Algorithm::Ed25519 {
            assert_eq!(public.verify(b"message", &fixed), Err(Error::Verify));
            assert_eq!(public.verify_fixed(b"message", &der), Err(Error::Verify));
        }
        let stranger = SigningKey::generate(algorithm).unwrap().public_key().unwrap();
        assert_eq!(stranger.verify(b"message", &der), Err(Error::Verify));

        let again = SigningKey::from_pem(key.to_pem().unwrap().expose()).unwrap();
        assert_eq!(again.algorithm(), algorithm);
        public.verify(b"again", &again.sign(b"again").unwrap()).unwrap();
        for again in [
            PublicKey::from_pem(&public.to_pem().unwrap()).unwrap(),
            PublicKey::from_raw(algorithm, &public.to_raw().unwrap()).unwrap(),
        ] {
            assert_eq!(again.algorithm(), algorithm);
            assert_eq!(again.to_spki_der().unwrap(), public.to_spki_der().unwrap());
            again.verify(b"message", &der).unwrap();
        }
        assert_eq!(public.to_raw().unwrap().len(), algorithm.public_len());
    }
}

#[test]
fn reads_what_openssl_writes() {
    let public = PublicKey::from_pem(P256_PUBLIC).unwrap();
    assert_eq!(public.algorithm(), Algorithm::P256);
    public.verify(b"hello world", &hex::decode(P256_SIGNATURE.trim()).unwrap()).unwrap();
    for pem in [P256_PKCS8, P256_SEC1] {
        let key = SigningKey::from_pem(pem).unwrap();
        assert_eq!(key.public_key().unwrap().to_pem().unwrap(), P256_PUBLIC);
    }
    let key = SigningKey::from_pem(ED25519_PKCS8).unwrap();
    assert_eq!(key.algorithm(), Algorithm::Ed25519);
    assert_eq!(key.public_key().unwrap().to_pem().unwrap(), ED25519_PUBLIC);
    assert_eq!(key.to_pem().unwrap().expose(), ED25519_PKCS8);
}

#[test]
fn ed25519_matches_rfc_8032() {
    // RFC 8032, section 7.1, test 2.
    let seed = hex::decode("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb").unwrap();
    let key = SigningKey::ed25519_from_seed(&seed).unwrap();
    let public = hex::encode(key.public_key().unwrap().to_raw().unwrap());
    assert_eq!(public, "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    assert_eq!(
        hex::encode(key.sign(&[0x72]).unwrap()),
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    );
    assert!(SigningKey::ed25519_from_seed(&seed[1..]).is_err());
}

#[test]
fn a_compressed_point_is_the_same_key() {
    let public = PublicKey::from_pem(P256_PUBLIC).unwrap();
    let raw = public.to_raw().unwrap();
    let compressed = [&[2 + (raw[64] & 1)], &raw[1..33]].concat();
    let again = PublicKey::from_raw(Algorithm::P256, &compressed).unwrap();
    again.verify(b"hello world", &hex::decode(P256_SIGNATURE.trim()).unwrap()).unwrap();
    assert_eq!(again.to_raw().unwrap(), raw);
}

#[test]
fn wrong_kinds_of_key_are_refused() {
    assert!(matches!(PublicKey::from_pem(RSA_PKCS8_PUBLIC), Err(Error::Key { .. })));
    assert!(matches!(PublicKey::from_pem(P256_PKCS8), Err(Error::Key { .. })));
    assert!(matches!(SigningKey::from_pem(P256_PUBLIC), Err(Error::Key { .. })));
    assert!(matches!(SigningKey::from_pem("junk"), Err(Error::Encoding { encoding: "PEM" })));
    let der = SigningKey::from_pem(P256_PKCS8).unwrap().to_pkcs8_der().unwrap();
    assert!(matches!(SigningKey::from_pkcs8_der(Algorithm::P384, der.expose()), Err(Error::Key { .. })));
    assert!(matches!(SigningKey::from_pkcs8_der(Algorithm::Ed25519, der.expose()), Err(Error::Key { .. })));
    let mut raw = PublicKey::from_pem(P256_PUBLIC).unwrap().to_raw().unwrap();
    raw[64] ^= 1;
    assert!(PublicKey::from_raw(Algorithm::P256, &raw).is_err(), "a point off the curve must be refused");
    assert!(PublicKey::from_spki_der(&[]).is_err());
}
