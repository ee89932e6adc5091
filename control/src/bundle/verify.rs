//! Who signed a release, and what the signers may do.

use super::refusal::{RefusalCode, ReleaseRefusal};
use super::release::Release;
use crate::dsse::{DsseError, Envelope, TrustedKey};
use crate::limits;
use crate::policy::trust::Trust;

/// The type of a release's payload. Envelopes of any other type are never read as one.
pub const PAYLOAD_TYPE: &str = "application/vnd.hemostat.release+json";

/// What the signers may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// Release any policy: enough keys signed that may `release`.
    Author,
    /// Activate the previous policy or a prepared one: a key signed that may `rollback`.
    OnCall,
}

/// A release that was signed by the configuration's keys. Only [`Verified::verify`] makes one (invariant 4).
#[derive(Debug, Clone)]
pub struct Verified {
    release: Release,
    power: Power,
    keys: Vec<String>,
    /// Why it is not [`Power::Author`], if it is not.
    short_of_author: Option<ReleaseRefusal>,
    payload: Vec<u8>,
}

impl Verified {
    /// Reads an envelope and verifies who signed it.
    ///
    /// # Errors
    /// It is not an envelope, it is not signed by a trusted key, or its payload is not a release for this scope.
    pub fn verify(bytes: &[u8], trust: &Trust, scope: &str) -> Result<Self, ReleaseRefusal> {
        let envelope =
            Envelope::read(bytes, PAYLOAD_TYPE, limits::ENVELOPE_BYTES).map_err(unread)?;
        let signers = envelope.signers(&trust.keys);
        let (power, short_of_author) = power(&signers, trust)?;
        // Only now is the payload parsed: the parser is out of reach for anyone whom the configuration does not trust.
        let payload = envelope.payload();
        let release = Release::parse(payload)?;
        if release.scope != scope {
            let message = format!("it is for scope `{}`; this is `{scope}`", release.scope);
            return Err(ReleaseRefusal::new(RefusalCode::WrongScope, message));
        }
        let keys = signers.iter().map(|key| key.id.clone()).collect();
        Ok(Self { release, power, keys, short_of_author, payload: payload.to_vec() })
    }

    /// The release.
    #[must_use]
    pub fn release(&self) -> &Release {
        &self.release
    }

    /// What the signers may do.
    #[must_use]
    pub fn power(&self) -> Power {
        self.power
    }

    /// The names of the keys that signed.
    #[must_use]
    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// The signed bytes.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Why the signers may not release any policy: for the refusal of what only authors may do.
    pub(super) fn only_on_call(&self) -> Option<&ReleaseRefusal> {
        self.short_of_author.as_ref()
    }
}

fn unread(error: DsseError) -> ReleaseRefusal {
    let code = match error {
        DsseError::TooBig => RefusalCode::TooBig,
        DsseError::OtherType => RefusalCode::WrongType,
        _ => RefusalCode::NotAnEnvelope,
    };
    ReleaseRefusal::new(code, error.to_string())
}

/// What these signers may do. The second part says what they lack to be authors.
fn power(
    signers: &[&TrustedKey],
    trust: &Trust,
) -> Result<(Power, Option<ReleaseRefusal>), ReleaseRefusal> {
    let authors = signers.iter().filter(|key| key.may.release).count();
    if authors >= trust.threshold.max(1) {
        return Ok((Power::Author, None));
    }
    if signers.is_empty() {
        let message = "no key of `trust` has signed these bytes";
        return Err(ReleaseRefusal::new(RefusalCode::Untrusted, message));
    }
    let short = if authors > 0 {
        let message =
            format!("signed by {authors} of the {} keys that are wanted", trust.threshold);
        ReleaseRefusal::new(RefusalCode::TooFewSignatures, message)
    } else {
        let names: Vec<String> = signers.iter().map(|key| format!("`{}`", key.id)).collect();
        let message = format!("key {} may not `release`", names.join(", "));
        ReleaseRefusal::new(RefusalCode::NotPermitted, message)
    };
    if signers.iter().any(|key| key.may.rollback) {
        Ok((Power::OnCall, Some(short)))
    } else {
        Err(short)
    }
}
