//! Cuts bytes into chunks.

/// How an answer's bytes are cut into chunks.
#[derive(Debug, Clone)]
pub enum Cut {
    Whole,
    Every(usize),
    At(usize),
    Random(u64),
    /// One server-sent event per chunk.
    Events,
}

impl Cut {
    pub fn chunks<'a>(&self, bytes: &'a [u8]) -> Vec<&'a [u8]> {
        match *self {
            Cut::Events => events(bytes),
            Cut::Whole => vec![bytes],
            Cut::Every(size) => bytes.chunks(size).collect(),
            Cut::At(at) => {
                // The request's body is cut too, and may be shorter than the answer.
                let (before, after) = bytes.split_at(at.min(bytes.len()));
                vec![before, after]
            }
            Cut::Random(seed) => {
                let (mut seed, mut rest, mut chunks) = (seed | 1, bytes, Vec::new());
                while !rest.is_empty() {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let size = (1 + (seed >> 33) as usize % 40).min(rest.len());
                    chunks.push(&rest[..size]);
                    rest = &rest[size..];
                }
                chunks
            }
        }
    }
}

/// The events of a body, each with its blank line.
pub fn events(body: &[u8]) -> Vec<&[u8]> {
    split(body, |rest| [after(rest, b"\n\n"), after(rest, b"\r\n\r\n")].into_iter().flatten().min())
}

/// The offset behind the first occurrence of a gap.
pub(crate) fn after(bytes: &[u8], gap: &[u8]) -> Option<usize> {
    bytes.windows(gap.len()).position(|window| window == gap).map(|at| at + gap.len())
}

/// Splits bytes into parts: `end` gives the length of the next part of the rest; without one, the rest is the last
/// part.
pub(crate) fn split(bytes: &[u8], end: impl Fn(&[u8]) -> Option<usize>) -> Vec<&[u8]> {
    let (mut rest, mut parts) = (bytes, Vec::new());
    while !rest.is_empty() {
        let (part, behind) = rest.split_at(end(rest).unwrap_or(rest.len()).min(rest.len()));
        parts.push(part);
        rest = behind;
    }
    parts
}
