//! Documents that are written like one before, but for a few values: found by comparing bytes, not by parsing.
//!
//! ```text
//! learned   data: {"i":0,"delta":{"text":"Hel"},"pad":"xy"}⏎⏎
//! holes                                   ^^^         ^^
//! fits      data: {"i":0,"delta":{"text":"lo, world"},"pad":""}⏎⏎
//! ```
//! Between the holes the bytes are the same; in a hole stands what may stand there (the inside of a string, a whole
//! number, blanks). So the document has the same values with the same keys, a few bytes further on: its [`Doc`] is made
//! from the learned one by adding distances, and is the one that [`Doc::parse`] would make.

use std::ops::Range;

use super::node::{Kind, Node, NodeId};
use super::{Doc, parse};
use crate::wire::find::{same, string_stop};

/// Values that differ from one document to the next. More of them are not worth looking for.
const HOLES: usize = 8;

/// The longest piece of a stream that is compared; longer ones are parsed.
const BYTES: usize = 16 * 1024;

/// What may stand in a hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hole {
    /// The content of a string that is not empty, with escapes or without.
    Text(NodeId),
    /// The content of a string without escapes.
    Plain(NodeId),
    /// A whole number that is not negative.
    Number(NodeId),
}

/// A hole in the learned bytes.
#[derive(Debug, Clone)]
struct Gap {
    at: Range<usize>,
    /// `None`: blanks before the bracket that ends the document.
    hole: Option<Hole>,
}

/// A value whose place depends on what stands in the holes: how many of them are before its key and itself, and how many
/// before its end.
#[derive(Debug, Clone, Copy)]
struct Moves {
    node: NodeId,
    before: u8,
    at_end: u8,
}

/// How a document and the line around it are written.
#[derive(Debug, Clone)]
pub struct Template {
    /// As they were learned.
    raw: Vec<u8>,
    /// Where the document stands in them.
    payload: Range<usize>,
    nodes: Vec<Node>,
    gaps: Vec<Gap>,
    moves: Vec<Moves>,
    /// Of the piece that was found last: how much further on things stand behind so many holes.
    distance: [i32; HOLES + 1],
    /// Which of the holes hold a string with escapes, by bits.
    escaped: u32,
}

impl Template {
    /// Learns how `raw` is written, which holds a document at `payload`. `None`: it cannot be learned.
    pub fn new(raw: &[u8], payload: Range<usize>, doc: &Doc, holes: &[Hole]) -> Option<Self> {
        let bytes = raw.get(payload.clone())?;
        let root = doc.root(bytes);
        if raw.len() > BYTES || holes.len() >= HOLES || root.kind() != Kind::Object {
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
        // Where nothing stands in a gap, it may begin where a value ends. (They are in order, and apart.)
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
            gaps,
            moves,
            distance: [0; HOLES + 1],
            escaped: 0,
        };
        Some(template)
    }

    /// If `data` begins with a piece that is written so: its length.
    pub fn fits(&mut self, data: &[u8]) -> Option<usize> {
        self.escaped = 0;
        // What has not been compared yet of these bytes, and where that begins in the learned ones.
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

    /// Where the document stands in a piece of this length.
    pub fn payload(&self, length: usize) -> Range<usize> {
        self.payload.start..length - (self.raw.len() - self.payload.end)
    }

    /// The number under which a hole's content is asked for ([`Template::content`]).
    pub fn number_of(&self, hole: Hole) -> Option<usize> {
        self.gaps.iter().position(|gap| gap.hole == Some(hole))
    }

    /// How many of the holes hold numbers.
    pub fn numbers(&self) -> usize {
        let is_number = |gap: &&Gap| matches!(gap.hole, Some(Hole::Number(_)));
        self.gaps.iter().filter(is_number).count()
    }

    /// Where what stands in a hole stands in the piece that was found last, and whether it is written with escapes.
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

    /// Makes `doc` the document of the piece that was found last.
    pub fn write(&self, doc: &mut Doc) {
        doc.nodes.clear();
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
                node.flag = self.escaped >> index & 1 == 1;
            }
        }
    }
}

/// What follows the literal with which these bytes begin.
#[inline(always)]
fn behind<'d>(data: &'d [u8], literal: &[u8]) -> Option<&'d [u8]> {
    let (own, rest) = data.split_at_checked(literal.len())?;
    same(own, literal).then_some(rest)
}

/// The end of a string's content, which is not empty, and whether escapes stand in it.
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

/// Numbers of up to fifteen digits: no count is longer, and each fits.
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
