//! Why a release changes nothing.

use std::fmt;

/// A release that was refused. The policy in force goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseRefusal {
    /// What kind of reason: a word for scripts, metrics and status; `docs/releases.md` has the table.
    pub code: Code,
    /// For people; never text of a policy beyond names.
    pub message: String,
}

/// Declares the codes: a variant, its word, the HTTP status that a `POST` of such a release gets.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $status:literal;)*) => {
        /// The kinds of reasons.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// All of them.
            pub const ALL: &'static [Code] = &[$(Code::$name),*];

            /// The word in status, metrics and answers.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self {
                    $(Code::$name => $word,)*
                }
            }

            /// The status of the answer to a `POST`.
            #[must_use]
            pub fn status(self) -> u16 {
                match self {
                    $(Code::$name => $status,)*
                }
            }
        }
    };
}

codes! {
    /// More bytes than a release may have.
    TooBig = "too-big", 413;
    /// No DSSE envelope.
    NotAnEnvelope = "not-an-envelope", 400;
    /// An envelope of something else.
    WrongType = "wrong-type", 400;
    /// Nobody signed it whom the configuration trusts.
    Untrusted = "untrusted", 403;
    /// A key of the configuration is named, and its signature is not one.
    BadSignature = "bad-signature", 403;
    /// The keys that signed may not do this.
    NotPermitted = "not-permitted", 403;
    /// Too few of the keys that may do this have signed.
    TooFewSignatures = "too-few-signatures", 403;
    /// What was signed is no release.
    NotARelease = "not-a-release", 422;
    /// A release for another scope.
    WrongScope = "wrong-scope", 403;
    /// Its serial is not higher than the one in force, or below the configuration's floor.
    StaleSerial = "stale-serial", 409;
    /// Its serial is in force, and belongs to another release.
    SerialReused = "serial-reused", 409;
    /// An on-call key raises the serial further than it may.
    SerialJump = "serial-jump", 403;
    /// It was over before it came.
    Expired = "expired", 409;
    /// It carries a digest, and came by a way that takes whole policies only.
    DigestOnly = "digest-only", 422;
    /// It names a policy that this process does not hold.
    NotHeld = "not-held", 409;
    /// It says what happens after its end, and there is no such policy.
    NothingAfter = "nothing-after", 422;
    /// Its policy asks for what the configuration's `allow` does not list.
    NotAllowed = "not-allowed", 403;
    /// Its policy is not acceptable.
    BadPolicy = "bad-policy", 422;
    /// The proxy could not keep it: the host refused, or others were faster many times.
    NotKept = "not-kept", 503;
}

impl ReleaseRefusal {
    /// With the reason in words.
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// More bytes than an envelope may have.
    #[must_use]
    pub fn too_big() -> Self {
        let most = crate::limits::ENVELOPE_BYTES;
        Self::new(Code::TooBig, format!("a release has at most {most} bytes"))
    }

    /// The proxy could not keep what it had accepted.
    #[must_use]
    pub fn not_kept(why: impl Into<String>) -> Self {
        Self::new(Code::NotKept, why)
    }
}

impl fmt::Display for ReleaseRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.word(), self.message)
    }
}
