//! A drill that nobody mistakes for the real thing.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hemostat_cli::Exit;
use serde_json::{Value, json};

use crate::support::{Control, Folder, OVERLAY, POLICY, with};

fn drill(folder: &Folder, more: &[&str], proxy: &Control) -> (Exit, String) {
    let (policy, key) = (folder.write("p.yaml", POLICY), folder.path("ops.key"));
    with(&[&["drill", "--policy", &policy, "--key", &key], more].concat(), &[proxy])
}

fn served(folder: &Folder) -> Control {
    let proxy = folder.proxy();
    let out = folder.release(&[]);
    assert_eq!(with(&["push", &out, "--wait"], &[&proxy]).0, Exit::Fine);
    proxy
}

#[test]
fn a_drill_says_so_counts_its_own_rules_alone_and_is_no_step() {
    let folder = Folder::new("drill");
    let proxy = served(&folder);
    let overlay = folder.write("sev1.yaml", OVERLAY);
    let acts = json!([
        {"rule": "new", "lever": "guardrails", "new": true, "mode": "shadow", "shadow": true,
         "actions": {"block": {"since_release": 3, "per_minute": 1.0, "total": 1207}}},
        {"rule": "own", "lever": "guardrails", "new": false, "mode": "enforce", "shadow": false,
         "actions": {"block": {"since_release": 9, "per_minute": 1.0, "total": 99}}}]);
    proxy.say(json!({"acts": acts}));
    let (exit, said) = drill(&folder, &[&overlay, "--for", "1", "--json"], &proxy);
    assert_eq!(exit, Exit::Fine, "{said}");
    let found: Value = serde_json::from_str(
        said.split("\n}").next().map(|one| format!("{one}\n}}")).as_deref().unwrap(),
    )
    .unwrap();
    assert_eq!(found["would_have"], json!([{"rule": "new", "action": "block", "exchanges": 3}]));
    assert_eq!(found["broken_off"], false);
    proxy.say(json!({}));
    assert_eq!((proxy.serial(), proxy.version().as_str()), (3, "base"));
    let (_, said) = with(&["history"], &[&proxy]);
    assert!(said.contains("drill.base_sev1") && said.contains("DRILL drill"), "{said}");
    assert!(said.contains("(after a drill)"), "{said}");
    let (_, said) = with(&["status"], &[&proxy]);
    assert!(said.contains("the last drill was at 2"), "{said}");
    // The step back is to what was before the policy, not to the drill.
    let (exit, said) =
        with(&["rollback", "--key", &folder.path("oncall.key"), "--wait"], &[&proxy]);
    assert_eq!((exit, proxy.version().as_str()), (Exit::Fine, "inline"), "{said}");
}

#[test]
fn a_rollback_drill_times_the_way_there_and_back() {
    let folder = Folder::new("drill-rollback");
    let proxy = served(&folder);
    let (exit, said) = drill(&folder, &["--rollback"], &proxy);
    assert_eq!(exit, Exit::Fine, "{said}");
    assert!(
        said.contains("every worker of every proxy acted by it after")
            && said.contains("; back after"),
        "{said}"
    );
    assert_eq!((proxy.serial(), proxy.version().as_str()), (3, "base"));
}

#[test]
#[cfg(unix)]
fn ctrl_c_takes_it_back_at_once() {
    let folder = Folder::new("drill-int");
    let proxy = served(&folder);
    let (policy, overlay) = (folder.write("p.yaml", POLICY), folder.write("sev1.yaml", OVERLAY));
    let child = Command::new(env!("CARGO_BIN_EXE_hemostat"))
        .args([
            "drill",
            &overlay,
            "--policy",
            &policy,
            "--key",
            &folder.path("ops.key"),
            "--for",
            "60",
        ])
        .args(["-p", &proxy.url])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while proxy.serial() < 2 && began.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(proxy.version(), "drill.base_sev1");
    let (_, said) = with(&["status"], &[&proxy]);
    assert!(said.starts_with("DRILL: version drill.base_sev1"), "{said}");
    let (_, said) = with(&["status", "--line"], &[&proxy]);
    assert!(said.starts_with("DRILL, nothing new acts: policy drill.base_sev1"), "{said}");
    let told = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(told.success());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("taking the drill back"));
    assert!(began.elapsed() < Duration::from_secs(30));
    assert_eq!((proxy.serial(), proxy.version().as_str()), (3, "base"));
}
