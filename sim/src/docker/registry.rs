//! The registry, which a simulated node cannot reach: what Docker says without a network.

use super::commands::MANIFEST_INSPECT;
use super::flags::Parsed;
use super::reference::Reference;
use super::store::{Store, daemon};
use crate::tools::{Outcome, Refusal, console};

/// The daemon's sentence when the registry's name cannot be resolved.
pub(super) fn unreachable(reference: &Reference) -> String {
    let host = match reference.host() {
        "docker.io" => "registry-1.docker.io",
        host => host,
    };
    let name = host.split(':').next().unwrap_or(host);
    format!(
        "failed to resolve reference \"{}/{}:{}\": failed to do request: Head \
         \"https://{host}/v2/{}/manifests/{}\": dial tcp: lookup {name} on 127.0.0.53:53: \
         no such host",
        reference.host(),
        reference.path(),
        reference.tag(),
        reference.path(),
        reference.digest.as_deref().unwrap_or(reference.tag()),
    )
}

/// `docker pull`: an image that is there is not asked for again here, as nothing could be newer.
pub(super) fn pull(store: &Store, parsed: &Parsed) -> Outcome {
    let name = parsed
        .operands
        .first()
        .map(String::as_str)
        .unwrap_or_default();
    let reference = Reference::parse(name).map_err(|why| Refusal::new(1, why))?;
    if reference.digest.is_none() && !name.contains(':') && !parsed.on("quiet") {
        console::out(&format!("Using default tag: {}", reference.tag()));
    }
    if reference.digest.is_some() && store.image(name)?.is_some() {
        console::out(name);
        return Ok(0);
    }
    Err(daemon(unreachable(&reference)))
}

/// `docker manifest inspect`, which always asks the registry.
pub(super) fn manifest_inspect(parsed: &Parsed) -> Outcome {
    let name = parsed
        .operands
        .last()
        .map(String::as_str)
        .unwrap_or_default();
    let reference = Reference::parse(name).map_err(|why| MANIFEST_INSPECT.refuse(&why))?;
    let host = match reference.host() {
        "docker.io" => "registry-1.docker.io",
        host => host,
    };
    let text = format!(
        "Get \"https://{host}/v2/\": dial tcp: lookup {host} on 127.0.0.53:53: no such host"
    );
    Err(Refusal::new(1, text))
}
