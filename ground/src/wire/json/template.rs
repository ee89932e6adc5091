//! Documents that are written like an earlier one except for a few values, recognised by comparing bytes instead of
//! parsing.
//!
//! ```text
//! learned   data: {"i":0,"delta":{"text":"Hel"},"pad":"xy"}⏎⏎
//! holes                                   ^^^         ^^
//! fits      data: {"i":0,"delta":{"text":"lo, world"},"pad":""}⏎⏎
//! ```
//! Between the holes the bytes are the same; each hole contains something of its kind (the inside of a string, an
//! integer, blanks). So the document has the same values with the same keys, shifted by a few bytes: its [`Doc`] is
//! derived from the learned one by adding offsets, and is the one that [`Doc::parse`] would build.

use std::ops::Range;

use super::node::{Kind, Node, NodeId};
use super::{Doc, parse};
use crate::wire::find::{same, string_stop};

/// Values that differ from one document to the next. Documents with more are not learned.
const HOLES: usize = 8;

/// The longest piece of a stream that is compared; longer ones are parsed.
const BYTES: usize = 16 * 1024;

/// What a hole may contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hole {
    /// The content of a non-empty string, with or without escapes.
    Text(NodeId),
    /// The content of a string without escapes.
    Plain(NodeId),
    /// A non-negative integer.
    Number(NodeId),
}

/// A hole in the learned bytes.
#[derive(Debug, Clone)]
struct Gap {
    at: Range<usize>,
    /// `None` for blanks before the bracket that ends the document.
    hole: Option<Hole>,
}

/// A value whose position depends on the contents of holes: how many holes precede its key and itself, and how many
/// precede its end.
#[derive(Debug, Clone, Copy)]
struct Moves {
    node: NodeId,
    before: u8,
    at_end: u8,
}

/// How a document and the line around it are written.
#[derive(Debug, Clone)]
pub struct Template {
    /// The bytes as they were learned.
    raw: Vec<u8>,
    /// The position of the document in them.
    payload: Range<usize>,
    nodes: Vec<Node>,
    /// The learned document has strings with escapes.
    escapes: bool,
    gaps: Vec<Gap>,
    moves: Vec<Moves>,
    /// For the piece that was matched last: the shift after each number of holes.
    distance: [i32; HOLES + 1],
    /// Which of the holes contain a string with escapes, by bits.
    escaped: u32,
}

impl Template {
    /// Learns how `raw` is written, which contains a document at `payload`. `None` if it cannot be learned.
    pub fn new(raw: &[u8], payload: Range<usize>, doc: &Doc, holes: &[Hole]) -> Option<Self> {
        let bytes = raw.get(payload.clone())?;
        let root = doc.root(bytes);
        let plain = root.kind() == Kind::Object && !doc.escapes.has_keys();
        if raw.len() > BYTES || holes.len() >= HOLES || !plain {
            return None;
        }
        let mut gaps = Vec::with_capacity(holes.len() + 1);
        for &hole in holes {
            let (Hole::Text(id) | Hole::Plain(id) | Hole::Number(id)) = hole;
            let value = doc.value(bytes, id)?;
            let at = match hole {
                Hole::Number(_) => value.span(),
                Hole::Text(_) | Hole::Plain(_) => value.content_span()?,
            };
            gaps.push(Gap { at, hole: Some(hole) });
        }
        let close = root.span().end.checked_sub(1)?;
        let inside = bytes.get(..close)?;
        let blanks = inside.iter().rev().take_while(|byte| **byte == b' ').count();
        gaps.push(Gap { at: close - blanks..close, hole: None });
        gaps.sort_by_key(|gap| gap.at.start);
        let apart = gaps.windows(2).all(|two| matches!(two, [a, b] if a.at.end <= b.at.start));
        if !apart {
            return None;
        }
        // An empty gap may begin where a value ends. (They are in order, and do not touch.)
        let is_before = |gap: &Gap, at: usize| gap.at.start < at && gap.at.end <= at;
        let before =
            |at: u32| gaps.iter().take_while(|gap| is_before(gap, at as usize)).count() as u8;
        let moves = doc.nodes.iter().enumerate().filter_map(|(id, node)| {
            let moves =
                Moves { node: id as NodeId, before: before(node.start), at_end: before(node.end) };
            (moves.at_end > 0).then_some(moves)
        });
        let moves = moves.collect();
        for gap in &mut gaps {
            gap.at = gap.at.start + payload.start..gap.at.end + payload.start;
        }
        let template = Self {
            raw: raw.to_vec(),
            payload,
            nodes: doc.nodes.clone(),
            escapes: doc.escapes.any,
            gaps,
            moves,
            distance: [0; HOLES + 1],
            escaped: 0,
        };
        Some(template)
    }

