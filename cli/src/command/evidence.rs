//! `hemostat evidence`: writes and checks a record of activations and decisions for a third party. Each line carries
//! the digest of the line before it, and a signed last line the digest of the whole chain.

mod args;
mod format;
mod verify;
mod write;

use std::io::Write;

use crate::shared::error::Result;
use crate::shared::exit::Exit;

pub(crate) use args::Args;

pub(crate) fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit> {
    match &args.verify {
        Some(path) => verify::run(path, args, out, err),
        None => write::run(args, out, err),
    }
}
