//! A listener of its own for operators: status, and releases by `POST`. Every other path is 404.

use std::rc::Rc;

use hemostat_engine::bundle::{Code, Digest, Refusal, Way, refused};
use hemostat_engine::limits::ENVELOPE_BYTES;
use hemostat_engine::policy::config::remote::Control;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use crate::follower::Follower;
use crate::host::{self, Buffer, Map};
use crate::stream::value;
use crate::telemetry::Trouble;

/// One request of an operator.
#[derive(Debug)]
pub struct Operator {
    control: Rc<Control>,
    follower: Rc<Follower>,
    /// A release is coming.
    receives: bool,
}

/// Status and body of an answer.
type Answer = (u16, String);

/// The code of answers about the request itself, and what they say.
fn no(status: u16, code: &str, message: &str) -> Answer {
    (status, refused(code, message))
}

impl Operator {
    /// A request to this listener.
    pub fn new(control: Rc<Control>, follower: Rc<Follower>) -> Self {
        Self { control, follower, receives: false }
    }

    /// What headers alone decide; `None`: the body is wanted.
    fn judge(&self, headers: &[(Vec<u8>, Vec<u8>)], end: bool) -> Option<Answer> {
        let method = value(headers, ":method").unwrap_or_default();
        let path = value(headers, ":path").unwrap_or_default();
        let path = path.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default();
        match path.strip_prefix(self.control.prefix.as_bytes()) {
            Some(b"/status") => Some(match method {
                b"GET" | b"HEAD" => self.status(),
                _ => no(405, "method", "status is read by `GET`"),
            }),
            Some(b"/release") if self.control.releases => match method {
                b"POST" if !self.has_token(headers) => {
                    Some(no(401, "token", "`authorization: Bearer TOKEN` is missing or wrong"))
                }
                b"POST" if too_long(headers) => Some(refusal(&Refusal::too_big())),
                b"POST" if end => Some(self.release(b"")),
                b"POST" => None,
                _ => Some(no(405, "method", "releases come by `POST`")),
            },
            _ => Some(no(404, "not-found", "this listener has `/status` and `/release` alone")),
        }
    }

    fn has_token(&self, headers: &[(Vec<u8>, Vec<u8>)]) -> bool {
        let Some(wanted) = self.control.token else { return true };
        let given = value(headers, "authorization").unwrap_or_default();
        let (scheme, token) = given.split_at(given.len().min(BEARER.len()));
        // Digests are compared: how far they are alike says nothing about the token.
        scheme.eq_ignore_ascii_case(BEARER) && Digest::of(token.trim_ascii()) == wanted
    }

    fn status(&self) -> Answer {
        match self.follower.status() {
            Ok(status) => (200, status),
            Err(error) => refusal(&error),
        }
    }

    fn release(&self, body: &[u8]) -> Answer {
        match self.follower.offer(body, Way::Post) {
            Ok(done) => match self.follower.taken(&done) {
                Ok(said) => (200, said),
                Err(error) => refusal(&error),
            },
            Err(error) => refusal(&error),
        }
    }

    fn body(&self, size: usize) -> Answer {
        match host::bytes(Buffer::Request, size) {
            Ok(body) => self.release(&body),
            Err(error) => {
                Trouble { call: "request_body", error }.report();
                no(503, "host", "the proxy failed to read this")
            }
        }
    }
}

const BEARER: &[u8] = b"Bearer ";

fn too_long(headers: &[(Vec<u8>, Vec<u8>)]) -> bool {
    let length = value(headers, "content-length").and_then(|text| std::str::from_utf8(text).ok());
    length.and_then(|text| text.parse::<usize>().ok()).is_some_and(|length| length > ENVELOPE_BYTES)
}

fn refusal(refusal: &Refusal) -> Answer {
    let code: Code = refusal.code;
    (code.status(), refused(code.word(), &refusal.message))
}

fn send((status, body): Answer) -> Action {
    let headers: [(&[u8], &[u8]); 2] =
        [(b"content-type", b"application/json"), (b"cache-control", b"no-store")];
    let sent = host::reply(status, "hemostat_control", &headers, body.as_bytes());
    if let Err(error) = sent {
        Trouble { call: "send_local_response", error }.report();
    }
    Action::Pause
}

impl Context for Operator {}

impl HttpContext for Operator {
    fn on_http_request_headers(&mut self, _count: usize, end: bool) -> Action {
        let headers = host::headers(Map::Request).unwrap_or_default();
        match self.judge(&headers, end) {
            Some(answer) => send(answer),
            None => {
                self.receives = true;
                Action::Pause
            }
        }
    }

    fn on_http_request_body(&mut self, size: usize, end: bool) -> Action {
        if self.receives && (end || size > ENVELOPE_BYTES) {
            self.receives = false;
            return send(if size > ENVELOPE_BYTES {
                refusal(&Refusal::too_big())
            } else {
                self.body(size)
            });
        }
        Action::Pause
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        if std::mem::take(&mut self.receives) {
            return send(self.body(0));
        }
        Action::Pause
    }
}
