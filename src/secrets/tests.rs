use super::*;

const HEX: &str = "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b";

fn hex(text: &str) -> Vec<u8> {
    decode(text).expect("hexadecimal")
}

#[test]
fn hkdf_derives_what_the_rfc_says() {
    // RFC 5869 appendix A.3: no salt, no info; the first 32 of its 42 bytes.
    let expected = hex("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
    assert_eq!(subkey(&[0x0b; 22], "").to_vec(), expected);
}

#[test]
fn keys_are_read_in_either_spelling() {
    let base64 = STANDARD.encode([0xfb; 32]);
    let cases = [HEX.to_owned(), base64.clone(), base64.replace('+', "-").replace('/', "_"), base64.replace('=', "")];
    for text in cases {
        assert_eq!(SecretKeys::parse(&text).map(|keys| keys.0.len()), Ok(1), "{text}");
    }
    let two = SecretKeys::parse(&format!(" {base64},\n{HEX} ")).expect("two keys");
    assert_eq!(two.0[0].expose_secret(), [0xfb; 32]);
    assert_eq!(two.0[1].expose_secret(), [0x0b; 32]);
}

#[test]
fn weak_and_unreadable_keys_are_refused() {
    let cases = [
        ("", InvalidSecretKeys::Empty),
        (" , ", InvalidSecretKeys::Empty),
        ("geheim!", InvalidSecretKeys::Unreadable(1)),
        ("aGVsbG8=", InvalidSecretKeys::Short(1)),
        (&HEX[..62], InvalidSecretKeys::Short(1)),
        (&format!("{HEX},x"), InvalidSecretKeys::Unreadable(2)),
        (&format!("{HEX},{HEX}"), InvalidSecretKeys::Twice(2)),
    ];
    for (text, expected) in cases {
        assert_eq!(SecretKeys::parse(text).expect_err(text), expected, "{text}");
    }
}

#[test]
fn a_token_stays_the_same_and_differs_by_delivery_generation_and_key() {
    let keys = SecretKeys::parse(&format!("{HEX},{}", STANDARD.encode([7; 32]))).expect("two keys").link_keys();
    let root = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001);
    let other = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0002);
    // Computed independently (Python's hmac); a change here breaks every link that was ever sent.
    assert_eq!(keys.newest().fingerprint(), "b1d416d5");
    assert_eq!(keys.newest().link_token(root, 0), "l5_TqWeWn-UFzuA1o9chxopht1ea48mhHLk69AYD4nM");
    let older = keys.by_fingerprint(keys.fingerprints().nth(1).expect("two")).expect("the second key");
    let tokens = [
        keys.newest().link_token(root, 0),
        keys.newest().link_token(root, 1),
        keys.newest().link_token(other, 0),
        older.link_token(root, 0),
    ];
    let distinct: std::collections::BTreeSet<&String> = tokens.iter().collect();
    assert_eq!(distinct.len(), tokens.len());
    assert!(keys.by_fingerprint("00000000").is_none());
}

#[test]
fn credentials_are_named_under_a_key_and_not_by_a_plain_digest() {
    let newer = STANDARD.encode([7; 32]);
    let names =
        |keys: &str, user, password| SecretKeys::parse(keys).expect("keys").credentials_keys().names(user, password);
    // Computed independently (Python's hmac).
    assert_eq!(names(HEX, "mailer", "secret"), ["_9Usezz0BRN5wbscd8_NOA"]);
    let both = names(&format!("{newer},{HEX}"), "mailer", "secret");
    assert_eq!(both.len(), 2);
    assert_eq!(both[1], names(HEX, "mailer", "secret")[0], "a change of the secret keys changes nothing");
    let distinct: std::collections::BTreeSet<String> = [
        names(HEX, "mailer", "secret"),
        names(HEX, "mailer", "other"),
        names(HEX, "mail", "ersecret"),
        names(&newer, "mailer", "secret"),
        vec![URL_SAFE_NO_PAD.encode(&Sha256::of(b"mailer\0secret").0[..CREDENTIALS_NAME_BYTES])],
    ]
    .into_iter()
    .flatten()
    .collect();
    assert_eq!(distinct.len(), 5);
}

#[test]
fn nothing_shows_a_key() {
    let keys = SecretKeys::parse(HEX).expect("a key");
    let shown = format!("{keys:?} {:?} {:?} {:?}", keys.link_keys(), keys.subkeys("x"), keys.credentials_keys());
    assert!(!shown.contains("0b0b") && !shown.contains("11, 11"), "{shown}");
}

#[cfg(unix)]
#[test]
fn a_generated_key_is_private_and_stays() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("data/secret.key");
    let first = SecretKeys::load_or_generate(&file).expect("generated");
    let again = SecretKeys::load_or_generate(&file).expect("read");
    assert_eq!(first.link_keys().newest().fingerprint(), again.link_keys().newest().fingerprint());
    assert_eq!(std::fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(file.parent().expect("a folder")).expect("readable").count(), 1, "nothing aside");

    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).expect("chmod");
    assert!(matches!(SecretKeys::load_or_generate(&file), Err(KeyFileError::Open { mode: 0o640, .. })));
}

#[test]
fn processes_that_start_together_agree_on_one_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("secret.key");
    let fingerprint = || {
        let keys = SecretKeys::load_or_generate(&file).expect("a key");
        keys.link_keys().newest().fingerprint().to_owned()
    };
    let seen: std::collections::BTreeSet<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(fingerprint)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert_eq!(seen.len(), 1);
}

#[test]
fn a_broken_key_file_is_reported_and_not_overwritten() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("secret.key");
    write_private(&file, "nonsense!").expect("written");
    let error = SecretKeys::load_or_generate(&file).expect_err("no key");
    assert!(matches!(error, KeyFileError::Invalid { source: InvalidSecretKeys::Unreadable(1), .. }), "{error}");
    assert_eq!(std::fs::read_to_string(&file).expect("readable"), "nonsense!");
}
