//! The pattern language of POLICY "Patterns", implemented by rewriting regex-syntax's syntax tree.
//!
//! The tree is changed in place so that the result needs no Unicode tables and still consumes whole characters: `\w \d
//! \s` become bracketed ASCII classes, `(?i)` becomes classes of both ASCII cases, `\b` becomes its ASCII form. With
//! `fold`, letters and classes become what [`normalize`] makes of them, like the text.

use super::normalize::{also, normalize};
use super::pattern_error::PatternError;
use crate::limits::{FOLDED_RANGE_CHARS, PATTERN_NEST};
use regex_syntax::ast::{
    self, Assertion, AssertionKind, Ast, ClassAscii, ClassAsciiKind, ClassBracketed, ClassPerl,
    ClassPerlKind, ClassSet, ClassSetItem, ClassSetRange, ClassSetUnion, Flag, Flags, FlagsItem,
    FlagsItemKind, Group, GroupKind, Literal, LiteralKind, Span,
};
use regex_syntax::hir::Hir;
use regex_syntax::hir::translate::TranslatorBuilder;

/// Reads one regular expression.
///
/// # Errors
/// Bad syntax, or something outside the language.
pub(super) fn read(source: &str, fold: bool) -> Result<Hir, PatternError> {
    let mut tree = ast::parse::ParserBuilder::new()
        .nest_limit(PATTERN_NEST)
        .build()
        .parse(source)
        .map_err(|error| syntax_error(&error))?;
    Rewriter { fold, ignore_case: fold }.tree(&mut tree)?;
    TranslatorBuilder::new().build().translate(source, &tree).map_err(|error| PatternError {
        offset: Some(error.span().start.offset),
        message: error.kind().to_string(),
        help: None,
    })
}

fn syntax_error(error: &ast::Error) -> PatternError {
    use ast::ErrorKind;
    let (message, help) = match error.kind() {
        ErrorKind::UnsupportedLookAround => (
            "look-around (`(?=`, `(?!`, `(?<=`, `(?<!`) is not part of the pattern language"
                .to_owned(),
            Some("patterns run in linear time: match the context too, or use `\\b`, `^`, `$`"),
        ),
        ErrorKind::UnsupportedBackreference => (
            "back-references (`\\1`) are not part of the pattern language".to_owned(),
            Some("patterns run in linear time: write the alternatives out"),
        ),
        ErrorKind::NestLimitExceeded(limit) => {
            (format!("groups nest deeper than {limit}"), Some("flatten the pattern"))
        }
        other => (other.to_string(), None),
    };
    PatternError { offset: Some(error.span().start.offset), message, help: help.map(str::to_owned) }
}

fn refused(span: &Span, message: &str, help: &str) -> PatternError {
    PatternError {
        offset: Some(span.start.offset),
        message: message.to_owned(),
        help: Some(help.to_owned()),
    }
}

/// Walks a tree in the order of its text, since `(?i)` applies from its position to the end of its group. Recursion is
/// as deep as the parser's nest limit.
struct Rewriter {
    fold: bool,
    ignore_case: bool,
}

impl Rewriter {
    fn tree(&mut self, tree: &mut Ast) -> Result<(), PatternError> {
        match tree {
            Ast::Empty(_) | Ast::Dot(_) => Ok(()),
            Ast::Flags(set) => self.flags(&mut set.flags),
            Ast::Literal(literal) => {
                if let Some(class) = self.letter(literal) {
                    *tree = class;
                }
                Ok(())
            }
            Ast::Assertion(assertion) => {
                if let Some(ascii) = ascii_assertion(assertion) {
                    *tree = ascii;
                }
                Ok(())
            }
            Ast::ClassUnicode(class) => Err(unicode_class(&class.span)),
            Ast::ClassPerl(class) => {
                let item = ClassSetItem::Ascii(self.perl(class, false));
                *tree = bracketed(class.span, class.negated, item);
                Ok(())
            }
            Ast::ClassBracketed(class) => self.set(&mut class.kind),
            Ast::Repetition(repetition) => self.tree(&mut repetition.ast),
            Ast::Group(group) => {
                let outside = self.ignore_case;
                if let GroupKind::NonCapturing(flags) = &mut group.kind {
                    self.flags(flags)?;
                }
                self.tree(&mut group.ast)?;
                self.ignore_case = outside;
                Ok(())
            }
            Ast::Alternation(alternation) => {
                alternation.asts.iter_mut().try_for_each(|tree| self.tree(tree))
            }
            Ast::Concat(concat) => concat.asts.iter_mut().try_for_each(|tree| self.tree(tree)),
        }
    }

    /// Removes `i` from the flags (it is expanded into classes) and rejects `u`.
    fn flags(&mut self, flags: &mut Flags) -> Result<(), PatternError> {
        let mut on = true;
        for item in &flags.items {
            match item.kind {
                FlagsItemKind::Negation => on = false,
                FlagsItemKind::Flag(Flag::CaseInsensitive) => self.ignore_case = on || self.fold,
                FlagsItemKind::Flag(Flag::Unicode) => {
                    return Err(refused(
                        &item.span,
                        "the flag `u` is not part of the pattern language",
                        "leave it out: `\\w \\d \\s \\b` and `(?i)` are ASCII, `.` takes whole characters",
                    ));
                }
                FlagsItemKind::Flag(_) => {}
            }
        }
        flags.items.retain(|item| item.kind != FlagsItemKind::Flag(Flag::CaseInsensitive));
        // `(?-i:…)` became `(?-:…)`, which can be expressed only in a tree; the remaining flag has no meaning.
        if matches!(flags.items.last(), Some(item) if item.kind.is_negation()) {
            flags.items.pop();
        }
        Ok(())
    }

