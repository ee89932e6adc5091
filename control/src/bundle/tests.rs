//! How a process reacts to releases.

mod bad;
mod golden;
mod life;
mod made;
mod shown;
