//! One pattern of a pack, as data.

/// A check on an exact candidate that a regular expression cannot express: how many of its bytes are a match, if any.
pub(in crate::search) type Check = fn(&str) -> Option<usize>;

/// One pattern of a pack.
pub(in crate::search) struct Packed {
    /// Its name within the pack; operators see `pack:PACK/NAME`.
    pub(in crate::search) name: &'static str,
    pub(in crate::search) source: &'static str,
    /// A check beyond what a regular expression can express.
    pub(in crate::search) check: Option<Check>,
}

pub(super) const fn plain(name: &'static str, source: &'static str) -> Packed {
    Packed { name, source, check: None }
}

pub(super) const fn checked(name: &'static str, source: &'static str, check: Check) -> Packed {
    Packed { name, source, check: Some(check) }
}