    /// The replacement of a literal, if it has one.
    fn letter(&self, literal: &mut Literal) -> Option<Ast> {
        let span = literal.span;
        let class = |characters: Vec<char>| {
            let items = characters.into_iter().map(|c| range(span, c, c)).collect();
            Some(bracketed(span, false, union(span, items)))
        };
        if self.fold {
            let Some(c) = normalize(literal.c) else { return Some(Ast::empty(span)) };
            *literal = Literal { span, kind: LiteralKind::Verbatim, c };
            return match also(c) {
                "" => None,
                others => class(others.chars().chain([c]).collect()),
            };
        }
        if !self.ignore_case || !literal.c.is_ascii_alphabetic() {
            return None;
        }
        class(vec![literal.c.to_ascii_lowercase(), literal.c.to_ascii_uppercase()])
    }

    fn set(&self, set: &mut ClassSet) -> Result<(), PatternError> {
        match set {
            ClassSet::Item(item) => self.item(item),
            ClassSet::BinaryOp(op) => {
                self.set(&mut op.lhs)?;
                self.set(&mut op.rhs)
            }
        }
    }

    /// One item of a class. Cases are added to each item, before any negation around it.
    fn item(&self, item: &mut ClassSetItem) -> Result<(), PatternError> {
        match item {
            ClassSetItem::Empty(_) => Ok(()),
            ClassSetItem::Unicode(class) => Err(unicode_class(&class.span)),
            ClassSetItem::Perl(class) => {
                *item = ClassSetItem::Ascii(self.perl(class, class.negated));
                Ok(())
            }
            ClassSetItem::Ascii(class) => {
                let cased = matches!(class.kind, ClassAsciiKind::Lower | ClassAsciiKind::Upper);
                if self.ignore_case && cased {
                    class.kind = ClassAsciiKind::Alpha;
                }
                Ok(())
            }
            ClassSetItem::Literal(literal) => {
                let (span, c) = (literal.span, literal.c);
                self.cased(item, span, c, c);
                Ok(())
            }
            ClassSetItem::Range(ends) => {
                let (span, first, last) = (ends.span, ends.start.c, ends.end.c);
                self.cased(item, span, first, last);
                Ok(())
            }
            ClassSetItem::Bracketed(class) => self.set(&mut class.kind),
            ClassSetItem::Union(members) => {
                members.items.iter_mut().try_for_each(|item| self.item(item))
            }
        }
    }

    /// Adds the other case of the ASCII letters in a range.
    fn cased(&self, item: &mut ClassSetItem, span: Span, first: char, last: char) {
        if !self.ignore_case {
            return;
        }
        let mut items = vec![range(span, first, last)];
        for (from, to) in [('a', 'z'), ('A', 'Z')] {
            let (low, high) = (first.max(from), last.min(to));
            if low <= high {
                items.push(range(span, other_case(low), other_case(high)));
            }
        }
        if self.fold {
            // The normal forms of its characters, besides themselves. Ranges beyond the bound name whole scripts.
            for c in (first..=last).take(FOLDED_RANGE_CHARS) {
                let read = normalize(c);
                let others = read.map(also).unwrap_or_default();
                items.extend(read.into_iter().filter(|&read| read != c).map(|c| range(span, c, c)));
                items.extend(others.chars().map(|c| range(span, c, c)));
            }
        }
        *item = union(span, items);
    }

    fn perl(&self, class: &ClassPerl, negated: bool) -> ClassAscii {
        let kind = match class.kind {
            ClassPerlKind::Digit => ClassAsciiKind::Digit,
            ClassPerlKind::Space => ClassAsciiKind::Space,
            ClassPerlKind::Word => ClassAsciiKind::Word,
        };
        ClassAscii { span: class.span, kind, negated }
    }
}

fn unicode_class(span: &Span) -> PatternError {
    refused(
        span,
        "`\\p{…}` is not part of the pattern language",
        "write the characters or ranges out, such as `[à-ÿ]`, or use `fold: true` for look-alikes",
    )
}

/// `\b` and similar assertions over ASCII word characters.
fn ascii_assertion(assertion: &Assertion) -> Option<Ast> {
    match assertion.kind {
        AssertionKind::StartLine
        | AssertionKind::EndLine
        | AssertionKind::StartText
        | AssertionKind::EndText => None,
        _ => {
            let span = assertion.span;
            let item = |kind| FlagsItem { span, kind };
            let items =
                vec![item(FlagsItemKind::Negation), item(FlagsItemKind::Flag(Flag::Unicode))];
            Some(Ast::group(Group {
                span,
                kind: GroupKind::NonCapturing(Flags { span, items }),
                ast: Box::new(Ast::assertion(assertion.clone())),
            }))
        }
    }
}

fn other_case(c: char) -> char {
    if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }
}

fn range(span: Span, first: char, last: char) -> ClassSetItem {
    let literal = |c| Literal { span, kind: LiteralKind::Verbatim, c };
    ClassSetItem::Range(ClassSetRange { span, start: literal(first), end: literal(last) })
}

fn union(span: Span, items: Vec<ClassSetItem>) -> ClassSetItem {
    ClassSetItem::Union(ClassSetUnion { span, items })
}

fn bracketed(span: Span, negated: bool, item: ClassSetItem) -> Ast {
    Ast::class_bracketed(ClassBracketed { span, negated, kind: ClassSet::Item(item) })
}
