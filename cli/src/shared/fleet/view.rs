//! The status of a whole fleet at one time.

use std::io::Write;

use super::{Proxy, Status};
use crate::shared::error::{Error, Result};
use crate::shared::terminal::{or_dash, safe};

/// The answers of all proxies, in their order.
#[derive(Debug)]
pub(crate) struct View<'a> {
    pub(crate) rows: Vec<(&'a Proxy, Result<Status>)>,
}

/// Proxies that serve the same policy.
#[derive(Debug)]
pub(crate) struct Group<'a> {
    pub(crate) first: &'a Status,
    pub(crate) proxies: Vec<&'a Proxy>,
}

impl View<'_> {
    /// Those that answered.
    pub(crate) fn reached(&self) -> impl Iterator<Item = (&Proxy, &Status)> {
        self.rows.iter().filter_map(|(proxy, status)| Some((*proxy, status.as_ref().ok()?)))
    }

    /// The number of proxies that did not answer.
    pub(crate) fn silent(&self) -> usize {
        self.rows.iter().filter(|(_, status)| status.is_err()).count()
    }

    /// Groups proxies by scope, serial and policy; the highest serial comes first.
    pub(crate) fn groups(&self) -> Vec<Group<'_>> {
        let mut groups: Vec<Group<'_>> = Vec::new();
        for (proxy, status) in self.reached() {
            match groups.iter_mut().find(|group| served(group.first) == served(status)) {
                Some(group) => group.proxies.push(proxy),
                None => groups.push(Group { first: status, proxies: vec![proxy] }),
            }
        }
        groups.sort_by_key(|group| std::cmp::Reverse(group.first.serial()));
        groups
    }

    /// The status of the highest serial.
    pub(crate) fn newest(&self) -> Option<&Status> {
        self.groups().into_iter().next().map(|group| group.first)
    }

    /// How the proxies of a scope differ, in words; `None` if they do not.
    pub(crate) fn differ(&self) -> Option<String> {
        let groups = self.groups();
        let scopes = groups.iter().map(|group| group.first.text("scope"));
        let mut scopes: Vec<&str> = scopes.collect();
        scopes.sort_unstable();
        let twice = scopes.windows(2).any(|pair| pair.first() == pair.last());
        twice.then(|| {
            let parts = groups.iter().map(|group| {
                let names: Vec<String> =
                    group.proxies.iter().map(|proxy| safe(&proxy.name)).collect();
                let version = safe(or_dash(group.first.text("version")));
                format!(
                    "{} serve serial {}, version {version}",
                    names.join(", "),
                    group.first.serial()
                )
            });
            format!("proxies differ: {}", parts.collect::<Vec<_>>().join("; "))
        })
    }

    /// The status that all proxies agree on, from which a verb takes its step. Proxies that do not answer are reported,
    /// and do not block the step.
    ///
    /// # Errors
    /// No proxy answers, or they differ, so that the step would mean something else for each.
    pub(crate) fn agreed(&self, err: &mut dyn Write) -> Result<&Status> {
        self.name_silent(err)?;
        if let Some(how) = self.differ() {
            let help = "`hemostat sync` gives every proxy what the highest serial serves";
            return Err(Error::no(format!("{how}\n  help: {help}")));
        }
        self.newest().ok_or_else(|| Error::failed("no proxy says what is in force"))
    }

    /// Reports those that did not answer.
    pub(crate) fn name_silent(&self, err: &mut dyn Write) -> Result<()> {
        for (proxy, status) in &self.rows {
            if let Err(why) = status {
                writeln!(err, "hemostat: {}: {why}", safe(&proxy.name))?;
            }
        }
        Ok(())
    }
}

fn served(status: &Status) -> (&str, u64, &str) {
    (status.text("scope"), status.serial(), status.text("digest"))
}
