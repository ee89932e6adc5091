//! What the pages tell operators to type is what the command takes.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::{Path, PathBuf};

const PAGES: [&str; 3] = ["docs", "envoy", "policies"];

fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut folders: Vec<PathBuf> = PAGES.iter().map(|page| root.join(page)).collect();
    let mut found = vec![root.join("README.md")];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "md") {
                found.push(path);
            }
        }
    }
    found
}

/// The words of a line as a shell takes them, up to a comment, a pipe, or the next command.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut open) = (Vec::new(), String::new(), None, false);
    for c in line.chars() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (None, '\'' | '"') => (quote, open) = (Some(c), true),
            (None, '#') if !open => break,
            (None, '|' | '>' | ';' | '&') => break,
            (None, c) if c.is_whitespace() => {
                if open {
                    words.push(std::mem::take(&mut word));
                }
                open = false;
            }
            (_, c) => {
                open = true;
                word.push(c);
            }
        }
    }
    if open {
        words.push(word);
    }
    words
}

#[test]
fn every_command_in_the_pages_is_one() {
    let mut judged = 0;
    let mut wrong = Vec::new();
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap().replace("\\\n", " ");
        let mut inside = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with("```") {
                inside = line == "```sh";
            } else if inside && line.starts_with("hemostat ") {
                judged += 1;
                if let Err(why) = hemostat_cli::judge(words(line).into_iter().map(Into::into)) {
                    wrong.push(format!("{}: {line}\n{why}", page.display()));
                }
            }
        }
    }
    assert!(judged > 40, "{judged} commands: are the pages there?");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn words_are_a_shells() {
    assert_eq!(words("hemostat a 'b c' --d=\"e\"f   # g"), ["hemostat", "a", "b c", "--d=ef"]);
    assert_eq!(words("hemostat a b#c > d"), ["hemostat", "a", "b#c"]);
}

#[test]
fn every_field_of_the_access_log_in_the_pages_is_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let sample = std::fs::read_to_string(root.join("envoy/standalone/envoy.yaml")).unwrap();
    let logged =
        |name: &str| sample.lines().any(|line| line.trim().starts_with(&format!("{name}: \"%")));
    // Labels are each policy's own.
    let known = |name: &str| {
        // As the proxy's own formats call it.
        let name = name.strip_prefix("wasm.").unwrap_or(name);
        logged(name) || name.starts_with("hemostat.label.")
    };
    assert!(known("hemostat.decision"), "the sample's access log is found");
    let quoted = |text: &str| -> Option<String> {
        text.strip_prefix('`')?.split_once('`').map(|(name, _)| name.to_owned())
    };
    let mut judged = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap().replace('\n', " ");
        let behind =
            ["access log's ", "access log has ", "In the access log ", "in the access log: "]
                .into_iter()
                .flat_map(|words| text.split(words).skip(1).filter_map(quoted));
        let before = ["` in the access log"].into_iter().flat_map(|words| {
            let parts: Vec<&str> = text.split(words).collect();
            let said = parts.len().saturating_sub(1);
            parts.into_iter().take(said).filter_map(|part| part.rsplit_once('`'))
        });
        let before = before.map(|(_, name)| name.to_owned());
        // What rules did stands there as a value: `RULE:rollback`.
        for name in behind.chain(before).filter(|name| !name.contains(':')) {
            assert!(known(&name), "{}: the access log has no `{name}`", page.display());
            judged += 1;
        }
    }
    assert!(judged > 5, "{judged}");
}

/// What the command writes to standard output.
fn said(words: &[&str]) -> String {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let words = std::iter::once("hemostat").chain(words.iter().copied()).map(Into::into);
    hemostat_cli::run(words, &mut out, &mut err);
    String::from_utf8(out).unwrap()
}

/// A script reads no words: every verb, as the command itself lists them.
#[test]
fn every_verb_that_prints_a_result_prints_it_as_json_too() {
    let help = said(&["--help"]);
    let verbs = help.split("Commands:").nth(1).unwrap().split("Options:").next().unwrap();
    let verbs: Vec<&str> =
        verbs.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(verbs.len() > 18 && verbs.contains(&"push"), "{verbs:?}");
    // A script for a shell is its own format, and the list of verbs is for people.
    let without: Vec<&&str> =
        verbs.iter().filter(|verb| !said(&[**verb, "--help"]).contains("--json")).collect();
    assert_eq!(without, [&"completions", &"help"]);
}

#[test]
fn every_verb_stands_in_the_pages_table() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = std::fs::read_to_string(root.join("docs/releases.md")).unwrap();
    let help = said(&["--help"]);
    let verbs = help.split("Commands:").nth(1).unwrap().split("Options:").next().unwrap();
    for verb in verbs.lines().filter_map(|line| line.split_whitespace().next()) {
        let row = page.lines().any(|line| {
            line.strip_prefix("| `").is_some_and(|rest| rest.split([' ', '`']).next() == Some(verb))
        });
        assert!(row || verb == "help", "docs/releases.md: no row of the table is `{verb}`");
    }
}
