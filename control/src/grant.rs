//! A grant: a person's approval of one tool call (POLICY "Tools").
//!
//! A call has an id derived from its tool and arguments; a grant names that id (or a tool, with any arguments), is
//! signed by a key that may `approve`, is valid for a while, and can be used once.

mod refused;
pub mod used;

pub use refused::GrantRefusal;

use sha2::{Digest, Sha256};

use crate::base::base32::base32;
use crate::base::time;
use crate::dialect::quoted;
use crate::dsse::TrustedKey;
use crate::dsse::{DsseError, Envelope, SecretKey, base64};
use crate::limits;
use crate::wire::json::{Doc, Kind, Value};

/// The payload type of a grant's envelope.
pub const PAYLOAD_TYPE: &str = "application/vnd.hemostat.grant+json";

/// The default lifetime of a grant, in seconds.
pub const LIFE_S: u64 = 15 * 60;

/// The maximum lifetime of a grant, in seconds.
pub const LONGEST_LIFE_S: u64 = 60 * 60;

/// The clock skew that is tolerated, in seconds.
const SKEW_S: u64 = 60;

/// The id of a call: `ap_` and the base32 of the first 160 bits of SHA-256(tool, zero byte, canonical arguments).
#[must_use]
pub fn approval_id(tool: &str, canonical: &str) -> String {
    let hash = Sha256::new()
        .chain_update(tool.as_bytes())
        .chain_update([0])
        .chain_update(canonical.as_bytes())
        .finalize();
    format!("ap_{}", base32(hash.get(..20).unwrap_or_default()).to_ascii_uppercase())
}

/// What a grant approves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrantTarget {
    /// The call with this id.
    Call(String),
    /// Any call of this tool.
    AnyArgsOf(String),
}

/// A grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The scope whose proxies it is for; `None` for those whose configuration names no scope.
    pub scope: Option<String>,
    /// What is approved.
    pub what: GrantTarget,
    /// The only tenant that it is for, if any.
    pub tenant: Option<String>,
    /// When it was issued (Unix seconds).
    pub issued_at: u64,
    /// When it expires (Unix seconds).
    pub expires: u64,
    /// Distinguishes it from every other grant.
    pub nonce: String,
}

/// A call that waits for approval.
#[derive(Debug, Clone, Copy)]
pub struct WaitingCall<'a> {
    /// The tool's name.
    pub tool: &'a str,
    /// The call's id.
    pub id: &'a str,
    /// The caller's tenant, if it can be read.
    pub tenant: Option<&'a str>,
    /// The proxy's scope.
    pub scope: &'a str,
    /// The proxy's configuration names the scope itself.
    pub scope_named: bool,
    /// Unix time in seconds.
    pub now: u64,
}

