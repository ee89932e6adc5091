//! The proxies: their status, and releases for them. Each is asked on a thread of its own, so that one that is down
//! costs its own time-out and nobody else's.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

use crate::shared::error::{Error, Result};
use crate::shared::terminal::safe;

/// Where a proxy's paths begin where its URL names none.
const PREFIX: &str = "/.hemostat";

/// The most that is read of an answer, in bytes: status with every list full is under 100 KiB.
const ANSWER_BYTES: u64 = 4 * 1024 * 1024;

/// Proxies that are asked at the same time.
const AT_ONCE: usize = 64;

/// Which proxies, and how they are reached.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct FleetArgs {
    /// A proxy's control listener, `http://HOST:PORT[/PREFIX]`; may be given many times
    /// [default: `$HEMOSTAT_PROXIES`, separated by commas]
    #[arg(long = "proxy", short = 'p', value_name = "URL")]
    proxies: Vec<String>,
    /// Seconds that a proxy has to answer
    #[arg(long, default_value_t = 5, value_name = "SECONDS")]
    timeout: u64,
}

/// Some proxies.
#[derive(Debug)]
pub(crate) struct Fleet {
    pub(crate) proxies: Vec<Proxy>,
    agent: ureq::Agent,
    token: Option<String>,
}

/// A proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proxy {
    /// As people name it.
    pub(crate) name: String,
    base: String,
}

/// What a proxy said of itself.
#[derive(Debug, Clone)]
pub(crate) struct Status(pub(crate) Value);

/// What a proxy said of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) taken: bool,
    pub(crate) code: String,
    pub(crate) message: String,
}

impl FleetArgs {
    /// The proxies; none where none were named.
    pub(crate) fn fleet(&self) -> Result<Fleet> {
        let from_env = std::env::var("HEMOSTAT_PROXIES").unwrap_or_default();
        let mut named: Vec<&str> = self.proxies.iter().map(String::as_str).collect();
        if named.is_empty() {
            named = from_env.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        }
        let proxies = named.into_iter().map(Proxy::parse).collect::<Result<_>>()?;
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(self.timeout.max(1))))
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .build()
            .into();
        let token = std::env::var("HEMOSTAT_TOKEN").ok().filter(|token| !token.is_empty());
        Ok(Fleet { proxies, agent, token })
    }

    /// The proxies, of which there must be one.
    pub(crate) fn some(&self) -> Result<Fleet> {
        let fleet = self.fleet()?;
        if fleet.proxies.is_empty() {
            let message = "no proxy: give `--proxy http://HOST:PORT`, or set HEMOSTAT_PROXIES";
            return Err(Error::failed(message));
        }
        Ok(fleet)
    }
}

impl Proxy {
    fn parse(url: &str) -> Result<Self> {
        let wrong = |why: &str| {
            let message = format!("proxy `{}`: {why}", safe(url));
            Error::failed(message)
        };
        let rest = match url.split_once("://") {
            Some(("http", rest)) => rest,
            Some(("https", _)) => {
                return Err(wrong("control listeners are plain HTTP; use a tunnel"));
            }
            Some(_) => return Err(wrong("`http://HOST:PORT` is expected")),
            None => url,
        };
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if host.is_empty() || host.contains(['@', '?', '#', ' ']) {
            return Err(wrong("`http://HOST:PORT` is expected"));
        }
        let path = path.trim_end_matches('/');
        let path = if path.is_empty() { PREFIX } else { path };
        Ok(Self { name: host.to_owned(), base: format!("http://{host}{path}") })
    }
}

impl Fleet {
    /// What this proxy says of itself.
    pub(crate) fn status(&self, proxy: &Proxy) -> Result<Status, String> {
        let answer = self.agent.get(format!("{}/status", proxy.base)).call();
        let (status, body) = read(answer)?;
        if status != 200 {
            return Err(format!("status {status}: {}", said(&body)));
        }
        let value: Value = serde_json::from_str(&body)
            .map_err(|_| "the answer is not status: is this a control listener?".to_owned())?;
        if value.get("serial").and_then(Value::as_u64).is_none() {
            return Err("the answer is not status: is this a control listener?".to_owned());
        }
        Ok(Status(value))
    }

    /// Offers a release to this proxy.
    pub(crate) fn offer(&self, proxy: &Proxy, envelope: &str) -> Result<Said, String> {
        let mut request = self
            .agent
            .post(format!("{}/release", proxy.base))
            .header("content-type", "application/json");
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let (status, body) = read(request.send(envelope))?;
        let value: Value = serde_json::from_str(&body)
            .map_err(|_| format!("status {status}, and no answer of a control listener"))?;
        let text =
            |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let code = if status == 200 { text("outcome") } else { text("code") };
        Ok(Said { taken: status == 200, code, message: text("message") })
    }

