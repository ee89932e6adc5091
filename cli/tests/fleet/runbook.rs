//! Every command of the runbook runs, in the order in which it is printed, against two proxies.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use hemostat_engine::base::time;
use serde_json::json;

use crate::support::Folder;

/// What the pages say of files that an operator has by then.
fn prepare(folder: &Folder, root: &Path, runbook: &str) {
    std::fs::create_dir_all(folder.0.join("policies/overlays")).unwrap();
    for entry in std::fs::read_dir(root.join("policies/overlays")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::copy(
                &path,
                folder.0.join("policies/overlays").join(path.file_name().unwrap()),
            )
            .unwrap();
        }
    }
    for (name, from) in [
        ("policy.yaml", "baseline.yaml"),
        ("kill-checkout.yaml", "overlays/sev1-kill-feature.yaml"),
        ("kill.yaml", "overlays/sev1-kill-feature.yaml"),
        ("cost-cap.yaml", "overlays/sev2-cost-cap.yaml"),
        ("bad-prompt.yaml", "overlays/sev2-rollback-prompt.yaml"),
    ] {
        std::fs::copy(root.join("policies").join(from), folder.0.join(name)).unwrap();
    }
    let settings = runbook.split("# hemostat.yaml\n").nth(1).unwrap().split("```").next().unwrap();
    folder.write("hemostat.yaml", settings);
    let policy = std::fs::read_to_string(folder.0.join("policy.yaml")).unwrap();
    let rule = policy.split("id: ").nth(1).unwrap().split([',', '\n', '}']).next().unwrap().trim();
    let until = "2099-01-01T00:00:00Z";
    folder.write(
        "off.yaml",
        &format!("{{hemostat: 1, version: off, disable: [{{rule: {rule}, until: {until}}}]}}"),
    );
}

/// What passed in the last three hours: an access log in which checkout turned bad on prompt version 43 an hour ago, and
/// recordings of three exchanges, the last one with a key in its answer.
fn traffic(folder: &Folder) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let mut log = String::new();
    for minute in 0..180_u64 {
        for (at, feature) in ["checkout", "search", "support"].iter().enumerate() {
            let turned = minute >= 120 && *feature == "checkout";
            let (version, rules) = if turned { ("43", "harmful:fallback") } else { ("42", "") };
            let time = time::format(now - (180 - minute) * 60);
            let line = json!({"time": time, "status": 200, "hemostat.policy_version": "day", "hemostat.policy_serial": 1,
                "hemostat.decision": format!("d{minute}{at}"), "hemostat.rule_hits": rules, "hemostat.dialect": "openai-chat",
                "gen_ai.request.model": "gpt-5", "hemostat.label.feature": feature, "hemostat.cost_usd": "0.01",
                "hemostat.label.prompt_version": version, "hemostat.label.tenant": format!("tenant-{}", minute % 7)});
            log.push_str(&format!("{line}\n"));
        }
    }
    folder.write("access.json", &log);
    let key = format!("AKIA{}", "Z7QXAMPLE4DEMO23");
    let mut recorded = String::new();
    for (feature, version, text) in
        [("search", "42", "fine"), ("checkout", "42", "fine"), ("checkout", "43", key.as_str())]
    {
        let request = json!({"model": "gpt-5", "messages": [{"role": "user", "content": "Hello"}]});
        let response = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "gpt-5", "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}]});
        let headers = json!({"x-feature": feature, "x-prompt-version": version});
        let line = json!({"path": "/v1/chat/completions", "headers": headers, "request": request, "response": response});
        recorded.push_str(&format!("{line}\n"));
    }
    std::fs::create_dir_all(folder.0.join("traffic")).unwrap();
    folder.write("traffic/day.jsonl", &recorded);
    let policy = std::fs::read_to_string(folder.0.join("policy.yaml")).unwrap();
    let fixed = policy.replace("do: {redact: \"[REDACTED]\"}", "do: block");
    assert_ne!(fixed, policy);
    folder.write("fixed.yaml", &fixed);
}

/// What is typed, with what stands behind it on its line as a comment.
fn commands(runbook: &str) -> Vec<String> {
    let (mut all, mut inside) = (Vec::new(), false);
    for line in runbook.replace("\\\n", " ").lines().map(str::trim) {
        if line.starts_with("```") {
            inside = line == "```sh";
        } else if inside && line.starts_with("hemostat ") {
            all.push(line.split(" #").next().map_or(line, str::trim).to_owned());
        }
    }
    all
}

/// What some commands must say here, beside ending well.
const SAY: &[(&str, &str)] = &[
    ("replay policy.yaml --overlay kill.yaml", "kill-feature"),
    ("scope access.json", "of `checkout` on prompt_version 43"),
    ("case traffic/", "replaced: 1 "),
    ("drill kill.yaml", "drill"),
];

#[test]
fn every_command_runs_in_the_order_printed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let runbook = std::fs::read_to_string(root.join("docs/runbook.md")).unwrap();
    let folder = Folder::new("runbook");
    let proxies = [folder.proxy_in("prod-eu"), folder.proxy_in("prod-eu")];
    prepare(&folder, &root, &runbook);
    traffic(&folder);
    let binary = Path::new(env!("CARGO_BIN_EXE_hemostat")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap_or_default());
    let (mut ran, mut wrong) = (BTreeMap::<String, usize>::new(), Vec::new());
    for command in commands(&runbook) {
        let verb = command.split(' ').nth(1).unwrap().to_owned();
        // What would go on until somebody ends it, or for a minute, is cut short.
        let short = match verb.as_str() {
            "status" if command.contains("--watch") => " --looks 1",
            "drill" if !command.contains("--rollback") => " --for 1",
            _ => "",
        };
        // As a shell takes it: globs, quotes and redirections are the runbook's words too.
        let done = Command::new("sh")
            .args(["-c", &format!("{command}{short}")])
            .current_dir(&folder.0)
            .env("PATH", &path)
            .env("HEMOSTAT_PROXIES", format!("{},{}", proxies[0].url, proxies[1].url))
            .output()
            .unwrap();
        *ran.entry(verb).or_default() += 1;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let said = format!("{}{}", text(&done.stdout), text(&done.stderr));
        let must = SAY.iter().find(|(own, _)| command.contains(own)).map(|(_, words)| *words);
        if !done.status.success() || must.is_some_and(|words| !said.contains(words)) {
            wrong.push(format!("$ {command}\n{:?} {must:?}\n{said}", done.status.code()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for verb in [
        "status",
        "history",
        "release",
        "push",
        "replay",
        "scope",
        "rollback",
        "activate",
        "postmortem",
        "case",
        "drill",
    ] {
        assert!(ran.contains_key(verb), "no page says `{verb}`: {ran:?}");
    }
    assert!(ran.values().sum::<usize>() >= 24, "{ran:?}: is the runbook there?");
    let report = std::fs::read_to_string(folder.0.join("inc-4711.md")).unwrap();
    assert!(report.contains("INC-4711") && report.contains("checkout"), "{report}");
}
