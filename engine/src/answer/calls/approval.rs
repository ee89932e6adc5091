//! Calls that need approval: their ids, and the grants that came with the request.

use std::rc::Rc;

use crate::context::record::Record;
use crate::dsse::TrustedKey;
use crate::event::PendingCall;
use crate::grant::used::{GrantSlots, use_once};
use crate::grant::{Grant, GrantRefusal, UnverifiedGrant, WaitingCall, approval_id};
use crate::limits;
use crate::policy::program::tools::{Args, Tools};

/// The grants of one request.
#[derive(Debug, Clone, Default)]
pub struct Approvals {
    /// Envelopes as they arrived; each is verified once, and only when a call needs it.
    pub envelopes: Vec<Result<Vec<u8>, GrantRefusal>>,
    /// The memory of used grants; without one, no grant is accepted.
    pub slots: Option<Rc<dyn GrantSlots>>,
    /// The caller's tenant.
    pub tenant: Option<String>,
    /// Unix time in seconds.
    pub now: u64,
    /// Grants that were used.
    pub(crate) used: Vec<Grant>,
    read: Option<Vec<GrantState>>,
    /// How many signatures were verified.
    tried: usize,
}

/// The state of a grant.
#[derive(Debug, Clone)]
enum GrantState {
    /// Its signature has not been verified.
    UnverifiedGrant(UnverifiedGrant),
    /// Its signature is valid.
    Proven(Grant),
    /// It is not acceptable.
    Refused(GrantRefusal),
}

impl GrantState {
    /// The grant, if it is for this call and signed. Checks that need no signature are made first: a caller can send
    /// bad grants at no cost.
    fn admits(
        &mut self,
        wanted: &WaitingCall<'_>,
        approvers: &[TrustedKey],
        tries: &mut usize,
    ) -> Result<Grant, GrantRefusal> {
        if let Self::UnverifiedGrant(unproven) = self {
            unproven.would_admit(wanted)?;
            *self = match unproven.clone().prove(approvers, tries) {
                Ok(grant) => Self::Proven(grant),
                Err(refused) => Self::Refused(refused),
            };
        }
        match self {
            Self::Proven(grant) => grant.admits(wanted).map(|()| grant.clone()),
            Self::Refused(refused) => Err(*refused),
            Self::UnverifiedGrant(_) => Err(GrantRefusal::WrongKey),
        }
    }
}

impl Approvals {
    /// The grants that came with a request.
    #[must_use]
    pub fn new(
        envelopes: Vec<Result<Vec<u8>, GrantRefusal>>,
        slots: Option<Rc<dyn GrantSlots>>,
        tenant: Option<String>,
    ) -> Self {
        Self { envelopes, slots, tenant, ..Self::default() }
    }

    /// Uses a grant for this call. Its tenant is that of the request.
    ///
    /// # Errors
    /// Why the best grant is not acceptable; `None` if there was no grant.
    pub(crate) fn ask(
        &mut self,
        tools: &Tools,
        call: PendingCall,
        record: &mut Record,
    ) -> Result<(), Option<GrantRefusal>> {
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
        record.approval(PendingCall { tenant: self.tenant.clone(), ..call }, word);
        outcome
    }

    fn find(&mut self, tools: &Tools, tool: &str, id: &str) -> Result<(), Option<GrantRefusal>> {
        let envelopes = std::mem::take(&mut self.envelopes);
        let read = self.read.get_or_insert_with(|| {
            let open = |envelope: Result<Vec<u8>, GrantRefusal>| match envelope
                .and_then(|e| Grant::open(&e))
            {
                Ok(unproven) => GrantState::UnverifiedGrant(unproven),
                Err(refused) => GrantState::Refused(refused),
            };
            envelopes.into_iter().map(open).collect()
        });
        let mut tries = limits::GRANT_VERIFICATIONS.saturating_sub(self.tried);
        let could = tries;
        let wanted = WaitingCall {
            tool,
            id,
            tenant: self.tenant.as_deref(),
            scope: &tools.scope,
            scope_named: tools.scope_named,
            now: self.now,
        };
        let mut outcome = Err(None);
        for state in read.iter_mut() {
            let used = state.admits(&wanted, &tools.approvers, &mut tries).and_then(|grant| {
                let slots = self.slots.as_ref().ok_or(GrantRefusal::NoMemory)?;
                use_once(slots.as_ref(), &grant, self.now).map(|()| grant)
            });
            match used {
                Ok(grant) => {
                    self.used.push(grant);
                    outcome = Ok(());
                    break;
                }
                Err(refused) => outcome = outcome.map_err(|nearest| nearest.max(Some(refused))),
            }
        }
        self.tried += could - tries;
        outcome
    }
}

/// The id of a call; `None` if its arguments are ambiguous, or have different forms.
pub(crate) fn id(tool: &str, only: &[Vec<String>], args: &[Args]) -> Option<String> {
    let mut forms = args.iter().map(|args| args.canonical(only).ok());
    let first = forms.next()??;
    forms.all(|form| form.as_ref() == Some(&first)).then(|| approval_id(tool, &first))
}

/// A third party's word, made safe for a log line.
fn plain(text: &str) -> String {
    let safe = |c: char| if c.is_ascii_graphic() && c != '"' && c != '=' { c } else { '?' };
    text.chars().take(limits::TOOL_NAME_CHARS).map(safe).collect()
}
