//! What the pages say is so: commands and options are the command's, links lead somewhere, metrics and recipes exist.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::{Path, PathBuf};

const FOLDERS: [&str; 3] = ["docs", "envoy", "policies"];

const PAGES: [&str; 4] =
    ["README.md", "CONTRIBUTING.md", "filter/README.md", "host-tests/README.md"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All files below a folder whose names have this ending.
fn below(folder: PathBuf, ending: &str) -> Vec<PathBuf> {
    let (mut folders, mut found) = (vec![folder], Vec::new());
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|own| own == ending) {
                found.push(path);
            }
        }
    }
    found
}

fn pages() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = PAGES.iter().map(|page| root().join(page)).collect();
    found.extend(FOLDERS.iter().flat_map(|folder| below(root().join(folder), "md")));
    found
}

/// Runs `each` on every page with its text, and fails with all that it finds wrong.
fn judge_pages(each: impl Fn(&Path, &str) -> Vec<String>) {
    let mut wrong = Vec::new();
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        let found = each(&page, &text).into_iter();
        wrong.extend(found.map(|what| format!("{}: {what}", page.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The words of a line as a shell takes them, up to a comment, a pipe, or the next command.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut open) = (Vec::new(), String::new(), None, false);
    for c in line.chars() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (None, '\'' | '"') => (quote, open) = (Some(c), true),
            (None, '#') if !open => break,
            (None, '|' | '>' | ';' | '&') => break,
            (None, c) if c.is_whitespace() => {
                if open {
                    words.push(std::mem::take(&mut word));
                }
                open = false;
            }
            (_, c) => {
                open = true;
                word.push(c);
            }
        }
    }
    if open {
        words.push(word);
    }
    words
}

#[test]
fn every_command_in_the_pages_is_one() {
    let mut judged = 0;
    let mut wrong = Vec::new();
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap().replace("\\\n", " ");
        let mut inside = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with("```") {
                inside = line == "```sh";
            } else if inside && line.starts_with("hemostat ") {
                judged += 1;
                if let Err(why) = hemostat_cli::judge(words(line).into_iter().map(Into::into)) {
                    wrong.push(format!("{}: {line}\n{why}", page.display()));
                }
            }
        }
    }
    assert!(judged > 40, "{judged} commands: are the pages there?");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Fenced blocks of YAML: what they are, and their text.
fn examples(text: &str) -> Vec<(String, String)> {
    let (mut examples, mut lines) = (Vec::new(), text.lines());
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let block: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
        if let Some(kind) = info.strip_prefix("yaml") {
            examples.push((kind.trim().to_owned(), block.join("\n") + "\n"));
        }
    }
    examples
}

