//! On-call keeps what it can activate.

use hemostat_cli::Exit;

use crate::support::{Folder, OVERLAY, hemostat, with};

#[test]
fn a_release_that_names_no_prepared_policy_is_refused_where_there_are_some() {
    let folder = Folder::new("levers");
    let proxy = folder.proxy();
    let overlay = folder.write("sev1.yaml", OVERLAY);
    let out = folder.release(&["--prepare", &overlay]);
    assert_eq!(with(&["push", &out, "--wait"], &[&proxy]).0, Exit::Fine);
    let (_, said) = with(&["status"], &[&proxy]);
    assert!(said.contains("PREPARED"), "{said}");

    // The runbook's hot fix, word for word: with proxies named, and with the file alone.
    for more in [&["-p", proxy.url.as_str()][..], &[]] {
        let (exit, said) = folder.try_release(more);
        assert_eq!(exit, Exit::No, "{said}");
        assert!(said.contains("on-call could activate 1 prepared policy no more"), "{said}");
        assert!(said.contains("--prepare none"), "{said}");
    }
    // On the new policy again.
    let again = ["-p", proxy.url.as_str(), "--prepare", &overlay];
    assert_eq!(folder.try_release(&again).0, Exit::Fine);
    assert_eq!(with(&["push", &out, "--wait"], &[&proxy]).0, Exit::Fine);
    assert_eq!(proxy.status()["prepared"].as_array().unwrap().len(), 2);

    // On purpose: it is named what is lost.
    assert_eq!(folder.try_release(&["--prepare", "none", "-p", &proxy.url]).0, Exit::Fine);
    let (exit, said) = with(&["push", &out, "--wait"], &[&proxy]);
    assert_eq!(exit, Exit::Fine, "{said}");
    assert!(said.contains("on-call can activate nothing any more; until now: "), "{said}");
}

/// Authors' keys activate and take back too, that of the list's own author and another's: on-call's list is what it was.
#[test]
fn a_step_takes_nothing_from_on_calls_list_whoever_takes_it() {
    for key in ["ops.key", "other.key", "oncall.key"] {
        let folder = Folder::new(&format!("list-{key}"));
        let proxy = folder.proxy();
        let overlay = folder.write("sev1.yaml", OVERLAY);
        let out = folder.release(&["--prepare", &overlay]);
        assert_eq!(with(&["push", &out, "--wait"], &[&proxy]).0, Exit::Fine);
        let list = proxy.status()["prepared"].clone();
        assert_eq!(list.as_array().unwrap().len(), 2);
        let own = folder.write("own.yaml", "{hemostat: 1, version: own}");
        let (key, sev1) = (folder.path(key), folder.path("current.prepared/sev1.json"));
        let mut steps = vec![
            vec!["activate", &sev1, "--key", &key],
            vec!["rollback", "--key", &key],
            vec!["activate", &sev1, "--key", &key],
        ];
        if !key.ends_with("oncall.key") {
            // What nobody prepared, and a way back further than one step, are an author's alone.
            steps.push(vec!["activate", &own, "--key", &key]);
            steps.push(vec!["rollback", "--key", &key, "--to", "1"]);
        }
        for words in steps {
            let (exit, said) = with(&[&words[..], &["--wait"]].concat(), &[&proxy]);
            assert_eq!(
                (exit, &proxy.status()["prepared"]),
                (Exit::Fine, &list),
                "{words:?}: {said}"
            );
        }
    }
}

/// A release that was made where nobody could see the proxies.
#[test]
fn a_push_that_would_disarm_on_call_unsaid_is_refused() {
    let folder = Folder::new("disarm");
    let proxy = folder.proxy();
    let overlay = folder.write("sev1.yaml", OVERLAY);
    let out = folder.release(&["--prepare", &overlay]);
    with(&["push", &out, "--wait"], &[&proxy]);
    std::fs::remove_file(&out).unwrap();
    // What is in force already, again, takes nothing away.
    let out = folder.release(&["--serial", "6"]);
    assert_eq!(with(&["push", &out, "--wait"], &[&proxy]).0, Exit::Fine);
    assert_eq!(proxy.status()["prepared"].as_array().unwrap().len(), 2);
    std::fs::remove_file(&out).unwrap();
    let fix = folder.write("fix.yaml", &OVERLAY.replace("sev1", "fix"));
    let out = folder.release(&["--serial", "7", "--overlay", &fix, "--until", "never"]);
    let (exit, said) = with(&["push", &out, "--wait"], &[&proxy]);
    assert_eq!(exit, Exit::No, "{said}");
    assert!(said.contains("on-call could activate 1 prepared policy no more"), "{said}");
    assert_eq!(proxy.serial(), 6);
    let (exit, said) = with(&["push", &out, "--wait", "--drop-prepared"], &[&proxy]);
    assert_eq!((exit, proxy.serial()), (Exit::Fine, 7), "{said}");
}

#[test]
fn a_star_that_names_cases_too_names_overlays() {
    let folder = Folder::new("star");
    let overlay = folder.write("sev1.yaml", OVERLAY);
    let cases = folder.write("sev1.cases.yaml", "base: p.yaml\ncases: []\n");
    let (exit, said) = folder.try_release(&["--prepare", &cases, &overlay]);
    assert_eq!(exit, Exit::Fine, "{said}");
    assert!(folder.0.join("current.prepared/sev1.json").exists());
    let (exit, said) = folder.try_release(&["--prepare", &cases]);
    assert!(exit == Exit::Failed && said.contains("these are cases and not an overlay"), "{said}");
    let (exit, said) = hemostat(&["check", "--quiet", &overlay, &cases]);
    assert_eq!(exit, Exit::Fine, "{said}");
    let (exit, said) = hemostat(&["check", &cases]);
    assert!(exit == Exit::Failed && said.contains("hemostat test"), "{said}");
}
