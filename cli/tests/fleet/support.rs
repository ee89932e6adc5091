//! A control listener in the test's own process: it judges releases as the filter does, with the engine, and says of
//! itself what the filter says.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, mpsc};

use hemostat_cli::{Exit, run};
use hemostat_engine::base::time;
use hemostat_engine::bundle::{Offered, Practice, ReleaseWay, Releases, Terms, offer, start};
use hemostat_engine::policy::config::Config;
use serde_json::{Value, json};

/// A policy with one rule, and an overlay with another.
pub const POLICY: &str =
    "{hemostat: 1, version: base, guardrails: [{id: own, scan: output, find: x, do: block}]}";
pub const OVERLAY: &str =
    "{hemostat: 1, version: sev1, guardrails: [{id: new, scan: output, find: y, do: block}]}";

/// Runs the command: its exit code, and what it wrote to both streams.
pub fn hemostat(words: &[&str]) -> (Exit, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let words = std::iter::once("hemostat").chain(words.iter().copied()).map(Into::into);
    let exit = run(words, &mut out, &mut err);
    out.extend(err);
    (exit, String::from_utf8(out).unwrap())
}

/// The same, with these proxies named.
pub fn with(words: &[&str], proxies: &[&Control]) -> (Exit, String) {
    let mut words = words.to_vec();
    for proxy in proxies {
        words.extend(["-p", proxy.url.as_str()]);
    }
    hemostat(&words)
}

