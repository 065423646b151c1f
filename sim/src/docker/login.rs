//! `docker login` and `docker logout`: what the client keeps in its configuration.

use std::io::Read as _;

use serde_json::{Map, Value, json};

use super::flags::Parsed;
use super::registry::config_path;
use super::store::{Store, daemon};
use crate::node::files;
use crate::services::vectors::base64;
use crate::tools::{Env, Outcome, Refusal, console};

const UNENCRYPTED: &str = "\nWARNING! Your credentials are stored unencrypted in";
const INSECURE: &str = "WARNING! Using --password via the CLI is insecure. Use --password-stdin.";

/// How the client names Docker Hub in its configuration.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// `docker login`.
pub(super) fn login(store: &Store, parsed: &Parsed, env: &Env) -> Outcome {
    let host = parsed.operands.first().map(String::as_str);
    let user = parsed.last("username").unwrap_or_default();
    let password = match (parsed.last("password"), parsed.on("password-stdin")) {
        (Some(_), true) => {
            return Err(Refusal::new(
                1,
                "conflicting options: cannot specify both --password and --password-stdin",
            ));
        }
        (Some(password), false) => {
            console::err(INSECURE);
            password.to_owned()
        }
        (None, true) => from_input()?,
        (None, false) => {
            return Err(Refusal::new(
                1,
                "Error: Cannot perform an interactive login from a non TTY device",
            ));
        }
    };
    if user.is_empty() {
        return Err(Refusal::new(
            1,
            "Must provide --username with --password-stdin",
        ));
    }
    let shown = host.unwrap_or("registry-1.docker.io");
    if store.node.faults().no_internet() {
        return Err(daemon(format!(
            "Get \"https://{shown}/v2/\": dial tcp: lookup {shown} on 127.0.0.53:53: no such host"
        )));
    }
    if !is_accepted(shown, user, &password) {
        return Err(daemon(format!(
            "Get \"https://{shown}/v2/\": unauthorized: authentication required"
        )));
    }
    let path = config_path(&store.node, env);
    let mut config = read(store, env)?;
    let auths = config.entry("auths").or_insert_with(|| json!({}));
    if let Some(auths) = auths.as_object_mut() {
        let auth = base64(format!("{user}:{password}").as_bytes());
        auths.insert(host.unwrap_or(DOCKER_HUB).to_owned(), json!({"auth": auth}));
    }
    files::write_json(&path, &config)?;
    console::err(&format!(
        "{UNENCRYPTED} '{}'.\nConfigure a credential helper to remove this warning. See\n\
         https://docs.docker.com/go/credential-store/\n",
        path.display()
    ));
    console::out("Login Succeeded");
    Ok(0)
}

/// `docker logout`.
pub(super) fn logout(store: &Store, parsed: &Parsed, env: &Env) -> Outcome {
    let host = parsed.operands.first().map_or(DOCKER_HUB, String::as_str);
    let mut config = read(store, env)?;
    let gone = config
        .get_mut("auths")
        .and_then(Value::as_object_mut)
        .and_then(|auths| auths.remove(host));
    if gone.is_none() {
        console::out(&format!("Not logged in to {host}"));
        return Ok(0);
    }
    files::write_json(&config_path(&store.node, env), &config)?;
    console::out(&format!("Removing login credentials for {host}"));
    Ok(0)
}

fn from_input() -> Result<String, Refusal> {
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| Refusal::new(1, error.to_string()))?;
    let text = text.trim_end_matches(['\r', '\n']).to_owned();
    if text.is_empty() {
        Err(Refusal::new(1, "password is empty"))
    } else {
        Ok(text)
    }
}

fn read(store: &Store, env: &Env) -> Result<Map<String, Value>, Refusal> {
    let config = files::read_json(&config_path(&store.node, env))?;
    Ok(config.unwrap_or_default())
}

/// NVIDIA's registry knows one user and two forms of keys; the others take any password but `wrong`.
fn is_accepted(host: &str, user: &str, password: &str) -> bool {
    if host != "nvcr.io" {
        return password != "wrong";
    }
    let plain = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let legacy = password
        .strip_suffix("==")
        .is_some_and(|key| key.len() == 86 && plain(key));
    let current = password
        .strip_prefix("nvapi-")
        .is_some_and(|key| key.len() >= 16 && plain(key));
    user == "$oauthtoken" && (legacy || current)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nvidias_registry_wants_its_own_user_and_a_whole_key() {
        let key = format!("nvapi-{}", "a1".repeat(20));
        assert!(is_accepted("nvcr.io", "$oauthtoken", &key));
        assert!(is_accepted(
            "nvcr.io",
            "$oauthtoken",
            &format!("{}==", "Z".repeat(86))
        ));
        assert!(!is_accepted("nvcr.io", "me", &key));
        assert!(!is_accepted("nvcr.io", "$oauthtoken", "nvapi-short"));
        assert!(is_accepted("ghcr.io", "me", "token") && !is_accepted("ghcr.io", "me", "wrong"));
    }
}
