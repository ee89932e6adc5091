//! The state of a stream: of the request and of the response.

/// The state of the request.
#[derive(Debug, Clone, Copy)]
pub(super) enum RequestState {
    /// Its headers have not arrived.
    Start,
    /// It passes.
    Passing,
    /// It passes, and the engine watches.
    Watched,
    /// The engine looks at its body to know what it is.
    Sniffed {
        /// Meanwhile the host holds what has arrived.
        waits: bool,
        /// For when the body is whole.
        gathering: Gathering,
    },
    /// The host gathers its body.
    Gathering(Gathering),
    /// It waits for callouts to be answered.
    Waiting(Option<Gathering>),
    /// It was answered here, and goes no further.
    Answered,
}

/// A body that the host gathers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gathering {
    /// The headers wait with it.
    pub held: bool,
    /// The headers say its length.
    pub has_length: bool,
    /// Its length so far, as the host last reported it.
    pub size: usize,
}

/// The state of the answer.
#[derive(Debug, Clone, Copy)]
pub(super) enum ResponseState {
    /// Its headers have not arrived.
    Start,
    /// It passes.
    Passing,
    /// It streams through the engine.
    Streaming,
    /// The host gathers its body.
    Gathering(Gathering),
    /// The filter made it: hosts show a filter its own answers, and they pass.
    Ours,
    /// Its headers have been replaced by the filter's; its body will be.
    Instead,
    /// It was cut: nothing more of it leaves.
    Cut,
}
