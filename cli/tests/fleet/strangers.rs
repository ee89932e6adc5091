//! Something else answers where a control listener is thought to be: nothing that it says means that a release was taken, or
//! that it was refused.

use std::io::{Read, Write};
use std::net::TcpListener;

use hemostat_cli::Exit;

use crate::support::{Folder, hemostat};

/// Its address; it gives every request this answer.
fn stranger(status: u16, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 65_536];
            let _ = stream.read(&mut request);
            let length = body.len();
            let head =
                format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}");
            let _ = write!(stream, "{head}\r\n\r\n{body}");
        }
    });
    url
}

#[test]
fn nobody_else_takes_or_refuses_a_release() {
    let folder = Folder::new("strangers");
    let (release, key) = (folder.release(&[]), folder.path("ops.key"));
    let policy = folder.path("p.yaml");
    let bodies = [
        "",
        "{}",
        "[]",
        "7",
        "null",
        "\"activated\"",
        "<html>",
        "{\"error\":\"x\"}",
        "{\"outcome\":1}",
    ];
    for status in [200, 204, 302, 401, 404, 503] {
        for body in bodies {
            let url = stranger(status, body);
            let (exit, said) = hemostat(&["push", &release, "-p", &url]);
            assert_eq!(exit, Exit::Failed, "{status} {body}: {said}");
            assert!(
                said.contains("unknown") && said.contains("is it one"),
                "{status} {body}: {said}"
            );
            assert!(!said.contains("taken") && !said.contains("nothing changed"), "{said}");
            for words in [
                vec!["status"],
                vec!["history"],
                vec!["sync"],
                vec!["rollback", "--key", &key],
                vec!["activate", &policy, "--key", &key],
            ] {
                let (exit, said) = hemostat(&[&words[..], &["-p", &url]].concat());
                assert!(
                    exit == Exit::Failed && said.contains("is it one"),
                    "{words:?} {status} {body}: {said}"
                );
            }
        }
    }
}
