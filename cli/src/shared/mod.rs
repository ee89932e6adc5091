//! Code that verbs share.

pub(crate) mod access_log;
pub(crate) mod compose;
pub(crate) mod deliver;
pub(crate) mod drilled;
pub(crate) mod error;
pub(crate) mod exit;
pub(crate) mod files;
pub(crate) mod fleet;
pub(crate) mod interrupt;
pub(crate) mod issuer;
pub(crate) mod journal;
pub(crate) mod key;
pub(crate) mod number;
pub(crate) mod play;
pub(crate) mod policy_file;
pub(crate) mod prepared;
pub(crate) mod program;
pub(crate) mod recording;
pub(crate) mod records;
pub(crate) mod release_file;
pub(crate) mod report;
pub(crate) mod settings;
pub(crate) mod step;
pub(crate) mod table;
pub(crate) mod terminal;
pub(crate) mod when;
