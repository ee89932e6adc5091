//! A fleet that fell apart comes together with one command.

use hemostat_cli::Exit;

use crate::support::{Folder, OVERLAY, with};

#[test]
fn a_proxy_that_restarted_gets_what_the_others_serve() {
    let folder = Folder::new("sync");
    let (one, other) = (folder.proxy(), folder.proxy());
    let overlay = folder.write("sev1.yaml", OVERLAY);
    let out = folder.release(&["--prepare", &overlay]);
    with(&["push", &out, "--wait"], &[&one, &other]);
    let (exit, said) = with(&["sync", "--wait"], &[&one, &other]);
    assert!(exit == Exit::Fine && said.contains("nothing to do"), "{said}");
    other.restart();
    assert_eq!(other.serial(), 0);
    let before = one.offers.lock().unwrap().len();
    let (exit, said) = with(&["sync", "--wait"], &[&one, &other]);
    assert_eq!((exit, other.serial(), other.version().as_str()), (Exit::Fine, 1, "base"), "{said}");
    assert!(said.contains("1 proxy is behind serial 1"), "{said}");
    assert_eq!(one.offers.lock().unwrap().len(), before, "who has it is left alone");
    assert_eq!(
        other.status()["prepared"],
        one.status()["prepared"],
        "on-call's list is there again"
    );
    let (exit, _) = with(&["sync", "--wait", "-p", "http://127.0.0.1:1"], &[&one, &other]);
    assert_eq!(exit, Exit::Failed, "one was not reached");
}

/// A rollback names its policy by digest, which a process that began anew does not hold.
#[test]
fn where_the_release_alone_does_not_do_an_author_makes_a_new_one() {
    let folder = Folder::new("sync-key");
    let (one, other) = (folder.proxy(), folder.proxy());
    folder.serve("good", &[&one, &other]);
    folder.serve("bad", &[&one, &other]);
    with(&["rollback", "--key", &folder.path("oncall.key"), "--wait"], &[&one, &other]);
    other.restart();
    assert_eq!(other.serial(), 0);
    let (exit, said) = with(&["sync", "--wait"], &[&one, &other]);
    assert_eq!(exit, Exit::No, "{said}");
    assert!(said.contains("hemostat sync --key KEY"), "{said}");
    let (exit, said) = with(&["sync", "--wait", "--key", &folder.path("ops.key")], &[&one, &other]);
    assert_eq!(exit, Exit::Fine, "{said}");
    for proxy in [&one, &other] {
        assert_eq!((proxy.serial(), proxy.version().as_str()), (4, "good"));
    }
}