/// Runs the command in a folder with these files: what it says.
fn told(files: &[(&str, &str)], words: &[&str]) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("examples");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    for (name, text) in files {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_hemostat"));
    command.current_dir(&folder).env("HEMOSTAT_TOKEN", "t").args(words);
    let output = command.output().unwrap();
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// An example is copied. Behind `yaml` stands what it is where it is no policy.
#[test]
fn every_example_of_yaml_is_accepted() {
    let mut judged = 0;
    judge_pages(|_, text| {
        let wrong = examples(text).into_iter().filter_map(|(kind, text)| {
            let (said, wrong) = match kind.as_str() {
                "" | "configuration" => {
                    let said = told(&[("it.yaml", &text)], &["check", "it.yaml"]);
                    let wrong = !said.contains(" acceptable: 0 errors");
                    (said, wrong)
                }
                "part of a configuration" => {
                    let text = format!("policy: {{}}\n{text}");
                    let said = told(&[("it.yaml", &text)], &["check", "it.yaml"]);
                    let wrong = !said.contains(" acceptable: 0 errors");
                    (said, wrong)
                }
                "overlay" => {
                    // What it names is in the policy that it is put on.
                    let said = told(&[("it.yaml", &text)], &["check", "it.yaml"]);
                    let wrong = said
                        .lines()
                        .any(|line| line.contains(": error: ") && !line.contains("[unknown-"));
                    (said, wrong)
                }
                "hemostat.yaml" => {
                    let words = ["status", "--timeout", "1", "-p", "127.0.0.1:1"];
                    let said = told(&[("hemostat.yaml", &text)], &words);
                    let wrong = said.contains("hemostat.yaml");
                    (said, wrong)
                }
                "cases" => {
                    let policy = root().join("policies/kill-switch.yaml");
                    let words = ["test", "it.cases.yaml", "--policy", policy.to_str().unwrap()];
                    let said = told(&[("it.cases.yaml", &text)], &words);
                    let wrong = !said.contains(" 0 do not hold") || said.starts_with("0 cases");
                    (said, wrong)
                }
                kind => (format!("nobody knows what a block of `{kind}` is"), true),
            };
            wrong.then(|| format!("{text}{said}"))
        });
        wrong.collect()
    });
    pages()
        .iter()
        .for_each(|page| judged += examples(&std::fs::read_to_string(page).unwrap()).len());
    assert!(judged > 25, "{judged}");
}

/// Files of the repository that pages name in running text, and test programs that they say to run.
#[test]
fn every_source_that_the_pages_name_is_there() {
    let crates =
        ["", "engine/src", "ground/src", "dialect/src", "control/src", "cli/src", "filter/src"];
    let there = |page: &Path, name: &str| {
        let beside = page.parent().unwrap().join(name);
        beside.exists() || crates.iter().any(|own| root().join(own).join(name).exists())
    };
    let mut named = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for span in code(&text) {
            let path = |end: &str| {
                span.ends_with(end)
                    && span.contains('/')
                    && !span.contains([' ', '*', ':', '…', '<', '{'])
            };
            if [".rs", ".py"].iter().any(|end| path(end)) {
                named += 1;
                assert!(there(&page, span), "{}: there is no `{span}`", page.display());
            }
        }
        for rest in text.split("cargo test ").skip(1) {
            let line = rest.split(['`', '\n']).next().unwrap();
            let mut words = line.split(' ').skip_while(|word| *word != "--test").skip(1);
            let Some(test) = words.next() else { continue };
            let is = |package: &str| {
                let tests = root().join(package).join("tests");
                tests.join(test).join("main.rs").exists()
                    || tests.join(format!("{test}.rs")).exists()
            };
            named += 1;
            let packages = ["engine", "control", "cli", "host-tests", "ground", "dialect"];
            assert!(packages.into_iter().any(is), "{}: there is no test `{test}`", page.display());
        }
    }
    assert!(named > 50, "{named}");
}

#[test]
fn words_are_a_shells() {
    assert_eq!(words("hemostat a 'b c' --d=\"e\"f   # g"), ["hemostat", "a", "b c", "--d=ef"]);
    assert_eq!(words("hemostat a b#c > d"), ["hemostat", "a", "b#c"]);
}

#[test]
fn every_field_of_the_access_log_in_the_pages_is_one() {
    let sample = std::fs::read_to_string(root().join("envoy/standalone/envoy.yaml")).unwrap();
    let logged =
        |name: &str| sample.lines().any(|line| line.trim().starts_with(&format!("{name}: \"%")));
    // Labels are each policy's own.
    let known = |name: &str| {
        // As the proxy's own formats call it.
        let name = name.strip_prefix("wasm.").unwrap_or(name);
        logged(name) || name.starts_with("hemostat.label.")
    };
    assert!(known("hemostat.decision"), "the sample's access log is found");
    let quoted = |text: &str| -> Option<String> {
        text.strip_prefix('`')?.split_once('`').map(|(name, _)| name.to_owned())
    };
    let mut judged = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap().replace('\n', " ");
        let behind =
            ["access log's ", "access log has ", "In the access log ", "in the access log: "]
                .into_iter()
                .flat_map(|words| text.split(words).skip(1).filter_map(quoted));
        let before = ["` in the access log"].into_iter().flat_map(|words| {
            let parts: Vec<&str> = text.split(words).collect();
            let said = parts.len().saturating_sub(1);
            parts.into_iter().take(said).filter_map(|part| part.rsplit_once('`'))
        });
        let before = before.map(|(_, name)| name.to_owned());
        // What rules did stands there as a value: `RULE:rollback`.
        for name in behind.chain(before).filter(|name| !name.contains(':')) {
            assert!(known(&name), "{}: the access log has no `{name}`", page.display());
            judged += 1;
        }
    }
    assert!(judged > 5, "{judged}");
}

