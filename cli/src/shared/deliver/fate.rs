//! Offers a release to one proxy, and waits until it is in force there.

use std::cell::RefCell;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::remedy::{self, NOT_ACTED_BY, NOT_REACHED};
use crate::shared::error::Result;
use crate::shared::exit::Exit;
use crate::shared::fleet::{Fleet, InForce, Proxy, Said};
use crate::shared::terminal::{or_dash, safe};
use crate::shared::when::now;

/// How often a proxy is asked while waiting.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// How long a configuration that could not follow the previous release has to report that it can follow this one.
/// Threads report what they run as soon as they know, within a second.
const SECOND_THOUGHTS: Duration = Duration::from_secs(3);

/// The result of a delivery at one proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fate {
    pub(super) kind: Kind,
    /// In words.
    pub(super) detail: String,
    /// The code of the reason, for `remedy`; empty if there is none.
    pub(super) code: String,
}

/// The kind of result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The release is in force, and every configuration acts by it.
    Serving,
    /// The proxy accepted it; nobody waited until it was acted by.
    Taken,
    /// The proxy refused it: nothing has changed there.
    Refused,
    /// The proxy has it, or was to fetch it, but did not act by it in time.
    NotServing,
    /// Unknown: the proxy did not answer.
    Unknown,
}

impl Kind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Taken => "taken",
            Self::Refused | Self::NotServing => "refused",
            Self::Unknown => "unknown",
        }
    }

    pub(super) fn exit(self) -> Exit {
        match self {
            Self::Serving | Self::Taken => Exit::Fine,
            Self::Refused | Self::NotServing => Exit::No,
            Self::Unknown => Exit::Failed,
        }
    }
}

impl Fate {
    fn new(kind: Kind, detail: impl Into<String>, code: &str) -> Self {
        Self { kind, detail: detail.into(), code: code.to_owned() }
    }

    /// True if the proxy accepted it or acts by it.
    pub(super) fn is_good(&self) -> bool {
        self.kind.exit() == Exit::Fine
    }

    pub(super) fn in_json(&self, proxy: &Proxy) -> Value {
        let code = (!self.code.is_empty()).then_some(&self.code);
        json!({"proxy": proxy.name, "fate": self.kind.word(), "detail": self.detail, "code": code,
            "help": remedy::of(&self.code)})
    }
}

/// What a proxy is doing while it is waited for; sent at each change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum News {
    /// It accepted the release.
    Took,
    /// It cannot be reached, and is tried again.
    Silent(String),
    /// It still serves this other serial.
    Serves(u64),
    /// It has the release, but these configurations do not act by it yet.
    Waits(String),
    /// Nothing more is waited for.
    Done(Fate),
}

/// A line of progress.
pub(super) fn progress(proxy: &Proxy, news: &News, open: usize, err: &mut dyn Write) -> Result<()> {
    let name = safe(&proxy.name);
    Ok(match news {
        News::Took => writeln!(err, "{name}: took it"),
        News::Silent(why) => writeln!(err, "{name}: {}; trying again", safe(why)),
        News::Serves(serial) => writeln!(err, "{name}: still serves {serial}"),
        News::Waits(who) => writeln!(err, "{name}: {}", safe(who)),
        News::Done(fate) => {
            let word = match fate.kind {
                Kind::Taken => "took it",
                Kind::Serving => "serves it",
                Kind::Refused | Kind::NotServing => "does not",
                Kind::Unknown => "given up",
            };
            writeln!(err, "{name}: {word}; {open} to go")
        }
    }?)
}

/// How long to wait, and for what.
#[derive(Debug, Clone)]
pub(super) struct Wait<'a> {
    /// The release is sent to the proxy; otherwise the proxy fetches it.
    pub(super) offers: bool,
    /// The deadline; `None`: do not wait.
    pub(super) until: Option<Instant>,
    /// Set when waiting is to end early (Ctrl-C).
    pub(super) stop: &'a AtomicBool,
}

