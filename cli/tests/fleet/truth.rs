//! What the command says of a fleet is so.
use hemostat_cli::Exit;
use serde_json::{Value, json};

use crate::support::{Folder, hemostat};

fn not_following() -> Value {
    json!({"in_force": "not-everywhere", "not_following": [{"configuration": "llm/1f\u{1b}[2J",
        "listener": "traffic", "serial": 0, "version": "inline", "code": "untrusted",
        "why": "no key of `trust` signed this", "since": "2026-11-24T07:00:00Z", "age_s": 60}]})
}

/// A listener with another key took the release from nobody: it is in force for none of its traffic.
#[test]
fn what_a_configuration_does_not_act_by_is_not_in_force() {
    let folder = Folder::new("not-following");
    let (good, bad) = (folder.proxy(), folder.proxy());
    bad.say(not_following());
    let out = folder.release(&[]);
    let (exit, said) = hemostat(&["push", &out, "--wait", "-p", &good.url, "-p", &bad.url]);
    assert_eq!(exit, Exit::No, "{said}");
    for words in [
        "does not act by it: configuration `llm/1f\\u{1b}[2J` (traffic) acts by serial 0",
        "no key of `trust` signed this (untrusted",
        "1 of 2 proxies serve it",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let (exit, said) = hemostat(&["status", "-p", &good.url, "-p", &bad.url]);
    assert_eq!(exit, Exit::No, "{said}");
    assert!(said.contains("no key of `trust` signed this") && said.contains("llm/1f"), "{said}");
    let (exit, said) = hemostat(&["status", "--line", "-p", &good.url, "-p", &bad.url]);
    assert!(exit == Exit::No && said.contains("NOT acted by on 1 of them"), "{said}");
    bad.say(json!({"in_force": "nowhere"}));
    let (exit, said) = hemostat(&["push", &out, "--wait", "-p", &bad.url]);
    assert!(exit == Exit::No && said.contains("holds for nobody"), "{said}");
}

#[test]
fn a_thread_that_has_not_said_so_yet_is_waited_for() {
    let folder = Folder::new("on-its-way");
    let proxy = folder.proxy();
    let behind = json!([{"configuration": "llm", "threads": 4, "behind": 1}]);
    proxy.say(json!({"in_force": "on-its-way", "followers": behind}));
    let out = folder.release(&[]);
    // Taken is not acted by: who does not wait is told so.
    let (exit, said) = hemostat(&["push", &out, "-p", &proxy.url]);
    assert_eq!(exit, Exit::Fine, "{said}");
    assert!(said.contains("taken") && said.contains("on its way: 1 of 4 threads"), "{said}");
    let words = ["push", &out, "--wait", "--within", "1", "-p", &proxy.url];
    let (exit, said) = hemostat(&words);
    assert_eq!(exit, Exit::No, "{said}");
    assert!(said.contains("1 of 4 threads of `llm` have not said yet"), "{said}");
    let says = std::sync::Arc::clone(&proxy.says);
    std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(300));
        *says.lock().unwrap() = json!({});
    });
    assert_eq!(hemostat(&words).0, Exit::Fine);
}

/// A filter that does not say who acts by what is believed as before.
#[test]
fn an_older_filter_is_understood() {
    let folder = Folder::new("older");
    let proxy = folder.proxy();
    proxy.say(json!({"in_force": null, "not_following": null, "followers": null}));
    let out = folder.release(&[]);
    assert_eq!(hemostat(&["push", &out, "--wait", "-p", &proxy.url]).0, Exit::Fine);
    assert_eq!(hemostat(&["status", "-p", &proxy.url]).0, Exit::Fine);
}

#[test]
fn proxies_that_differ_are_no() {
    let folder = Folder::new("differ");
    let (one, other) = (folder.proxy(), folder.proxy());
    let out = folder.release(&[]);
    hemostat(&["push", &out, "--wait", "-p", &one.url]);
    let both = ["-p", one.url.as_str(), "-p", other.url.as_str()];
    for words in [&["status"][..], &["status", "--line"], &["status", "--json"]] {
        let (exit, said) = hemostat(&[words, &both].concat());
        assert_eq!(exit, Exit::No, "{said}");
    }
    let (_, said) = hemostat(&[&["status"], &both[..]].concat());
    assert!(said.contains("proxies differ") && said.contains("hemostat sync"), "{said}");
    let (exit, _) = hemostat(&["status", "-p", &one.url, "-p", "http://127.0.0.1:1"]);
    assert_eq!(exit, Exit::Failed, "one that is not reached is worse");
}

#[test]
fn the_same_proxy_counts_once_whatever_it_is_called() {
    let folder = Folder::new("twice");
    let proxy = folder.proxy();
    let port = proxy.url.rsplit(':').next().unwrap();
    let named = format!("http://localhost:{port}/");
    let (exit, said) =
        hemostat(&["status", "--line", "-p", &proxy.url, "-p", &named, "-p", &proxy.url]);
    assert_eq!(exit, Exit::Fine, "{said}");
    assert!(said.contains("on 1 proxy since "), "{said}");
}

#[test]
fn a_name_that_stands_for_nothing_is_a_proxy_that_is_not_reached() {
    let folder = Folder::new("no-name");
    let proxy = folder.proxy();
    let (exit, said) = hemostat(&["status", "-p", &proxy.url, "-p", "http://nobody.invalid:9902"]);
    assert_eq!(exit, Exit::Failed, "{said}");
    assert!(said.contains("stands for no address") && said.contains("inline"), "{said}");
}

#[test]
fn a_source_that_fails_is_shown_with_its_cause() {
    let folder = Folder::new("poll");
    let proxy = folder.proxy();
    proxy.say(json!({"poll": {"failures": 7, "last_success": "2026-11-24T07:00:00Z",
        "last_error": {"message": "status 503", "age_s": 3}}}));
    let (_, said) = hemostat(&["status", "-p", &proxy.url]);
    assert!(
        said.contains("failed 7 times: status 503; last good answer 2026-11-24T07:00:00Z"),
        "{said}"
    );
    let error = json!({"code": "stale-serial", "message": "old", "at": "2020-01-01T00:00:00Z"});
    proxy.say(json!({"last_error": error}));
    let (_, said) = hemostat(&["status", "-p", &proxy.url]);
    assert!(said.contains("old (stale-serial, ") && said.contains(" d ago)"), "{said}");
}
