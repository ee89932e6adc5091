//! The status pages of providers: asked now and then by whichever thread finds one due, for the whole process.

use std::cell::Cell;

use hemostat_engine::bundle::{Poll, PollResult};
use hemostat_engine::event::Event;
use hemostat_engine::limits::{POLL_TIMEOUT_MS, PROVIDER_BYTES};
use hemostat_engine::policy::config::remote::ProviderPage;
use hemostat_engine::providers::{Provider, Providers, StatusPage, changes, read as read_page};

use crate::clock;
use crate::host::shared::{self, Shared};
use crate::host::{self, Buffer};
use crate::telemetry::Trouble;

/// Attempts to keep an answer while other threads write. After that the next answer says the same.
const TRIES: usize = 16;

/// Watches the pages that one configuration names.
#[derive(Debug, Default)]
pub struct Watch {
    scope: String,
    pages: Vec<ProviderPage>,
    /// The number of each call under way, and which page it asks.
    asked: Vec<(u32, usize)>,
    /// Before this time nothing is due (Unix milliseconds).
    due_ms: Cell<u64>,
}

fn key(scope: &str) -> String {
    format!("hemostat.providers.{scope}")
}

fn now_ms() -> u64 {
    clock::now_ns() / 1_000_000
}

fn load(key: &str) -> Option<(Providers, Option<Shared>)> {
    let stored = shared::get(key).ok()?;
    let known = stored.as_ref().map(|stored| Providers::decode(&stored.value));
    Some((known.unwrap_or_default(), stored))
}

/// What the pages of a scope said last, in JSON.
pub fn json(scope: &str) -> String {
    let known = load(&key(scope)).map(|(known, _)| known).unwrap_or_default();
    known.to_json(now_ms())
}

impl Watch {
    /// Watches these pages for a scope.
    pub fn new(scope: &str, pages: &[ProviderPage]) -> Self {
        Self { scope: scope.to_owned(), pages: pages.to_vec(), ..Self::default() }
    }

    /// True if there is anything to watch.
    pub fn has_pages(&self) -> bool {
        !self.pages.is_empty()
    }

    /// Asks what is due.
    pub fn look(&mut self) {
        let now = now_ms();
        if !self.has_pages() || now < self.due_ms.get() {
            return;
        }
        let mut next = u64::MAX;
        for at in 0..self.pages.len() {
            next = next.min(self.ask(at, now).unwrap_or(now));
        }
        self.due_ms.set(next);
    }

    /// Asks a page, if it is due and no other thread is faster. Gives when it is due next.
    fn ask(&mut self, at: usize, now: u64) -> Option<u64> {
        let page = self.pages.get(at)?;
        let (mut known, stored) = load(&key(&self.scope))?;
        let before = known.get(&page.name).cloned();
        let poll = before.as_ref().map(|provider| provider.poll.clone()).unwrap_or_default();
        if !poll.is_due(now) {
            return Some(poll.next_ms);
        }
        let poll = poll.begun(now, page.every_ms);
        let (etag, next) = (poll.etag.clone(), poll.next_ms);
        let said = before.and_then(|provider| provider.page);
        known.put(Provider { name: page.name.clone(), poll, page: said }, &self.names());
        if !shared::replace(&key(&self.scope), stored.as_ref(), &known.encode()).ok()? {
            return None;
        }
        let mut headers = vec![("accept", "application/json")];
        headers.extend(etag.as_deref().map(|etag| ("if-none-match", etag)));
        let (cluster, authority, path) = (&page.cluster, &page.authority, &page.path);
        match host::call::get(cluster, authority, path, &headers, POLL_TIMEOUT_MS) {
            Ok(token) => self.asked.push((token, at)),
            Err(error) => {
                Trouble { call: "http_call", error }.report();
                let why = format!("cluster `{cluster}` cannot be called: {error}");
                self.keep(at, PollResult::Failed(why), None);
            }
        }
        Some(next)
    }

    fn names(&self) -> Vec<&str> {
        self.pages.iter().map(|page| page.name.as_str()).collect()
    }

    /// A call has been answered with this status and `ETag`. `None`: it is none of these. Gives what has changed.
    pub fn answered(
        &mut self,
        token: u32,
        status: u16,
        etag: Option<String>,
        size: usize,
    ) -> Option<Vec<Event>> {
        let place = self.asked.iter().position(|asked| asked.0 == token)?;
        let (_, at) = self.asked.swap_remove(place);
        let (answer, page) = match status {
            304 => (PollResult::Same, None),
            200 if size > PROVIDER_BYTES => {
                (PollResult::Failed(format!("{size} bytes are no status page")), None)
            }
            200 => match host::bytes(Buffer::Call, size) {
                Ok(body) => match read_page(&body) {
                    Ok(page) => (PollResult::Fresh(etag), Some(page)),
                    Err(why) => (PollResult::Failed(why), None),
                },
                Err(error) => {
                    Trouble { call: "call_body", error }.report();
                    (
                        PollResult::Failed(format!("the host does not give its answer: {error}")),
                        None,
                    )
                }
            },
            0 => (PollResult::Failed("no answer".to_owned()), None),
            status => (PollResult::Failed(format!("status {status}")), None),
        };
        Some(self.keep(at, answer, page))
    }

    /// Keeps an answer for all threads. Gives what has changed.
    fn keep(&self, at: usize, answer: PollResult, page: Option<StatusPage>) -> Vec<Event> {
        let Some(asked) = self.pages.get(at) else { return Vec::new() };
        let random = clock::nonce(0) ^ clock::now_ns().rotate_left(32);
        for _ in 0..TRIES {
            let Some((mut known, stored)) = load(&key(&self.scope)) else { break };
            let before = known.get(&asked.name).cloned();
            let poll = before.as_ref().map_or_else(Poll::default, |own| own.poll.clone());
            let poll = poll.ended(answer.clone(), now_ms(), asked.every_ms, random);
            let said = before.and_then(|own| own.page);
            let events = page.as_ref().map(|page| changes(&asked.name, said.as_ref(), page));
            let page = page.clone().or(said);
            self.due_ms.set(self.due_ms.get().min(poll.next_ms));
            known.put(Provider { name: asked.name.clone(), poll, page }, &self.names());
            match shared::replace(&key(&self.scope), stored.as_ref(), &known.encode()) {
                Ok(true) => return events.unwrap_or_default(),
                Ok(false) => {}
                Err(_) => break,
            }
        }
        Vec::new()
    }
}
