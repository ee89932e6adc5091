//! Calls that need leave: their ids, and the grants that came with the request.

use std::rc::Rc;

use crate::context::record::Record;
use crate::event::Call;
use crate::grant::used::{Slots, use_once};
use crate::grant::{Grant, Refused, Wanted, approval_id};
use crate::policy::program::tools::{Args, Tools};

/// The grants of one request.
#[derive(Debug, Clone, Default)]
pub struct Approvals {
    /// Envelopes as they came; each is verified once, and only when a call asks.
    pub envelopes: Vec<Result<Vec<u8>, Refused>>,
    /// The memory of used grants; `None`: there is none, and no grant is taken.
    pub slots: Option<Rc<dyn Slots>>,
    /// The caller's tenant.
    pub tenant: Option<String>,
    /// Unix time in seconds.
    pub now: u64,
    /// Those that were used.
    pub(crate) used: Vec<Grant>,
    verified: Option<Vec<Result<Grant, Refused>>>,
}

impl Approvals {
    /// The grants that came with a request.
    #[must_use]
    pub fn new(
        envelopes: Vec<Result<Vec<u8>, Refused>>,
        slots: Option<Rc<dyn Slots>>,
        tenant: Option<String>,
    ) -> Self {
        Self { envelopes, slots, tenant, ..Self::default() }
    }

    /// Uses a grant for this call. Its tenant is that of the request.
    ///
    /// # Errors
    /// Why the nearest grant is none; `None`: there was no grant.
    pub(crate) fn ask(
        &mut self,
        tools: &Tools,
        call: Call,
        record: &mut Record,
    ) -> Result<(), Option<Refused>> {
        let (tool, id) = (call.tool.as_str(), call.id.as_str());
        let outcome = self.find(tools, tool, id);
        let word = match outcome {
            Ok(()) => "granted",
            Err(Some(refused)) => refused.word(),
            Err(None) => "none",
        };
        record.count(format!("hemostat_grants_total;outcome={word}"));
        let tenant = self.tenant.as_deref().map(plain).unwrap_or_default();
        record.log(format!("approval={id} tool={} tenant={tenant} grant={word}", plain(tool)));
        record.approval(Call { tenant: self.tenant.clone(), ..call }, word);
        outcome
    }

    fn find(&mut self, tools: &Tools, tool: &str, id: &str) -> Result<(), Option<Refused>> {
        let envelopes = std::mem::take(&mut self.envelopes);
        let verified = self.verified.get_or_insert_with(|| {
            let verify =
                |envelope: Result<Vec<u8>, Refused>| Grant::verify(&envelope?, &tools.approvers);
            envelopes.into_iter().map(verify).collect()
        });
        let wanted = Wanted {
            tool,
            id,
            tenant: self.tenant.as_deref(),
            scope: &tools.scope,
            scope_named: tools.scope_named,
            now: self.now,
        };
        let mut nearest = None;
        for grant in verified.iter() {
            let used = match grant {
                Err(refused) => Err(*refused),
                Ok(grant) => grant.admits(&wanted).and_then(|()| match &self.slots {
                    Some(slots) => use_once(slots.as_ref(), grant, self.now),
                    None => Err(Refused::NoMemory),
                }),
            };
            match used {
                Ok(()) => {
                    self.used.extend(grant.clone());
                    return Ok(());
                }
                Err(refused) => nearest = nearest.max(Some(refused)),
            }
        }
        Err(nearest)
    }
}

/// The id of a call; `None`: its arguments have no single meaning, or are said in different ways.
pub(crate) fn id(tool: &str, only: &[Vec<String>], args: &[Args]) -> Option<String> {
    let mut forms = args.iter().map(|args| args.canonical(only).ok());
    let first = forms.next()??;
    forms.all(|form| form.as_ref() == Some(&first)).then(|| approval_id(tool, &first))
}

/// A word of others, safe in a line of a log.
fn plain(text: &str) -> String {
    let safe = |c: char| if c.is_ascii_graphic() && c != '"' && c != '=' { c } else { '?' };
    text.chars().take(crate::limits::TOOL_NAME_CHARS).map(safe).collect()
}
