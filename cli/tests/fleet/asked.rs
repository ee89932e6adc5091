//! What proxies are asked for: policies by serial.

use hemostat_cli::Exit;
use serde_json::Value;

use crate::support::{Folder, OVERLAY, with};

#[test]
fn a_serial_is_told_in_words() {
    let folder = Folder::new("serials");
    let proxy = folder.proxy();
    let out = folder.release(&[]);
    with(&["push", &out, "--wait"], &[&proxy]);
    let overlay = folder.write("sev1.yaml", OVERLAY);
    folder.release(&["--overlay", &overlay, "--until", "never"]);
    with(&["push", &out, "--wait"], &[&proxy]);
    let (exit, said) = with(&["diff", "1", "2"], &[&proxy]);
    assert_eq!(exit, Exit::No, "{said}");
    assert!(said.contains("+ guardrails: `new` is new") && said.contains("in words:"), "{said}");
    // The policy that it was made of, with its keys in the order in which they were written.
    let (exit, said) = with(&["diff", &folder.path("p.yaml"), "1"], &[&proxy]);
    assert_eq!(exit, Exit::Fine, "{said}");
    let (_, said) = with(&["diff", "1", "2", "--json"], &[&proxy]);
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap()["differ"], true);
    let (exit, said) = with(&["diff", "1", "9"], &[&proxy]);
    assert!(exit == Exit::Failed && said.contains("no proxy remembers serial 9"), "{said}");
}
