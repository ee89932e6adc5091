//! What leaves in place of one chunk: nothing is copied as long as the chunk leaves unchanged.

/// What leaves, in the order in which it is pushed. Bytes of the chunk that come next anyway are only counted; the
/// first other byte (changed, held from before, or after one that waits from now on) makes a copy of what was counted.
#[derive(Debug)]
pub struct Output<'c> {
    chunk: &'c [u8],
    /// How many bytes from the chunk's beginning have left unchanged.
    same: usize,
    /// What leaves, once it differs from the chunk's beginning.
    own: Option<Vec<u8>>,
}

/// What leaves in place of a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChunkOutput {
    /// The chunk itself.
    AsItCame,
    /// These bytes.
    Bytes(Vec<u8>),
}

impl<'c> Output<'c> {
    /// Nothing has left in place of this chunk yet.
    #[must_use]
    pub fn new(chunk: &'c [u8]) -> Self {
        Self { chunk, same: 0, own: None }
    }

    /// These bytes leave next.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.own.is_none() {
            let due = self.chunk.get(self.same..self.same + bytes.len());
            // The same address, not just equal bytes: comparing those would cost as much as copying them.
            if due.is_some_and(|due| std::ptr::eq(due, bytes)) {
                self.same += bytes.len();
                return;
            }
        }
        self.own().extend_from_slice(bytes);
    }

    /// These bytes leave instead of everything that was pushed.
    pub fn replace(&mut self, bytes: Vec<u8>) {
        self.own = Some(bytes);
    }

    fn own(&mut self) -> &mut Vec<u8> {
        let (chunk, same) = (self.chunk, self.same);
        self.own.get_or_insert_with(|| chunk.get(..same).unwrap_or_default().to_vec())
    }

    /// Everything that leaves.
    #[must_use]
    pub fn left(mut self) -> ChunkOutput {
        if self.own.is_none() && self.same == self.chunk.len() {
            return ChunkOutput::AsItCame;
        }
        ChunkOutput::Bytes(std::mem::take(self.own()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_in_its_place_is_not_copied() {
        let chunk = b"one two";
        let mut out = Output::new(chunk);
        out.push(&chunk[..4]);
        out.push(&chunk[4..]);
        assert_eq!(out.left(), ChunkOutput::AsItCame);
        assert_eq!(Output::new(b"").left(), ChunkOutput::AsItCame);
    }

    #[test]
    fn what_is_held_changed_or_came_before_is_written() {
        let chunk = b"one two";
        let bytes = |pushed: &[&[u8]]| {
            let mut out = Output::new(chunk);
            pushed.iter().for_each(|bytes| out.push(bytes));
            match out.left() {
                ChunkOutput::Bytes(bytes) => String::from_utf8(bytes).unwrap(),
                ChunkOutput::AsItCame => panic!("it is another"),
            }
        };
        assert_eq!(bytes(&[]), "", "all of it waits");
        assert_eq!(bytes(&[&chunk[..4]]), "one ", "the end waits");
        assert_eq!(bytes(&[b"zero ", chunk]), "zero one two", "something waited before");
        assert_eq!(bytes(&[&chunk[..4], b"2"]), "one 2", "a change");
        assert_eq!(bytes(&[&chunk[4..]]), "two", "the beginning is gone");
    }
}
