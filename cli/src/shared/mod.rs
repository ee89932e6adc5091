//! What verbs share.

pub(crate) mod blob;
pub(crate) mod compose;
pub(crate) mod exit;
pub(crate) mod files;
pub(crate) mod fleet;
pub(crate) mod key;
pub(crate) mod play;
pub(crate) mod program;
pub(crate) mod table;
pub(crate) mod terminal;
