//! `docker images`, `docker rmi` and `docker system df`.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::container::Container;
use super::flags::Parsed;
use super::image::Image;
use super::listing::{self, Column};
use super::reference::Reference;
use super::store::{Store, daemon};
use crate::tools::{Outcome, Refusal, console};

const COLUMNS: [Column; 5] = [
    ("Repository", "REPOSITORY"),
    ("Tag", "TAG"),
    ("ID", "IMAGE ID"),
    ("CreatedSince", "CREATED"),
    ("Size", "SIZE"),
];

const DISK: [Column; 5] = [
    ("Type", "TYPE"),
    ("TotalCount", "TOTAL"),
    ("Active", "ACTIVE"),
    ("Size", "SIZE"),
    ("Reclaimable", "RECLAIMABLE"),
];

/// `docker images`.
pub(super) fn images(store: &Store, parsed: &Parsed) -> Outcome {
    let wanted = parsed.operands.first();
    let now = store.node.now();
    let full = parsed.on("no-trunc");
    let mut rows = Vec::new();
    for image in store.images()? {
        for tag in &image.tags {
            let (repository, _) = tag.rsplit_once(':').unwrap_or((tag, ""));
            let named = |want: &String| want == tag || want == repository;
            let filtered = parsed
                .all("filter")
                .iter()
                .all(|f| match f.split_once('=') {
                    Some(("reference", want)) => named(&want.to_owned()),
                    _ => true,
                });
            if wanted.is_none_or(named) && filtered {
                rows.push(row(&image, tag, now, full));
            }
        }
    }
    if parsed.on("quiet") {
        rows.iter()
            .filter_map(|row| row.get("ID")?.as_str())
            .for_each(console::out);
        return Ok(0);
    }
    let mut columns = COLUMNS.to_vec();
    if parsed.on("digests") {
        columns.insert(2, ("Digest", "DIGEST"));
    }
    listing::print(&rows, parsed.last("format"), &columns, &COLUMNS)?;
    Ok(0)
}

fn row(image: &Image, tag: &str, now: Timestamp, full: bool) -> Value {
    let (repository, tag) = tag.rsplit_once(':').unwrap_or((tag, "<none>"));
    let digest = image
        .digests
        .first()
        .and_then(|digest| digest.split_once('@'));
    let created = image.created.parse::<Timestamp>().unwrap_or(now);
    let days = now.duration_since(created).as_hours().max(0) / 24;
    let since = if days < 14 {
        format!("{days} days ago")
    } else {
        format!("{} weeks ago", days / 7)
    };
    json!({
        "Containers": "N/A",
        "CreatedAt": created.strftime("%Y-%m-%d %H:%M:%S +0000 UTC").to_string(),
        "CreatedSince": since,
        "Digest": digest.map_or("<none>", |(_, digest)| digest),
        "ID": if full { image.id.as_str() } else { image.short_id() },
        "Repository": repository,
        "SharedSize": "N/A",
        "Size": size(image.size_bytes),
        "Tag": tag,
        "UniqueSize": "N/A",
        "VirtualSize": size(image.size_bytes),
    })
}

/// Three digits and a decimal unit, as Docker shows sizes of images.
fn size(bytes: u64) -> String {
    let (unit, name): (u64, _) = match bytes {
        b if b >= 1_000_000_000 => (1_000_000_000, "GB"),
        b if b >= 1_000_000 => (1_000_000, "MB"),
        b if b >= 1000 => (1000, "kB"),
        _ => return format!("{bytes}B"),
    };
    let hundredths = u128::from(bytes) * 100 / u128::from(unit);
    let (whole, rest) = (hundredths / 100, hundredths % 100);
    match whole {
        100.. => format!("{whole}{name}"),
        10..100 => format!("{whole}.{}{name}", rest / 10),
        _ => format!("{whole}.{rest:02}{name}"),
    }
}

/// `docker rmi`.
pub(super) fn remove(store: &Store, parsed: &Parsed) -> i32 {
    let mut code = 0;
    for name in &parsed.operands {
        if let Err(refusal) = remove_one(store, name, parsed.on("force")) {
            code = refusal.show();
        }
    }
    code
}