impl Grant {
    /// The payload.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = String::from("{");
        if let Some(scope) = &self.scope {
            out.push_str(&format!(r#""scope":{},"#, quoted(scope)));
        }
        match &self.what {
            GrantTarget::Call(id) => out.push_str(&format!(r#""approval":{},"#, quoted(id))),
            GrantTarget::AnyArgsOf(tool) => {
                out.push_str(&format!(r#""any_args_of":{},"#, quoted(tool)))
            }
        }
        if let Some(tenant) = &self.tenant {
            out.push_str(&format!(r#""tenant":{},"#, quoted(tenant)));
        }
        let (issued, expires) = (time::format(self.issued_at), time::format(self.expires));
        let nonce = quoted(&self.nonce);
        out.push_str(&format!(r#""issued_at":"{issued}","expires":"{expires}","nonce":{nonce}}}"#));
        out
    }

    /// The signed grant, in the form of the header `x-hemostat-approval`.
    #[must_use]
    pub fn sign(&self, key: &SecretKey, keyid: &str) -> String {
        base64::encode(key.envelope(keyid, PAYLOAD_TYPE, self.to_json().as_bytes()).as_bytes())
    }

    /// Reads a grant that one of these keys signed.
    ///
    /// # Errors
    /// Why it is not one.
    pub fn verify(envelope: &[u8], approvers: &[TrustedKey]) -> Result<Self, GrantRefusal> {
        let mut tries = usize::MAX;
        Self::open(envelope)?.prove(approvers, &mut tries)
    }

    /// Reads a grant whose signatures are not verified yet.
    ///
    /// # Errors
    /// Why it is not one.
    pub fn open(envelope: &[u8]) -> Result<UnverifiedGrant, GrantRefusal> {
        let envelope = Envelope::read(envelope, PAYLOAD_TYPE, limits::GRANT_BYTES).map_err(
            |why| match why {
                DsseError::TooBig => GrantRefusal::TooBig,
                _ => GrantRefusal::Malformed,
            },
        )?;
        let grant = Self::read(envelope.payload()).ok_or(GrantRefusal::Malformed)?;
        Ok(UnverifiedGrant { envelope, grant })
    }

    fn read(payload: &[u8]) -> Option<Self> {
        let mut doc = Doc::default();
        doc.parse(payload).ok()?;
        let root = doc.root(payload);
        if root.kind() != Kind::Object {
            return None;
        }
        let what = match (text(&root, "approval")?, text(&root, "any_args_of")?) {
            (Some(id), None) => GrantTarget::Call(id),
            (None, Some(tool)) => GrantTarget::AnyArgsOf(tool),
            _ => return None,
        };
        let moment = |name| text(&root, name)?.and_then(|text| time::parse(&text).ok());
        Some(Self {
            scope: text(&root, "scope")?,
            what,
            tenant: text(&root, "tenant")?,
            issued_at: moment("issued_at")?,
            expires: moment("expires")?,
            nonce: text(&root, "nonce")?.filter(|nonce| !nonce.is_empty())?,
        })
    }

    /// Checks that it is for this call, here and now. (Whether it was used is checked by [`used::use_once`].)
    ///
    /// # Errors
    /// Why it is not.
    pub fn admits(&self, wanted: &WaitingCall<'_>) -> Result<(), GrantRefusal> {
        let scope = match &self.scope {
            Some(scope) => scope == wanted.scope,
            None => !wanted.scope_named,
        };
        let tenant = self.tenant.as_deref().is_none_or(|own| wanted.tenant == Some(own));
        match &self.what {
            _ if !scope => Err(GrantRefusal::OtherScope),
            GrantTarget::AnyArgsOf(tool) if tool != wanted.tool => Err(GrantRefusal::OtherCall),
            GrantTarget::Call(id) if id != wanted.id => Err(GrantRefusal::OtherCall),
            _ if !tenant => Err(GrantRefusal::OtherTenant),
            _ if self.issued_at > wanted.now.saturating_add(SKEW_S) => {
                Err(GrantRefusal::FromTheFuture)
            }
            _ if self.expires <= wanted.now => Err(GrantRefusal::Expired),
            _ if self.expires.saturating_sub(self.issued_at) > LONGEST_LIFE_S => {
                Err(GrantRefusal::TooLong)
            }
            _ => Ok(()),
        }
    }
}

/// A grant that is not authenticated yet: anybody may have written it.
#[derive(Debug, Clone)]
pub struct UnverifiedGrant {
    envelope: Envelope,
    grant: Grant,
}

impl UnverifiedGrant {
    /// Checks that it would be for this call if its signature is valid. Done first, because it costs nothing.
    ///
    /// # Errors
    /// Why it would not be.
    pub fn would_admit(&self, wanted: &WaitingCall<'_>) -> Result<(), GrantRefusal> {
        self.grant.admits(wanted)
    }

    /// The grant, if one of these keys signed it. `tries`: signatures that may still be verified, counted down.
    ///
    /// # Errors
    /// None of them signed it, as far as could be tried.
    pub fn prove(self, approvers: &[TrustedKey], tries: &mut usize) -> Result<Grant, GrantRefusal> {
        match self.envelope.signers_within(approvers, tries).is_empty() {
            true => Err(GrantRefusal::WrongKey),
            false => Ok(self.grant),
        }
    }
}

/// A text that may be absent; `None` if it occurs twice or is not a string.
fn text(object: &Value<'_>, name: &str) -> Option<Option<String>> {
    match object.unique(name).ok()? {
        None => Some(None),
        Some(value) => Some(Some(value.as_str()?.into_owned())),
    }
}

/// The envelopes in values of `x-hemostat-approval`: JSON, or base64 of it, several separated by commas. A caller sends
/// a few at most; further ones are ignored.
pub fn envelopes<'a>(values: impl Iterator<Item = &'a [u8]>) -> Vec<Result<Vec<u8>, GrantRefusal>> {
    let mut envelopes = Vec::new();
    for value in values {
        let value = value.trim_ascii();
        if value.starts_with(b"{") {
            envelopes.push(Ok(value.to_vec()));
            continue;
        }
        for part in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            // Base64 is a third longer than what it encodes.
            if part.len() / 4 * 3 > limits::GRANT_BYTES {
                envelopes.push(Err(GrantRefusal::TooBig));
            } else if !part.is_empty() {
                let text = std::str::from_utf8(part).ok();
                envelopes.push(text.and_then(base64::decode).ok_or(GrantRefusal::Malformed));
            }
        }
    }
    envelopes.truncate(limits::GRANTS);
    envelopes
}

#[cfg(test)]
mod tests;
