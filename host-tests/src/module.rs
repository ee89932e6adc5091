//! A compiled module.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use wasmtime::{Config, Engine, ExternType, InstancePre, Linker, OptLevel};

use crate::error::LoadError;
use crate::imports;
use crate::state::HostState;

/// A proxy-wasm module, compiled once.
///
/// Modules are kept by their bytes for the life of the process: loading the same one again costs nothing.
#[derive(Clone)]
pub struct Module(Arc<Compiled>);

struct Compiled {
    engine: Engine,
    pre: InstancePre<HostState>,
    size: usize,
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").field("bytes", &self.0.size).finish()
    }
}

/// Where a module comes from: a file, or its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A `.wasm` file.
    File(PathBuf),
    /// The module itself.
    Bytes(Vec<u8>),
}

impl From<&Path> for Source {
    fn from(path: &Path) -> Source {
        Source::File(path.to_owned())
    }
}

impl From<PathBuf> for Source {
    fn from(path: PathBuf) -> Source {
        Source::File(path)
    }
}

impl From<&str> for Source {
    fn from(path: &str) -> Source {
        Source::File(PathBuf::from(path))
    }
}

impl From<Vec<u8>> for Source {
    fn from(bytes: Vec<u8>) -> Source {
        Source::Bytes(bytes)
    }
}

impl From<&[u8]> for Source {
    fn from(bytes: &[u8]) -> Source {
        Source::Bytes(bytes.to_vec())
    }
}

/// Holds compiled code only: all state of guests is in their stores.
struct Cache {
    engine: Engine,
    modules: Mutex<HashMap<Vec<u8>, Module>>,
}

fn cache() -> Result<&'static Cache, LoadError> {
    static CACHE: OnceLock<Result<Cache, String>> = OnceLock::new();
    CACHE
        .get_or_init(|| {
            let mut config = Config::new();
            // Fuel makes an endless loop an outcome, and the cost of a callback a number that does not
            // depend on the machine.
            config.consume_fuel(true);
            config.cranelift_opt_level(OptLevel::Speed);
            let engine = Engine::new(&config).map_err(|e| e.to_string())?;
            Ok(Cache { engine, modules: Mutex::new(HashMap::new()) })
        })
        .as_ref()
        .map_err(|cause| LoadError::Compile(cause.clone()))
}

impl Module {
    /// Loads a module from a path (`&str`, `&Path`, `PathBuf`) or from bytes (`&[u8]`, `Vec<u8>`).
    ///
    /// # Errors
    /// The file cannot be read; the bytes are not wasm; the module is not for proxy-wasm 0.2; or it
    /// imports functions that this host does not have, in which case the error names them.
    ///
    /// ```
    /// use host_tests::{LoadError, Module};
    ///
    /// let needs_wasi = wat::parse_str(r#"(module
    ///     (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
    ///     (memory (export "memory") 1)
    ///     (func (export "malloc") (param i32) (result i32) i32.const 1024)
    ///     (func (export "proxy_abi_version_0_2_1")))"#)?;
    /// let error = Module::load(needs_wasi).unwrap_err();
    /// assert_eq!(error, LoadError::UnknownImports(vec!["wasi_snapshot_preview1.fd_write".into()]));
    /// # Ok::<(), wat::Error>(())
    /// ```
    pub fn load(source: impl Into<Source>) -> Result<Module, LoadError> {
        let bytes = match source.into() {
            Source::Bytes(bytes) => bytes,
            Source::File(path) => {
                std::fs::read(&path).map_err(|e| LoadError::Read { path, cause: e.to_string() })?
            }
        };
        let cache = cache()?;
        // Held while compiling, so that two tests that want the same module compile it once.
        let mut modules = cache.modules.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(module) = modules.get(&bytes) {
            return Ok(module.clone());
        }
        let module = Module(Arc::new(compile(&cache.engine, &bytes)?));
        modules.insert(bytes, module.clone());
        Ok(module)
    }

    /// The size of the module in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.size
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(crate) fn pre(&self) -> &InstancePre<HostState> {
        &self.0.pre
    }
}

fn compile(engine: &Engine, bytes: &[u8]) -> Result<Compiled, LoadError> {
    // `from_binary`, not `new`: text is not a module, whatever features the runtime is built with.
    let module = wasmtime::Module::from_binary(engine, bytes)
        .map_err(|e| LoadError::Compile(format!("{e:#}")))?;
    let unknown: Vec<String> = module
        .imports()
        .filter(|import| import.module() != "env" || !imports::NAMES.contains(&import.name()))
        .map(|import| format!("{}.{}", import.module(), import.name()))
        .collect();
    if !unknown.is_empty() {
        return Err(LoadError::UnknownImports(unknown));
    }
    let exports = |name: &str| module.get_export(name);
    if !matches!(exports("memory"), Some(ExternType::Memory(_))) {
        return Err(LoadError::MissingExport("memory"));
    }
    if exports("proxy_on_memory_allocate").or_else(|| exports("malloc")).is_none() {
        return Err(LoadError::MissingExport("malloc"));
    }
    if exports("proxy_abi_version_0_2_1").or_else(|| exports("proxy_abi_version_0_2_0")).is_none() {
        return Err(LoadError::NoAbiMarker);
    }
    let mut linker = Linker::new(engine);
    imports::define(&mut linker).map_err(|e| LoadError::Signature(format!("{e:#}")))?;
    let pre =
        linker.instantiate_pre(&module).map_err(|e| LoadError::Signature(format!("{e:#}")))?;
    Ok(Compiled { engine: engine.clone(), pre, size: bytes.len() })
}
