use super::*;

/// A 2048-bit key made by OpenSSL; with it comes a signature made by OpenSSL.
fn fixed() -> PrivateKey {
    let text = include_str!("tests/rsa-2048.pem");
    PrivateKey::from_pkcs8_der(pem::decode(text, &["PRIVATE KEY"]).unwrap().expose()).unwrap()
}

#[test]
fn signatures_of_openssl_verify() {
    let key = fixed();
    let digest = Hash::Sha256.digest(b"to be signed");
    // openssl pkeyutl -sign -pkeyopt digest:sha256, without and with rsa_padding_mode:pss and rsa_pss_saltlen:20.
    let pkcs1 = hex::decode(include_str!("tests/pkcs1v15.hex").trim()).unwrap();
    let pss = hex::decode(include_str!("tests/pss-salt-20.hex").trim()).unwrap();
    let public = PublicKey::from_spki_der(key.public_key().to_spki_der()).unwrap();
    public.verify_digest(Padding::Pkcs1v15, Hash::Sha256, digest.as_ref(), &pkcs1).unwrap();
    // PKCS #1 v1.5 has no salt: ours are the same bytes.
    assert_eq!(key.sign_digest(Padding::Pkcs1v15, Hash::Sha256, digest.as_ref()).unwrap(), pkcs1);
    for (salt, good) in
        [(Salt::Auto, true), (Salt::Bytes(20), true), (Salt::Digest, false), (Salt::Bytes(21), false)]
    {
        let verified = public.verify_digest(Padding::Pss(salt), Hash::Sha256, digest.as_ref(), &pss);
        assert_eq!(verified.is_ok(), good, "{salt:?}");
    }
}

#[test]
fn what_it_signs_it_verifies_with_the_same_salt_only() {
    let key = fixed();
    let public = key.public_key();
    for hash in [Hash::Sha256, Hash::Sha384, Hash::Sha512] {
        let digest = hash.digest(b"message");
        let salts = [Salt::Auto, Salt::Digest, Salt::Bytes(0), Salt::Bytes(7)];
        let paddings = salts.map(Padding::Pss);
        for padding in paddings.into_iter().chain([Padding::Pkcs1v15]) {
            let signature = key.sign_digest(padding, hash, digest.as_ref()).unwrap();
            public.verify_digest(padding, hash, digest.as_ref(), &signature).unwrap();
            let mut altered = signature.clone();
            altered[100] ^= 1;
            let other = hash.digest(b"other");
            for (digest, signature) in
                [(digest, &altered[..]), (other, &signature), (digest, &signature[1..]), (digest, b"")]
            {
                let verified = public.verify_digest(padding, hash, digest.as_ref(), signature);
                assert_eq!(verified, Err(Error::Verify), "{padding:?}");
            }
        }
        let signature = key.sign_digest(Padding::Pss(Salt::Bytes(7)), hash, digest.as_ref()).unwrap();
        let verify = |salt| public.verify_digest(Padding::Pss(salt), hash, digest.as_ref(), &signature);
        assert_eq!((verify(Salt::Auto), verify(Salt::Digest)), (Ok(()), Err(Error::Verify)));
    }
}

#[test]
fn oaep_comes_back_and_refuses_what_was_altered() {
    let key = fixed();
    for hash in [Hash::Sha1, Hash::Sha256, Hash::Sha384, Hash::Sha512] {
        let longest = key.public_key().plaintext_len_max(hash).unwrap();
        assert_eq!(longest, 256 - 2 - 2 * hash.output_len());
        for plaintext in [&b""[..], b"secret", &vec![7; longest]] {
            let mut ciphertext = key.public_key().encrypt_oaep(hash, plaintext).unwrap();
            assert!(key.decrypt_oaep(hash, &ciphertext).unwrap().ct_eq(plaintext));
            ciphertext[9] ^= 1;
            assert_eq!(key.decrypt_oaep(hash, &ciphertext).unwrap_err(), Error::Decrypt);
        }
        let too_long = vec![7; longest + 1];
        assert_eq!(key.public_key().encrypt_oaep(hash, &too_long).unwrap_err(), Error::Encrypt);
    }
    assert!(matches!(key.public_key().encrypt_oaep(Hash::Sha3_256, b""), Err(Error::Key { .. })));
}

#[test]
fn what_the_provider_does_not_have_is_refused() {
    let key = fixed();
    for hash in [Hash::Sha1, Hash::Sha224, Hash::Sha3_224, Hash::Sha3_256] {
        let digest = hash.digest(b"message");
        for padding in [Padding::Pkcs1v15, Padding::Pss(Salt::Auto)] {
            assert!(matches!(key.sign_digest(padding, hash, digest.as_ref()), Err(Error::Key { .. })));
        }
    }
    let digest = Hash::Sha256.digest(b"message");
    for (padding, digest) in [
        (Padding::Pss(Salt::Bytes(223)), digest.as_ref()),
        (Padding::Pss(Salt::Bytes(u16::MAX)), digest.as_ref()),
        (Padding::Pkcs1v15, &b"no digest"[..]),
    ] {
        let signed = key.sign_digest(padding, Hash::Sha256, digest);
        assert!(matches!(signed, Err(Error::Length { .. })), "{signed:?}");
    }
}

#[test]
fn keys_come_back_from_their_documents() {
    let key = PrivateKey::generate(Size::Rsa2048).unwrap();
    let document = key.to_pkcs8_der().unwrap();
    let again = PrivateKey::from_pkcs8_der(document.expose()).unwrap();
    assert_eq!(again.public_key(), key.public_key());
    assert_eq!(again.size(), Size::Rsa2048);
    let text = key.public_key().to_pem().unwrap();
    assert_eq!(PublicKey::from_pem(&text).unwrap(), *key.public_key());
    assert!(KeyPair::from_der(key.to_pkcs1_der().unwrap().expose()).is_ok());
    assert!(!format!("{key:?}").contains("d:"));
    assert!(matches!(PrivateKey::from_pkcs8_der(b"junk"), Err(Error::Key { .. })));
    assert!(matches!(PublicKey::from_spki_der(b"junk"), Err(Error::Key { .. })));
}