/// What the command writes to standard output.
fn said(words: &[&str]) -> String {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let words = std::iter::once("hemostat").chain(words.iter().copied()).map(Into::into);
    hemostat_cli::run(words, &mut out, &mut err);
    String::from_utf8(out).unwrap()
}

/// Every verb, as the command itself lists them.
fn verbs() -> Vec<String> {
    let help = said(&["--help"]);
    let verbs = help.split("Commands:").nth(1).unwrap().split("Options:").next().unwrap();
    let verbs = verbs.lines().filter_map(|line| line.split_whitespace().next());
    let verbs: Vec<String> = verbs.map(str::to_owned).collect();
    assert!(verbs.len() > 18 && verbs.contains(&"push".to_owned()), "{verbs:?}");
    verbs
}

/// What begins with a dash in the list of a verb's options.
fn options(verb: &str) -> Vec<String> {
    let help = said(&[verb, "--help"]);
    let list = help.split("Examples:").next().unwrap();
    let words = list.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    words.filter(|word| word.starts_with('-')).map(str::to_owned).collect()
}

/// A script reads no words: every verb has JSON for it.
#[test]
fn every_verb_that_prints_a_result_prints_it_as_json_too() {
    // A script for a shell is its own format, and the list of verbs is for people.
    let without: Vec<String> =
        verbs().into_iter().filter(|verb| !options(verb).contains(&"--json".to_owned())).collect();
    assert_eq!(without, ["completions", "help"]);
}

#[test]
fn every_verb_stands_in_the_pages_table() {
    let page = std::fs::read_to_string(root().join("docs/releases.md")).unwrap();
    for verb in verbs() {
        let row = page.lines().any(|line| {
            line.strip_prefix("| `")
                .is_some_and(|rest| rest.split([' ', '`']).next() == Some(&verb))
        });
        assert!(row || verb == "help", "docs/releases.md: no row of the table is `{verb}`");
    }
}

/// What stands between backticks on one line.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// In running text too: `hemostat push --wait`, or `push --wait` for short.
#[test]
fn every_option_that_the_pages_name_is_the_verbs() {
    let known: Vec<(String, Vec<String>)> =
        verbs().into_iter().map(|verb| (verb.clone(), options(&verb))).collect();
    judge_pages(|_, text| {
        let mut wrong = Vec::new();
        for span in code(text) {
            let command = span.strip_prefix("hemostat ");
            let mut parts = command.unwrap_or(span).split(' ');
            let verb = parts.next().unwrap_or_default();
            let Some((_, options)) = known.iter().find(|(own, _)| own == verb) else {
                let is_verb = verb.bytes().all(|byte| byte.is_ascii_lowercase());
                if command.is_some() && is_verb {
                    wrong.push(format!("`{span}`: no verb `{verb}`"));
                }
                continue;
            };
            let named = parts.filter(|part| part.starts_with('-') && part.len() > 1);
            let named = named.map(|part| part.split('=').next().unwrap_or_default());
            let unknown = named.filter(|name| !options.iter().any(|own| own == name));
            wrong.extend(unknown.map(|name| format!("`{span}`: no option `{name}`")));
        }
        wrong
    });
}

