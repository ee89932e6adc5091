//! The verbs, one file each: arguments, work and output.

pub(crate) mod activate;
pub(crate) mod approve;
pub(crate) mod case;
pub(crate) mod check;
pub(crate) mod diff;
pub(crate) mod drill;
pub(crate) mod evidence;
pub(crate) mod history;
pub(crate) mod keygen;
pub(crate) mod postmortem;
pub(crate) mod push;
pub(crate) mod release;
pub(crate) mod replay;
pub(crate) mod rollback;
pub(crate) mod scope;
pub(crate) mod status;
pub(crate) mod sync;
pub(crate) mod test;
