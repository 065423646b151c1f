//! `docker save` and `docker load`: images as one stream.
//!
//! The stream is as long as the image, so that whoever counts its bytes counts right; of what is in it only the
//! description of the image matters here, the rest are zeros.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::thread;

use super::flags::Parsed;
use super::image::Image;
use super::pull::Part;
use super::store::{Store, daemon};
use crate::tools::{Outcome, Refusal, console};
use crate::transfer::{self, Pace};

/// What the description of an image begins with.
const MARK: &str = "spark-sim-image ";

/// Bytes that are read or written at once.
const CHUNK: usize = 1 << 20;

/// Bytes per second that the daemon packs.
const PACKING: u64 = 900_000_000;

/// `docker save`.
pub(super) fn save(store: &Store, parsed: &Parsed) -> Outcome {
    let mut images = Vec::new();
    for name in &parsed.operands {
        let image = store
            .image(name)?
            .ok_or_else(|| daemon("reference does not exist"))?;
        images.push(Image {
            tags: image
                .tags
                .iter()
                .filter(|tag| is_named(tag, name))
                .cloned()
                .collect(),
            digests: Vec::new(),
            ..image
        });
    }
    let failed = |error: io::Error| Refusal::new(1, error.to_string());
    match parsed.last("output") {
        Some(path) => {
            let mut file = File::create(path).map_err(|error| {
                Refusal::new(
                    1,
                    format!("failed to save image: invalid output path: {error}"),
                )
            })?;
            write(store, &images, &mut file).map_err(failed)?;
        }
        None if io::stdout().is_terminal() => {
            return Err(Refusal::new(
                1,
                "cowardly refusing to save to a terminal. Use the -o flag or redirect",
            ));
        }
        None => match write(store, &images, &mut io::stdout().lock()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                return Err(Refusal::new(1, "write /dev/stdout: broken pipe"));
            }
            written => written.map_err(failed)?,
        },
    }
    Ok(0)
}

/// By an id every tag is meant, by a name only that one.
fn is_named(tag: &str, name: &str) -> bool {
    let bare = super::reference::Reference::parse(name).map(|reference| reference.familiar());
    bare.map_or(true, |bare| bare == tag) || !name.contains([':', '/']) && name.len() >= 12
}

fn write(store: &Store, images: &[Image], out: &mut impl Write) -> io::Result<()> {
    let zeros = vec![0; CHUNK];
    let mut pace = Pace::new(&store.node, PACKING);
    for image in images {
        let description = serde_json::to_string(image)?;
        writeln!(out, "{MARK}{description}")?;
        let mut left = image.size_bytes;
        while left > 0 {
            let given = pace.take();
            let bytes = given.min(left);
            pace.put_back(given - bytes);
            let mut now = bytes;
            while now > 0 {
                let part = usize::try_from(now).unwrap_or(CHUNK).min(CHUNK);
                out.write_all(zeros.get(..part).unwrap_or_default())?;
                now -= u64::try_from(part).unwrap_or(0);
            }
            left -= bytes;
            if left > 0 {
                thread::sleep(transfer::STEP);
            }
        }
    }
    out.flush()
}

/// `docker load`.
pub(super) fn load(store: &Store, parsed: &Parsed) -> Outcome {
    match parsed.last("input") {
        Some(path) => {
            let file = File::open(path)
                .map_err(|_e| Refusal::new(1, format!("open {path}: no such file or directory")))?;
            read(store, BufReader::with_capacity(CHUNK, file))
        }
        None if io::stdin().is_terminal() => Err(Refusal::new(
            1,
            "requested load from stdin, but stdin is empty",
        )),
        None => read(store, BufReader::with_capacity(CHUNK, io::stdin().lock())),
    }
}

fn read(store: &Store, mut input: impl BufRead) -> Outcome {
    let mut loaded = 0;
    loop {
        let mut head = Vec::new();
        input
            .by_ref()
            .take(1 << 16)
            .read_until(b'\n', &mut head)
            .map_err(|error| cut(&error))?;
        if head.is_empty() && loaded > 0 {
            return Ok(0);
        }
        let text = String::from_utf8_lossy(&head).into_owned();
        let image: Image = text
            .strip_prefix(MARK)
            .and_then(|description| serde_json::from_str(description).ok())
            .ok_or_else(|| {
                if head.is_empty() {
                    cut_short()
                } else {
                    daemon("archive/tar: invalid tar header")
                }
            })?;
        take(store, &mut input, image.size_bytes)?;
        store.add_image(&image)?;
        for tag in &image.tags {
            console::out(&format!("Loaded image: {tag}"));
        }
        if image.tags.is_empty() {
            console::out(&format!("Loaded image ID: {}", image.id));
        }
        loaded += 1;
    }
}

/// Takes the bytes of one image to the disk.
fn take(store: &Store, input: &mut impl BufRead, size: u64) -> Result<(), Refusal> {
    let mut part = Part::new(&store.node).map_err(|error| cut(&error))?;
    let (mut left, mut unwritten) = (size, 0);
    while left > 0 {
        let buffer = input.fill_buf().map_err(|error| cut(&error))?;
        if buffer.is_empty() {
            return Err(cut_short());
        }
        let count = u64::try_from(buffer.len()).unwrap_or(0).min(left);
        input.consume(usize::try_from(count).unwrap_or(0));
        left -= count;
        unwritten += count;
        // Looking at the disk for every packet of a pipe would be most of the work.
        if left == 0 || unwritten > 64 << 20 {
            part.grow(std::mem::take(&mut unwritten)).map_err(|error| match error.kind() {
                io::ErrorKind::StorageFull => daemon(
                    "Error processing tar file(exit status 1): write /usr/local/lib/libtorch_cuda.so: no space left \
                     on device",
                ),
                _ => cut(&error),
            })?;
        }
    }
    Ok(())
}

fn cut_short() -> Refusal {
    Refusal::new(1, "unexpected EOF")
}

fn cut(error: &io::Error) -> Refusal {
    daemon(format!("Error processing tar file(exit status 1): {error}"))
}
