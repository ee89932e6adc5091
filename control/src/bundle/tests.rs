//! What a process makes of the releases that reach it.

mod bad;
mod golden;
mod life;
mod made;
mod shown;
