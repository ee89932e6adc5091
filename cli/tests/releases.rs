//! The verbs about releases, against files and proxies that are played.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod folder;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;

use folder::Folder;
use hemostat_cli::{Exit, run};
use hemostat_engine::bundle::{PAYLOAD_TYPE, Release, ReleasePolicy, digest_of};
use hemostat_engine::dsse::Envelope;
use hemostat_engine::policy::source::{SourceNode, parse_yaml};
use serde_json::{Value, json};

/// A new key in this folder.
fn key(folder: &Folder) -> String {
    hemostat(&["keygen", "ops", "--out", &folder.path("")]);
    folder.path("ops.key")
}

fn hemostat(words: &[&str]) -> (Exit, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let words = std::iter::once("hemostat").chain(words.iter().copied()).map(Into::into);
    let exit = run(words, &mut out, &mut err);
    out.extend(err);
    (exit, String::from_utf8(out).unwrap())
}

fn open(path: impl AsRef<Path>) -> Release {
    let bytes = std::fs::read(path).unwrap();
    let envelope = Envelope::read(&bytes, PAYLOAD_TYPE, 1 << 21).unwrap();
    Release::parse(envelope.payload()).unwrap()
}

fn policy_of(release: &Release) -> &SourceNode {
    let ReleasePolicy::Whole(policy) = &release.brings else { panic!("a digest") };
    policy
}

const POLICY: &str = "{hemostat: 1, version: base, reason: INC-1, \
                      guardrails: [{id: own, scan: output, find: x, do: block}]}";
const OVERLAY: &str =
    "{hemostat: 1, version: sev1, guardrails: [{id: new, scan: output, find: y, do: block}]}";

#[test]
fn a_release_is_policy_and_overlays() {
    let folder = Folder::new("release");
    let (key, policy) = (key(&folder), folder.write("p.yaml", POLICY));
    let (overlay, out) = (folder.write("sev1.yaml", OVERLAY), folder.path("current.json"));
    let base = ["release", &policy, "--scope", "prod", "--key", &key, "--out", &out];
    let (exit, said) = hemostat(&[&base[..], &["--prepare", &overlay]].concat());
    assert_eq!(exit, Exit::Fine, "{said}");
    let first = open(&out);
    assert_eq!((first.serial, first.scope.as_str()), (1, "prod"));
    assert_eq!(first.reason.as_deref(), Some("INC-1"));
    assert_eq!(policy_of(&first).get("version").unwrap().text(), Some("base"));

    // What was prepared is the policy with the overlay before its rules, and nothing else has that digest.
    let prepared = std::fs::read_to_string(folder.path("current.prepared/sev1.json")).unwrap();
    let prepared = parse_yaml(&prepared).unwrap();
    let own = digest_of(policy_of(&first)).unwrap();
    assert_eq!(first.prepared, [digest_of(&prepared).unwrap(), own], "and the way back from it");
    assert_eq!(prepared.get("version").unwrap().text(), Some("base_sev1"));

    // Without `--until never` the overlay's rules would end by themselves, and the policy be another one.
    let ends = ["--expires", "4h", "--on-expiry", "previous"];
    let more =
        [&["--overlay", &overlay, "--until", "never", "--prepare", "none"][..], &ends].concat();
    let (exit, said) = hemostat(&[&base[..], &more].concat());
    assert_eq!(exit, Exit::Fine, "{said}");
    let second = open(&out);
    assert_eq!(second.serial, 2, "one more than what is there");
    assert_eq!(digest_of(policy_of(&second)).unwrap(), digest_of(&prepared).unwrap());
    let rules = policy_of(&second).get("guardrails").unwrap().items();
    let ids: Vec<_> = rules.iter().map(|rule| rule.get("id").unwrap().text().unwrap()).collect();
    assert_eq!(ids, ["new", "own"]);
    assert!(second.expires.is_some());
}

/// Rules, fallbacks and labels of the policy are there for its overlays.
#[test]
fn an_overlay_may_refer_to_what_the_policy_holds() {
    let folder = Folder::new("refers");
    let (key, policy) = (key(&folder), folder.write("p.yaml", POLICY));
    let off = |rule: &str| {
        let text =
            format!("{{hemostat: 1, disable: [{{rule: {rule}, until: 2099-01-01T00:00:00Z}}]}}");
        folder.write("off.yaml", &text)
    };
    let release = |overlay: &str| {
        hemostat(&["release", &policy, "--scope", "s", "--key", &key, "--overlay", overlay])
    };
    assert_eq!(release(&off("own")).0, Exit::Fine);
    assert_eq!(hemostat(&["check", &policy, "--overlay", &off("own")]).0, Exit::Fine);
    for (exit, said) in
        [release(&off("owm")), hemostat(&["check", &policy, "--overlay", &off("owm")])]
    {
        assert_eq!(exit, Exit::No);
        assert!(said.contains("p.yaml with ") && said.contains("there is no rule `owm`"), "{said}");
        assert!(said.contains("`own`"), "what was meant: {said}");
    }
    // What is wrong with the overlay itself is told with its own lines.
    let bad = folder.write("bad.yaml", "hemostat: 1\nguardrailz: []\n");
    let (exit, said) = release(&bad);
    assert!(exit == Exit::No && said.contains("bad.yaml:2:1"), "{said}");
}

