//! shim
/// shim
#[derive(Debug, Default)]
pub struct Config {
    /// x
    pub policy: crate::policy::Document,
    /// x
    pub hold_headers: Option<bool>,
}
