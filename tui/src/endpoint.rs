//! Which daemon to talk to.

use std::path::{Path, PathBuf};

use spark_ipc::client::Endpoint;
use spark_ipc::socket::{SOCKET_VARIABLE, SYSTEM_SOCKET, socket_path};

/// The variable that names the daemon's TCP door.
pub const URL_VARIABLE: &str = "SPARK_CONTROL_URL";

/// The port of the TCP door where none is given.
const DEFAULT_PORT: u16 = 9999;

/// The daemon's door: a flag, else a variable, else the user's own socket when it is there, else the
/// system service's.
pub fn choose(
    socket: Option<PathBuf>,
    url: Option<&str>,
    var: impl Fn(&str) -> Option<String>,
    exists: impl Fn(&Path) -> bool,
) -> Endpoint {
    if let Some(path) = socket {
        return Endpoint::Socket(path);
    }
    if let Some(url) = url {
        return Endpoint::Tcp(address(url));
    }
    if let (None, Some(url)) = (var(SOCKET_VARIABLE), var(URL_VARIABLE)) {
        return Endpoint::Tcp(address(&url));
    }
    let named = var(SOCKET_VARIABLE).is_some();
    let path = socket_path(None, var);
    let system = PathBuf::from(SYSTEM_SOCKET);
    let use_system = !named && !exists(&path) && exists(&system);
    Endpoint::Socket(if use_system { system } else { path })
}

/// `HOST:PORT` out of what people paste: with a scheme, a path, or without a port.
fn address(url: &str) -> String {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    let host = rest.split('/').next().unwrap_or(rest);
    let after_bracket = host.rsplit(']').next().unwrap_or(host);
    if after_bracket.contains(':') {
        host.to_owned()
    } else {
        format!("{host}:{DEFAULT_PORT}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(vars: &[(&str, &str)], there: &[&str]) -> String {
        let env = crate::env::Env::made_of(vars);
        let exists = |p: &Path| there.iter().any(|t| Path::new(t) == p);
        choose(None, None, |n| env.var(n), exists).to_string()
    }

    #[test]
    fn the_nearest_choice_wins() {
        let nothing = |_: &str| None;
        let flag = choose(Some("/x".into()), Some("h"), nothing, |_| false);
        assert_eq!(flag, Endpoint::Socket("/x".into()));
        assert_eq!(chosen(&[("SPARK_CONTROL_URL", "h:1")], &[]), "http://h:1");
        let both = [("SPARK_CONTROL_URL", "h:1"), ("SPARK_CONTROL_SOCKET", "/s")];
        assert_eq!(chosen(&both, &[]), "/s");
    }

    #[test]
    fn the_system_service_is_found_when_the_user_has_none() {
        let user = "/run/user/1/spark-control/control.sock";
        let vars = [("XDG_RUNTIME_DIR", "/run/user/1")];
        assert_eq!(chosen(&vars, &[SYSTEM_SOCKET]), SYSTEM_SOCKET);
        assert_eq!(chosen(&vars, &[user, SYSTEM_SOCKET]), user);
        assert_eq!(chosen(&vars, &[]), user);
    }

    #[test]
    fn addresses_are_read_as_pasted() {
        assert_eq!(address("http://nas.local:80/x"), "nas.local:80");
        assert_eq!(address("nas.local"), "nas.local:9999");
        assert_eq!(address("[::1]"), "[::1]:9999");
        assert_eq!(address("[::1]:5"), "[::1]:5");
    }
}
