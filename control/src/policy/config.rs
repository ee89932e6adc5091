//! The plugin's own configuration: what a proxy is told about the filter (POLICY "The blob", second half).

mod generic;
mod held_headers;
mod judge;
mod releases;
pub mod remote;

use std::rc::Rc;

use super::document::Document;
use super::source::SourceNode;
use super::trust::Trust;

/// A configuration that can be used.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The inline policy, the baseline.
    pub policy: Rc<Document>,
    /// The value of Envoy's `allow_on_headers_stop_iteration`, if the configuration states it. For another host:
    /// whether it shows a request's body before it forwards any part of the request.
    pub hold_headers: Option<bool>,
    /// Ids of rules that may be off.
    pub accept_off: Vec<String>,
    /// What loads the plugin.
    pub host: Host,
    /// What traffic gets while there is no usable policy.
    pub on_error: ConfigOnError,
    /// Configurations with the same vm_id and scope follow the same releases and share accounts.
    pub scope: String,
    /// The inline policy as written, if there is one.
    pub inline: Option<SourceNode>,
    /// Which signatures are accepted.
    pub trust: Trust,
    /// An envelope to start with.
    pub release: Option<String>,
    /// Where to poll for releases.
    pub source: Option<remote::PolledSource>,
    /// Set if the listener is one for operators.
    pub control: Option<remote::ControlListener>,
    /// Status pages of providers to show.
    pub providers: Vec<remote::ProviderPage>,
    /// What a release may make this proxy do.
    pub allow: remote::RemoteAllowance,
}

/// `host`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Host {
    /// Envoy, and products built on it.
    #[default]
    Envoy,
    /// Any proxy-wasm host: no call is made that other hosts trap on.
    Generic,
}

/// `on_error`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConfigOnError {
    /// 503, `retry-after: 1`.
    #[default]
    Closed,
    /// It passes.
    Open,
}

impl Config {
    /// True if its policy may come from elsewhere.
    #[must_use]
    pub fn takes_releases(&self) -> bool {
        let posts = self.control.as_ref().is_some_and(|control| control.releases);
        self.release.is_some() || self.source.is_some() || posts
    }

    /// True if it follows the releases of its scope, or could: there are keys whose signatures are accepted.
    #[must_use]
    pub fn follows(&self) -> bool {
        !self.trust.keys.is_empty()
    }
}
