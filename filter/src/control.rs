//! A listener of its own for operators: a page for people, status, what is in force, and releases by `POST`. Every other
//! path is 404.

mod page;

use std::rc::Rc;

use hemostat_engine::base::headers::Headers;
use hemostat_engine::bundle::{Digest, RefusalCode, ReleaseRefusal, ReleaseWay, refused};
use hemostat_engine::limits::ENVELOPE_BYTES;
use hemostat_engine::policy::config::remote::ControlListener;

use crate::context::{Action, HttpContext};
use crate::follower::Follower;
use crate::host::{self, Buffer, Map};
use crate::telemetry::Trouble;

/// One request of an operator.
#[derive(Debug)]
pub struct Operator {
    control: Rc<ControlListener>,
    follower: Rc<Follower>,
    /// A release is coming.
    receives: bool,
}

/// An answer of this listener.
enum Answer {
    /// JSON.
    Json(u16, String),
    /// The page for people.
    Page,
    /// A browser that has no token yet: it asks the person for one.
    AskForToken,
}

/// The code of answers about the request itself, and what they say.
fn no(status: u16, code: &str, message: &str) -> Answer {
    Answer::Json(status, refused(code, message))
}

impl Operator {
    /// A request to this listener.
    pub fn new(control: Rc<ControlListener>, follower: Rc<Follower>) -> Self {
        Self { control, follower, receives: false }
    }

    /// What headers alone decide; `None`: the body is wanted.
    fn judge(&self, headers: &Headers, end: bool) -> Option<Answer> {
        let method = headers.value(":method").unwrap_or_default();
        let path = headers.value(":path").unwrap_or_default();
        let path = path.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default();
        match path.strip_prefix(self.control.prefix.as_bytes()) {
            Some(b"" | b"/") => Some(match method {
                b"GET" | b"HEAD" => self.page(headers),
                _ => no(405, "method", "the page is read by `GET`"),
            }),
            Some(b"/status") => Some(match method {
                b"GET" | b"HEAD" => self.status(),
                _ => no(405, "method", "status is read by `GET`"),
            }),
            Some(b"/release") if method == b"GET" => {
                Some(self.guarded(headers, || self.envelope()))
            }
            Some(path) if path.starts_with(b"/policy/") => Some(match method {
                b"GET" => self.guarded(headers, || self.policy(path.get(8..).unwrap_or_default())),
                _ => no(405, "method", "policies are read by `GET`"),
            }),
            Some(b"/release") if self.control.releases => match method {
                b"POST" if !self.has_token(headers) => Some(no(401, "token", NO_TOKEN)),
                b"POST" if too_long(headers) => Some(refusal(&ReleaseRefusal::too_big())),
                b"POST" if end => Some(self.release(b"")),
                b"POST" => None,
                _ => Some(no(405, "method", "releases come by `POST`, and are read by `GET`")),
            },
            Some(b"/release") => Some(no(405, "read-only", READ_ONLY)),
            _ => Some(no(404, "not-found", HAS)),
        }
    }

    fn has_token(&self, headers: &Headers) -> bool {
        let Some(wanted) = self.control.token else { return true };
        let given = headers.value("authorization").unwrap_or_default();
        let (scheme, token) = given.split_at(given.len().min(BEARER.len()));
        // Digests are compared: how far they are alike says nothing about the token.
        scheme.eq_ignore_ascii_case(BEARER) && Digest::of(token.trim_ascii()) == wanted
    }

    /// The page. A browser cannot send a bearer token by itself: it may give the token as a password, to read alone.
    fn page(&self, headers: &Headers) -> Answer {
        let given = headers.value("authorization").and_then(page::password);
        let is_token = given.map(|token| Digest::of(&token)) == self.control.token;
        if is_token || self.has_token(headers) { Answer::Page } else { Answer::AskForToken }
    }

    /// What only those with the token may read.
    fn guarded(&self, headers: &Headers, answer: impl FnOnce() -> Answer) -> Answer {
        if self.has_token(headers) { answer() } else { no(401, "token", NO_TOKEN) }
    }