impl Wait<'_> {
    fn is_broken_off(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Offers a release to one proxy, and waits for it where that is wanted.
pub(super) fn of(
    fleet: &Fleet,
    proxy: &Proxy,
    envelope: &str,
    serial: u64,
    wait: &Wait<'_>,
    tell: &dyn Fn(News),
) -> Fate {
    // Each state is reported once, not at every poll.
    let told = RefCell::new(None);
    let tell = |news: News| {
        if told.replace(Some(news.clone())).as_ref() != Some(&news) {
            tell(news);
        }
    };
    if wait.offers {
        let said = match offered(fleet, proxy, envelope, wait, &tell) {
            Ok(said) => said,
            Err(fate) => return fate,
        };
        if wait.until.is_none() {
            let detail = match said.in_force {
                InForce::Not(why) => format!("{}; but before it: {why}", said.code),
                InForce::OnItsWay(who) => format!("{}, on its way: {who}", said.code),
                InForce::Everywhere | InForce::Unsaid => said.code,
            };
            return Fate::new(Kind::Taken, detail, "");
        }
        tell(News::Took);
    }
    match wait.until {
        Some(until) => served(fleet, proxy, serial, until, wait, &tell),
        None => Fate::new(Kind::Unknown, "it was not asked", ""),
    }
}

/// Offers the release, and gives the proxy's answer. A proxy that cannot be reached is tried again until the deadline.
fn offered(
    fleet: &Fleet,
    proxy: &Proxy,
    envelope: &str,
    wait: &Wait<'_>,
    tell: &dyn Fn(News),
) -> Result<Said, Fate> {
    loop {
        let why = match fleet.offer(proxy, envelope) {
            Ok(said) if said.taken => return Ok(said),
            Ok(said) => {
                let detail = format!("{} ({})", said.message, said.code);
                return Err(Fate::new(Kind::Refused, detail, &said.code));
            }
            Err(why) => why.to_string(),
        };
        if wait.is_broken_off() {
            let detail = format!("{why}; broken off before it took it");
            return Err(Fate::new(Kind::Unknown, detail, NOT_REACHED));
        }
        if wait.until.is_none_or(|until| Instant::now() >= until) {
            return Err(Fate::new(Kind::Unknown, why, NOT_REACHED));
        }
        tell(News::Silent(why));
        std::thread::sleep(ASK_EVERY);
    }
}

/// Waits until every configuration of the proxy acts by it.
fn served(
    fleet: &Fleet,
    proxy: &Proxy,
    serial: u64,
    until: Instant,
    wait: &Wait<'_>,
    tell: &dyn Fn(News),
) -> Fate {
    let mut served_since = None;
    loop {
        let late = Instant::now() >= until;
        let status = fleet.status(proxy);
        if wait.is_broken_off() {
            let has = status.as_ref().is_ok_and(|status| status.serial() == serial);
            return if has || wait.offers {
                Fate::new(
                    Kind::Taken,
                    "it took it; broken off before it was known who acts by it",
                    "",
                )
            } else {
                Fate::new(Kind::Unknown, "broken off before it served it", "")
            };
        }
        match status {
            Ok(status) if status.serial() == serial => {
                let since = *served_since.get_or_insert_with(Instant::now);
                match status.in_force() {
                    InForce::Everywhere | InForce::Unsaid => {
                        let version = or_dash(status.text("version"));
                        return Fate::new(Kind::Serving, format!("version {version}"), "");
                    }
                    InForce::Not(why) if late || since.elapsed() >= SECOND_THOUGHTS => {
                        let detail = format!("it has it, and does not act by it: {why}");
                        return Fate::new(Kind::NotServing, detail, NOT_ACTED_BY);
                    }
                    InForce::OnItsWay(who) if late => {
                        let detail = format!("it has it, but {who}");
                        return Fate::new(Kind::NotServing, detail, "");
                    }
                    InForce::Not(who) | InForce::OnItsWay(who) => tell(News::Waits(who)),
                }
            }
            Ok(status) if status.serial() > serial => {
                let detail = format!("it serves {} already", status.serial());
                return Fate::new(Kind::NotServing, detail, "stale-serial");
            }
            Ok(status) if late => {
                let why = status
                    .last_error(now())
                    .map_or_else(String::new, |why| format!("; its last error: {why}"));
                let detail = format!("it still serves {}{why}", status.serial());
                return Fate::new(Kind::NotServing, detail, remedy::NOT_ARRIVED);
            }
            Ok(status) => tell(News::Serves(status.serial())),
            Err(why) if late => return Fate::new(Kind::Unknown, why.to_string(), NOT_REACHED),
            Err(why) => tell(News::Silent(why.to_string())),
        }
        std::thread::sleep(ASK_EVERY);
    }
}