#[test]
fn what_is_not_acceptable_is_not_signed() {
    let folder = Folder::new("refused");
    let policy = folder.write("p.yaml", "{hemostat: 1, guardrailz: []}");
    let (key, out) = (key(&folder), folder.path("current.json"));
    let words = ["release", &policy, "--scope", "prod", "--key", &key, "--out", &out];
    let (exit, said) = hemostat(&words);
    assert_eq!(exit, Exit::No);
    assert!(said.contains("p.yaml:1:15: error: guardrailz"), "{said}");
    assert!(!Path::new(&out).exists());
    let words = ["release", &policy, "--scope", "prod", "--key", "/nowhere.key"];
    assert_eq!(hemostat(&words).0, Exit::Failed);
}

/// nginx makes an `ETag` of a file's second and size.
#[test]
fn a_file_that_is_replaced_at_once_is_newer_by_a_second() {
    let folder = Folder::new("newer");
    let (key, policy) = (key(&folder), folder.write("p.yaml", POLICY));
    let out = folder.path("current.json");
    let second = || {
        let at = std::fs::metadata(&out).unwrap().modified().unwrap();
        at.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
    };
    let mut last = 0;
    for _ in 0..3 {
        hemostat(&["release", &policy, "--scope", "prod", "--key", &key, "--out", &out]);
        assert!(second() > last, "{} after {last}", second());
        last = second();
    }
}

#[test]
fn a_directory_gets_the_whole_release_or_none() {
    let folder = Folder::new("push");
    let (key, policy) = (key(&folder), folder.write("p.yaml", POLICY));
    let (blob, served) = (folder.path("blob"), folder.path("served"));
    hemostat(&["release", &policy, "--scope", "prod", "--key", &key, "--out", &blob]);
    std::fs::create_dir(&served).unwrap();
    let (exit, said) = hemostat(&["push", &blob, "--to", &served]);
    assert_eq!(exit, Exit::Fine, "{said}");
    let (is, was) = (folder.path("served/current.json"), std::fs::read(&blob).unwrap());
    assert_eq!(std::fs::read(&is).unwrap(), was);
    assert_eq!(std::fs::read_dir(&served).unwrap().count(), 1, "nothing is left over");
    let (exit, _) = hemostat(&["push", &policy, "--to", &served]);
    assert_eq!(exit, Exit::No, "what is no release is not served");
    assert_eq!(std::fs::read(&is).unwrap(), was);
}

fn length(head: &str) -> usize {
    let lines = head.lines().map(str::to_ascii_lowercase);
    let mut lengths =
        lines.filter_map(|line| Some(line.strip_prefix("content-length: ")?.to_owned()));
    lengths.next().map_or(0, |length| length.parse().unwrap())
}

/// A proxy that gives these answers, one a connection, and then is gone.
fn proxy(answers: Vec<(u16, Value)>) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let mut asked = Vec::new();
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut request, mut buffer) = (String::new(), [0; 4096]);
            loop {
                let count = stream.read(&mut buffer).unwrap();
                request.push_str(&String::from_utf8_lossy(&buffer[..count]));
                let Some((head, rest)) = request.split_once("\r\n\r\n") else { continue };
                if rest.len() >= length(head) {
                    break;
                }
            }
            asked.push(request);
            let body = body.to_string();
            let head = format!(
                "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}",
                body.len()
            );
            write!(stream, "{head}\r\n\r\n{body}").unwrap();
        }
        asked
    });
    (url, thread)
}

fn status(serial: u64) -> Value {
    let previous = format!("sha256:{}", "7".repeat(64));
    json!({
        "serial": serial, "version": format!("v{serial}"), "scope": "prod",
        "since": "2026-11-24T07:00:00Z", "standing": "release",
        "rules": {"a\u{1b}[2J": {"block": 3}}, "prepared": [],
        "held": [{"digest": "sha256:8", "version": "v8"}, {"digest": previous, "version": "v7"}],
        "history": [{"serial": serial, "digest": "sha256:8", "version": "v8", "at": "t",
                     "source": "post", "issuer": "ann", "rolls_back": 6}],
    })
}

