//! Files of cases: finding, reading and running them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use hemostat_engine::policy::Program;
use hemostat_engine::policy::source::{SourceNode, parse, to_json};
use serde_json::Value;

use super::{case, rules};
use crate::shared::error::{Error, Result, not_json};
use crate::shared::files;
use crate::shared::play::{Cut, Player};
use crate::shared::policy_file;
use crate::shared::program;
use crate::shared::terminal::{safe, size};

/// The ending of a file of cases.
const ENDING: &str = ".cases.yaml";

/// The folder beside a policy that may hold its cases.
const FOLDER: &str = "cases";

/// How many levels of folders are searched.
const DEPTH: usize = 8;

/// The maximum size of a file of cases, in bytes.
const BYTES: u64 = 16 * 1024 * 1024;

/// The cuts in which a streamed answer is played: the result must not depend on them.
const CUTS: [Cut; 4] = [Cut::Whole, Cut::Every(1), Cut::Every(7), Cut::Every(64)];

/// A file of cases.
#[derive(Debug)]
pub(super) struct Suite {
    file: String,
    base: Option<String>,
    cases: Vec<case::Case>,
}

/// The results of a file of cases.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) file: String,
    pub(super) policy: String,
    /// Why the policy is not acceptable.
    pub(super) refused: Option<String>,
    pub(super) cases: Vec<CaseResult>,
    /// The rules of the policy that no case made act.
    pub(super) idle: Vec<String>,
}

/// The result of a case.
#[derive(Debug)]
pub(super) struct CaseResult {
    pub(super) name: String,
    /// What was expected and is not so.
    pub(super) wrong: Vec<String>,
}

impl Ended {
    pub(super) fn holds(&self) -> bool {
        self.refused.is_none() && self.cases.iter().all(CaseResult::holds)
    }
}

impl CaseResult {
    pub(super) fn holds(&self) -> bool {
        self.wrong.is_empty()
    }
}

/// The files of cases that a path stands for: those below a folder, the file itself, or the one beside a policy.
pub(super) fn find(path: &str) -> Result<Vec<PathBuf>> {
    let at = Path::new(path);
    if at.is_dir() {
        let mut found = Vec::new();
        below(at, DEPTH, &mut found)?;
        found.sort();
        if found.is_empty() {
            return Err(Error::failed(format!(
                "{}: no file below it ends with `{ENDING}`",
                safe(path)
            )));
        }
        return Ok(found);
    }
    if path.ends_with(ENDING) {
        return Ok(vec![at.to_owned()]);
    }
    let beside = at.with_extension(ENDING.trim_start_matches('.'));
    let folder = at.parent().unwrap_or(Path::new("")).join(FOLDER);
    let apart = folder.join(beside.file_name().unwrap_or_default());
    if at.exists()
        && let Some(cases) = [&beside, &apart].into_iter().find(|cases| cases.exists())
    {
        return Ok(vec![cases.clone()]);
    }
    let shown = |path: &Path| safe(&path.display().to_string());
    let why = match at.exists() {
        true => format!("no cases: neither {} nor {} is there", shown(&beside), shown(&apart)),
        false => "there is no such file".to_owned(),
    };
    Err(Error::failed(format!("{}: {why}", safe(path))))
}

/// The policy that a file of cases is for: beside it, or, for cases in a `cases` folder, beside that folder.
fn policy_of(cases: &str) -> String {
    let beside = format!("{}.yaml", cases.trim_end_matches(ENDING));
    let path = Path::new(&beside);
    let folder =
        path.parent().filter(|folder| folder.file_name().is_some_and(|name| name == FOLDER));
    match (path.exists(), folder.and_then(Path::parent), path.file_name()) {
        (false, Some(above), Some(name)) => above.join(name).to_string_lossy().into_owned(),
        _ => beside,
    }
}

fn below(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    let named = |error: std::io::Error| Error::file(folder, &error);
    for entry in std::fs::read_dir(folder).map_err(named)? {
        let path = entry.map_err(named)?.path();
        if path.is_dir() {
            if depth > 0 && !path.is_symlink() {
                below(&path, depth - 1, found)?;
            }
        } else if path.to_string_lossy().ends_with(ENDING) {
            found.push(path);
        }
    }
    Ok(())
}

