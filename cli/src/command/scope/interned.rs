//! Names as numbers, up to a bound.

use std::collections::HashMap;

/// Names, numbered in order of appearance. The empty name is 0.
#[derive(Debug)]
pub(crate) struct Interned {
    numbers: HashMap<String, u32>,
    names: Vec<String>,
    most: usize,
}

impl Interned {
    /// The number shared by all names for which there was no room.
    pub(crate) const FOLDED: u32 = u32::MAX;

    pub(crate) fn new(most: usize) -> Self {
        let mut new = Self { numbers: HashMap::new(), names: Vec::new(), most };
        new.number("");
        new
    }

    /// The number of a name; `None` if there is no room for another.
    pub(crate) fn number(&mut self, name: &str) -> Option<u32> {
        if let Some(number) = self.numbers.get(name) {
            return Some(*number);
        }
        if self.names.len() > self.most {
            return None;
        }
        let number = u32::try_from(self.names.len()).ok()?;
        self.numbers.insert(name.to_owned(), number);
        self.names.push(name.to_owned());
        Some(number)
    }

    /// The name of a number.
    pub(crate) fn name(&self, number: u32) -> &str {
        let at = usize::try_from(number).unwrap_or(usize::MAX);
        self.names.get(at).map_or("(others)", String::as_str)
    }
}