#[test]
fn a_rollback_names_what_it_puts_back_and_sends_a_digest() {
    let folder = Folder::new("rollback");
    let key = key(&folder);
    let taken = json!({"ok": true, "outcome": "activated"});
    let (url, thread) = proxy(vec![(200, status(8)), (200, taken)]);
    let (exit, said) = hemostat(&["rollback", "--again", "--key", &key, "--proxy", &url]);
    assert_eq!(exit, Exit::Fine, "{said}");
    assert!(said.contains("version v7") && said.contains("as serial 9"), "{said}");
    let asked = thread.join().unwrap();
    let (_, envelope) = asked[1].split_once("\r\n\r\n").unwrap();
    assert!(envelope.len() < 1000, "{}", envelope.len());
    let release = open(folder.write("sent", envelope));
    assert_eq!((release.serial, release.rolls_back), (9, Some(8)));
    assert!(matches!(release.brings, ReleasePolicy::Digest(_)));
}

#[test]
fn a_push_tells_the_truth_about_each_proxy() {
    let folder = Folder::new("truth");
    let (key, policy, blob) = (key(&folder), folder.write("p.yaml", POLICY), folder.path("blob"));
    let words = ["release", &policy, "--scope", "prod", "--serial", "9", "--key", &key];
    hemostat(&[&words[..], &["--out", &blob]].concat());
    let taken = json!({"outcome": "activated"});
    let no = json!({"code": "stale-serial", "message": "serial 9 is not higher"});
    let (good, good_thread) =
        proxy(vec![(200, status(8)), (200, taken), (200, status(8)), (200, status(9))]);
    let (bad, bad_thread) = proxy(vec![(200, status(8)), (409, no)]);
    let (exit, said) = hemostat(&[
        "push",
        &blob,
        "--wait",
        "--within",
        "1",
        "--json",
        "-p",
        &good,
        "-p",
        &bad,
        "-p",
        "http://127.0.0.1:1",
    ]);
    assert_eq!(exit, Exit::Failed, "one was not reached: {said}");
    let said: Value = serde_json::from_str(&said).unwrap();
    let proxies = said["proxies"].as_array().unwrap();
    let fates: Vec<_> = proxies.iter().map(|one| one["fate"].as_str().unwrap()).collect();
    assert_eq!(fates, ["serving", "refused", "unknown"]);
    good_thread.join().unwrap();
    bad_thread.join().unwrap();
}

#[test]
fn status_is_a_table_a_line_or_json() {
    let show = |flag: &[&str]| {
        let (url, thread) = proxy(vec![(200, status(8))]);
        let (exit, said) = hemostat(&[&["status", "--proxy", &url][..], flag].concat());
        thread.join().unwrap();
        assert_eq!(exit, Exit::Fine, "{said}");
        said
    };
    let table = show(&[]);
    assert!(table.contains("\nPROXY") && table.contains("v8"), "{table}");
    assert!(table.contains("a\\u{1b}[2J  block   3"), "{table}");
    assert!(!table.contains('\u{1b}'), "what a proxy says moves no cursor");
    let line = "policy v8 (serial 8) on 1 proxy since 2026-11-24T07:00:00Z\n";
    assert_eq!(show(&["--line"]), line);
    let json: Value = serde_json::from_str(&show(&["--json"])).unwrap();
    assert_eq!(json["proxies"][0]["status"]["serial"], 8);
    let down = hemostat(&["status", "--line", "--proxy", "http://127.0.0.1:1"]);
    assert_eq!(down, (Exit::Failed, "1 not reached\n".to_owned()));
    assert_eq!(hemostat(&["status", "--proxy", "https://127.0.0.1:1"]).0, Exit::Failed);
}

#[test]
fn scope_and_help_and_completions() {
    let folder = Folder::new("scope");
    let scope = |name: &str, text: &str| {
        let (_, json) = hemostat(&["check", "--json", &folder.write(name, text)]);
        let json: Value = serde_json::from_str(&json).unwrap();
        json["files"][0]["scope"].as_str().map(str::to_owned)
    };
    let named = scope("named.yaml", "{scope: prod-eu, trust: {keys: {}}}");
    assert_eq!(named.as_deref(), Some("prod-eu"));
    let digest = scope("digest.yaml", "{trust: {keys: {b: x, a: y}}}");
    assert!(digest.as_ref().unwrap().starts_with("sha256:"));
    let other = scope("other.yaml", "{trust: {keys: {a: y, b: x}}}");
    assert_eq!(other, digest, "the order of keys is no matter");
    assert_eq!(scope("none.yaml", "{policy: {}}"), None);
    let verbs = "approve check test replay keygen release push activate rollback sync status history diff drill postmortem scope";
    for verb in verbs.split(' ').chain(["completions"]) {
        let (exit, said) = hemostat(&[verb, "--help"]);
        assert!(exit == Exit::Fine && said.contains("Examples:"), "{verb}");
        // What these write are documents of their own kinds.
        let document = ["postmortem", "completions"].contains(&verb);
        assert!(document || said.contains("--json"), "{verb} prints its result for people alone");
    }
    assert!(hemostat(&["completions", "bash"]).1.contains("hemostat"));
}