    fn envelope(&self) -> Answer {
        match self.follower.envelope() {
            Ok(Some(envelope)) => match String::from_utf8(envelope) {
                Ok(envelope) => Answer::Json(200, envelope),
                Err(_) => no(404, "no-release", "the release in force is no text"),
            },
            Ok(None) => no(404, "no-release", "no release is in force: the inline policy is"),
            Err(error) => refusal(&error),
        }
    }

    /// A policy that is held, by its digest: with or without `sha256:`.
    fn policy(&self, digest: &[u8]) -> Answer {
        let digest = String::from_utf8_lossy(digest).replace("%3A", ":");
        let digest = if digest.contains(':') { digest } else { format!("sha256:{digest}") };
        let Some(digest) = Digest::parse(&digest) else {
            return no(400, "bad-digest", "a digest is `sha256:` and 64 hex digits in lower case");
        };
        match self.follower.policy(&digest) {
            Ok(Some(policy)) => Answer::Json(200, policy),
            Ok(None) => no(404, "not-held", "no policy with this digest is held here"),
            Err(error) => refusal(&error),
        }
    }

    fn status(&self) -> Answer {
        match self.follower.status() {
            Ok(status) => Answer::Json(200, status),
            Err(error) => refusal(&error),
        }
    }

    fn release(&self, body: &[u8]) -> Answer {
        match self.follower.offer(body, ReleaseWay::Post) {
            Ok(done) => match self.follower.taken(&done) {
                Ok(said) => Answer::Json(200, said),
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

const NO_TOKEN: &str = "`authorization: Bearer TOKEN` is missing or wrong";

const HAS: &str = "this listener has `/`, `/status`, `/release` and `/policy/DIGEST` alone";

const READ_ONLY: &str = "this listener takes no releases: its `control` says `releases: false`";

const BEARER: &[u8] = b"Bearer ";

fn too_long(headers: &Headers) -> bool {
    let length = headers.value("content-length").and_then(|text| std::str::from_utf8(text).ok());
    length.and_then(|text| text.parse::<usize>().ok()).is_some_and(|length| length > ENVELOPE_BYTES)
}

fn refusal(refusal: &ReleaseRefusal) -> Answer {
    let code: RefusalCode = refusal.code;
    Answer::Json(code.status(), refused(code.word(), &refusal.message))
}

fn send(answer: &Answer) -> Action {
    let security = page::security_policy();
    let mut headers: Vec<(&[u8], &[u8])> =
        vec![(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")];
    let (status, kind, body): (u16, &[u8], &str) = match answer {
        Answer::Json(status, body) => (*status, b"application/json", body),
        Answer::Page => {
            headers.push((b"content-security-policy", security.as_bytes()));
            headers.push((b"referrer-policy", b"no-referrer"));
            (200, b"text/html; charset=utf-8", page::PAGE)
        }
        Answer::AskForToken => {
            headers.push((b"www-authenticate", b"Basic realm=\"hemostat\", charset=\"UTF-8\""));
            (
                401,
                b"text/plain; charset=utf-8",
                "Any user name; the password is the listener's token.\n",
            )
        }
    };
    headers.push((b"content-type", kind));
    let sent = host::reply(status, "hemostat_control", &headers, body.as_bytes());
    if let Err(error) = sent {
        Trouble { call: "send_local_response", error }.report();
    }
    Action::Pause
}

impl HttpContext for Operator {
    fn on_http_request_headers(&mut self, _count: usize, end: bool) -> Action {
        let headers = host::headers(Map::Request).unwrap_or_default();
        match self.judge(&headers, end) {
            Some(answer) => send(&answer),
            None => {
                self.receives = true;
                Action::Pause
            }
        }
    }

    fn on_http_request_body(&mut self, size: usize, end: bool) -> Action {
        if self.receives && (end || size > ENVELOPE_BYTES) {
            self.receives = false;
            let too_big = size > ENVELOPE_BYTES;
            let answer =
                if too_big { refusal(&ReleaseRefusal::too_big()) } else { self.body(size) };
            return send(&answer);
        }
        Action::Pause
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        if std::mem::take(&mut self.receives) {
            return send(&self.body(0));
        }
        Action::Pause
    }
}
