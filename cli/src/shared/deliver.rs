//! Delivers a release to proxies, or to the directory that they poll.

mod fate;
mod remedy;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::shared::error::Result;
use crate::shared::exit::Exit;
use crate::shared::files;
use crate::shared::fleet::{Fleet, FleetArgs, Proxy};
use crate::shared::interrupt;
use crate::shared::journal;
use crate::shared::release_file;
use crate::shared::settings::Settings;
use crate::shared::terminal::{Paint, count, safe};
use crate::shared::when;
use fate::{Fate, Kind, News, Wait, progress};

/// The release that is delivered, in messages.
const OURS: &str = "what is sent";

/// The default of `--within`, in seconds.
pub(crate) const WITHIN_S: u64 = 30;

/// Where a release is written instead of being sent, for `push`, `activate` and `sync`. `rollback` has an option of its
/// own for it, since its `--to` is a serial.
#[derive(Debug, clap::Args)]
pub(crate) struct ToDir {
    /// A directory that a static server serves (the file is `current.json`), or a file in it; the proxies poll it
    #[arg(long = "to-dir", visible_alias = "to", value_name = "DIR")]
    pub(crate) to: Option<PathBuf>,
}

/// How a release is brought, for every verb that sends one.
#[derive(Debug, clap::Args)]
pub(crate) struct How {
    /// Wait until every filter configuration of every proxy acts by it
    #[arg(long)]
    pub(crate) wait: bool,
    /// Seconds to wait at most
    #[arg(long, value_parser = when::seconds, default_value_t = WITHIN_S, value_name = "SECONDS")]
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

/// Delivers a release, and reports the result at each proxy: results go to `out`, progress to `err`.
pub(crate) fn deliver(
    envelope: &str,
    serial: u64,
    to: Option<&Path>,
    how: &How,
    fleet: &Fleet,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Exit> {
    let written = to.map(|to| write(to, envelope)).transpose()?;
    let deadline = Instant::now() + Duration::from_secs(how.within);
    let wait = how.wait.then_some(deadline);
    let stop = if how.wait { interrupt::watch()? } else { Arc::new(AtomicBool::new(false)) };
    let waiting = Wait { offers: written.is_none(), until: wait, stop: &stop };
    let fates = if waiting.offers || how.wait {
        let mut open = fleet.proxies.len();
        let mut tell = |proxy: &Proxy, news: News| {
            open -= usize::from(matches!(news, News::Done(_)));
            if wait.is_some() && !how.json { progress(proxy, &news, open, err) } else { Ok(()) }
        };
        let (fates, told) = fleet.each_telling(
            |proxy, tell| {
                let fate = fate::of(fleet, proxy, envelope, serial, &waiting, tell);
                tell(News::Done(fate.clone()));
                fate
            },
            &mut tell,
        );
        // A reader of the progress that has gone away must not keep the result from being recorded.
        drop(told);
        fates
    } else {
        Vec::new()
    };
    let broken_off = stop.load(Ordering::Relaxed);
    let kept = keep(envelope, written.is_some(), how, &fates);
    let exit = fates.iter().map(|(_, fate)| fate.kind.exit()).max().unwrap_or(Exit::Fine);
    let exit = if broken_off { exit.max(Exit::Failed) } else { exit };
    // The release was delivered: a failure to record that is reported beside it.
    let exit = match kept {
        Ok(()) => exit,
        Err(error) => {
            writeln!(err, "hemostat: history: {error}")?;
            exit.max(Exit::Failed)
        }
    };
    if how.json {
        let all: Vec<_> = fates.iter().map(|(proxy, fate)| fate.in_json(proxy)).collect();
        let file = written.as_ref().map(|path| path.display().to_string());
        let all = json!({"ok": exit == Exit::Fine, "serial": serial, "written": file, "broken_off": broken_off, "proxies": all});
        writeln!(out, "{all:#}")?;
        return Ok(exit);
    }
    if let Some(path) = &written {
        writeln!(out, "release {serial} is in {}", safe(&path.display().to_string()))?;
    }
    let paint = Paint::for_stdout();
    let width = fates.iter().map(|(proxy, _)| proxy.name.len()).max().unwrap_or(0);
    for (proxy, fate) in &fates {
        let word = fate.kind.word();
        let word = if fate.is_good() { paint.good(word) } else { paint.error(word) };
        writeln!(out, "{:width$}  {word}  {}", safe(&proxy.name), safe(&fate.detail))?;
    }
    if !fates.is_empty() {
        writeln!(out, "{}", sum(serial, how.wait && !broken_off, &fates))?;
    }
    for (code, help) in remedies(&fates) {
        writeln!(err, "  help: {code}: {help}")?;
    }
    if broken_off {
        // Taking back a rollback needs `--again`.
        let again = release_file::open(envelope, OURS)?.rolls_back.map_or("", |_| " --again");
        writeln!(
            err,
            "broken off: what a proxy took stays in force there; `hemostat status` says who acts by it, and \
             `hemostat rollback --expect {serial}{again}` takes it back"
        )?;
    }
    Ok(exit)
}

/// The summary in one line.
fn sum(serial: u64, waited: bool, fates: &[(&Proxy, Fate)]) -> String {
    let good = fates.iter().filter(|(_, fate)| fate.is_good()).count();
    let all = count(fates.len(), "proxy", "proxies");
    match (waited, good) {
        // Refused everywhere: the policies in force have not changed.
        (_, 0) if fates.iter().all(|(_, fate)| fate.kind == Kind::Refused) => {
            format!("release {serial}: no proxy took it; nothing changed")
        }
        (true, 1) if fates.len() == 1 => format!("release {serial}: the proxy serves it"),
        (true, _) => format!("release {serial}: {good} of {all} serve it"),
        (false, 0) => format!("release {serial}: 0 of {all} took it"),
        (false, _) => format!(
            "release {serial}: {good} of {all} took it; `--wait` and `hemostat status` say whether it is acted by"
        ),
    }
}

/// The remedies, once for each reason.
fn remedies<'a>(fates: &'a [(&Proxy, Fate)]) -> Vec<(&'a str, &'static str)> {
    let mut all: Vec<(&str, &str)> = Vec::new();
    for (_, fate) in fates {
        if let Some(help) = remedy::of(&fate.code)
            && !all.iter().any(|(code, _)| *code == fate.code)
        {
            all.push((&fate.code, help));
        }
    }
    all
}

/// Appends the delivery to the history, if one is configured and something was delivered.
fn keep(envelope: &str, written: bool, how: &How, fates: &[(&Proxy, Fate)]) -> Result<()> {
    let Some(file) = how.log.clone().or(Settings::load()?.history) else { return Ok(()) };
    let took = |(_, fate): &(&Proxy, Fate)| fate.is_good();
    if !written && !fates.iter().any(took) {
        return Ok(());
    }
    let release = release_file::open(envelope, OURS)?;
    let proxies = fates.iter().map(|(proxy, fate)| fate.in_json(proxy)).collect();
    journal::append(&file, &journal::entry(&release, proxies))
}

fn write(to: &Path, envelope: &str) -> Result<PathBuf> {
    let path = if to.is_dir() { to.join("current.json") } else { to.to_owned() };
    files::replace(&path, envelope)?;
    Ok(path)
}