#[test]
fn what_was_made_is_told_to_machines() {
    let folder = Folder::new("json");
    let (key, policy) = (key(&folder), folder.write("p.yaml", POLICY));
    let out = folder.path("blob");
    let words = ["release", &policy, "--scope", "s", "-k", &key, "--out", &out, "--json"];
    let (exit, said) = hemostat(&words);
    let made: Value =
        serde_json::Deserializer::from_str(&said).into_iter().next().unwrap().unwrap();
    assert_eq!((exit, &made["serial"], &made["scope"]), (Exit::Fine, &1.into(), &"s".into()));
    assert_eq!(made["signed_by"], serde_json::json!(["ops"]));
    assert_eq!(
        hemostat(&["release", &policy, "--scope", "s", "-k", &key, "--json"]).0,
        Exit::Failed
    );
    let trust = |words: &[&str]| -> Value {
        let all = [&["keygen", "--public", &key, "--json"], words].concat();
        serde_json::from_str(&hemostat(&all).1).unwrap()
    };
    assert!(trust(&[])["trust"]["keys"]["ops"].is_string());
    assert_eq!(trust(&["--may", "rollback"])["trust"]["keys"]["ops"]["may"][0], "rollback");
}

#[test]
fn history_is_newest_first_and_diff_reads_releases() {
    let (url, thread) = proxy(vec![(200, status(8))]);
    let (exit, said) = hemostat(&["history", "--proxy", &url]);
    thread.join().unwrap();
    assert_eq!(exit, Exit::Fine);
    assert!(said.contains("rolls back 6") && said.contains("ann"), "{said}");
    let folder = Folder::new("diff");
    let (key, policy) = (key(&folder), folder.write("p.yaml", POLICY));
    let (overlay, blob) = (folder.write("o.yaml", OVERLAY), folder.path("blob"));
    hemostat(&["release", &policy, "-o", &overlay, "--scope", "s", "-k", &key, "--out", &blob]);
    let (exit, said) = hemostat(&["diff", &policy, &blob]);
    assert_eq!(exit, Exit::No);
    assert!(said.contains("+ guardrails: `new` is new"), "{said}");
    assert_eq!(hemostat(&["diff", &policy, &policy]).0, Exit::Fine);
}

#[test]
fn the_report_of_an_incident_begins_with_its_timeline() {
    let folder = Folder::new("postmortem");
    let entry = |serial: u64, at: &str, more: Value| {
        let mut entry = json!({"serial": serial, "version": format!("v{serial}"), "at": at, "source": "post",
            "issuer": "ann", "reason": "INC|1 <b>", "key_ids": ["ops"]});
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        entry
    };
    let history = json!([
        entry(3, "2026-11-24T03:20:00Z", json!({"rolls_back": 2})),
        entry(2, "2026-11-24T03:00:00Z", json!({})),
        entry(1, "2026-11-23T09:00:00Z", json!({})),
    ]);
    let history = folder.write("h.json", history.to_string());
    let log = folder.write(
        "a.json",
        "not json\n{\"time\":\"2026-11-24T03:01:02.345Z\",\"rules\":\"kill:fallback,x:tag\"}\n\
         {\"time\":\"2026-11-24T03:05:00.000Z\",\"rules\":\"kill:fallback\"}\n\
         {\"time\":\"2026-11-22T03:05:00.000Z\",\"rules\":\"kill:fallback\"}\n{\"time\":\"x\",\"rules\":null}\n",
    );
    let since = ["--since", "2026-11-24T00:00:00Z", "--title", "INC-1"];
    let (exit, said) = hemostat(
        &[&["postmortem", "--history", &history, "--access-log", &log][..], &since].concat(),
    );
    assert_eq!(exit, Exit::Fine, "{said}");
    for wanted in [
        "# INC-1\n",
        "| before | in force: release 1 (post): version v1 | | |\n| 2026-11-24T03:00:00Z | release 2 (post): version v2 | ann (ops) | INC\\|1 \\<b\\> |",
        "| 2026-11-24T03:20:00Z | release 3 takes 2 back: version v3 |",
        "| kill:fallback | 2 | 2026-11-24T03:01:02Z | 2026-11-24T03:05:00Z |",
        "| x:tag | 1 |",
        "## Afterwards",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    assert_eq!(hemostat(&["postmortem", "--history", &log]).0, Exit::Failed);
}
