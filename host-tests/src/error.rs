//! What can go wrong, as types.

use std::fmt;
use std::path::PathBuf;

/// A module that cannot be run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadError {
    /// The file cannot be read.
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's words.
        cause: String,
    },
    /// The bytes are not a valid wasm module.
    Compile(String),
    /// The module does not export `proxy_abi_version_0_2_1` or `proxy_abi_version_0_2_0`.
    NoAbiMarker,
    /// The module lacks an export that every host needs.
    MissingExport(&'static str),
    /// The module imports what a proxy-wasm host of ABI 0.2.1 does not have (`module.name`).
    UnknownImports(Vec<String>),
    /// An import has another signature than the ABI gives it.
    Signature(String),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Read { path, cause } => {
                write!(f, "cannot read the module `{}`: {cause}", path.display())
            }
            LoadError::Compile(cause) => write!(f, "the module does not compile: {cause}"),
            LoadError::NoAbiMarker => f.write_str(
                "the module exports no `proxy_abi_version_0_2_1` and no `proxy_abi_version_0_2_0`",
            ),
            LoadError::MissingExport(name) => write!(f, "the module does not export `{name}`"),
            LoadError::UnknownImports(names) => {
                write!(f, "the module imports what this host does not have: ")?;
                for (at, name) in names.iter().enumerate() {
                    write!(f, "{}`{name}`", if at == 0 { "" } else { ", " })?;
                }
                f.write_str("; only the `env` functions of proxy-wasm 0.2.1 are offered")
            }
            LoadError::Signature(cause) => {
                write!(f, "an import has the wrong signature: {cause}")
            }
        }
    }
}

impl std::error::Error for LoadError {}

/// The guest stopped in a way that kills its VM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trapped {
    /// The callback that ran.
    pub callback: String,
    /// What the runtime says, such as `wasm trap: …` with its frames.
    pub message: String,
    /// Which of the causes it was.
    pub cause: TrapCause,
    /// The last line that the guest logged as critical: a Rust module's panic message.
    pub critical: Option<String>,
}

/// Why a guest stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrapCause {
    /// A wasm trap: `unreachable`, an access outside memory, a division by zero …
    Guest,
    /// The callback used more fuel than it may: an endless loop, most often.
    OutOfFuel,
    /// The guest's stack is exhausted.
    StackOverflow,
    /// The host stops the guest at this call (a host that is not Envoy).
    Host,
}

impl fmt::Display for Trapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the guest stopped in `{}`: {}", self.callback, self.message)?;
        match &self.critical {
            Some(line) => write!(f, " (its last critical line: {line})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Trapped {}

/// A configuration that the plugin did not take.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejected {
    /// `proxy_on_vm_start` returned false, or there is none and the host needs one.
    VmStart,
    /// `proxy_on_configure` returned false.
    Configure,
    /// The guest trapped while it started.
    Trapped(Trapped),
    /// The VM of this worker is dead, and its policy does not make a new one.
    DeadVm,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rejected::VmStart => f.write_str("`proxy_on_vm_start` returned false or is missing"),
            Rejected::Configure => f.write_str("`proxy_on_configure` returned false"),
            Rejected::Trapped(trapped) => trapped.fmt(f),
            Rejected::DeadVm => f.write_str("the VM of this worker is dead"),
        }
    }
}

impl std::error::Error for Rejected {}
