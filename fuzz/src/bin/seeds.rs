//! Writes what the fuzz targets begin with: `seeds CORPUS`. Recordings, each behind the bytes that choose what is done with
//! it (the crate's library says which), into the folder of the target.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use hemostat_engine::wire::frame::Framing;
use hemostat_fuzz::{choice_of_dialect, choice_of_framing};
use testkit::{Recording, mcp_recordings, recordings};

/// What is as long or longer, in bytes, is left out: it is mutated too slowly.
const LONGEST: usize = 8192;

/// The second byte of most targets: into chunks of how many bytes the stream is cut.
const CUT: u8 = 7;

struct Corpus(PathBuf);

impl Corpus {
    fn write(&self, target: &str, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        let bytes = parts.concat();
        if bytes.len() >= LONGEST {
            return Ok(());
        }
        fs::create_dir_all(self.0.join(target))?;
        fs::write(self.0.join(target).join(name), bytes)
    }

    fn recording(&self, own: &Recording) -> io::Result<()> {
        let (name, request, answer) = (&own.name, own.request.as_slice(), own.response.as_slice());
        self.write("json", name, &[request])?;
        if !own.is_stream() {
            return match own.dialect.as_str() {
                "bedrock" => self.write("messages", name, &[&[0, CUT], answer]),
                _ => Ok(()),
            };
        }
        if let Some(choice) = choice_of_framing(framing(own)) {
            self.write("frames", name, &[&[choice, CUT], answer])?;
        }
        if own.is_messages() {
            self.write("eventstream", name, &[&[0, CUT], answer])?;
        }
        for acts in [false, true] {
            if let Some(choice) = choice_of_dialect(&own.dialect, acts) {
                let name = format!("{}-{acts}-{name}", own.dialect);
                self.write("exchange", &name, &[&[choice, CUT], request, &[0], answer])?;
            }
        }
        Ok(())
    }

    fn files(&self, target: &str, folder: &Path) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == "json") {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                self.write(target, &name, &[&fs::read(path)?])?;
            }
        }
        Ok(())
    }
}

fn framing(own: &Recording) -> Framing {
    match own.content_type.as_str() {
        "application/x-ndjson" => Framing::NdJson,
        _ if own.is_messages() => Framing::EventStream,
        _ if own.is_array() => Framing::JsonArray,
        _ => Framing::Sse,
    }
}

fn main() -> io::Result<()> {
    let Some(folder) = env::args_os().nth(1) else {
        return Err(io::Error::other("usage: seeds CORPUS"));
    };
    let corpus = Corpus(folder.into());
    for own in recordings() {
        corpus.recording(&own)?;
    }
    for (own, _) in mcp_recordings() {
        corpus.recording(&own)?;
        corpus.write("inner", &own.name, &[&[CUT], &own.request])?;
        corpus.write("mcp", &own.name, &[&[1, CUT], &own.request, &[0], &own.response])?;
    }
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata");
    corpus.write(
        "policy",
        "configuration",
        &[&fs::read(testdata.join("releases/configuration.json"))?],
    )?;
    corpus.files("envelopes", &testdata.join("releases"))?;
    corpus.files("envelopes", &testdata.join("providers"))
}
