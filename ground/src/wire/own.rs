//! Events that the proxy sends itself. The code that makes them does not know the framing: each framing writes them, in
//! the file that reads it.

pub use super::array::ArrayProgress;
use super::frame::Framing;
use super::{array, eventstream, ndjson, sse};

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnEvent {
    /// How it is wrapped in a binary message; other framings have a single way.
    pub wrap: Wrap,
    /// Its type, if the framing has a place for it beside the payload (`event:`, `:event-type`); "" if none.
    pub name: String,
    /// Its payload.
    pub data: String,
}

/// How an event becomes a binary message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrap {
    /// Its payload is the message's.
    Event,
    /// Base64 in the payload of a `chunk` (Bedrock's InvokeModel).
    Chunk,
    /// An exception, which ends the stream: clients raise it.
    Exception,
}

/// Events in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnEvents {
    all: Vec<OwnEvent>,
    /// Lines of server-sent events end with CR and LF, like this provider's.
    pub crlf: bool,
    /// What precedes them in an array, which ends with them.
    pub begun: ArrayProgress,
}

impl OwnEvents {
    /// One event, without a type beside its payload.
    #[must_use]
    pub fn one(data: String) -> Self {
        let event = OwnEvent { wrap: Wrap::Event, name: String::new(), data };
        Self { all: vec![event], ..Self::default() }
    }

    /// Adds an event.
    pub fn push(&mut self, name: &str, data: &str) {
        let (name, data) = (name.to_owned(), data.to_owned());
        self.all.push(OwnEvent { wrap: Wrap::Event, name, data });
    }

    /// The events.
    #[must_use]
    pub fn all(&self) -> &[OwnEvent] {
        &self.all
    }

    /// True if there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The events, each to be wrapped this way in a binary message.
    #[must_use]
    pub fn wrapped(mut self, wrap: Wrap) -> Self {
        self.all.iter_mut().for_each(|event| event.wrap = wrap);
        self
    }

    /// The events in this framing.
    #[must_use]
    pub fn written(&self, framing: Framing) -> Vec<u8> {
        let mut out = Vec::new();
        if framing == Framing::JsonArray {
            let mut elements = self.all.iter().map(|event| event.data.as_str());
            array::write(self.begun, &mut elements, &mut out);
            return out;
        }
        for OwnEvent { wrap, name, data } in &self.all {
            match framing {
                Framing::Sse => sse::write(name, data, self.crlf, &mut out),
                Framing::NdJson => ndjson::write(data, &mut out),
                Framing::EventStream => match wrap {
                    Wrap::Event => eventstream::event(name, data, &mut out),
                    Wrap::Chunk => eventstream::chunk(data.as_bytes(), &mut out),
                    Wrap::Exception => eventstream::exception(name, data, &mut out),
                },
                Framing::Json | Framing::JsonArray => out.extend_from_slice(data.as_bytes()),
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::frame::Piece;
    use crate::wire::framer::Framer;

    /// What a framing writes, it reads: the same payloads in the same order, whatever preceded them in the stream.
    #[test]
    fn what_is_written_is_read() {
        let mut events = OwnEvents::default();
        for data in [r#"{"a":1}"#, r#"{"b":[2]}"#, r#"{"c":"x"}"#] {
            events.push("kind", data);
        }
        let framings = [Framing::Sse, Framing::NdJson, Framing::JsonArray, Framing::EventStream];
        for framing in framings {
            for (begun, before) in [
                (ArrayProgress::Nothing, ""),
                (ArrayProgress::Opened, "["),
                (ArrayProgress::Element, r#"[{"z":0}"#),
            ] {
                let array = framing == Framing::JsonArray;
                let before = if array { before } else { "" };
                for (crlf, wrap) in [(false, Wrap::Event), (true, Wrap::Chunk)] {
                    let events = OwnEvents { crlf, begun, ..events.clone().wrapped(wrap) };
                    let mut bytes = before.as_bytes().to_vec();
                    bytes.extend(events.written(framing));
                    let (mut framer, mut pieces) = (Framer::new(framing), Vec::new());
                    framer.feed(&bytes, &mut pieces);
                    framer.finish(&mut pieces);
                    let payloads = pieces.iter().filter_map(|piece| match piece {
                        Piece::Frame(frame) => Some(frame.payload_bytes().into_owned()),
                        _ => None,
                    });
                    let mut read: Vec<Vec<u8>> =
                        payloads.filter(|payload| !payload.is_empty()).collect();
                    if array && begun == ArrayProgress::Element {
                        assert_eq!(read.remove(0), br#"{"z":0}"#);
                    }
                    let said = events.all().iter().map(|event| event.data.as_bytes());
                    assert!(said.eq(read.iter().map(Vec::as_slice)), "{framing:?} {begun:?}");
                }
            }
        }
        assert!(OwnEvents::default().written(Framing::JsonArray).is_empty());
    }
}
