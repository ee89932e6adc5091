//! Arguments of a call, as conditions and approvals read them.

use crate::base::decimal::double;
use crate::jcs::{self, JcsError};
use crate::policy::document::{Argument, Globs, Scalar};
use crate::wire::json::{Doc, Kind, Value};

/// Complete arguments.
#[derive(Debug)]
pub struct Args {
    doc: Doc,
    text: Vec<u8>,
    /// They are JSON.
    readable: bool,
}

/// The result of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestResult {
    /// It holds.
    Yes,
    /// It does not.
    No,
    /// Unknown: not JSON, a key that occurs twice, a number that is not one.
    Unknown,
}

impl From<bool> for TestResult {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// The value that a pointer names.
enum PointedAt<'a> {
    Value(Value<'a>),
    Missing,
    /// A key on the way occurs twice.
    Doubtful,
}

impl Args {
    /// Reads JSON text. Empty text is read like no arguments, `{}`, as clients do.
    #[must_use]
    pub fn json(text: &[u8]) -> Self {
        let text = if text.trim_ascii().is_empty() { b"{}" } else { text }.to_vec();
        let mut doc = Doc::default();
        let readable = doc.parse(&text).is_ok();
        Self { doc, text, readable }
    }

    /// Reads plain text (custom tools) as a JSON string.
    #[must_use]
    pub fn text(text: &str) -> Self {
        let mut json = vec![b'"'];
        crate::wire::text::encode(text, &mut json);
        json.push(b'"');
        Self::json(&json)
    }

    /// Arguments that cannot be judged.
    #[must_use]
    pub fn opaque() -> Self {
        Self { doc: Doc::default(), text: Vec::new(), readable: false }
    }

    fn find(&self, pointer: &[String]) -> PointedAt<'_> {
        if !self.readable {
            return PointedAt::Doubtful;
        }
        let mut value = self.doc.root(&self.text);
        for segment in pointer {
            let next = match value.kind() {
                Kind::Object => match value.unique(segment) {
                    Ok(next) => next,
                    Err(_) => return PointedAt::Doubtful,
                },
                Kind::Array => segment.parse().ok().and_then(|at| value.children().nth(at)),
                _ => None,
            };
            match next {
                Some(next) => value = next,
                None => return PointedAt::Missing,
            }
        }
        PointedAt::Value(value)
    }

    /// Evaluates a condition.
    #[must_use]
    pub fn test(&self, pointer: &[String], argument: &Argument) -> TestResult {
        let value = match self.find(pointer) {
            PointedAt::Value(value) => Some(value),
            PointedAt::Missing => None,
            PointedAt::Doubtful => return TestResult::Unknown,
        };
        let number = || value.and_then(|value| number(&value)).ok_or(TestResult::Unknown);
        let compare = |bound: Option<f64>, holds: fn(f64, f64) -> bool| {
            bound.map(|bound| number().map_or_else(|doubt| doubt, |n| holds(n, bound).into()))
        };
        let tests = [
            argument.exists.map(|exists| (exists == value.is_some()).into()),
            compare(argument.gt, |n, bound| n > bound),
            compare(argument.lt, |n, bound| n < bound),
            argument.eq.as_ref().map(|eq| equal(value, eq)),
            argument.glob.as_ref().map(|globs| glob(value, globs)),
        ];
        let tests: Vec<TestResult> = tests.into_iter().flatten().collect();
        match () {
            () if tests.contains(&TestResult::No) => TestResult::No,
            () if tests.contains(&TestResult::Unknown) => TestResult::Unknown,
            () => TestResult::Yes,
        }
    }

    /// The canonical form (RFC 8785) of all of it, or of the values that these pointers name.
    ///
    /// # Errors
    /// Why it has none: then no approval can refer to it.
    pub fn canonical(&self, only: &[Vec<String>]) -> Result<String, JcsError> {
        if !self.readable {
            return Err(JcsError::NotJson);
        }
        let root = self.doc.root(&self.text);
        let mut all = String::new();
        jcs::write(&root, &mut all)?;
        if only.is_empty() {
            return Ok(all);
        }
        let mut kept = String::new();
        self.keep(only, &mut kept)?;
        jcs::canonical_text(kept.as_bytes())
    }

    /// `{"/order":…,"/amount":…}`: the selected values by their pointers; missing ones are left out.
    fn keep(&self, only: &[Vec<String>], out: &mut String) -> Result<(), JcsError> {
        out.push('{');
        let mut seen: Vec<&Vec<String>> = Vec::new();
        for pointer in only {
            let PointedAt::Value(value) = self.find(pointer) else { continue };
            if seen.contains(&pointer) {
                continue;
            }
            if !seen.is_empty() {
                out.push(',');
            }
            seen.push(pointer);
            out.push_str(&crate::dialect::quoted(&written(pointer)));
            out.push(':');
            jcs::write(&value, out)?;
        }
        out.push('}');
        Ok(())
    }
}

/// A pointer as it is written (RFC 6901 §3).
fn written(pointer: &[String]) -> String {
    let escaped = pointer.iter().map(|part| part.replace('~', "~0").replace('/', "~1"));
    escaped.flat_map(|part| ["/".to_owned(), part]).collect()
}

/// A number, or text that a tool would read as one.
fn number(value: &Value<'_>) -> Option<f64> {
    let text = match value.kind() {
        Kind::Number => std::str::from_utf8(value.raw()).ok()?.into(),
        Kind::String => value.as_str()?,
        _ => return None,
    };
    double(text.trim()).filter(|number| !number.is_nan())
}

