//! Pages for people: one file each, with plots, dark and light, that asks no network for anything.

pub(crate) mod page;
pub(crate) mod plot;
