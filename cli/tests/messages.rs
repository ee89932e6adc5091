//! What somebody at a terminal is told who named the wrong thing: which one it is, and what would be accepted.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod folder;

use std::path::{Path, PathBuf};

use folder::Folder;
use hemostat_cli::{Exit, run};

/// Runs the command: its exit code, and what it wrote to both streams.
fn hemostat(words: &[&str]) -> (Exit, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let words = std::iter::once("hemostat").chain(words.iter().copied()).map(Into::into);
    let exit = run(words, &mut out, &mut err);
    out.extend(err);
    (exit, String::from_utf8(out).unwrap())
}

/// Words of the libraries and of the system that tell an operator nothing.
const FOREIGN: [&str; 9] = [
    "os error",
    "stream did not contain",
    "No such file or directory",
    "Is a directory",
    "EOF while parsing",
    "expected value at",
    "invalid digit",
    "Error(",
    "Err(",
];

/// Every place of every verb that takes a file: `@` is the wrong one, `POLICY`, `KEY` and `OUT` are right.
const PLACES: [&str; 27] = [
    "check @",
    "check POLICY --overlay @",
    "test @",
    "case @ --never x",
    "case POLICY --new @",
    "replay @ POLICY",
    "replay POLICY @",
    "replay POLICY POLICY --against @",
    "keygen --public @",
    "release @ --key KEY --scope s --out OUT",
    "release POLICY --key @ --scope s --out OUT",
    "release POLICY --overlay @ --key KEY --scope s --out OUT",
    "release POLICY --prepare @ --key KEY --scope s --out OUT",
    "release --cosign @ --key KEY",
    "push @ -p 127.0.0.1:1",
    "activate @ --key KEY -p 127.0.0.1:1",
    "activate POLICY --key @ -p 127.0.0.1:1",
    "rollback --key @ -p 127.0.0.1:1",
    "rollback --key KEY --policy @ -p 127.0.0.1:1",
    "diff @ POLICY",
    "diff POLICY @",
    "drill @ --policy POLICY --key KEY -p 127.0.0.1:1",
    "postmortem --history @",
    "postmortem --access-log @ --history HISTORY",
    "evidence --key @ --out OUT --history HISTORY",
    "evidence --verify @ --trust ops=PUBLIC",
    "scope @",
];

#[test]
fn a_wrong_file_is_named_and_a_key_is_never_shown() {
    let folder = Folder::new("wrong-files");
    let (_, said) = hemostat(&["keygen", "ops", "--out", &folder.path("")]);
    let public = said.split('"').nth(1).unwrap().to_owned();
    let key = folder.path("ops.key");
    let text = std::fs::read_to_string(&key).unwrap();
    let secret = text.split_whitespace().nth(2).unwrap();
    let policy = folder.write("good.yaml", b"{hemostat: 1, version: day}");
    let history = folder.write("history.json", b"[]");
    std::fs::create_dir_all(folder.path("folder")).unwrap();
    let (_, release) = hemostat(&["release", &policy, "--key", &key, "--scope", "s"]);
    let cut = &release.as_bytes()[..release.len() / 2];
    let wrong = [
        folder.path("missing"),
        folder.path("folder"),
        folder.write("empty", b""),
        folder.write("binary", b"\xff\xfe\0\x01"),
        folder.write("broken.json", b"{\"a\":"),
        folder.write("cut.json", cut),
        folder.write("text", b"Hello\nworld\n"),
        key.clone(),
        String::new(),
    ];
    for place in PLACES {
        for wrong in &wrong {
            // Where a key is expected, a key is right, and a proxy is what is missing.
            let right = *wrong == key && place.contains("--key @") || place.contains("--public @");
            let out = folder.path("made");
            let words: Vec<String> = place
                .split(' ')
                .map(|word| {
                    let word = word.replace("POLICY", &policy).replace("HISTORY", &history);
                    let word = word.replace("KEY", &key).replace("OUT", &out);
                    word.replace("PUBLIC", &public).replace('@', wrong)
                })
                .collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let (exit, said) = hemostat(&words);
            let told = format!("{} with `{wrong}`:\n{said}", place);
            assert!(!said.contains(secret), "a secret key is shown: {told}");
            // A report of an incident is made of what there is, and says what there is not.
            let fine = right || said.contains("no call of a model");
            assert!(fine || exit != Exit::Fine, "{told}");
            for foreign in FOREIGN {
                assert!(!said.contains(foreign), "`{foreign}`: {told}");
            }
            let named = match wrong.as_str() {
                "" => said.contains("is empty") || said.contains("a value is required"),
                wrong => said.contains(wrong),
            };
            assert!(right || named, "what is wrong? {told}");
        }
    }
}

