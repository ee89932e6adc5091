use super::*;

fn run_with(words: &[&str]) -> (Exit, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let words = ["hemostat", "approve"].iter().chain(words).map(|word| (*word).into());
    let exit = crate::run(words, &mut out, &mut err);
    (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

fn key() -> (tempdir::Folder, String, hemostat_engine::dsse::TrustedKey) {
    let folder = tempdir::Folder::new();
    let (key, text) = Key::generate("oncall").unwrap();
    let path = folder.path().join("oncall.key");
    crate::shared::key::write_private(&path, &text).unwrap();
    let may = hemostat_engine::dsse::KeyPermissions::ALL;
    let trusted = hemostat_engine::dsse::TrustedKey {
        id: "oncall".to_owned(),
        key: key.secret.public(),
        may,
    };
    (folder, path.to_str().unwrap().to_owned(), trusted)
}

/// A folder that is deleted with its owner.
mod tempdir {
    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicU32, Ordering};

    pub(super) struct Folder(PathBuf);

    impl Folder {
        pub(super) fn new() -> Self {
            static NUMBER: AtomicU32 = AtomicU32::new(0);
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let name = format!("hemostat-approve-{}-{number}", std::process::id());
            let path = std::env::temp_dir().join(name);
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        pub(super) fn path(&self) -> &Path {
            &self.0
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

const ID: &str = "ap_EMOKNUMPXJ2HRZH3UNA4R7ZV4W5VA4RD";

#[test]
fn a_grant_is_printed_for_what_was_shown() {
    let (_folder, file, trusted) = key();
    let args = r#"{"amount": 150.0}"#;
    let (exit, out, err) = run_with(&[
        &ID.to_lowercase(),
        "--key",
        &file,
        "--tool",
        "refund",
        "--args",
        args,
        "--tenant",
        "acme",
        "--for",
        "5m",
        "--scope",
        "prod",
    ]);
    assert_eq!(exit, Exit::Fine, "{err}");
    let envelope = base64::decode(out.trim()).unwrap();
    let grant = Grant::verify(&envelope, &[trusted]).unwrap();
    assert_eq!(grant.what, GrantTarget::Call(ID.to_owned()));
    assert_eq!((grant.tenant.as_deref(), grant.scope.as_deref()), (Some("acme"), Some("prod")));
    assert_eq!(grant.expires - grant.issued_at, 300);
    for shown in ["`refund`", args, "acme", "prod", ID] {
        assert!(err.contains(shown), "{shown} in {err}");
    }
    let secret = std::fs::read_to_string(&file).unwrap();
    let seed = secret.split_whitespace().nth(2).unwrap();
    assert!(!out.contains(seed) && !err.contains(seed));
}

#[test]
fn nothing_is_signed_unseen_or_for_another_call() {
    let (_folder, file, _) = key();
    for words in [
        vec![ID],
        vec![ID, "--tool", "refund", "--args", r#"{"amount":151}"#],
        vec![ID, "--tool", "transfer", "--args", r#"{"amount":150}"#],
        vec!["--tool", "refund", "--args", r#"{"amount":1,"amount":2}"#],
        vec!["ap_short", "--blind"],
    ] {
        let words: Vec<&str> = words.into_iter().chain(["--key", &file]).collect();
        let (exit, out, _) = run_with(&words);
        assert_eq!((exit, out.as_str()), (Exit::No, ""), "{words:?}");
    }
    assert_eq!(run_with(&[ID, "--key", &file, "--blind"]).0, Exit::Fine);
    assert_eq!(run_with(&["--any-args-of", "refund", "--key", &file]).0, Exit::Fine);
    assert_eq!(run_with(&[ID, "--key", &file, "--blind", "--for", "2h"]).0, Exit::Failed);
    assert_eq!(run_with(&["--key", &file]).0, Exit::Failed);
}