fn remove_one(store: &Store, name: &str, force: bool) -> Result<(), Refusal> {
    let image = store.image(name)?;
    let image = image.ok_or_else(|| daemon(format!("No such image: {name}")))?;
    let user = |container: &Container| {
        container.image_id == image.id && (!force || container.state.status.is_live())
    };
    if let Some(user) = store.containers()?.iter().find(|c| user(c)) {
        let how = if user.state.status.is_live() {
            "cannot be forced) - image is being used by running container"
        } else {
            "must be forced) - image is being used by stopped container"
        };
        return Err(daemon(format!(
            "conflict: unable to remove repository reference \"{name}\" ({how} {}",
            user.id.short()
        )));
    }
    let tag = Reference::parse(name)
        .map(|reference| reference.familiar())
        .ok();
    // By one of several names only that name goes.
    if let Some(tag) = tag.filter(|tag| image.tags.len() > 1 && image.tags.contains(tag)) {
        store.edit_images(|images| {
            let mine = images.iter_mut().find(|known| known.id == image.id);
            if let Some(mine) = mine {
                mine.tags.retain(|known| *known != tag);
            }
        })?;
        console::out(&format!("Untagged: {tag}"));
        return Ok(());
    }
    delete(store, &image)
}

fn delete(store: &Store, image: &Image) -> Result<(), Refusal> {
    store.edit_images(|images| images.retain(|known| known.id != image.id))?;
    for name in image.tags.iter().chain(&image.digests) {
        console::out(&format!("Untagged: {name}"));
    }
    console::out(&format!("Deleted: {}", image.id));
    Ok(())
}

/// `docker image prune`: what has no name, or with `-a` what no container uses.
pub(super) fn prune(store: &Store, parsed: &Parsed) -> Outcome {
    if !parsed.on("force") {
        return Err(Refusal::new(
            0,
            "WARNING! This will remove all dangling images.\nAre you sure you want to continue? [y/N] ",
        ));
    }
    let containers = store.containers()?;
    let used = |image: &Image| {
        containers
            .iter()
            .any(|container| container.image_id == image.id)
    };
    let goes = |image: &&Image| (image.tags.is_empty() || parsed.on("all")) && !used(image);
    let images = store.images()?;
    let mut bytes = 0;
    for image in images.iter().filter(goes) {
        if bytes == 0 {
            console::out("Deleted Images:");
        }
        bytes += image.size_bytes;
        // Docker's own words are in lower case here.
        store.edit_images(|images| images.retain(|known| known.id != image.id))?;
        image
            .tags
            .iter()
            .for_each(|tag| console::out(&format!("untagged: {tag}")));
        console::out(&format!("deleted: {}", image.id));
    }
    console::out(&format!(
        "{}Total reclaimed space: {}",
        if bytes > 0 { "\n" } else { "" },
        size(bytes)
    ));
    Ok(0)
}

/// `docker tag`.
pub(super) fn tag(store: &Store, parsed: &Parsed) -> Outcome {
    let [from, to] = parsed.operands.as_slice() else {
        return Ok(1);
    };
    let image = store
        .image(from)?
        .ok_or_else(|| daemon(format!("No such image: {from}")))?;
    let reference = Reference::parse(to).map_err(|why| {
        Refusal::new(
            1,
            format!("Error parsing reference: \"{to}\" is not a valid repository/tag: {why}"),
        )
    })?;
    let named = Image {
        tags: vec![reference.familiar()],
        digests: Vec::new(),
        ..image
    };
    store.add_image(&named)?;
    Ok(0)
}

/// `docker system df`.
pub(super) fn disk(store: &Store, parsed: &Parsed) -> Outcome {
    let (images, containers) = (store.images()?, store.containers()?);
    let used = |image: &&Image| containers.iter().any(|c| c.image_id == image.id);
    let bytes: u64 = images.iter().map(|image| image.size_bytes).sum();
    let idle: u64 = images
        .iter()
        .filter(|i| !used(i))
        .map(|image| image.size_bytes)
        .sum();
    let active = images.iter().filter(used).count();
    let running = containers
        .iter()
        .filter(|c| c.state.status.is_live())
        .count();
    let share = u128::from(idle) * 100 / u128::from(bytes.max(1));
    let line = |kind: &str, total: usize, active: usize, bytes: u64, free: String| {
        json!({
            "Type": kind, "TotalCount": total.to_string(), "Active": active.to_string(),
            "Size": size(bytes), "Reclaimable": free,
        })
    };
    let rows = [
        line(
            "Images",
            images.len(),
            active,
            bytes,
            format!("{} ({share}%)", size(idle)),
        ),
        line("Containers", containers.len(), running, 0, "0B".to_owned()),
        line("Local Volumes", 0, 0, 0, "0B".to_owned()),
        line("Build Cache", 0, 0, 0, "0B".to_owned()),
    ];
    listing::print(&rows, parsed.last("format"), &DISK, &DISK)?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_three_digits() {
        for (bytes, want) in [
            (18_742_133_902, "18.7GB"),
            (8_412_331, "8.41MB"),
            (512, "512B"),
            (1_200, "1.20kB"),
        ] {
            assert_eq!(size(bytes), want);
        }
    }
}
