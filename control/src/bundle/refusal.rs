//! Why a release changes nothing.

use std::fmt;

/// A release that was refused. The policy in force stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseRefusal {
    /// The kind of reason, a word for scripts, metrics and status; `docs/releases.md` has the table.
    pub code: RefusalCode,
    /// The message for people; never text of a policy beyond names.
    pub message: String,
}

/// Declares the codes: a variant, its word, and the HTTP status of the response to a `POST` of such a release.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $status:literal;)*) => {
        /// The kinds of reason.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum RefusalCode {
            $($(#[$doc])* $name,)*
        }

        impl RefusalCode {
            /// All of them.
            pub const ALL: &'static [RefusalCode] = &[$(RefusalCode::$name),*];

            /// The word in status, metrics and responses.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self {
                    $(RefusalCode::$name => $word,)*
                }
            }

            /// The status of the response to a `POST`.
            #[must_use]
            pub fn status(self) -> u16 {
                match self {
                    $(RefusalCode::$name => $status,)*
                }
            }
        }
    };
}

codes! {
    /// Larger than a release may be.
    TooBig = "too-big", 413;
    /// Not a DSSE envelope.
    NotAnEnvelope = "not-an-envelope", 400;
    /// An envelope with another payload type.
    WrongType = "wrong-type", 400;
    /// Not signed by a key that the configuration trusts.
    Untrusted = "untrusted", 403;
    /// It names a key of the configuration, but the signature is invalid.
    BadSignature = "bad-signature", 403;
    /// The keys that signed it may not do this.
    NotPermitted = "not-permitted", 403;
    /// Signed by too few of the keys that may do this.
    TooFewSignatures = "too-few-signatures", 403;
    /// The payload is not a release.
    NotARelease = "not-a-release", 422;
    /// A release for another scope.
    WrongScope = "wrong-scope", 403;
    /// Its serial is not higher than the one in force, or is below the configuration's floor.
    StaleSerial = "stale-serial", 409;
    /// Its serial is in force, but belongs to another release.
    SerialReused = "serial-reused", 409;
    /// Signed by an on-call key, which may not raise the serial that far.
    SerialJump = "serial-jump", 403;
    /// It had expired before it arrived.
    Expired = "expired", 409;
    /// It contains a digest, and arrived in a way that accepts whole policies only.
    DigestOnly = "digest-only", 422;
    /// It names a policy that this process does not hold.
    NotHeld = "not-held", 409;
    /// It says what follows when it expires, and there is no such policy.
    NothingAfter = "nothing-after", 422;
    /// Its policy uses something that the configuration's `allow` does not list.
    NotAllowed = "not-allowed", 403;
    /// Its policy is not valid.
    BadPolicy = "bad-policy", 422;
    /// The proxy could not store it: the host failed, or other writers were faster too many times.
    NotKept = "not-kept", 503;
}

impl ReleaseRefusal {
    /// A refusal with this message.
    pub(crate) fn new(code: RefusalCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// More bytes than an envelope may have.
    #[must_use]
    pub fn too_big() -> Self {
        let most = crate::limits::ENVELOPE_BYTES;
        Self::new(RefusalCode::TooBig, format!("a release has at most {most} bytes"))
    }

    /// The proxy could not store what it had accepted.
    #[must_use]
    pub fn not_kept(why: impl Into<String>) -> Self {
        Self::new(RefusalCode::NotKept, why)
    }
}

impl fmt::Display for ReleaseRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.word(), self.message)
    }
}