/// The examples that each verb's help ends with. What they are for stands behind two blanks.
#[test]
fn every_example_of_the_help_is_a_command() {
    let mut judged = 0;
    for verb in verbs() {
        let help = said(&[&verb, "--help"]).replace("\\\n", "");
        let examples = help.split("Examples:").nth(1).unwrap_or_default();
        for line in examples.lines().filter(|line| line.starts_with("  ")) {
            let Some((before, rest)) = line.split_once("hemostat ") else { continue };
            if !before.trim().is_empty() && !before.ends_with("| ") {
                continue;
            }
            let mut line = format!("hemostat {rest}");
            while let Some((command, rest)) = line.split_once("  ") {
                // A command that was broken in two goes on with an option.
                let rest = rest.trim_start();
                let goes_on = rest.starts_with("--").then(|| format!("{command} {rest}"));
                line = goes_on.unwrap_or_else(|| command.to_owned());
            }
            let result = hemostat_cli::judge(words(&line).into_iter().map(Into::into));
            assert!(result.is_ok(), "{line}: {result:?}");
            judged += 1;
        }
    }
    assert!(judged > 50, "{judged}");
}

/// The name under which a page's heading can be linked to, as forges make it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn every_link_of_the_pages_leads_somewhere() {
    judge_pages(|page, text| {
        let links = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        let own = links.map(|(link, _)| link).filter(|link| !link.contains("://"));
        let leads = |link: &&str| {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let path =
                if path.is_empty() { page.to_owned() } else { page.parent().unwrap().join(path) };
            let has = || {
                let text = std::fs::read_to_string(&path).unwrap_or_default();
                let mut headings = text.lines().filter_map(|line| line.strip_prefix('#'));
                headings.any(|line| anchor(line.trim_start_matches('#')) == heading)
            };
            path.exists() && (heading.is_empty() || has())
        };
        own.filter(|link| !leads(link)).map(str::to_owned).collect()
    });
}

/// A blank line in the middle of a table leaves its other rows as text.
#[test]
fn every_table_of_the_pages_has_a_head() {
    judge_pages(|_, text| {
        let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
        let is_row = |at: usize| lines.get(at).is_some_and(|line| line.starts_with('|'));
        let is_head = |at: usize| {
            let below = lines.get(at + 1).copied().unwrap_or_default();
            below.starts_with("|-") || below.starts_with("| -")
        };
        let firsts = (0..lines.len()).filter(|at| is_row(*at) && (*at == 0 || !is_row(at - 1)));
        firsts.filter(|at| !is_head(*at)).map(|at| lines[at].to_owned()).collect()
    });
}

#[test]
fn every_recipe_that_the_pages_name_exists() {
    let recipes = std::fs::read_to_string(root().join("Justfile")).unwrap();
    let exists = |name: &str| {
        let mut lines = recipes.lines().filter_map(|line| line.strip_prefix(name));
        lines.any(|rest| rest.starts_with([' ', ':']))
    };
    judge_pages(|_, text| {
        let other = |c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit() && c != '-';
        let named = text.split("./just ").skip(1).filter_map(|rest| rest.split(other).next());
        let unknown = named.filter(|name| !name.is_empty() && !exists(name));
        unknown.map(|name| format!("no recipe `{name}`")).collect()
    });
}

#[test]
fn every_metric_that_the_pages_name_is_counted() {
    let folders = ["control/src", "engine/src", "filter/src"];
    let sources = folders.iter().flat_map(|folder| below(root().join(folder), "rs"));
    let sources: String = sources.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let counted = |name: &str| {
        // What became of accounts is counted under a name that is put together.
        let outcome = name.strip_prefix("limit_").and_then(|rest| rest.strip_suffix("_total"));
        sources.contains(&format!("hemostat_{name}"))
            || outcome.is_some_and(|word| sources.contains(&format!("\"{word}\"")))
    };
    judge_pages(|_, text| {
        let other = |c: char| !c.is_ascii_lowercase() && c != '_';
        let named = text.split("hemostat_").skip(1).filter_map(|rest| rest.split(other).next());
        let unknown = named.filter(|name| !name.is_empty() && !counted(name));
        unknown.map(|name| format!("no metric `hemostat_{name}`")).collect()
    });
}
