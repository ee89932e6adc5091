//! Calls that wait for leave, as proxies that are played list them: found, shown, signed.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;

use hemostat_cli::{Exit, run};
use hemostat_engine::dsse::{Envelope, base64};
use hemostat_engine::grant::PAYLOAD_TYPE;
use serde_json::{Value, json};

const ID: &str = "ap_EMOKNUMPXJ2HRZH3UNA4R7ZV4W5VA4RD";

/// A folder with a key in it, gone with its owner.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hemostat-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        let folder = Self(path);
        hemostat(&["keygen", "oncall", "--may", "approve", "--out", folder.0.to_str().unwrap()]);
        folder
    }

    fn key(&self) -> String {
        self.0.join("oncall.key").to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn hemostat(words: &[&str]) -> (Exit, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let words = std::iter::once("hemostat").chain(words.iter().copied()).map(Into::into);
    let exit = run(words, &mut out, &mut err);
    (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

/// A proxy that says this of itself, once.
fn proxy(scope: &str, waiting: Value) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let fullest = json!([{"labels": {"tenant": "acme"}, "share": 0.934}]);
    let body = json!({"serial": 1, "version": "v1", "scope": scope, "pending_approvals": waiting,
                      "balances": {"spend": {"fullest": fullest}}})
    .to_string();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut buffer = [0; 4096];
        assert!(stream.read(&mut buffer).unwrap() > 0);
        let head = format!("HTTP/1.1 200 X\r\nconnection: close\r\ncontent-length: {}", body.len());
        write!(stream, "{head}\r\n\r\n{body}").unwrap();
    });
    url
}

fn call(tenant: &str, since: &str, more: Value) -> Value {
    let mut call = json!({"id": ID, "tool": "refund", "tenant": tenant, "since": since,
                          "last": since, "count": 2});
    for (key, value) in more.as_object().unwrap() {
        call[key] = value.clone();
    }
    call
}

fn grant(out: &str) -> Value {
    let envelope = base64::decode(out.trim()).unwrap();
    let envelope = Envelope::read(&envelope, PAYLOAD_TYPE, 4096).unwrap();
    serde_json::from_slice(envelope.payload()).unwrap()
}

#[test]
fn what_the_proxies_say_is_shown_and_bound() {
    let folder = Folder::new("waiting");
    let arguments = json!({"arguments": {"amount": 150}});
    let one = proxy("prod", json!([call("acme", "2026-11-24T09:00:00Z", json!({}))]));
    let other = proxy("prod", json!([call("acme", "2026-11-24T08:00:00Z", arguments)]));
    let words = ["approve", ID, "--key", &folder.key(), "-p", &one, "-p", &other];
    let (exit, out, err) = hemostat(&words);
    assert_eq!(exit, Exit::Fine, "{err}");
    for shown in
        ["`refund`", r#"{"amount":150}"#, "4 times since 2026-11-24T08:00:00Z", "acme", "prod"]
    {
        assert!(err.contains(shown), "{shown} in {err}");
    }
    let grant = grant(&out);
    assert_eq!((&grant["tenant"], &grant["scope"]), (&json!("acme"), &json!("prod")));
    assert_eq!(grant["approval"], ID);
}

#[test]
fn the_list_and_a_grant_are_told_to_machines() {
    let folder = Folder::new("machines");
    let waits = || json!([call("acme", "t", json!({"arguments": {"amount": 150}}))]);
    let (exit, out, _) = hemostat(&["approve", "--list", "--json", "-p", &proxy("prod", waits())]);
    let shown: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((exit, &shown["calls"][0]["id"]), (Exit::Fine, &json!(ID)));
    assert_eq!(shown["calls"][0]["arguments"], json!({"amount": 150}));
    let (exit, out, _) = hemostat(&["approve", "--list", "--json", "-p", "http://127.0.0.1:1"]);
    let shown: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((exit, shown["not_reached"].as_array().unwrap().len()), (Exit::Failed, 1));
    let url = proxy("prod", waits());
    let (_, out, _) = hemostat(&["approve", ID, "--json", "--key", &folder.key(), "-p", &url]);
    let made: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&made["call"], &made["tool"]), (&json!(ID), &json!("refund")));
    assert_eq!(grant(made["grant"].as_str().unwrap())["approval"], ID);
}

#[test]
fn nothing_is_signed_that_could_be_two_things() {
    let folder = Folder::new("doubt");
    let key = folder.key();
    let two = || json!([call("acme", "t", json!({})), call("other", "t", json!({}))]);
    let (exit, out, err) = hemostat(&["approve", ID, "--key", &key, "-p", &proxy("prod", two())]);
    assert_eq!((exit, out.as_str()), (Exit::No, ""));
    assert!(err.contains("--tenant"), "{err}");
    let url = proxy("prod", two());
    let chosen = ["approve", ID, "--key", &key, "-p", &url, "--tenant", "other"];
    assert_eq!(grant(&hemostat(&chosen).1)["tenant"], "other");
    let scopes = [proxy("a", two()), proxy("b", json!([call("acme", "t", json!({}))]))];
    let words =
        ["approve", ID, "--key", &key, "-p", &scopes[0], "-p", &scopes[1], "--tenant", "acme"];
    assert!(hemostat(&words).2.contains("several scopes"));
}

#[test]
fn what_no_proxy_knows_is_signed_blindly_alone() {
    let folder = Folder::new("unknown");
    let key = folder.key();
    let down = "http://127.0.0.1:1";
    let url = proxy("prod", json!([]));
    let (exit, out, err) = hemostat(&["approve", ID, "--key", &key, "-p", &url, "-p", down]);
    assert_eq!((exit, out.as_str()), (Exit::No, ""));
    assert!(err.contains("no proxy knows") && err.contains("not reached: 127.0.0.1:1"), "{err}");
    let (exit, out, _) = hemostat(&["approve", ID, "--key", &key, "-p", down, "--blind"]);
    assert_eq!((exit, &grant(&out)["approval"]), (Exit::Fine, &json!(ID)));
}

#[test]
fn the_list_and_status_show_what_waits() {
    let hostile = call("a\u{1b}[2J", "2026-11-24T09:00:00Z", json!({"tool": "rm\n-rf"}));
    let (exit, out, _) = hemostat(&["approve", "--list", "-p", &proxy("prod", json!([hostile]))]);
    assert_eq!(exit, Exit::Fine);
    assert!(out.contains(ID) && out.contains("rm\\n-rf") && !out.contains('\u{1b}'), "{out}");
    assert_eq!(hemostat(&["approve", "--list", "-p", "http://127.0.0.1:1"]).0, Exit::Failed);
    let waiting = json!([call("acme", "t", json!({}))]);
    let (_, table, _) = hemostat(&["status", "-p", &proxy("prod", waiting.clone())]);
    assert!(table.contains("BUDGETS") && table.contains("spend=93% (acme)"), "{table}");
    let (_, line, _) = hemostat(&["status", "--line", "-p", &proxy("prod", waiting)]);
    assert!(line.contains("1 call waits for leave; fullest: spend=93% (acme)"), "{line}");
}
