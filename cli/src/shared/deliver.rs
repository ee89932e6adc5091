//! Bringing a release where it is to go, for every verb that makes or takes one.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::shared::error::Result;
use crate::shared::exit::Exit;
use crate::shared::files;
use crate::shared::fleet::{Fleet, FleetArgs, InForce, Proxy};
use crate::shared::journal;
use crate::shared::release_file;
use crate::shared::settings::Settings;
use crate::shared::terminal::{Paint, count, or_dash, safe};
use crate::shared::when::now;

/// How often a proxy is asked whether it has followed.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// How long a configuration that cannot follow has, after its proxy took a release, to say that it can follow this one:
/// threads say what they act by as soon as they know, within a second.
const SECOND_THOUGHTS: Duration = Duration::from_secs(3);

/// Seconds that `--wait` waits where nobody says otherwise.
pub(crate) const WITHIN_S: u64 = 30;

/// How a release is brought, for `push`, `activate` and `rollback`.
#[derive(Debug, clap::Args)]
pub(crate) struct How {
    /// A directory that a static server serves (the file is `current.json`), or a file in it; the proxies poll it
    #[arg(long = "to-dir", visible_alias = "to", value_name = "DIR")]
    pub(crate) to: Option<PathBuf>,
    /// Wait until every filter configuration of every proxy acts by it
    #[arg(long)]
    pub(crate) wait: bool,
    /// Seconds to wait at most
    #[arg(long, default_value_t = WITHIN_S, value_name = "SECONDS")]
    pub(crate) within: u64,
    /// Write one JSON document to standard output instead of words
    #[arg(long)]
    pub(crate) json: bool,
    /// Append what was done to this file, a line of JSON each time [default: `history` of hemostat.yaml]
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<String>,
    #[command(flatten)]
    pub(crate) fleet: FleetArgs,
}

/// What became of a release at a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    /// It is in force, and acted by.
    Serving(String),
    /// The proxy took it; whether it is acted by was not waited for.
    Taken(String),
    /// The proxy said no, or does not serve it in time.
    Refused(String),
    /// Nobody knows.
    Unknown(String),
}

/// What a proxy is waited for, as it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum News {
    /// It took the release.
    Took,
    /// It cannot be reached; it is tried again.
    Silent(String),
    /// It serves another serial still.
    Serves(u64),
    /// It has it, and some of it do not act by it yet; which.
    Waits(String),
    /// It is done with.
    Done(Fate),
}

