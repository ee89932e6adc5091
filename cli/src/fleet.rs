//! The proxies: their status, and releases for them. Each is asked on a thread of its own, so that one that is down
//! costs its own time-out and nobody else's.

use std::io;
use std::time::Duration;

use serde_json::Value;

use crate::terminal::safe;

/// Where a proxy's paths begin where its URL names none.
const PREFIX: &str = "/.hemostat";

/// The most that is read of an answer, in bytes: status with every list full is under 100 KiB.
const ANSWER_BYTES: u64 = 4 * 1024 * 1024;

/// Proxies that are asked at the same time.
const AT_ONCE: usize = 32;

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
    pub(crate) fn fleet(&self) -> io::Result<Fleet> {
        let from_env = std::env::var("HEMOSTAT_PROXIES").unwrap_or_default();
        let mut named: Vec<&str> = self.proxies.iter().map(String::as_str).collect();
        if named.is_empty() {
            named = from_env.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        }
        let proxies = named.into_iter().map(Proxy::parse).collect::<io::Result<_>>()?;
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
    pub(crate) fn some(&self) -> io::Result<Fleet> {
        let fleet = self.fleet()?;
        if fleet.proxies.is_empty() {
            let message = "no proxy: give `--proxy http://HOST:PORT`, or set HEMOSTAT_PROXIES";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        Ok(fleet)
    }
}

impl Proxy {
    fn parse(url: &str) -> io::Result<Self> {
        let wrong = |why: &str| {
            let message = format!("proxy `{}`: {why}", safe(url));
            io::Error::new(io::ErrorKind::InvalidInput, message)
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

    /// Asks all of them, and gives the answers in their order.
    pub(crate) fn each<T: Send>(&self, ask: impl Fn(&Proxy) -> T + Sync) -> Vec<(&Proxy, T)> {
        let mut all = Vec::with_capacity(self.proxies.len());
        for some in self.proxies.chunks(AT_ONCE) {
            let answers = std::thread::scope(|scope| {
                let ask = &ask;
                let threads: Vec<_> =
                    some.iter().map(|proxy| scope.spawn(move || ask(proxy))).collect();
                threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect::<Vec<_>>()
            });
            for (proxy, answer) in some.iter().zip(answers) {
                match answer {
                    Ok(answer) => all.push((proxy, answer)),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
        }
        all
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
    use super::Proxy;

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
