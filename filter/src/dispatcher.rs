//! Which context a callback is for. A host numbers them: a root for each configuration, and one for each stream of it.
//!
//! Roots and streams lie apart, for a root that is told of the time may end a stream, and some hosts tell the stream of it
//! at once. A host that names a context which it has not made gets the answer by which nothing passes (invariant 12).

use std::cell::RefCell;

use crate::context::{Action, HttpContext};
use crate::host;
use crate::root::Root;
use crate::telemetry::Trouble;

thread_local! {
    static ROOTS: RefCell<Vec<(u32, Root)>> = const { RefCell::new(Vec::new()) };
    static STREAMS: RefCell<Streams> = const { RefCell::new([const { Vec::new() }; LISTS]) };
}

/// Streams under way, in the list that the last bits of their number say: hosts count them up, so that each list has as
/// many as the next, and in each the newest, which most callbacks are for, stand last.
type Streams = [Vec<(u32, Box<dyn HttpContext>)>; LISTS];

const LISTS: usize = 128;

/// The list of the stream with this number.
fn list(streams: &mut Streams, id: u32) -> Option<&mut Vec<(u32, Box<dyn HttpContext>)>> {
    streams.get_mut(id as usize % LISTS)
}

/// Makes a context: a root where `root` is 0, else a stream of that root.
pub fn create(id: u32, root: u32) {
    if root == 0 {
        return ROOTS.with_borrow_mut(|roots| roots.push((id, Root::new(id))));
    }
    let Some(stream) = with_root(root, |root| root.stream(id)) else { return };
    STREAMS.with_borrow_mut(|streams| {
        if let Some(list) = list(streams, id) {
            list.push((id, stream));
        }
    });
}

/// Forgets a context.
pub fn delete(id: u32) {
    let gone = STREAMS.with_borrow_mut(|streams| {
        let list = list(streams, id)?;
        let at = list.iter().rposition(|stream| stream.0 == id)?;
        Some(list.remove(at))
    });
    match gone {
        Some(_) => host::call::forget(id),
        None => ROOTS.with_borrow_mut(|roots| roots.retain(|root| root.0 != id)),
    }
}

/// Calls a root, if there is one with this number.
pub fn with_root<T>(id: u32, callback: impl FnOnce(&mut Root) -> T) -> Option<T> {
    ROOTS.with_borrow_mut(|roots| {
        let root = roots.iter_mut().find(|root| root.0 == id)?;
        Some(callback(&mut root.1))
    })
}

/// Calls a stream, if there is one with this number.
pub fn with_stream<T>(id: u32, callback: impl FnOnce(&mut dyn HttpContext) -> T) -> Option<T> {
    STREAMS.with_borrow_mut(|streams| {
        let stream = list(streams, id)?.iter_mut().rfind(|stream| stream.0 == id)?;
        Some(callback(stream.1.as_mut()))
    })
}

/// What a stream wants done with that which it is shown.
pub fn act(id: u32, callback: impl FnOnce(&mut dyn HttpContext) -> Action) -> Action {
    with_stream(id, callback).unwrap_or(Action::Pause)
}

/// A gRPC call has ended. Some hosts tell the root of it and not the context that called.
pub fn grpc_answered(told: u32, token: u32, status: u32, size: usize) {
    let Some(id) = host::call::caller(token) else { return };
    if id != told
        && let Err(error) = host::act_for(id)
    {
        return Trouble { call: "set_effective_context", error }.report();
    }
    let of_stream = with_stream(id, |stream| stream.on_grpc_call_response(token, status, size));
    if of_stream.is_none() {
        with_root(id, |root| root.on_grpc_call_response(token, status, size));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// Under a configuration that was refused streams refuse too; nobody else is let through either.
    fn refuses(id: u32) -> bool {
        act(id, |stream| stream.on_http_request_headers(1, true)) == Action::Pause
    }

    #[test]
    fn what_a_host_has_not_made_lets_nothing_pass() {
        assert!(refuses(1));
        assert_eq!(act(1, |stream| stream.on_http_response_body(1, true)), Action::Pause);
        assert!(with_root(1, |root| root.on_configure(0)).is_none());
        // A stream of no root is none.
        create(2, 1);
        assert!(with_stream(2, |_| ()).is_none() && refuses(2));
        delete(2);
    }

    proptest! {
        #[test]
        fn a_context_is_found_until_it_is_deleted(
            steps in prop::collection::vec((any::<bool>(), 2_u32..600), 0..300),
        ) {
            create(1, 0);
            let mut alive = BTreeSet::new();
            for (makes, id) in steps {
                if !makes {
                    delete(id);
                    alive.remove(&id);
                } else if alive.insert(id) {
                    create(id, 1);
                }
                prop_assert_eq!(with_stream(id, |_| ()).is_some(), alive.contains(&id));
            }
            for id in 2..600 {
                prop_assert_eq!(with_stream(id, |_| ()).is_some(), alive.contains(&id));
                prop_assert!(refuses(id));
                delete(id);
            }
            prop_assert!(with_root(1, |_| ()).is_some());
            delete(1);
            prop_assert!(with_root(1, |_| ()).is_none());
        }
    }
}