impl Suite {
    /// Reads a file of cases.
    ///
    /// # Errors
    /// Any mistake in it: nothing is run in part.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let file = path.display().to_string();
        let wrong = |why: String| Error::failed(format!("{}: {why}", safe(&file)));
        let unread = |error: std::io::Error| Error::file(path, &error);
        let bytes = std::fs::metadata(path).map_err(unread)?.len();
        if bytes > BYTES {
            return Err(wrong(format!("it has {}; {} are read", size(bytes), size(BYTES))));
        }
        Self::parse(&files::whole(path)?, path)
    }

    /// Parses the text of a file of cases; `path` is where it is or will be.
    pub(super) fn parse(text: &str, path: &Path) -> Result<Self> {
        let file = path.display().to_string();
        let wrong = |why: String| Error::failed(format!("{}: {why}", safe(&file)));
        let tree: SourceNode =
            parse(text, &file).map_err(|found| Error::failed(policy_file::lines(&found, &file)))?;
        let all: Value =
            serde_json::from_str(&to_json(&tree)).map_err(|error| wrong(not_json(&error)))?;
        case::only(&all, &["base", "warnings", "cases"]).map_err(|why| wrong(why.to_string()))?;
        let base = all.get("base").and_then(Value::as_str).map(|base| {
            path.parent().unwrap_or(Path::new("")).join(base).to_string_lossy().into_owned()
        });
        let cases = all.get("cases").and_then(Value::as_array).map(Vec::as_slice);
        let cases = cases.unwrap_or_default().iter().enumerate();
        let cases = cases
            .map(|(at, case)| case::Case::read(case, at).map_err(|why| wrong(why.to_string())));
        Ok(Self { file: file.clone(), base, cases: cases.collect::<Result<_>>()? })
    }

    /// Runs the cases whose name contains `only`.
    pub(super) fn run(
        self,
        policy: Option<&str>,
        base: Option<&str>,
        only: &Option<String>,
    ) -> Result<Ended> {
        let own = policy_of(&self.file);
        let (shown, made) = match (policy, base.or(self.base.as_deref())) {
            (Some(policy), _) => (policy.to_owned(), program::from_file(policy, &[])?),
            (None, Some(base)) => {
                let made = program::from_file(base, std::slice::from_ref(&own))?;
                (format!("{base} with {own}"), made)
            }
            (None, None) => (own.clone(), program::from_file(&own, &[])?),
        };
        let files: Vec<&str> = match (policy, base.or(self.base.as_deref())) {
            (Some(policy), _) => vec![policy],
            // For an overlay, only its own rules count here; those of its base have cases of their own.
            (None, _) => vec![&own],
        };
        let mut idle: Vec<String> = files.into_iter().flat_map(rules::of).collect();
        let mut ended = Ended {
            file: self.file,
            policy: shown,
            refused: None,
            cases: Vec::new(),
            idle: Vec::new(),
        };
        let program = match made {
            Ok(program) => program,
            Err(why) => {
                ended.refused = Some(why.to_string());
                return Ok(ended);
            }
        };
        let wanted = |case: &case::Case| only.as_ref().is_none_or(|text| case.name.contains(text));
        for case in self.cases.into_iter().filter(wanted) {
            let (wrong, hits) = tried(&program, &case);
            idle.retain(|rule| !hits.contains(rule));
            ended.cases.push(CaseResult { name: case.name, wrong });
        }
        ended.idle = idle;
        Ok(ended)
    }
}

/// What does not hold of a case under a policy, and which rules acted.
pub(super) fn tried(program: &Rc<Program>, case: &case::Case) -> (Vec<String>, BTreeSet<String>) {
    let (mut wrong, mut hits) = (Vec::new(), BTreeSet::new());
    let cuts = if case.streams { CUTS.as_slice() } else { &[Cut::Whole] };
    for cut in cuts {
        // Each case has accounts of its own, so that its use does not affect the next.
        let mut player = Player::new(Rc::clone(program), case.traffic.at_ns);
        for _ in 1..case.times {
            player.play(&case.traffic, *cut);
        }
        let seen = player.play(&case.traffic, *cut);
        hits.extend(seen.actions().map(|(rule, _)| rule.to_owned()));
        wrong = case.wrong(&seen);
        if !wrong.is_empty() {
            if let Cut::Every(size) = cut {
                wrong.push(format!("(the answer came in pieces of {size} bytes)"));
            }
            break;
        }
    }
    (wrong, hits)
}
