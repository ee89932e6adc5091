//! HTML reports: one file each, with plots, dark and light, that loads nothing from the network.

pub(crate) mod page;
pub(crate) mod plot;