    /// The status of the proxy that has the highest serial; those that do not answer are named.
    pub(crate) fn newest(&self, err: &mut dyn Write) -> Result<Option<Status>> {
        let mut newest: Option<Status> = None;
        for (proxy, status) in self.each(|proxy| self.status(proxy)) {
            match status {
                Ok(status)
                    if newest.as_ref().is_none_or(|known| known.serial() < status.serial()) =>
                {
                    newest = Some(status);
                }
                Ok(_) => {}
                Err(why) => writeln!(err, "hemostat: {}: {}", safe(&proxy.name), safe(&why))?,
            }
        }
        if newest.is_none() {
            writeln!(err, "hemostat: no proxy says what is in force")?;
        }
        Ok(newest)
    }

    /// Asks all of them, and gives the answers in their order.
    pub(crate) fn each<T: Send>(&self, ask: impl Fn(&Proxy) -> T + Sync) -> Vec<(&Proxy, T)> {
        let (all, _) = self.each_telling(|proxy, _| ask(proxy), |_, _: ()| Ok(()));
        all
    }

    /// The same; what `ask` tells on the way is passed to `tell`, here, as it comes. The second part is what became of
    /// the telling: a reader that went away stops no asking.
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
                    // Whoever is done takes the next: one that is down keeps one thread, and nobody else, waiting.
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

fn read(
    answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<(u16, String), String> {
    let mut answer = answer.map_err(|error| format!("not reached: {error}"))?;
    let status = answer.status().as_u16();
    let body =
        answer.body_mut().with_config().limit(ANSWER_BYTES).lossy_utf8(true).read_to_string();
    Ok((status, body.map_err(|error| format!("the answer broke off: {error}"))?))
}

/// The message of an answer of ours, else nothing of it.
fn said(body: &str) -> String {
    let value: Value = serde_json::from_str(body).unwrap_or_default();
    safe(value.get("message").and_then(Value::as_str).unwrap_or("no answer of a control listener"))
}

impl Status {
    /// A text of it; empty where there is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// The serial in force.
    pub(crate) fn serial(&self) -> u64 {
        self.0.get("serial").and_then(Value::as_u64).unwrap_or_default()
    }

    /// A list of it.
    pub(crate) fn list(&self, name: &str) -> &[Value] {
        self.0.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    }

    /// Why the last refused release was refused.
    pub(crate) fn last_error(&self) -> Option<String> {
        let error = self.0.get("last_error").filter(|error| !error.is_null())?;
        let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
        Some(format!("{} ({})", text("message"), text("code")))
    }

    /// The rules that did most, and how often, most first.
    pub(crate) fn top_rules(&self) -> Vec<(&str, u64)> {
        let rules = self.0.get("rules").and_then(Value::as_object);
        let sum = |counts: &Value| {
            counts.as_object().into_iter().flatten().filter_map(|(_, n)| n.as_u64()).sum::<u64>()
        };
        let mut all: Vec<_> =
            rules.into_iter().flatten().map(|(rule, n)| (rule.as_str(), sum(n))).collect();
        all.retain(|(_, count)| *count > 0);
        all.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::{Fleet, Proxy};

    #[test]
    fn all_are_asked_once_in_their_order_and_one_that_is_slow_keeps_nobody_waiting() {
        let proxies = (0..200).map(|n| Proxy::parse(&format!("h{n}:1")).unwrap()).collect();
        let fleet =
            Fleet { proxies, agent: ureq::Agent::config_builder().build().into(), token: None };
        let (done, waiting) = (std::sync::Mutex::new(0), std::sync::Condvar::new());
        let mut told = 0;
        let (answers, fine) = fleet.each_telling(
            |proxy, tell| {
                tell(());
                let mut done = done.lock().unwrap();
                // The first of all waits for every other one.
                while proxy.name == "h0:1" && *done < 199 {
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
        assert!(answers.iter().enumerate().all(|(n, (_, name))| *name == format!("h{n}:1")));
    }

    #[test]
    fn a_proxy_is_a_host_and_a_prefix() {
        let base =
            |url| Proxy::parse(url).map(|proxy| proxy.base).map_err(|error| error.to_string());
        assert_eq!(base("http://a:1").unwrap(), "http://a:1/.hemostat");
        assert_eq!(base("a:1/").unwrap(), "http://a:1/.hemostat");
        assert_eq!(base("http://a:1/ops/h").unwrap(), "http://a:1/ops/h");
        for bad in ["https://a", "ftp://a", "", "http://", "http://u:p@a", "a b"] {
            assert!(base(bad).is_err(), "{bad}");
        }
    }
}
