//! The pattern language by regex-syntax's own parser and translator, to compare with: its syntax tree is rewritten so
//! that classes, boundaries and cases are ASCII. This is how patterns were read before they had a reader of their own.

use crate::limits::{FOLDED_RANGE_CHARS, PATTERN_NEST};
use crate::search::normalize::{also, normalize};
use regex_syntax::ast::{
    self, Assertion, AssertionKind, Ast, ClassAscii, ClassAsciiKind, ClassBracketed, ClassPerl,
    ClassPerlKind, ClassSet, ClassSetItem, ClassSetRange, ClassSetUnion, Flag, Flags, FlagsItem,
    FlagsItemKind, Group, GroupKind, Literal, LiteralKind, Span,
};
use regex_syntax::hir::Hir;
use regex_syntax::hir::translate::TranslatorBuilder;

/// Reads one regular expression, or says where it cannot be one.
pub(super) fn read(source: &str, fold: bool) -> Result<Hir, usize> {
    let mut tree = ast::parse::ParserBuilder::new()
        .nest_limit(PATTERN_NEST.try_into().unwrap())
        .build()
        .parse(source)
        .map_err(|error| error.span().start.offset)?;
    Rewriter { fold, ignore_case: fold }.tree(&mut tree)?;
    TranslatorBuilder::new()
        .build()
        .translate(source, &tree)
        .map_err(|error| error.span().start.offset)
}

/// Walks a tree in the order of its text, since `(?i)` applies from its position to the end of its group. Recursion is
/// as deep as the parser's nest limit.
struct Rewriter {
    fold: bool,
    ignore_case: bool,
}

impl Rewriter {
    fn tree(&mut self, tree: &mut Ast) -> Result<(), usize> {
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
            Ast::ClassUnicode(class) => Err(class.span.start.offset),
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
    fn flags(&mut self, flags: &mut Flags) -> Result<(), usize> {
        let mut on = true;
        for item in &flags.items {
            match item.kind {
                FlagsItemKind::Negation => on = false,
                FlagsItemKind::Flag(Flag::CaseInsensitive) => self.ignore_case = on || self.fold,
                FlagsItemKind::Flag(Flag::Unicode) => {
                    return Err(item.span.start.offset);
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

    fn set(&self, set: &mut ClassSet) -> Result<(), usize> {
        match set {
            ClassSet::Item(item) => self.item(item),
            ClassSet::BinaryOp(op) => {
                self.set(&mut op.lhs)?;
                self.set(&mut op.rhs)
            }
        }
    }

    /// One item of a class. Cases are added to each item, before any negation around it.
    fn item(&self, item: &mut ClassSetItem) -> Result<(), usize> {
        match item {
            ClassSetItem::Empty(_) => Ok(()),
            ClassSetItem::Unicode(class) => Err(class.span.start.offset),
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
