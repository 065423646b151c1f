//! `docker pull`: layers that come from the registry, and the room that they take.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::thread;

use super::commands::PULL;
use super::flags::Parsed;
use super::image::Image;
use super::reference::Reference;
use super::registry::{Client, Layer, NO_ARM64, Published};
use super::store::{Store, daemon};
use crate::node::{Node, process};
use crate::tools::{Env, Outcome, console};
use crate::transfer::{self, Pace, Room};

/// `docker pull`.
pub(super) fn pull(store: &Store, parsed: &Parsed, env: &Env) -> Outcome {
    let name = parsed
        .operands
        .first()
        .map(String::as_str)
        .unwrap_or_default();
    let reference = Reference::parse(name).map_err(|why| PULL.refuse(&why))?;
    let quiet = parsed.on("quiet");
    if reference.digest.is_none() && !reference.is_tagged() && !quiet {
        console::out(&format!("Using default tag: {}", reference.tag()));
    }
    let say: fn(&str) = if quiet { |_line| {} } else { console::out };
    let pulled = bring(store, &reference, parsed.last("platform"), env, say);
    pulled.map_err(daemon)?;
    console::out(&format!("{}/{}", reference.host(), reference.full()));
    Ok(0)
}

/// Brings an image and tells `say` how it goes; the error is the daemon's sentence.
pub(super) fn bring(
    store: &Store,
    reference: &Reference,
    platform: Option<&str>,
    env: &Env,
    say: fn(&str),
) -> Result<(), String> {
    let client = Client {
        node: &store.node,
        env,
    };
    let published = client.find(reference)?;
    let wanted = platform.map_or("arm64", |platform| {
        platform.split('/').nth(1).unwrap_or(platform)
    });
    let image = choose(&published, reference, wanted, platform.is_some())?;
    say(&format!(
        "{}: Pulling from {}",
        reference.tag(),
        reference.path()
    ));
    let failed = |error: crate::NodeError| error.to_string();
    let present = store
        .images()
        .map_err(failed)?
        .iter()
        .any(|known| known.id == image.id && known.answers_to(&reference.exact()));
    if !present {
        Pull {
            store,
            published: &published,
            reference,
            say,
        }
        .run()?;
        store.add_image(&image).map_err(failed)?;
    }
    say(&format!("Digest: {}", published.digest()));
    let how = if present {
        "Image is up to date"
    } else {
        "Downloaded newer image"
    };
    say(&format!("Status: {how} for {}", reference.exact()));
    Ok(())
}

/// The build that fits this processor.
fn choose(
    published: &Published,
    reference: &Reference,
    wanted: &str,
    named: bool,
) -> Result<Image, String> {
    let mut image = published.image.clone();
    if let Some(architecture) = published
        .architectures
        .iter()
        .find(|built| **built == wanted)
    {
        (*architecture).clone_into(&mut image.architecture);
        return Ok(image);
    }
    let built = published.architectures.first().copied().unwrap_or("amd64");
    match (published.is_list, named) {
        (true, _) => Err(NO_ARM64.replace(
            "arm64/v8",
            if wanted == "arm64" {
                "arm64/v8"
            } else {
                wanted
            },
        )),
        (false, true) => Err(format!(
            "image with reference {} was found but its platform (linux/{built}) does not match the specified platform \
             (linux/{wanted})",
            reference.familiar()
        )),
        (false, false) => {
            built.clone_into(&mut image.architecture);
            Ok(image)
        }
    }
}

struct Pull<'a> {
    store: &'a Store,
    published: &'a Published,
    reference: &'a Reference,
    say: fn(&str),
}

impl Pull<'_> {
    fn run(&self) -> Result<(), String> {
        let layers = self.published.layers();
        let short = |layer: &Layer| layer.digest.get(7..19).unwrap_or_default().to_owned();
        for layer in &layers {
            (self.say)(&format!("{}: Pulling fs layer", short(layer)));
        }
        for layer in layers.iter().skip(3) {
            (self.say)(&format!("{}: Waiting", short(layer)));
        }
        let mut part = Part::new(&self.store.node).map_err(|error| error.to_string())?;
        let mut pace = Pace::new(&self.store.node, transfer::INTERNET);
        for layer in &layers {
            self.download(layer, &mut pace, &mut part)?;
            (self.say)(&format!("{}: Verifying Checksum", short(layer)));
            (self.say)(&format!("{}: Download complete", short(layer)));
        }
        for layer in &layers {
            part.grow(layer.unpacked)
                .map_err(|error| unregistered(&error))?;
            (self.say)(&format!("{}: Pull complete", short(layer)));
        }
        Ok(())
    }

    fn download(&self, layer: &Layer, pace: &mut Pace, part: &mut Part) -> Result<(), String> {
        let client = Client {
            node: &self.store.node,
            env: &Env::read(),
        };
        let mut left = layer.compressed;
        while left > 0 {
            let given = pace.take();
            let bytes = given.min(left);
            pace.put_back(given - bytes);
            part.grow(bytes)
                .map_err(|error| format!("write {}: {}", part.path.display(), words(&error)))?;
            left -= bytes;
            if left > 0 {
                thread::sleep(transfer::STEP);
                client.find(self.reference)?;
            }
        }
        Ok(())
    }
}

fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull => "no space left on device".to_owned(),
        _ => error.to_string(),
    }
}

fn unregistered(error: &io::Error) -> String {
    format!(
        "failed to register layer: write /usr/local/lib/python3.12/dist-packages/torch/lib/libtorch_cuda.so: {}",
        words(error)
    )
}

/// What a transfer of an image has put on the disk so far; gone with it.
pub(super) struct Part {
    path: PathBuf,
    size: u64,
    room: Room,
}

impl Part {
    /// A new one; removes those whose makers are gone.
    pub(super) fn new(node: &Node) -> io::Result<Self> {
        let folder = node.docker_tmp();
        fs::create_dir_all(&folder)?;
        for entry in fs::read_dir(&folder)?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let maker = name
                .strip_prefix("GetImageBlob")
                .and_then(|pid| pid.parse().ok());
            if maker.is_none_or(|pid| !process::is_alive(pid)) {
                fs::remove_file(entry.path())?;
            }
        }
        let path = folder.join(format!("GetImageBlob{}", std::process::id()));
        Ok(Self {
            path,
            size: 0,
            room: Room::of(node),
        })
    }

    /// Puts `bytes` more there.
    pub(super) fn grow(&mut self, bytes: u64) -> io::Result<()> {
        self.room.take(bytes)?;
        self.size += bytes;
        transfer::grow(&self.path, self.size)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        fs::remove_file(&self.path).ok();
    }
}
