//! The proxies of a fleet: their status, and sending them releases. Each is asked on a thread of its own, so that one
//! that is down delays no other.

mod acts;
mod proxy;
mod status;
mod view;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

use crate::shared::error::{Error, Result, plain};
use crate::shared::settings::Settings;
use crate::shared::terminal::safe;
use crate::shared::when;
pub(crate) use acts::Act;
pub(crate) use proxy::Proxy;
pub(crate) use status::{InForce, Status};
pub(crate) use view::View;

/// The most that is read of an answer, in bytes: a status with every list full is under 100 KiB.
const ANSWER_BYTES: u64 = 4 * 1024 * 1024;

/// How many proxies are asked at the same time.
const AT_ONCE: usize = 64;

/// Which proxies, and how they are reached.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct FleetArgs {
    /// A proxy's control listener, `http://HOST:PORT[/PREFIX]`; may be given many times. A DNS name stands for all its
    /// addresses
    /// [default: `$HEMOSTAT_PROXIES`, separated by commas, else `proxies` of hemostat.yaml]
    #[arg(long = "proxy", short = 'p', value_name = "URL")]
    proxies: Vec<String>,
    /// Seconds that a proxy has to answer
    #[arg(long, value_parser = when::seconds, default_value_t = 5, value_name = "SECONDS")]
    timeout: u64,
}

/// Proxies, and how to reach them.
#[derive(Debug)]
pub(crate) struct Fleet {
    pub(crate) proxies: Vec<Proxy>,
    agent: ureq::Agent,
    token: Option<String>,
}

/// A proxy's answer to a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) taken: bool,
    pub(crate) code: String,
    pub(crate) message: String,
    /// Whether it is in force everywhere, as far as the proxy knows yet.
    pub(crate) in_force: InForce,
}

impl FleetArgs {
    /// The proxies that were named; none if none were.
    pub(crate) fn fleet(&self) -> Result<Fleet> {
        let from_env = std::env::var("HEMOSTAT_PROXIES").unwrap_or_default();
        let mut named: Vec<&str> = self.proxies.iter().map(String::as_str).collect();
        if named.is_empty() {
            named = from_env.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        }
        let settings = Settings::load()?;
        if named.is_empty() {
            named = settings.proxies.iter().map(String::as_str).collect();
        }
        let proxies = proxy::all(named)?;
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(self.timeout.max(1))))
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .build()
            .into();
        let token = std::env::var("HEMOSTAT_TOKEN").ok().filter(|token| !token.is_empty());
        let token = match token {
            Some(token) => Some(token),
            None => settings.token()?,
        };
        Ok(Fleet { proxies, agent, token })
    }

    /// The proxies that were named.
    ///
    /// # Errors
    /// None was.
    pub(crate) fn some(&self) -> Result<Fleet> {
        let fleet = self.fleet()?;
        if fleet.proxies.is_empty() {
            let message = "no proxy: give `--proxy http://HOST:PORT`, set HEMOSTAT_PROXIES, or say `proxies` in hemostat.yaml";
            return Err(Error::failed(message));
        }
        Ok(fleet)
    }
}

impl Fleet {
    /// Asks this proxy for its status.
    pub(crate) fn status(&self, proxy: &Proxy) -> Result<Status> {
        let (status, body) = self.get(proxy, "/status")?;
        let value: Value = serde_json::from_str(&body).unwrap_or_default();
        match value.get("serial").and_then(Value::as_u64) {
            _ if status != 200 => Err(refused(status, &body)),
            None => Err(stranger(status)),
            Some(_) => Ok(Status(value)),
        }
    }

    /// Fetches something that this proxy holds, by its path; `None` if it does not have it.
    pub(crate) fn held(&self, proxy: &Proxy, path: &str) -> Result<Option<String>> {
        match self.get(proxy, path)? {
            (200, body) => Ok(Some(body)),
            (404, _) => Ok(None),
            (401, _) => Err(Error::failed("the token is missing or wrong: set HEMOSTAT_TOKEN")),
            (status, body) => Err(refused(status, &body)),
        }
    }

    fn get(&self, proxy: &Proxy, path: &str) -> Result<(u16, String)> {
        let base = proxy.base()?;
        read(self.with_headers(self.agent.get(format!("{base}{path}")), proxy).call())
    }

    fn with_headers<B>(
        &self,
        mut request: ureq::RequestBuilder<B>,
        proxy: &Proxy,
    ) -> ureq::RequestBuilder<B> {
        if let Some(host) = &proxy.host {
            request = request.header("host", host);
        }
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        request
    }

    /// Offers a release to this proxy.
    pub(crate) fn offer(&self, proxy: &Proxy, envelope: &str) -> Result<Said> {
        let base = proxy.base()?;
        let request = self.agent.post(format!("{base}/release"));
        let request = request.header("content-type", "application/json");
        let (status, body) = read(self.with_headers(request, proxy).send(envelope))?;
        let value: Value = serde_json::from_str(&body).unwrap_or_default();
        let text =
            |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let taken = status == 200;
        let code = text(if taken { "outcome" } else { "code" });
        if code.is_empty() {
            // Many servers answer 200, or in JSON: neither says that a release was taken, or refused.
            return Err(stranger(status));
        }
        let message = text("message");
        Ok(Said { taken, code, message, in_force: Status(value).in_force() })
    }

