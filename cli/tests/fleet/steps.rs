//! A rollback cannot be turned into its opposite, nor an activation into a rollback.

use hemostat_cli::Exit;
use serde_json::Value;

use crate::support::{Control, Folder, OVERLAY, with};

fn rollback(folder: &Folder, more: &[&str], proxies: &[&Control]) -> (Exit, String) {
    let key = folder.path("oncall.key");
    with(&[&["rollback", "--key", &key, "--wait"], more].concat(), proxies)
}

#[test]
fn two_people_who_roll_back_one_after_the_other_take_one_step() {
    let folder = Folder::new("again");
    let proxies = [folder.proxy(), folder.proxy()];
    let proxies = [&proxies[0], &proxies[1]];
    folder.serve("good", &proxies);
    folder.serve("bad", &proxies);
    let (exit, said) = rollback(&folder, &["--issuer", "ann"], &proxies);
    assert_eq!((exit, proxies[0].version()), (Exit::Fine, "good".to_owned()), "{said}");
    let (exit, said) = rollback(&folder, &[], &proxies);
    assert_eq!((exit, proxies[1].version()), (Exit::No, "good".to_owned()), "{said}");
    assert!(said.contains("serial 3 is a rollback already: ann took serial 2 back"), "{said}");
    assert!(said.contains("`--again` would put version bad back in force"), "{said}");
    let (exit, said) = rollback(&folder, &["--again"], &proxies);
    assert_eq!((exit, proxies[0].version()), (Exit::Fine, "bad".to_owned()), "{said}");
}

#[test]
fn whoever_expects_another_serial_changes_nothing() {
    let folder = Folder::new("expect");
    let proxy = folder.proxy();
    folder.serve("good", &[&proxy]);
    folder.serve("bad", &[&proxy]);
    let (exit, said) = rollback(&folder, &["--expect", "1"], &[&proxy]);
    assert_eq!((exit, proxy.serial()), (Exit::No, 2), "{said}");
    assert!(said.contains("serial 2 is in force (version bad"), "{said}");
    let (exit, said) = rollback(&folder, &["--expect", "2", "--dry-run"], &[&proxy]);
    assert_eq!((exit, proxy.serial()), (Exit::Fine, 2), "{said}");
    assert!(said.contains("version good (sha256:") && said.contains("nothing was sent"), "{said}");
    let (_, said) = rollback(&folder, &["--dry-run", "--json"], &[&proxy]);
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&said["version"], &said["from"]["serial"]), (&"good".into(), &2.into()));
    assert_eq!(rollback(&folder, &["--expect", "2"], &[&proxy]).0, Exit::Fine);
}

#[test]
fn what_is_in_force_already_is_no_step() {
    let folder = Folder::new("unchanged");
    let proxy = folder.proxy();
    folder.serve("one", &[&proxy]);
    let key = folder.path("ops.key");
    let (exit, said) = with(&["rollback", "--key", &key, "--to", "1"], &[&proxy]);
    assert_eq!((exit, proxy.serial()), (Exit::No, 1), "{said}");
    assert!(said.contains("version one is in force already"), "{said}");
}

#[test]
fn on_a_fleet_that_differs_nobody_steps_anywhere() {
    let folder = Folder::new("split");
    let (one, other) = (folder.proxy(), folder.proxy());
    let overlay = folder.write("sev1.yaml", OVERLAY);
    let out = folder.release(&["--prepare", &overlay]);
    with(&["push", &out, "--wait"], &[&one, &other]);
    other.restart();
    let prepared = folder.path("current.prepared/sev1.json");
    let key = folder.path("oncall.key");
    for words in [&["rollback", "--key", &key][..], &["activate", &prepared, "--key", &key]] {
        let (exit, said) = with(words, &[&one, &other]);
        assert_eq!(exit, Exit::No, "{said}");
        assert!(said.contains("proxies differ") && said.contains("hemostat sync"), "{said}");
        assert_eq!((one.serial(), other.serial()), (1, 0));
    }
}

#[test]
fn an_activation_says_its_way_back_and_a_refused_one_says_that_there_is_none() {
    let folder = Folder::new("activate");
    let proxy = folder.proxy();
    let overlay = folder.write("sev1.yaml", OVERLAY);
    let out = folder.release(&["--prepare", &overlay]);
    with(&["push", &out, "--wait"], &[&proxy]);
    let (key, prepared) = (folder.path("oncall.key"), folder.path("current.prepared/sev1.json"));
    let words = ["activate", &prepared, "--key", &key, "--wait"];
    let (exit, said) = with(&[&words[..], &["--expect", "4"]].concat(), &[&proxy]);
    assert_eq!((exit, proxy.serial()), (Exit::No, 1), "{said}");
    let (exit, said) = with(&[&words[..], &["--dry-run"]].concat(), &[&proxy]);
    assert_eq!((exit, proxy.serial()), (Exit::Fine, 1), "{said}");
    // Fifteen seconds are a time, too.
    let (exit, said) = with(&[&words[..], &["--expires", "15s"]].concat(), &[&proxy]);
    assert_eq!((exit, proxy.version()), (Exit::Fine, "base_sev1".to_owned()), "{said}");
    assert!(said.contains("back: `hemostat rollback --expect 2`"), "{said}");
    let stranger = folder.write("x.json", "{\"hemostat\": 1, \"version\": \"x\"}");
    let (exit, said) = with(&["activate", &stranger, "--key", &key, "--wait"], &[&proxy]);
    assert_eq!((exit, proxy.serial()), (Exit::No, 2), "{said}");
    assert!(said.contains("where it was refused, nothing changed"), "{said}");
}
