//! Every command of the runbook runs, in the order in which it is printed, against two proxies.

use std::path::Path;
use std::process::Command;

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

fn commands(runbook: &str) -> Vec<String> {
    let (mut all, mut inside) = (Vec::new(), false);
    for line in runbook.replace("\\\n", " ").lines().map(str::trim) {
        if line.starts_with("```") {
            inside = line == "```sh";
        } else if inside && line.starts_with("hemostat ") {
            all.push(line.split(" #").next().unwrap().trim().to_owned());
        }
    }
    all
}

#[test]
fn every_command_runs_in_the_order_printed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let runbook = std::fs::read_to_string(root.join("docs/runbook.md")).unwrap();
    let folder = Folder::new("runbook");
    let proxies = [folder.proxy_in("prod-eu"), folder.proxy_in("prod-eu")];
    prepare(&folder, &root, &runbook);
    let (mut ran, mut wrong) = (0, Vec::new());
    for command in commands(&runbook) {
        let mut words: Vec<&str> = command.split_whitespace().skip(1).collect();
        // These read traffic and access logs, which have tests of their own.
        if ["replay", "scope", "postmortem"].contains(&words[0]) {
            continue;
        }
        if words.contains(&"--watch") {
            words.extend(["--looks", "1"]);
        }
        let done = Command::new(env!("CARGO_BIN_EXE_hemostat"))
            .args(&words)
            .current_dir(&folder.0)
            .env("HEMOSTAT_PROXIES", format!("{},{}", proxies[0].url, proxies[1].url))
            .output()
            .unwrap();
        ran += 1;
        if !done.status.success() {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            wrong.push(format!("{command}\n{}{}", text(&done.stdout), text(&done.stderr)));
        }
    }
    assert!(ran >= 14, "{ran} commands: is the runbook there?");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