/// Brings a release where it is to go, and says what became of it at each proxy: results to `out`, progress to `err`.
pub(crate) fn deliver(
    envelope: &str,
    serial: u64,
    how: &How,
    fleet: &Fleet,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Exit> {
    let written = how.to.as_ref().map(|to| write(to, envelope)).transpose()?;
    let deadline = Instant::now() + Duration::from_secs(how.within);
    let posts = written.is_none();
    let wait = how.wait.then_some(deadline);
    let fates = if posts || how.wait {
        let mut open = fleet.proxies.len();
        let mut tell = |proxy: &Proxy, news: News| {
            open -= usize::from(matches!(news, News::Done(_)));
            if wait.is_some() && !how.json { progress(proxy, &news, open, err) } else { Ok(()) }
        };
        let (fates, told) = fleet.each_telling(
            |proxy, tell| {
                let fate = fate(fleet, proxy, envelope, serial, posts, wait, tell);
                tell(News::Done(fate.clone()));
                fate
            },
            &mut tell,
        );
        told?;
        fates
    } else {
        Vec::new()
    };
    let kept = keep(envelope, how, &fates);
    let exit = fates.iter().map(|(_, fate)| exit_of(fate)).max().unwrap_or(Exit::Fine);
    // It is where it is to go: that it was not written down is told beside it.
    let exit = match kept {
        Ok(()) => exit,
        Err(error) => {
            writeln!(err, "hemostat: history: {error}")?;
            exit.max(Exit::Failed)
        }
    };
    if how.json {
        let all: Vec<_> = fates.iter().map(|(proxy, fate)| in_json(proxy, fate)).collect();
        let file = written.as_ref().map(|path| path.display().to_string());
        let all =
            json!({"ok": exit == Exit::Fine, "serial": serial, "written": file, "proxies": all});
        writeln!(out, "{all:#}")?;
        return Ok(exit);
    }
    if let Some(path) = &written {
        writeln!(out, "release {serial} is in {}", safe(&path.display().to_string()))?;
    }
    let paint = Paint::for_stdout();
    let width = fates.iter().map(|(proxy, _)| proxy.name.len()).max().unwrap_or(0);
    for (proxy, fate) in &fates {
        let (word, detail) = match fate {
            Fate::Serving(detail) => (paint.good("serving"), detail),
            Fate::Taken(detail) => (paint.good("taken"), detail),
            Fate::Refused(detail) => (paint.error("refused"), detail),
            Fate::Unknown(detail) => (paint.error("unknown"), detail),
        };
        writeln!(out, "{:width$}  {word}  {}", safe(&proxy.name), safe(detail))?;
    }
    if !fates.is_empty() {
        let good = fates.iter().filter(|(_, fate)| exit_of(fate) == Exit::Fine).count();
        let all = count(fates.len(), "proxy", "proxies");
        match (wait, good) {
            (Some(_), 1) if fates.len() == 1 => {
                writeln!(out, "release {serial}: the proxy serves it")?
            }
            (Some(_), _) => writeln!(out, "release {serial}: {good} of {all} serve it")?,
            (None, _) => writeln!(
                out,
                "release {serial}: {good} of {all} took it; `--wait` and `hemostat status` say whether it is acted by"
            )?,
        }
    }
    Ok(exit)
}

/// Writes down what was done, where a file was named and something was.
fn keep(envelope: &str, how: &How, fates: &[(&Proxy, Fate)]) -> Result<()> {
    let Some(file) = how.log.clone().or(Settings::load()?.history) else { return Ok(()) };
    let took = |(_, fate): &(&Proxy, Fate)| matches!(fate, Fate::Serving(_) | Fate::Taken(_));
    if how.to.is_none() && !fates.iter().any(took) {
        return Ok(());
    }
    let release = release_file::open(envelope)?;
    let proxies = fates.iter().map(|(proxy, fate)| in_json(proxy, fate)).collect();
    journal::append(&file, &journal::entry(&release, proxies))
}

/// A line of progress.
fn progress(proxy: &Proxy, news: &News, open: usize, err: &mut dyn Write) -> Result<()> {
    let name = safe(&proxy.name);
    Ok(match news {
        News::Took => writeln!(err, "{name}: took it"),
        News::Silent(why) => writeln!(err, "{name}: {}; trying again", safe(why)),
        News::Serves(serial) => writeln!(err, "{name}: still serves {serial}"),
        News::Waits(who) => writeln!(err, "{name}: {}", safe(who)),
        News::Done(Fate::Taken(_)) => writeln!(err, "{name}: took it; {open} to go"),
        News::Done(Fate::Serving(_)) => writeln!(err, "{name}: serves it; {open} to go"),
        News::Done(Fate::Refused(_)) => writeln!(err, "{name}: does not; {open} to go"),
        News::Done(Fate::Unknown(_)) => writeln!(err, "{name}: given up; {open} to go"),
    }?)
}

fn write(to: &Path, envelope: &str) -> Result<PathBuf> {
    let path = if to.is_dir() { to.join("current.json") } else { to.to_owned() };
    files::replace(&path, envelope)?;
    Ok(path)
}

fn exit_of(fate: &Fate) -> Exit {
    match fate {
        Fate::Serving(_) | Fate::Taken(_) => Exit::Fine,
        Fate::Refused(_) => Exit::No,
        Fate::Unknown(_) => Exit::Failed,
    }
}

fn in_json(proxy: &Proxy, fate: &Fate) -> serde_json::Value {
    let (word, detail) = match fate {
        Fate::Serving(detail) => ("serving", detail),
        Fate::Taken(detail) => ("taken", detail),
        Fate::Refused(detail) => ("refused", detail),
        Fate::Unknown(detail) => ("unknown", detail),
    };
    json!({"proxy": proxy.name, "fate": word, "detail": detail})
}

/// Offers a release to one proxy, and waits for it where that is wanted.
fn fate(
    fleet: &Fleet,
    proxy: &Proxy,
    envelope: &str,
    serial: u64,
    posts: bool,
    wait: Option<Instant>,
    tell: &dyn Fn(News),
) -> Fate {
    let mut last = "it was not asked".to_owned();
    // Each state is told once, not at every look.
    let told = std::cell::RefCell::new(None);
    let tell = |news: News| {
        if told.replace(Some(news.clone())).as_ref() != Some(&news) {
            tell(news);
        }
    };
    if posts {
        // A proxy that cannot be reached now may be back before the waiting is over.
        loop {
            match fleet.offer(proxy, envelope) {
                Ok(said) if said.taken && wait.is_none() => {
                    return Fate::Taken(match said.in_force {
                        InForce::Not(why) => format!("{}; but before it: {why}", said.code),
                        InForce::OnItsWay(who) => format!("{}, on its way: {who}", said.code),
                        InForce::Everywhere | InForce::Unsaid => said.code,
                    });
                }
                Ok(said) if said.taken => {
                    tell(News::Took);
                    break;
                }
                Ok(said) => return Fate::Refused(format!("{} ({})", said.message, said.code)),
                Err(why) => last = why,
            }
            if wait.is_none_or(|until| Instant::now() >= until) {
                return Fate::Unknown(last);
            }
            tell(News::Silent(last.clone()));
            std::thread::sleep(ASK_EVERY);
        }
    }
    let Some(until) = wait else { return Fate::Unknown(last) };
    let mut served_since = None;
    loop {
        let late = Instant::now() >= until;
        match fleet.status(proxy) {
            Ok(status) if status.serial() == serial => {
                let since = *served_since.get_or_insert_with(Instant::now);
                match status.in_force() {
                    InForce::Everywhere | InForce::Unsaid => {
                        return Fate::Serving(format!(
                            "version {}",
                            or_dash(status.text("version"))
                        ));
                    }
                    InForce::Not(why) if late || since.elapsed() >= SECOND_THOUGHTS => {
                        return Fate::Refused(format!("it has it, and does not act by it: {why}"));
                    }
                    InForce::OnItsWay(who) if late => {
                        return Fate::Refused(format!("it has it, but {who}"));
                    }
                    InForce::Not(who) | InForce::OnItsWay(who) => tell(News::Waits(who)),
                }
            }
            Ok(status) if status.serial() > serial => {
                return Fate::Refused(format!("it serves {} already", status.serial()));
            }
            Ok(status) if late => {
                let why = status
                    .last_error(now())
                    .map_or_else(String::new, |why| format!("; its last error: {why}"));
                return Fate::Refused(format!("it still serves {}{why}", status.serial()));
            }
            Ok(status) => tell(News::Serves(status.serial())),
            Err(why) if late => return Fate::Unknown(why),
            Err(why) => tell(News::Silent(why)),
        }
        std::thread::sleep(ASK_EVERY);
    }
}
