//! `hemostat`, the operator's command, as a library: one file a verb.