/// A folder of a test's own, with the keys of two authors and of on-call in it, gone with its owner.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hemostat-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        let folder = Self(path);
        let out = folder.0.to_str().unwrap();
        hemostat(&["keygen", "ops", "--out", out]);
        hemostat(&["keygen", "other", "--out", out]);
        hemostat(&["keygen", "oncall", "--may", "rollback,approve", "--out", out]);
        folder
    }

    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    pub fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.0.join(name), text).unwrap();
        self.path(name)
    }

    /// Makes a release of [`POLICY`], as `current.json`.
    pub fn release(&self, more: &[&str]) -> String {
        let (exit, said) = self.try_release(more);
        assert_eq!(exit, Exit::Fine, "{said}");
        self.path("current.json")
    }

    pub fn try_release(&self, more: &[&str]) -> (Exit, String) {
        let policy = self.write("p.yaml", POLICY);
        let (key, out) = (self.path("ops.key"), self.path("current.json"));
        let words = ["release", &policy, "--scope", "prod", "--key", &key, "--out", &out];
        hemostat(&[&words, more].concat())
    }

    /// Makes a release of a policy of this version, and brings it to these proxies.
    pub fn serve(&self, version: &str, proxies: &[&Control]) {
        let text = format!("{{hemostat: 1, version: {version}}}");
        let policy = self.write(&format!("{version}.yaml"), &text);
        let (key, out) = (self.path("ops.key"), self.path("current.json"));
        let words = ["release", &policy, "--scope", "prod", "--key", &key, "--out", &out];
        let (exit, said) = hemostat(&words);
        assert_eq!(exit, Exit::Fine, "{said}");
        let (exit, said) = with(&["push", &out, "--wait"], proxies);
        assert_eq!(exit, Exit::Fine, "{said}");
    }

    fn public(&self, name: &str) -> String {
        let (exit, said) = hemostat(&["keygen", "--public", &self.path(name)]);
        assert_eq!(exit, Exit::Fine, "{said}");
        said.split('"').nth(1).unwrap().to_owned()
    }

    /// A proxy that trusts the keys of this folder, in scope `prod`.
    pub fn proxy(&self) -> Control {
        self.proxy_in("prod")
    }

    pub fn proxy_in(&self, scope: &str) -> Control {
        let configuration = json!({
            "scope": scope, "hold_headers": true, "allow": {"upstreams": ["second"]}, "control": {"releases": true},
            "policy": {"hemostat": 1, "version": "inline"},
            "trust": {"keys": {"ops": self.public("ops.key"), "other": self.public("other.key"),
                "oncall": {"key": self.public("oncall.key"), "may": ["rollback", "approve"]}}},
        });
        Control::start(configuration.to_string())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A proxy that is played.
pub struct Control {
    pub url: String,
    /// Fields of its status that are not as they would be.
    pub says: Arc<Mutex<Value>>,
    /// The status of its answer to each release that was offered, in order.
    pub offers: Arc<Mutex<Vec<u16>>>,
    restart: mpsc::Sender<()>,
}

/// What one process holds.
struct Process {
    terms: Terms,
    state: Releases,
}

impl Control {
    fn start(configuration: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let says = Arc::new(Mutex::new(json!({})));
        let offers = Arc::new(Mutex::new(Vec::new()));
        let (restart, restarted) = mpsc::channel();
        let (own_says, own_offers) = (Arc::clone(&says), Arc::clone(&offers));
        std::thread::spawn(move || {
            let (config, _) = Config::parse(configuration.as_bytes()).unwrap();
            let terms = Terms::new(config).unwrap();
            let fresh = |terms: &Terms| {
                start(terms, &Releases::default(), now()).unwrap().0.unwrap_or_default()
            };
            let state = fresh(&terms);
            let mut process = Process { terms, state };
            for stream in listener.incoming() {
                if restarted.try_recv().is_ok() {
                    process.state = fresh(&process.terms);
                }
                process.answer(stream.unwrap(), &own_says, &own_offers);
            }
        });
        Self { url, says, offers, restart }
    }

    /// All that it held is gone.
    pub fn restart(&self) {
        self.restart.send(()).unwrap();
    }

    /// Lets its status say this.
    pub fn say(&self, fields: Value) {
        *self.says.lock().unwrap() = fields;
    }

    pub fn status(&self) -> Value {
        let (_, said) = hemostat(&["status", "--json", "-p", &self.url]);
        serde_json::from_str::<Value>(&said).unwrap()["proxies"][0]["status"].clone()
    }

    pub fn version(&self) -> String {
        self.status()["version"].as_str().unwrap().to_owned()
    }

    pub fn serial(&self) -> u64 {
        self.status()["serial"].as_u64().unwrap()
    }
}

fn length(head: &str) -> usize {
    let lines = head.lines().map(str::to_ascii_lowercase);
    let mut lengths =
        lines.filter_map(|line| Some(line.strip_prefix("content-length: ")?.to_owned()));
    lengths.next().map_or(0, |length| length.parse().unwrap())
}

impl Process {
    fn answer(&mut self, mut stream: TcpStream, says: &Mutex<Value>, offers: &Mutex<Vec<u16>>) {
        let (mut request, mut buffer) = (Vec::new(), [0; 65_536]);
        let (head, body) = loop {
            let count = stream.read(&mut buffer).unwrap_or(0);
            if count == 0 {
                return;
            }
            request.extend_from_slice(&buffer[..count]);
            let text = String::from_utf8_lossy(&request).into_owned();
            let Some((head, rest)) = text.split_once("\r\n\r\n") else { continue };
            if rest.len() >= length(head) {
                break (head.to_owned(), rest.to_owned());
            }
        };
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let (status, body) = match (head.split(' ').next().unwrap(), path.as_str()) {
            ("GET", "/.hemostat/status") => (200, self.status(&says.lock().unwrap()).to_string()),
            ("GET", "/.hemostat/release") => match &self.state.active {
                Some(active) => (200, String::from_utf8(active.envelope.to_vec()).unwrap()),
                None => (404, json!({"code": "not-found", "message": "none"}).to_string()),
            },
            ("POST", "/.hemostat/release") => {
                let (status, mut said) = self.offer(&body);
                // Who acts by it stands in the answer too, as of that moment.
                for field in ["in_force", "followers", "not_following"] {
                    if let Some(value) = says.lock().unwrap().get(field) {
                        said[field] = value.clone();
                    }
                }
                offers.lock().unwrap().push(status);
                (status, said.to_string())
            }
            ("GET", path) => {
                let digest = path.strip_prefix("/.hemostat/policy/").unwrap_or_default();
                let held = self.state.held.iter().find(|held| held.digest.to_string() == digest);
                held.map_or((404, "{}".to_owned()), |held| (200, held.policy.to_string()))
            }
            _ => (404, "{}".to_owned()),
        };
        let head = "content-type: application/json\r\nconnection: close";
        let _ = write!(
            stream,
            "HTTP/1.1 {status} X\r\n{head}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
    }

    fn offer(&mut self, envelope: &str) -> (u16, Value) {
        let now = now();
        match offer(&self.terms, &self.state, envelope.as_bytes(), ReleaseWay::Post, now) {
            Ok(Offered::Unchanged(_)) => (200, json!({"outcome": "unchanged"})),
            Ok(Offered::Activated(activation)) => {
                self.state = activation.state;
                (200, json!({"outcome": "activated", "serial": self.state.serial()}))
            }
            Err(refusal) => (
                refusal.code.status(),
                json!({"code": refusal.code.word(), "message": refusal.message}),
            ),
        }
    }

    fn status(&self, says: &Value) -> Value {
        let running = self.state.running(&self.terms).unwrap().unwrap();
        let entry = self.state.history.first();
        let held = |held: &hemostat_engine::bundle::KeptPolicy| {
            let mut one = json!({"digest": held.digest.to_string(), "version": held.version});
            if let Some(end) = held.end {
                one["expires"] = time::format(end.at).into();
                one["on_expiry"] = end.then.word().into();
            }
            if held.drill {
                one["drill"] = true.into();
            }
            one
        };
        let past = |entry: &hemostat_engine::bundle::ActivationEntry| {
            let (drill, back) =
                (entry.practice == Practice::Drill, entry.practice == Practice::WayBack);
            json!({"drill": drill, "after_drill": back, "serial": entry.serial, "version": entry.version, "digest": entry.digest.to_string(),
                "at": time::format(entry.at), "source": entry.way.word(), "issuer": entry.issuer,
                "reason": entry.reason, "rolls_back": entry.rolls_back, "key_ids": entry.keys})
        };
        let mut status = json!({
            "version": running.version, "serial": self.state.serial(), "digest": running.digest.to_string(),
            "since": entry.map(|entry| time::format(entry.at)), "scope": self.terms.config.scope,
            "source": entry.map_or("none", |entry| entry.way.word()),
            "standing": if self.state.active.is_some() { "release" } else { "baseline" },
            "issuer": entry.map(|entry| entry.issuer.clone()),
            "reason": entry.and_then(|entry| entry.reason.clone()),
            "key_ids": entry.map(|entry| entry.keys.clone()).unwrap_or_default(),
            "expires": self.state.expires().map(time::format), "last_error": null, "rules": {},
            "prepared": self.state.prepared.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "held": self.state.held.iter().map(held).collect::<Vec<_>>(),
            "history": self.state.history.iter().map(past).collect::<Vec<_>>(),
            "prepared_by": self.state.prepared_by.as_ref().map(|by| json!({"serial": by.serial})),
            "drill": self.state.is_drill(), "mode": running.mode.word(),
            "in_force": "everywhere", "followers": [], "not_following": [],
        });
        for (name, value) in says.as_object().unwrap() {
            status[name] = value.clone();
        }
        status
    }
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}
