//! Ctrl-C in the middle of waiting: what was done is told, and written down.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Folder, OVERLAY, with};

/// Every verb that waits, with one proxy that takes its step and one that is down.
#[test]
#[cfg(unix)]
fn a_step_that_is_no_longer_waited_for_is_told_and_written_down() {
    let folder = Folder::new("broken-off");
    let proxy = folder.proxy();
    let overlay = folder.write("sev1.yaml", OVERLAY);
    let out = folder.release(&["--prepare", &overlay]);
    let (ops, oncall) = (folder.path("ops.key"), folder.path("oncall.key"));
    let (log, sev1) = (folder.path("log.jsonl"), folder.path("current.prepared/sev1.json"));
    for (done, words) in [
        vec!["push", &out],
        vec!["activate", &sev1, "--key", &oncall],
        vec!["rollback", "--key", &ops],
    ]
    .into_iter()
    .enumerate()
    {
        let child = Command::new(env!("CARGO_BIN_EXE_hemostat"))
            .args(&words)
            .args(["--wait", "--within", "60", "--log", &log])
            .args(["-p", &proxy.url, "-p", "http://127.0.0.1:1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let began = Instant::now();
        while proxy.offers.lock().unwrap().len() <= done {
            assert!(began.elapsed() < Duration::from_secs(20), "{words:?} took no step");
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(
            Command::new("kill")
                .args(["-INT", &child.id().to_string()])
                .status()
                .unwrap()
                .success()
        );
        let ended = child.wait_with_output().unwrap();
        assert!(began.elapsed() < Duration::from_secs(25));
        let (said, told) =
            (String::from_utf8(ended.stdout).unwrap(), String::from_utf8(ended.stderr).unwrap());
        assert_eq!(ended.status.code(), Some(2), "{words:?}: {said}{told}");
        assert!(said.contains("unknown  not reached: Connection refused; broken off"), "{said}");
        let serial = done + 1;
        let again = if words[0] == "rollback" { " --again" } else { "" };
        let back = format!("`hemostat rollback --expect {serial}{again}` takes it back");
        assert!(told.contains(&back), "{told}");
        let text = std::fs::read_to_string(&log).unwrap();
        let entry: Value = serde_json::from_str(text.lines().nth(done).unwrap()).unwrap();
        assert_eq!(entry["serial"], serial, "{words:?}");
        let fate = entry["proxies"][0]["fate"].as_str().unwrap();
        assert!(["taken", "serving"].contains(&fate), "{entry}");
    }
    // What is in force is one step, and can be taken back as was said.
    let back = ["rollback", "--key", &oncall, "--expect", "3", "--again", "--wait"];
    assert_eq!(with(&back, &[&proxy]).0, hemostat_cli::Exit::Fine);
}
