//! What is said where something does not work: what is wrong, and what to do.

use hemostat_cli::Exit;
use serde_json::{Value, json};

use crate::support::{Folder, OVERLAY, hemostat, with};

#[test]
fn a_refusal_says_what_helps_and_that_nothing_changed() {
    let folder = Folder::new("help");
    let (one, two) = (folder.proxy(), folder.proxy());
    folder.serve("good", &[&one, &two]);
    hemostat(&["keygen", "stranger", "--out", folder.0.to_str().unwrap()]);
    let words = ["rollback", "--key", &folder.path("stranger.key"), "--wait"];
    let (exit, said) = with(&words, &[&one, &two]);
    assert_eq!(exit, Exit::No, "{said}");
    assert!(said.contains("release 2: no proxy took it; nothing changed"), "{said}");
    assert_eq!(
        said.matches("help: untrusted: the key that signed is not one of `trust`").count(),
        1
    );
    let (_, said) = with(&[&words[..], &["--json"]].concat(), &[&one, &two]);
    // What was about to be done is on the other stream, which stands behind it here.
    let document = format!("{}\n}}", said.split("\n}").next().unwrap());
    let said: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(said["proxies"][0]["code"], "untrusted");
    assert!(said["proxies"][1]["help"].as_str().unwrap().contains("keygen --public"));
}

#[test]
fn a_proxy_that_is_down_is_told_without_numbers_and_with_the_way_out() {
    let folder = Folder::new("down");
    let proxy = folder.proxy();
    let out = folder.release(&[]);
    let down = "http://127.0.0.1:1";
    let words = ["push", &out, "--wait", "--within", "1", "-p", &proxy.url, "-p", down];
    let (exit, said) = hemostat(&words);
    assert_eq!(exit, Exit::Failed, "{said}");
    assert!(
        said.contains("127.0.0.1:1      unknown") || said.contains("unknown  not reached"),
        "{said}"
    );
    assert!(
        said.contains("when it is back, `hemostat sync --wait`") && !said.contains("os error"),
        "{said}"
    );
    // Who may remember it was not asked: that is not the same as nobody.
    let (exit, said) = hemostat(&["diff", "1", "2", "-p", down]);
    assert!(exit == Exit::Failed && said.contains("not reached: Connection refused"), "{said}");
}

#[test]
fn a_serial_that_is_not_there_is_told_from_one_that_is_not_held() {
    let folder = Folder::new("no-serial");
    let proxy = folder.proxy();
    folder.serve("good", &[&proxy]);
    folder.serve("bad", &[&proxy]);
    let key = folder.path("ops.key");
    let (exit, said) = with(&["rollback", "--key", &key, "--to", "99"], &[&proxy]);
    assert_eq!(exit, Exit::No, "{said}");
    assert!(
        said.contains("the proxies remember no serial 99") && said.contains("serial 2, 1"),
        "{said}"
    );
    let other = folder.write("other.yaml", "{hemostat: 1, version: other}");
    let (exit, said) = with(&["rollback", "--key", &key, "--policy", &other], &[&proxy]);
    assert_eq!(exit, Exit::No, "{said}");
    assert!(
        said.contains("other.yaml is not the policy that is gone back to: that is version good"),
        "{said}"
    );
}

#[test]
fn a_release_is_no_prepared_policy() {
    let folder = Folder::new("no-policy");
    let proxy = folder.proxy();
    let overlay = folder.write("sev1.yaml", OVERLAY);
    let out = folder.release(&["--prepare", &overlay]);
    assert_eq!(with(&["push", &out, "--wait"], &[&proxy]).0, Exit::Fine);
    let words = ["activate", &out, "--key", &folder.path("oncall.key")];
    let (exit, said) = with(&words, &[&proxy]);
    assert!(
        exit == Exit::No && said.contains("that is a release, not a prepared policy"),
        "{said}"
    );
    assert_eq!(proxy.offers.lock().unwrap().len(), 1, "nothing was sent");
}

/// Times are read in one way wherever one is asked for.
#[test]
fn a_time_that_is_none_shows_what_one_is() {
    for words in [
        ["activate", "x.json", "--expires", "4"],
        ["activate", "x.json", "--expires", "tomorrow"],
        ["release", "x.yaml", "--until", "4 hours"],
        ["release", "x.yaml", "--expires", "m"],
    ] {
        let (exit, said) = hemostat(&words);
        assert_eq!(exit, Exit::Failed);
        assert!(
            said.contains("is not a time such as `30m`, `4h`, `2d` or `2026-"),
            "{words:?}: {said}"
        );
    }
}

/// A terminal command in what a proxy says is a text like any other.
#[test]
fn what_proxies_say_is_no_command_of_the_terminal() {
    let folder = Folder::new("hostile");
    let proxy = folder.proxy();
    folder.serve("good", &[&proxy]);
    let held = proxy.status()["held"].clone();
    let digest = "sha256:\u{1b}[2J";
    proxy.say(json!({"prepared": [digest, held[0]["digest"]], "version": "v\u{1b}[2J"}));
    for words in [&["status"][..], &["status", "--line"], &["history"]] {
        let (_, said) = with(words, &[&proxy]);
        assert!(!said.contains('\u{1b}'), "{words:?}: {said}");
    }
}
