//! A place in a policy, without allocation until its text is needed.

use std::fmt;

use crate::base::json_text::quote;

/// A path: its last step, and the path before it. `guardrails[2].find[0]`
#[derive(Debug, Clone, Copy)]
pub struct Path<'a> {
    last: Option<(&'a Path<'a>, PathStep<'a>)>,
}

/// One step of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathStep<'a> {
    /// Into a map.
    Key(&'a str),
    /// Into a list.
    Index(usize),
}

impl<'a> Path<'a> {
    /// The whole document.
    pub const ROOT: Path<'static> = Path { last: None };

    /// The entry of a map.
    #[must_use]
    pub fn key(&'a self, key: &'a str) -> Path<'a> {
        Path { last: Some((self, PathStep::Key(key))) }
    }

    /// The item of a list.
    #[must_use]
    pub fn index(&'a self, index: usize) -> Path<'a> {
        Path { last: Some((self, PathStep::Index(index))) }
    }

    /// Its steps, outermost first.
    #[must_use]
    pub fn steps(&self) -> Vec<PathStep<'a>> {
        let mut steps = Vec::new();
        let mut path = *self;
        while let Some((before, step)) = path.last {
            steps.push(step);
            path = *before;
        }
        steps.reverse();
        steps
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in self.steps().into_iter().enumerate() {
            match step {
                PathStep::Index(index) => write!(f, "[{index}]")?,
                PathStep::Key(key) if is_plain(key) && number == 0 => f.write_str(key)?,
                PathStep::Key(key) if is_plain(key) => write!(f, ".{key}")?,
                PathStep::Key(key) => {
                    let mut quoted = String::new();
                    quote(key, &mut quoted);
                    write!(f, "[{quoted}]")?;
                }
            }
        }
        Ok(())
    }
}

/// True for keys that need no quotes in a path.
fn is_plain(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}