fn equal(value: Option<Value<'_>>, scalar: &Scalar) -> TestResult {
    let Some(value) = value else { return TestResult::No };
    match (scalar, value.kind()) {
        (Scalar::Number(expected), Kind::Number | Kind::String) => {
            number(&value).is_some_and(|number| number == *expected).into()
        }
        (Scalar::Text(expected), Kind::Number) => (value.raw() == expected.as_bytes()).into(),
        (Scalar::Text(expected), Kind::String) => value.is_str(expected).into(),
        (Scalar::Bool(expected), Kind::Bool) => (value.as_bool() == Some(*expected)).into(),
        (Scalar::Bool(expected), Kind::String) => value.is_str(&expected.to_string()).into(),
        (_, Kind::Object | Kind::Array) => TestResult::Unknown,
        _ => TestResult::No,
    }
}

/// A missing value is the empty text, like a missing label. For a list, one matching item is enough.
fn glob(value: Option<Value<'_>>, globs: &Globs) -> TestResult {
    let Some(value) = value else { return globs.hold("").into() };
    match value.kind() {
        Kind::String => globs.hold(&value.as_str().unwrap_or_default()).into(),
        Kind::Null => globs.hold("").into(),
        Kind::Number | Kind::Bool => globs.hold(&String::from_utf8_lossy(value.raw())).into(),
        Kind::Array => {
            let texts: Option<Vec<_>> = value.children().map(|item| item.as_str()).collect();
            match texts {
                Some(texts) => texts.iter().any(|text| globs.hold(text)).into(),
                None => TestResult::Unknown,
            }
        }
        Kind::Object => TestResult::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(args: &str, argument: Argument) -> TestResult {
        Args::json(args.as_bytes()).test(&["amount".to_owned()], &argument)
    }

    fn gt(bound: f64) -> Argument {
        Argument { gt: Some(bound), ..Argument::default() }
    }

    #[test]
    fn small_amounts_and_large_ones() {
        for (args, expected) in [
            (r#"{"amount":50}"#, TestResult::No),
            (r#"{"amount":100}"#, TestResult::No),
            (r#"{"amount":100.01}"#, TestResult::Yes),
            (r#"{"amount":1e3}"#, TestResult::Yes),
            (r#"{"amount":1e999}"#, TestResult::Yes),
            (r#"{"amount":"150"}"#, TestResult::Yes),
            (r#"{"amount":" 50 "}"#, TestResult::No),
            (r#"{"amo\u0075nt":150}"#, TestResult::Yes),
            (r#"{"amount":50,"amount":500}"#, TestResult::Unknown),
            (r#"{"amount":"a lot"}"#, TestResult::Unknown),
            (r#"{"amount":[500]}"#, TestResult::Unknown),
            (r#"{"amount":null}"#, TestResult::Unknown),
            (r#"{}"#, TestResult::Unknown),
            ("", TestResult::Unknown),
            (r#"{"amount":500"#, TestResult::Unknown),
        ] {
            assert_eq!(test(args, gt(100.0)), expected, "{args}");
        }
    }

    #[test]
    fn the_other_tests() {
        let globs = |glob: &str| Globs { plain: vec![glob.to_owned()], negated: Vec::new() };
        let glob = |pattern| Argument { glob: Some(globs(pattern)), ..Argument::default() };
        let exists = |exists| Argument { exists: Some(exists), ..Argument::default() };
        let eq = |scalar| Argument { eq: Some(scalar), ..Argument::default() };
        for (args, argument, expected) in [
            (r#"{"amount":"/etc/passwd"}"#, glob("/etc/*"), TestResult::Yes),
            (r#"{"amount":["/tmp/a","/etc/passwd"]}"#, glob("/etc/*"), TestResult::Yes),
            (r#"{"amount":"/tmp"}"#, glob("/etc/*"), TestResult::No),
            (r#"{}"#, glob("/etc/*"), TestResult::No),
            (r#"{"amount":{}}"#, glob("*"), TestResult::Unknown),
            (r#"{}"#, exists(false), TestResult::Yes),
            (r#"{"amount":null}"#, exists(false), TestResult::No),
            (r#"{"amount":0}"#, exists(true), TestResult::Yes),
            (r#"{"amount":1.0}"#, eq(Scalar::Number(1.0)), TestResult::Yes),
            (r#"{"amount":"prod"}"#, eq(Scalar::Text("prod".to_owned())), TestResult::Yes),
            (r#"{"amount":true}"#, eq(Scalar::Bool(true)), TestResult::Yes),
            (r#"{"amount":"dev"}"#, eq(Scalar::Text("prod".to_owned())), TestResult::No),
        ] {
            assert_eq!(test(args, argument.clone()), expected, "{args} {argument:?}");
        }
        let between = Argument { gt: Some(1.0), lt: Some(3.0), ..Argument::default() };
        assert_eq!(test(r#"{"amount":2}"#, between.clone()), TestResult::Yes);
        assert_eq!(test(r#"{"amount":3}"#, between), TestResult::No);
    }

    #[test]
    fn what_counts_is_named_by_its_pointer() {
        let args = Args::json(br#"{"note":"x","amount":1e2,"order":{"id":"A","z":1}}"#);
        let pointers = [vec!["order".to_owned(), "id".to_owned()], vec!["amount".to_owned()]];
        assert_eq!(args.canonical(&pointers).unwrap(), r#"{"/amount":100,"/order/id":"A"}"#);
        let doubtful = Args::json(br#"{"note":"x","note":"y","amount":1}"#);
        assert_eq!(doubtful.canonical(&pointers), Err(JcsError::Duplicate), "anywhere in the call");
        assert_eq!(Args::json(b"").canonical(&[]).unwrap(), "{}");
        assert_eq!(Args::text("ls \"x\"").canonical(&[]).unwrap(), r#""ls \"x\"""#);
        assert_eq!(Args::opaque().canonical(&[]), Err(JcsError::NotJson));
    }
}