    /// The length of the piece at the beginning of `data`, if it is written like the template.
    pub fn fits(&mut self, data: &[u8]) -> Option<usize> {
        self.escaped = 0;
        // The bytes that have not been compared yet, and their position in the learned ones.
        let (mut rest, mut from) = (data, 0);
        for (index, (gap, distance)) in
            self.gaps.iter().zip(self.distance.iter_mut().skip(1)).enumerate()
        {
            rest = behind(rest, self.raw.get(from..gap.at.start)?)?;
            let length = match gap.hole {
                Some(Hole::Text(_)) => {
                    let (end, escaped) = text_end(rest)?;
                    self.escaped |= u32::from(escaped) << index;
                    end
                }
                Some(Hole::Plain(_)) => plain_end(rest)?,
                Some(Hole::Number(_)) => number_end(rest)?,
                None => blanks_end(rest),
            };
            rest = rest.get(length..)?;
            from = gap.at.end;
            *distance = data.len().wrapping_sub(rest.len()).wrapping_sub(from) as i32;
        }
        rest = behind(rest, self.raw.get(from..)?)?;
        let length = data.len().wrapping_sub(rest.len());
        (length <= BYTES).then_some(length)
    }

    /// The position of the document in a piece of this length.
    pub fn payload(&self, length: usize) -> Range<usize> {
        self.payload.start..length - (self.raw.len() - self.payload.end)
    }

    /// The number of a hole, for [`Template::content`].
    pub fn number_of(&self, hole: Hole) -> Option<usize> {
        self.gaps.iter().position(|gap| gap.hole == Some(hole))
    }

    /// How many of the holes contain numbers.
    pub fn numbers(&self) -> usize {
        let is_number = |gap: &&Gap| matches!(gap.hole, Some(Hole::Number(_)));
        self.gaps.iter().filter(is_number).count()
    }

    /// The range of a hole's content in the piece that was matched last, and whether it is written with escapes.
    #[inline(always)]
    pub fn content(&self, number: usize) -> Option<(Range<usize>, bool)> {
        let gap = self.gaps.get(number)?;
        let moved = |at: usize, holes: usize| {
            let distance = self.distance.get(holes).copied().unwrap_or(0);
            at.wrapping_add_signed(distance as isize)
        };
        let content = moved(gap.at.start, number)..moved(gap.at.end, number + 1);
        Some((content, self.escaped >> number & 1 == 1))
    }

    /// Makes `doc` the document of the piece that was matched last.
    pub fn write(&self, doc: &mut Doc) {
        doc.clear();
        doc.escapes.any = self.escapes || self.escaped != 0;
        doc.nodes.extend_from_slice(&self.nodes);
        for moves in &self.moves {
            let Some(node) = doc.nodes.get_mut(moves.node as usize) else { continue };
            let distance = |holes: u8| self.distance.get(usize::from(holes)).copied().unwrap_or(0);
            let before = distance(moves.before);
            let add = |place: u32, distance: i32| place.wrapping_add_signed(distance);
            node.end = add(node.end, distance(moves.at_end));
            if before != 0 {
                node.start = add(node.start, before);
                if node.key_start != 0 {
                    node.key_start = add(node.key_start, before);
                    node.key_end = add(node.key_end, before);
                }
            }
        }
        for (index, gap) in self.gaps.iter().enumerate() {
            if let Some(Hole::Text(id)) = gap.hole
                && let Some(node) = doc.nodes.get_mut(id as usize)
            {
                node.spelling = node.spelling.odd(self.escaped >> index & 1 == 1);
            }
        }
    }
}

/// What follows the literal at the beginning of these bytes.
#[inline(always)]
fn behind<'d>(data: &'d [u8], literal: &[u8]) -> Option<&'d [u8]> {
    let (own, rest) = data.split_at_checked(literal.len())?;
    same(own, literal).then_some(rest)
}

/// The end of a string's content, which is not empty, and whether it contains escapes.
#[inline(always)]
fn text_end(data: &[u8]) -> Option<(usize, bool)> {
    let stop = string_stop(data, 0);
    match data.get(stop)? {
        b'"' => (stop > 0).then_some((stop, false)),
        b'\\' => Some((parse::string_end(data, stop)?, true)),
        _ => None,
    }
}

#[inline(always)]
fn plain_end(data: &[u8]) -> Option<usize> {
    let stop = string_stop(data, 0);
    (data.get(stop) == Some(&b'"')).then_some(stop)
}

/// Numbers of up to fifteen digits: no count is longer, and all of them fit.
#[inline(always)]
fn number_end(data: &[u8]) -> Option<usize> {
    let mut digits = 0;
    while data.get(digits).is_some_and(u8::is_ascii_digit) && digits < 16 {
        digits += 1;
    }
    let zero = digits > 1 && data.first() == Some(&b'0');
    (digits > 0 && digits < 16 && !zero).then_some(digits)
}

#[inline(always)]
fn blanks_end(data: &[u8]) -> usize {
    let mut blanks = 0;
    while data.get(blanks) == Some(&b' ') {
        blanks += 1;
    }
    blanks
}