#[test]
fn what_is_given_twice_is_not_taken_for_two() {
    let folder = Folder::new("twice");
    hemostat(&["keygen", "ops", "--out", &folder.path("")]);
    let (key, out) = (folder.path("ops.key"), folder.path("current.json"));
    let policy = folder.write("p.yaml", b"{hemostat: 1, version: day}");
    let release = ["release", &policy, "--scope", "s", "--key", &key, "--out", &out];
    let (exit, said) = hemostat(&[&release[..], &["--key", &key]].concat());
    assert!(exit == Exit::Failed && said.contains("two keys are named `ops`"), "{said}");
    std::fs::create_dir_all(folder.path("eu")).unwrap();
    let overlays = [
        folder.write("off.yaml", b"{hemostat: 1, failsafe: [{id: a, do: block}]}"),
        folder.write("eu/off.yaml", b"{hemostat: 1, failsafe: [{id: b, do: block}]}"),
    ];
    let prepare = ["--prepare", &overlays[0], "--prepare", &overlays[1]];
    let (exit, said) = hemostat(&[&release[..], &prepare].concat());
    assert!(exit == Exit::Failed && said.contains("a file name of its own"), "{said}");
    assert_eq!(hemostat(&release).0, Exit::Fine);
    let (exit, said) = hemostat(&["release", "--cosign", &out, "--key", &key]);
    assert!(exit == Exit::No && said.contains("`ops` has signed it already"), "{said}");
}

fn sources(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true if !path.ends_with("tests") => sources(&path, all),
            false if !path.ends_with("tests.rs") => all.push(path),
            _ => {}
        }
    }
}

/// The code of the command, and of what it says about policies and releases, without its tests.
fn code(folders: &[&str]) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut all = Vec::new();
    folders.iter().for_each(|folder| sources(&root.join(folder), &mut all));
    assert!(all.len() > 50, "{all:?}");
    let code = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        text.split("#[cfg(test)]").next().unwrap().to_owned()
    };
    all.iter().map(|path| (path.clone(), code(path))).collect()
}

/// A file that is read in one place has its errors in one place.
#[test]
fn files_are_read_in_one_place() {
    let readers = ["read_to_string(", "fs::read(", "File::open(", "read_to_end("];
    for (path, text) in code(&["cli/src"]) {
        // Logs are read as they come, and proxies are no files.
        if ["files.rs", "access_log/sources.rs", "fleet.rs"].iter().any(|own| path.ends_with(own)) {
            continue;
        }
        // A recording's size is judged before it is read, by whoever names it.
        let text = text.replace("std::fs::read(path)", "").replace("std::fs::read(format!", "");
        for reader in readers {
            assert!(!text.contains(reader), "{}: {reader}", path.display());
        }
    }
}

/// `x is no y` says neither what is wrong nor what is right, and the debug form of a value is for programmers.
#[test]
fn messages_are_plain_english() {
    for (path, text) in code(&["cli/src", "control/src"]) {
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
            let said = line.split('"').skip(1).step_by(2).collect::<Vec<_>>().join(" ");
            for phrase in ["is no ", "are no ", "{:?}", ":?}"] {
                let mut found = said.match_indices(phrase).map(|(at, _)| at);
                let there = |at: usize| said.get(..at).is_some_and(|head| head.ends_with("there "));
                assert!(found.all(there), "{}: {line}", path.display());
            }
        }
    }
}
