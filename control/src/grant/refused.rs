//! Why a grant is not accepted.

/// Why a grant is not accepted. Of several grants, the one that was nearest to being accepted is named: the reasons are
/// in the order in which they are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GrantRefusal {
    /// Too large.
    TooBig,
    /// Not an envelope of a grant, or its payload is incomplete.
    Malformed,
    /// No key that may approve has signed this payload: another key has, or it was altered.
    WrongKey,
    /// For other proxies.
    OtherScope,
    /// For another tool or for other arguments.
    OtherCall,
    /// For another tenant.
    OtherTenant,
    /// Issued in the future.
    FromTheFuture,
    /// Expired.
    Expired,
    /// Valid for more than an hour.
    TooLong,
    /// Already used.
    Used,
    /// No more used grants can be remembered, so no more are accepted.
    Full,
    /// The memory of used grants does not work here.
    NoMemory,
}

impl GrantRefusal {
    /// The word in metrics and logs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::TooBig => "too_big",
            Self::Malformed => "malformed",
            Self::WrongKey => "wrong_key",
            Self::OtherScope => "other_scope",
            Self::OtherCall => "other_call",
            Self::OtherTenant => "other_tenant",
            Self::FromTheFuture => "from_the_future",
            Self::Expired => "expired",
            Self::TooLong => "too_long",
            Self::Used => "used",
            Self::Full => "full",
            Self::NoMemory => "no_memory",
        }
    }

    /// What the caller is told.
    #[must_use]
    pub fn told(self) -> &'static str {
        match self {
            Self::TooBig => "the grant is too big",
            Self::Malformed => "the grant cannot be read",
            Self::WrongKey => "the grant is not signed by a key that may approve",
            Self::OtherScope => "the grant is for another scope",
            Self::OtherCall => "the grant is for another call",
            Self::OtherTenant => "the grant is for another tenant",
            Self::FromTheFuture => "the grant is from the future",
            Self::Expired => "the grant has expired",
            Self::TooLong => "the grant would live longer than an hour",
            Self::Used => "the grant was used before",
            Self::Full => "no more grants can be taken now",
            Self::NoMemory => "no grants can be taken here",
        }
    }
}
