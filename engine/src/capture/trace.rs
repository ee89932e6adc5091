//! The trace that an exchange belongs to (W3C Trace Context, level 1).

use sha2::{Digest, Sha256};

/// The position of a span in a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    /// The trace id.
    pub trace: [u8; 16],
    /// The id of the caller's span; `None` if the caller is not part of a trace.
    pub parent: Option<[u8; 8]>,
    /// The id of this exchange's span.
    pub span: [u8; 8],
    /// The caller's flags.
    pub flags: u8,
}

impl Trace {
    /// Continues the caller's trace if its `traceparent` is valid, or begins a new one. The ids are derived from
    /// `decision`, which is unique to the exchange: with it the span can be found, and a span that is sent twice keeps
    /// its id.
    #[must_use]
    pub fn of(traceparent: Option<&[u8]>, decision: &str) -> Self {
        let hash = Sha256::new().chain_update("trace ").chain_update(decision).finalize();
        let own = |from: usize| hash.iter().skip(from);
        let mut made = Self { trace: [0; 16], parent: None, span: [0; 8], flags: 1 };
        made.trace.iter_mut().zip(own(0)).for_each(|(to, byte)| *to = *byte);
        made.span.iter_mut().zip(own(16)).for_each(|(to, byte)| *to = *byte);
        match traceparent.and_then(parse) {
            Some((trace, parent, flags)) => Self { trace, parent: Some(parent), flags, ..made },
            None => made,
        }
    }
}

/// Parses `00-TRACE-SPAN-FLAGS`. Later versions may be longer, but begin with the same fields.
fn parse(header: &[u8]) -> Option<([u8; 16], [u8; 8], u8)> {
    let mut fields = header.trim_ascii().split(|byte| *byte == b'-');
    let [version] = hex::<1>(fields.next()?)?;
    let trace = hex::<16>(fields.next()?)?;
    let parent = hex::<8>(fields.next()?)?;
    let [flags] = hex::<1>(fields.next()?)?;
    let bad = version == 0xff || (version == 0 && fields.next().is_some());
    (!bad && trace != [0; 16] && parent != [0; 8]).then_some((trace, parent, flags))
}

fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    if digits.len() != 2 * N {
        return None;
    }
    let mut out = [0; N];
    for (to, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *to = digit(*high)? << 4 | digit(*low)?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_trace_is_kept() {
        let header = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let trace = Trace::of(Some(header), "D");
        assert_eq!(trace.trace[..3], [0x4b, 0xf9, 0x2f]);
        assert_eq!(trace.parent.unwrap()[..3], [0x00, 0xf0, 0x67]);
        assert_eq!(trace.flags, 1);
        assert_ne!(trace.span, trace.parent.unwrap());
        assert_eq!(trace, Trace::of(Some(header), "D"), "what is sent twice is one span");
        assert_ne!(trace.span, Trace::of(Some(header), "E").span);
    }

    #[test]
    fn whatever_is_no_traceparent_begins_a_trace() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        for bad in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            &format!("{good}-x"),
            good.get(..54).unwrap_or_default(),
        ] {
            assert_eq!(Trace::of(Some(bad.as_bytes()), "D"), Trace::of(None, "D"), "{bad}");
        }
        let later = good.replacen("00", "01", 1) + "-more";
        assert!(Trace::of(Some(later.as_bytes()), "D").parent.is_some());
    }
}