    /// The same fleet with these proxies only.
    pub(crate) fn only(&self, wanted: impl Fn(&Proxy) -> bool) -> Self {
        let proxies = self.proxies.iter().filter(|proxy| wanted(proxy)).cloned().collect();
        Self { proxies, agent: self.agent.clone(), token: self.token.clone() }
    }

    /// Asks all of them for their status.
    pub(crate) fn view(&self) -> View<'_> {
        View { rows: self.each(|proxy| self.status(proxy)) }
    }

    /// The status with the highest serial. Proxies that do not answer are reported to `err`.
    pub(crate) fn newest(&self, err: &mut dyn std::io::Write) -> Result<Option<Status>> {
        let view = self.view();
        view.name_silent(err)?;
        let newest = view.newest().cloned();
        if newest.is_none() {
            writeln!(err, "hemostat: no proxy says what is in force")?;
        }
        Ok(newest)
    }

    /// Asks all of them at the same time, and gives the answers in the order of the proxies.
    pub(crate) fn each<T: Send>(&self, ask: impl Fn(&Proxy) -> T + Sync) -> Vec<(&Proxy, T)> {
        let (all, _) = self.each_telling(|proxy, _| ask(proxy), |_, _: ()| Ok(()));
        all
    }

    /// Like [`Self::each`]; what `ask` reports meanwhile is passed to `tell`, on this thread. The second part of the
    /// result is that of `tell`: a failure there stops no question.
    pub(crate) fn each_telling<T: Send, N: Send>(
        &self,
        ask: impl Fn(&Proxy, &dyn Fn(N)) -> T + Sync,
        mut tell: impl FnMut(&Proxy, N) -> Result<()>,
    ) -> (Vec<(&Proxy, T)>, Result<()>) {
        let next = AtomicUsize::new(0);
        let (send, news) = mpsc::channel();
        let mut told = Ok(());
        let mut answers = std::thread::scope(|scope| {
            let (ask, next) = (&ask, &next);
            let threads = (0..self.proxies.len().min(AT_ONCE)).map(|_| {
                let send = send.clone();
                scope.spawn(move || {
                    let mut mine = Vec::new();
                    // A thread that is done takes the next proxy, so that one that is down occupies one thread only.
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some(proxy) = self.proxies.get(at) else { return mine };
                        // The receiver lives longer than the threads.
                        let tell = |what| drop(send.send((proxy, what)));
                        mine.push((at, proxy, ask(proxy, &tell)));
                    }
                })
            });
            let threads: Vec<_> = threads.collect();
            drop(send);
            for (proxy, what) in news {
                told = std::mem::replace(&mut told, Ok(())).and_then(|()| tell(proxy, what));
            }
            let joined = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
            joined
                .flat_map(|answers| {
                    answers.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                })
                .collect::<Vec<_>>()
        });
        answers.sort_by_key(|(at, _, _)| *at);
        (answers.into_iter().map(|(_, proxy, answer)| (proxy, answer)).collect(), told)
    }
}

fn read(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<(u16, String)> {
    let mut answer = answer.map_err(|error| match error {
        ureq::Error::Io(error) => Error::failed(format!("not reached: {}", plain(&error))),
        error => Error::failed(format!("not reached: {}", safe(&error.to_string()))),
    })?;
    let status = answer.status().as_u16();
    let body =
        answer.body_mut().with_config().limit(ANSWER_BYTES).lossy_utf8(true).read_to_string();
    let body = body.map_err(|error| {
        Error::failed(format!("the answer broke off: {}", safe(&error.to_string())))
    })?;
    Ok((status, body))
}

/// What a control listener says against a request.
fn refused(status: u16, body: &str) -> Error {
    let value: Value = serde_json::from_str(body).unwrap_or_default();
    match value.get("message").and_then(Value::as_str) {
        Some(message) => Error::failed(format!("status {status}: {}", safe(message))),
        None => stranger(status),
    }
}

/// Something else answers at this address.
fn stranger(status: u16) -> Error {
    Error::failed(format!(
        "status {status}, and not as a control listener answers: is it one, and is its `prefix` the one given?"
    ))
}

#[cfg(test)]
mod tests {
    use super::Fleet;

    #[test]
    fn all_are_asked_once_in_their_order_and_one_that_is_slow_keeps_nobody_waiting() {
        let urls: Vec<String> = (0..200).map(|n| format!("10.0.0.{n}:1")).collect();
        let proxies = super::proxy::all(urls.iter().map(String::as_str)).unwrap();
        let fleet =
            Fleet { proxies, agent: ureq::Agent::config_builder().build().into(), token: None };
        let (done, waiting) = (std::sync::Mutex::new(0), std::sync::Condvar::new());
        let mut told = 0;
        let (answers, fine) = fleet.each_telling(
            |proxy, tell| {
                tell(());
                let mut done = done.lock().unwrap();
                // The first of all waits for every other one.
                while proxy.name == "10.0.0.0:1" && *done < 199 {
                    done = waiting.wait(done).unwrap();
                }
                *done += 1;
                waiting.notify_all();
                proxy.name.clone()
            },
            |_, ()| {
                told += 1;
                Ok(())
            },
        );
        assert!(fine.is_ok());
        assert_eq!(told, 200);
        assert!(answers.iter().enumerate().all(|(n, (_, name))| *name == format!("10.0.0.{n}:1")));
    }
}
