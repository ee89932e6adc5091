//! `hemostat check` as a script or a person meets it: exit codes, streams, words.
#![allow(missing_docs, reason = "a test")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test's helpers stop the test where a command is not as it must be"
)]

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const GOOD: &str = "hemostat: 1\nguardrails:\n  - {id: a, scan: output, find: xyz, do: block}\n";
const BAD: &str = "hemostat: 1\nguardrails:\n  - {id: a, scan: output, find: x, do: deny}\n";
const WARNS: &str = "hemostat: 1\nfailsafe:\n  - {id: kill, do: block}\n";

fn hemostat(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hemostat"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The command may end before it has read all.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn code(args: &[&str], input: &str) -> i32 {
    hemostat(args, input).status.code().unwrap()
}

#[test]
fn exit_codes_tell_no_from_failure() {
    assert_eq!(code(&["check", "-"], GOOD), 0);
    assert_eq!(code(&["check", "-"], BAD), 1);
    assert_eq!(code(&["check", "-"], ""), 1);
    assert_eq!(code(&["check", "-"], WARNS), 0);
    assert_eq!(code(&["check", "--strict", "-"], WARNS), 1);
    assert_eq!(code(&["check", "--strict", "-"], GOOD), 0);
    assert_eq!(code(&["check", "no/such/file.yaml"], ""), 2);
    assert_eq!(code(&["check"], ""), 2);
    assert_eq!(code(&["chekc", "-"], ""), 2);
    assert_eq!(code(&["--help"], ""), 0);
    // One file that cannot be read is a failure, whatever the others say.
    assert_eq!(code(&["check", "-", "no/such/file.yaml"], BAD), 2);
}

#[test]
fn people_see_the_line_and_what_would_be_accepted() {
    let output = hemostat(&["check", "-"], BAD);
    let expected = "\
-:3:40: error: guardrails[0].do (rule `a`): `deny` is not a word for `do` [unknown-word]
 3 |   - {id: a, scan: output, find: x, do: deny}
   |                                        ^
  help: to refuse is `block`
-: policy not acceptable: 1 error, 0 warnings
";
    assert_eq!(out(&output), expected);
    assert!(output.stderr.is_empty());
}

#[test]
fn a_good_policy_is_explained_unless_quiet() {
    let shown = out(&hemostat(&["check", "-"], GOOD));
    assert!(shown.starts_with("-: policy acceptable: 0 errors, 0 warnings\n"), "{shown}");
    assert!(
        shown.contains(
            "  a: on answers looks in the model's text for `xyz`; a match ends the answer"
        ),
        "{shown}"
    );
    assert_eq!(out(&hemostat(&["check", "--quiet", "-"], GOOD)), "");
}

#[test]
fn a_configuration_is_told_from_a_policy() {
    let text = format!("hold_headers: true\npolicy:\n  {}", GOOD.replace('\n', "\n  "));
    let shown = out(&hemostat(&["check", "-"], &text));
    assert!(shown.starts_with("-: configuration acceptable"), "{shown}");
    let shown = out(&hemostat(&["check", "-"], &text.replace("hold_headers: true\n", "")));
    assert!(shown.contains("allow_on_headers_stop_iteration"), "{shown}");
}

#[test]
fn json_has_the_documented_shape() {
    let output = hemostat(&["check", "--json", "-"], BAD);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let expected = serde_json::json!({
        "ok": false,
        "files": [{
            "file": "-", "what": "policy", "ok": false, "errors": 1, "warnings": 0, "scope": null,
            "diagnostics": [{
                "severity": "error", "code": "unknown-word", "path": "guardrails[0].do",
                "rule": "a", "line": 3, "column": 40, "message": "`deny` is not a word for `do`",
                "help": "to refuse is `block`",
            }],
            "explanation": [],
        }],
    });
    assert_eq!(json, expected);
    let output = hemostat(&["check", "--json", "-"], GOOD);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["ok"], true);
    assert!(!json["files"][0]["explanation"].as_array().unwrap().is_empty());
}

#[test]
fn nothing_of_a_policy_commands_the_terminal() {
    let text =
        "hemostat: 1\nkill\u{202e}: \"\\e[2J\"\nversion: \"\\e[31m\"\nreason: \"\u{9b}2J\"\n";
    let output = hemostat(&["check", "-"], text);
    let shown = out(&output);
    assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
    assert!(!shown.contains('\u{202e}'), "{shown:?}");
    // No colours: this is no terminal.
    assert!(!shown.contains('\u{1b}'));
}

#[test]
fn a_long_line_is_cut_around_the_column() {
    let text =
        format!("{{\"hemostat\": 1, \"reason\": \"{}\", \"mode\": \"of\"}}", "a".repeat(5000));
    let shown = out(&hemostat(&["check", "-"], &text));
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines.iter().all(|line| line.chars().count() < 160), "{shown}");
    let at = lines[2].find('^').unwrap();
    assert_eq!(lines[1].get(at..at + 4), Some("\"of\""));
}

/// What the recipe runs, run.
#[test]
fn the_schema_recipe_writes_the_committed_schema() {
    let recipe = include_str!("../../Justfile").split("\nschema:\n").nth(1).unwrap();
    let recipe = recipe.split("\n\n").next().unwrap();
    let line = recipe.lines().find(|line| line.contains(" -- ")).unwrap();
    let (args, file) = line.split_once(" -- ").unwrap().1.split_once(" > ").unwrap();
    assert_eq!(file, "policies/policy.schema.json");
    let output = hemostat(&args.split(' ').collect::<Vec<_>>(), "");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(out(&output), include_str!("../../policies/policy.schema.json"));
}

#[test]
fn the_schema_flag_writes_the_committed_schema() {
    let committed = include_str!("../../policies/policy.schema.json");
    assert_eq!(out(&hemostat(&["check", "--schema"], "")), committed);
}
