//! Which file of a crate uses which: the paths of its `use` lines and of its code, followed through the names that modules
//! hand on to the file that defines what is used. Methods are not seen, since they are called without a path.

use std::collections::{BTreeMap, BTreeSet};

use crate::code;

/// A module by the names from its crate's root, or what a path from there names.
type Path = Vec<String>;
/// What a file uses, and by which names: file → file → names.
pub type Arrows = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// How often a name is followed from one module that hands it on to the next.
const MAX_HOPS: usize = 16;

struct File {
    path: String,
    /// The names that `use` lines bring in, and what each stands for; `None` is of another crate.
    brought: BTreeMap<String, Option<Path>>,
    /// What the code names, by its path from the root.
    used: Vec<Path>,
}

/// The files of one crate.
pub struct Files(BTreeMap<Path, File>);

impl Files {
    /// Reads a crate from its sources, each with its path below `src/`.
    pub fn read(sources: &[(String, String)]) -> Self {
        let modules: BTreeSet<Path> = sources.iter().map(|(path, _)| module(path)).collect();
        let file = |(path, source): &(String, String)| {
            let own = module(path);
            let mut reader = Reader { modules: &modules, own: &own, brought: BTreeMap::new() };
            let used = reader.read(&code::words(source));
            (own.clone(), File { path: path.clone(), brought: reader.brought, used })
        };
        Self(sources.iter().map(file).collect())
    }

    pub fn arrows(&self) -> Arrows {
        let mut arrows = Arrows::new();
        for file in self.0.values() {
            let own = arrows.entry(file.path.clone()).or_default();
            for path in &file.used {
                if let Some((to, name)) = self.definition(path.clone())
                    && to != file.path
                {
                    own.entry(to).or_default().insert(name);
                }
            }
        }
        arrows
    }

    /// The file that defines what a path names, and its name there. `None` for modules and for what is of another crate.
    fn definition(&self, mut path: Path) -> Option<(String, String)> {
        for _ in 0..MAX_HOPS {
            let depth =
                (0..=path.len()).rev().find(|depth| self.0.contains_key(&path[..*depth]))?;
            let file = &self.0[&path[..depth]];
            let (name, behind) = path[depth..].split_first()?;
            match file.brought.get(name) {
                Some(stands_for) => path = [stands_for.as_deref()?, behind].concat(),
                None => return Some((file.path.clone(), name.clone())),
            }
        }
        None
    }
}

/// The module that a file is.
fn module(path: &str) -> Path {
    let names = path.trim_end_matches(".rs").split('/');
    let mut names: Path = names.map(str::to_owned).collect();
    if names.last().is_some_and(|name| name == "mod") || names == ["lib"] {
        names.pop();
    }
    names
}

struct Reader<'a> {
    modules: &'a BTreeSet<Path>,
    own: &'a Path,
    brought: BTreeMap<String, Option<Path>>,
}

impl Reader<'_> {
    /// Reads a file's code; returns what it uses.
    fn read(&mut self, words: &[&str]) -> Vec<Path> {
        let (lines, code) = split(words);
        let mut handed_on = Vec::new();
        let mut used = Vec::new();
        for (is_public, line) in lines {
            for (path, name) in leaves(&line) {
                let path = self.rooted(&path);
                if is_public {
                    handed_on.push(name.clone());
                } else {
                    used.extend(path.clone());
                }
                self.brought.insert(name, path);
            }
        }
        // What is handed on is used only where the code names it, too.
        let names = |name: &str| {
            code.iter().enumerate().any(|(at, word)| {
                let before = at.checked_sub(1).map_or("", |before| code[before]);
                *word == name && !matches!(before, "." | "::" | "fn" | "mod")
            })
        };
        let named = handed_on.iter().filter(|name| is_a_type(name) && names(name));
        used.extend(named.filter_map(|name| self.brought[name].clone()));
        used.extend(paths(&code).iter().filter_map(|path| self.rooted(path)));
        used
    }

    /// A path as its file writes it, from the root of the crate. `None` where it names nothing of the crate.
    fn rooted(&self, path: &[&str]) -> Option<Path> {
        let (first, behind) = path.split_first()?;
        let mut base = match *first {
            "crate" => Path::new(),
            "self" => self.own.clone(),
            "super" => self.own[..self.own.len().checked_sub(1)?].to_vec(),
            name => match self.brought.get(name) {
                Some(stands_for) => stands_for.clone()?,
                None => {
                    let child = [self.own.as_slice(), &[name.to_owned()]].concat();
                    self.modules.contains(&child).then_some(child)?
                }
            },
        };
        for name in behind {
            if *name == "super" {
                base.pop();
            } else {
                base.push((*name).to_owned());
            }
        }
        Some(base)
    }
}

fn is_a_type(name: &str) -> bool {
    name.starts_with(|c: char| c.is_uppercase())
}

fn is_a_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The `use` lines of a file, each with whether it hands names on, and the rest of its code.
fn split<'a>(words: &[&'a str]) -> (Vec<(bool, Vec<&'a str>)>, Vec<&'a str>) {
    let (mut lines, mut code) = (Vec::new(), Vec::new());
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        // `impl Trait + use<…>` brings nothing in.
        if *word == "use" && code.last() != Some(&"+") {
            // `pub use`, or `pub(…) use`.
            let is_public = matches!(code.last(), Some(&("pub" | ")")));
            let line: Vec<&str> = rest.by_ref().copied().take_while(|word| *word != ";").collect();
            lines.push((is_public, line));
        } else {
            code.push(*word);
        }
    }
    (lines, code)
}

/// The paths that a tree of a `use` line brings in, each with its name here.
fn leaves<'a>(tree: &[&'a str]) -> Vec<(Vec<&'a str>, String)> {
    let mut leaves = Vec::new();
    let mut outer: Vec<usize> = Vec::new();
    let mut path: Vec<&str> = Vec::new();
    let mut name = None;
    let mut words = tree.iter().peekable();
    while let Some(word) = words.next() {
        match *word {
            "::" => {}
            "{" => outer.push(path.len()),
            "as" => name = words.next().map(|name| (*name).to_owned()),
            "," | "}" => {
                let depth = outer.last().copied().unwrap_or_default();
                leaf(&mut leaves, &path[..], depth, name.take());
                path.truncate(depth);
                if *word == "}" {
                    outer.pop();
                    path.truncate(outer.last().copied().unwrap_or_default());
                }
            }
            own => path.push(own),
        }
    }
    leaf(&mut leaves, &path, 0, name);
    leaves
}

fn leaf<'a>(
    leaves: &mut Vec<(Vec<&'a str>, String)>,
    path: &[&'a str],
    depth: usize,
    name: Option<String>,
) {
    if path.len() <= depth {
        return;
    }
    let own =
        if path.last() == Some(&"self") && path.len() > 1 { &path[..path.len() - 1] } else { path };
    if let Some(last) = own.last() {
        leaves.push((own.to_vec(), name.unwrap_or_else(|| (*last).to_owned())));
    }
}

/// The paths in a file's code that have more than one name.
fn paths<'a>(code: &[&'a str]) -> Vec<Vec<&'a str>> {
    let mut paths = Vec::new();
    let mut path: Vec<&str> = Vec::new();
    let mut joined = false;
    for word in code {
        if *word == "::" {
            joined = true;
        } else if is_a_name(word) {
            if !joined {
                paths.push(std::mem::take(&mut path));
            }
            path.push(word);
            joined = false;
        } else {
            paths.push(std::mem::take(&mut path));
            joined = false;
        }
    }
    paths.push(path);
    paths.retain(|path| path.len() > 1);
    paths
}
