//! One HTTP exchange, driven step by step.

use std::fmt;

use crate::abi::Direction;
use crate::flow::{FLAG_DOWNSTREAM_TERMINATED, FLAG_UPSTREAM_TERMINATED, fail_closed};
use crate::headers::Headers;
use crate::outcome::{LocalReply, Outcome, Violation};
use crate::property::{Property, join};
use crate::stream::Stream;
use crate::vm::Vm;
use crate::worker::Worker;

/// One exchange, driven as the two peers would: each method is one event on the wire.
///
/// Nothing is returned but what the two sides saw ([`Exchange::so_far`], [`Exchange::finish`]). Events
/// that come after the exchange is over are ignored, as a proxy ignores them; events that no peer can
/// send are a [`Violation::Driver`].
///
/// ```
/// use host_tests::{Host, Module};
///
/// // Answers 403 to everything.
/// let module = Module::load(wat::parse_str(r#"(module
///     (import "env" "proxy_send_local_response"
///         (func $reply (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
///     (memory (export "memory") 1)
///     (data (i32.const 16) "denied")
///     (func (export "malloc") (param i32) (result i32) i32.const 1024)
///     (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
///         (drop (call $reply (i32.const 403) (i32.const 16) (i32.const 6) (i32.const 0) (i32.const 0)
///             (i32.const 0) (i32.const 0) (i32.const -1)))
///         i32.const 0)
///     (func (export "proxy_abi_version_0_2_1")))"#)?)?;
/// let worker = Host::new(&module).worker()?;
/// let plugin = worker.configure("")?;
/// let mut exchange = worker.exchange(&plugin);
/// exchange.request_headers([(":method", "GET"), (":path", "/")], true);
/// let outcome = exchange.finish();
/// assert_eq!(outcome.upstream.headers, None);
/// assert_eq!(outcome.downstream.status(), Some(403));
/// assert_eq!(outcome.details.as_deref(), Some("denied"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Exchange {
    worker: Worker,
    id: u32,
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Exchange {
    pub(crate) fn new(worker: Worker, id: u32) -> Exchange {
        Exchange { worker, id }
    }

    /// The context id that the guest knows this exchange by.
    #[must_use]
    pub fn context(&self) -> u32 {
        self.id
    }

    /// Sets a property of this exchange, such as `["xds", "route_name"]`.
    pub fn set_property(&mut self, path: &[&str], value: impl Into<Property>) -> &mut Self {
        let (path, value) = (join(path), value.into());
        self.with(|stream| stream.properties.insert(path, value));
        self
    }

    /// The client sends its headers; with `end`, there is no body.
    pub fn request_headers(&mut self, headers: impl Into<Headers>, end: bool) -> &mut Self {
        let headers = headers.into();
        self.step(Direction::Request, Stage::Headers, |vm, id| {
            let refused = vm.state_mut().streams.get_mut(&id).filter(|stream| stream.refused);
            match refused {
                Some(stream) => fail_closed(stream, 503),
                None => vm.headers(id, Direction::Request, headers, end),
            }
        })
    }

    /// The client sends a piece of its body; with `end`, the last one.
    pub fn request_data(&mut self, bytes: impl AsRef<[u8]>, end: bool) -> &mut Self {
        let bytes = bytes.as_ref().to_vec();
        self.step(Direction::Request, Stage::Rest, |vm, id| {
            vm.data(id, Direction::Request, bytes, end);
        })
    }

    /// The client sends trailers, which end the request.
    pub fn request_trailers(&mut self, trailers: impl Into<Headers>) -> &mut Self {
        let trailers = trailers.into();
        self.step(Direction::Request, Stage::Rest, |vm, id| {
            vm.trailers(id, Direction::Request, trailers);
        })
    }

    /// The upstream sends its headers; with `end`, there is no body.
    pub fn response_headers(&mut self, headers: impl Into<Headers>, end: bool) -> &mut Self {
        let headers = headers.into();
        self.step(Direction::Response, Stage::Headers, |vm, id| {
            if let Some(stream) = vm.state_mut().streams.get_mut(&id) {
                stream.details = Some("via_upstream".to_owned());
            }
            vm.headers(id, Direction::Response, headers, end);
        })
    }

    /// The upstream sends a piece of its body; with `end`, the last one.
    ///
    /// An HTTP/1 upstream's end is an empty piece of its own: use `end = false`, then
    /// `response_data("", true)`.
    pub fn response_data(&mut self, bytes: impl AsRef<[u8]>, end: bool) -> &mut Self {
        let bytes = bytes.as_ref().to_vec();
        self.step(Direction::Response, Stage::Rest, |vm, id| {
            vm.data(id, Direction::Response, bytes, end);
        })
    }

    /// The upstream sends trailers, which end the response.
    pub fn response_trailers(&mut self, trailers: impl Into<Headers>) -> &mut Self {
        let trailers = trailers.into();
        self.step(Direction::Response, Stage::Rest, |vm, id| {
            vm.trailers(id, Direction::Response, trailers);
        })
    }

    /// The upstream's connection breaks: a 503 before its headers came, a reset after.
    pub fn upstream_reset(&mut self) -> &mut Self {
        let id = self.id;
        let started = self.with(|stream| {
            stream.step = stream.step.saturating_add(1);
            let live = !stream.over && !stream.answered && !stream.response.ended;
            live.then(|| {
                stream.flags |= FLAG_UPSTREAM_TERMINATED;
                stream.response.started
            })
        });
        match started.flatten() {
            Some(false) => {
                let reply = LocalReply {
                    status: 503,
                    details: "upstream_reset_before_response_started{connection_termination}"
                        .to_owned(),
                    headers: Headers::new(),
                    body: b"upstream connect error or disconnect/reset before headers. reset \
                            reason: connection termination"
                        .to_vec(),
                    grpc_status: None,
                };
                self.worker.vm_mut().local_reply(id, reply);
            }
            Some(true) => {
                self.with(|stream| {
                    stream.details = Some(
                        "upstream_reset_after_response_started{connection_termination}".to_owned(),
                    );
                    stream.over = true;
                    stream.downstream.reset |= !stream.downstream.ended;
                });
            }
            None => {}
        }
        self
    }

    /// The client goes away.
    pub fn downstream_reset(&mut self) -> &mut Self {
        self.with(|stream| {
            stream.step = stream.step.saturating_add(1);
            if !stream.over && !stream.downstream.ended {
                stream.flags |= FLAG_DOWNSTREAM_TERMINATED;
                stream.details = Some("downstream_remote_disconnect".to_owned());
                stream.over = true;
                stream.cancel_upstream();
            }
        });
        self
    }

    /// What the two sides have seen so far; what may still arrive is not reported as missing.
    #[must_use]
    pub fn so_far(&self) -> Outcome {
        self.with(|stream| stream.outcome(false)).unwrap_or_default()
    }

    /// The number of events so far; [`crate::Increment::step`] counts the same way.
    #[must_use]
    pub fn step_count(&self) -> usize {
        self.with(|stream| stream.step).unwrap_or_default()
    }

    /// Ends the exchange: `proxy_on_log`, `proxy_on_done`, `proxy_on_delete`, as far as the VM lives.
    pub fn finish(self) -> Outcome {
        let mut vm = self.worker.vm_mut();
        let id = self.id;
        let plugin_runs = vm
            .state_mut()
            .streams
            .get_mut(&id)
            .map(|stream| {
                stream.logging = true;
                stream.request.chunk = None;
                stream.response.chunk = None;
                stream.request.buffering = false;
                stream.response.buffering = false;
                !stream.bypass && !stream.refused
            })
            .unwrap_or_default();
        let missing = vm.state().streams.get(&id).map(|stream| stream.outcome(true).violations);
        if plugin_runs && vm.dead.is_none() {
            for name in ["proxy_on_log", "proxy_on_done", "proxy_on_delete"] {
                if vm.run(name, id, &[]).is_err() {
                    break;
                }
            }
        }
        let Some(stream) = vm.state_mut().streams.remove(&id) else {
            return Outcome::default();
        };
        vm.end_root_if_unused(stream.root);
        let mut outcome = stream.outcome(true);
        // What hung before the last callbacks counts as hung, even if they released it.
        for violation in missing.unwrap_or_default() {
            if !outcome.violations.contains(&violation) {
                outcome.violations.push(violation);
            }
        }
        outcome
    }

    fn with<T>(&self, look: impl FnOnce(&mut Stream) -> T) -> Option<T> {
        self.worker.vm_mut().state_mut().streams.get_mut(&self.id).map(look)
    }

    /// Counts the event, and runs it unless no peer could send it now.
    fn step(
        &mut self,
        direction: Direction,
        stage: Stage,
        event: impl FnOnce(&mut Vm, u32),
    ) -> &mut Self {
        let possible = self.with(|stream| {
            stream.step = stream.step.saturating_add(1);
            if stream.over || stream.answered {
                return false;
            }
            let wrong = impossible(stream, direction, stage);
            stream.violations.extend(wrong.map(Violation::Driver));
            wrong.is_none()
        });
        if possible == Some(true) {
            event(&mut self.worker.vm_mut(), self.id);
        }
        self
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Headers,
    Rest,
}

fn impossible(stream: &Stream, direction: Direction, stage: Stage) -> Option<&'static str> {
    let half = stream.half(direction);
    if direction == Direction::Response && stream.upstream.headers.is_none() {
        Some("the upstream answers a request that it did not get")
    } else if stage == Stage::Headers && half.started {
        Some("headers come a second time")
    } else if stage == Stage::Rest && !half.started {
        Some("a body comes before its headers")
    } else if half.ended {
        Some("something comes after the end")
    } else {
        None
    }
}
