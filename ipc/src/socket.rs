//! Where the daemon's socket is.

use std::path::PathBuf;

/// The variable that names the socket, for the daemon and for its clients.
pub const SOCKET_VARIABLE: &str = "SPARK_CONTROL_SOCKET";

/// Where the socket of a system service is.
pub const SYSTEM_SOCKET: &str = "/run/spark-control/control.sock";

/// Longest path a Unix socket can have (`sun_path` of Linux, without its NUL).
pub const MAX_SOCKET_PATH_BYTES: usize = 107;

/// The path of the socket: `explicit`, else the variable, else the runtime folder of systemd
/// (`RUNTIME_DIRECTORY`) or of the user (`XDG_RUNTIME_DIR`), else [`SYSTEM_SOCKET`].
///
/// `var` looks a variable up, so that this can be asked without touching the process's environment.
pub fn socket_path(explicit: Option<PathBuf>, var: impl Fn(&str) -> Option<String>) -> PathBuf {
    let set = |name: &str| var(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    explicit
        .or_else(|| set(SOCKET_VARIABLE))
        .or_else(|| set("RUNTIME_DIRECTORY").map(|d| d.join("control.sock")))
        .or_else(|| set("XDG_RUNTIME_DIR").map(|d| d.join("spark-control/control.sock")))
        .unwrap_or_else(|| PathBuf::from(SYSTEM_SOCKET))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_choice_wins() {
        let env = |pairs: &'static [(&str, &str)]| {
            move |name: &str| {
                pairs
                    .iter()
                    .find(|(k, _)| *k == name)
                    .map(|(_, v)| (*v).to_owned())
            }
        };
        let all = env(&[
            ("SPARK_CONTROL_SOCKET", "/a"),
            ("RUNTIME_DIRECTORY", "/b"),
            ("XDG_RUNTIME_DIR", "/c"),
        ]);
        assert_eq!(socket_path(Some("/x".into()), all), PathBuf::from("/x"));
        assert_eq!(socket_path(None, all), PathBuf::from("/a"));
        assert_eq!(
            socket_path(None, env(&[("RUNTIME_DIRECTORY", "/b")])),
            PathBuf::from("/b/control.sock")
        );
        assert_eq!(
            socket_path(None, env(&[("XDG_RUNTIME_DIR", "/c")])),
            PathBuf::from("/c/spark-control/control.sock")
        );
        assert_eq!(
            socket_path(None, env(&[("SPARK_CONTROL_SOCKET", "")])),
            PathBuf::from(SYSTEM_SOCKET)
        );
    }
}
