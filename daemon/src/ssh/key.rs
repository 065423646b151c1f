//! Our own key: the one that the operator puts in `authorized_keys` on each node.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use russh::keys::ssh_key::private::{Ed25519Keypair, KeypairData};
use russh::keys::ssh_key::{self, LineEnding};
use russh::keys::{Algorithm, HashAlg, PrivateKey, PublicKey};
use spark_ipc::id::{Fingerprint, InvalidId};
use spark_ipc::model::node::SshKey;

/// Why there is no client key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("cannot read the SSH key {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write the SSH key {path}")]
    Write { path: PathBuf, source: io::Error },
    #[error("{path} is not an OpenSSH private key")]
    Format {
        path: PathBuf,
        source: ssh_key::Error,
    },
    #[error("the SSH key {path} has a passphrase; the daemon needs one without")]
    Encrypted { path: PathBuf },
    #[error("the SSH key {path} is of type {algorithm}; ed25519 and ecdsa are supported")]
    Unsupported { path: PathBuf, algorithm: String },
    #[error("the fingerprint of the SSH key has an unexpected form")]
    Fingerprint(#[from] InvalidId),
}

/// The key that we log in with.
#[derive(Debug, Clone)]
pub struct ClientKey {
    private: Arc<PrivateKey>,
    public_line: String,
    fingerprint: Fingerprint,
}

/// Reads the key at `path`, or makes an ed25519 one there (mode 0600, its public half beside it).
pub fn load_or_create(path: &Path) -> Result<ClientKey, KeyError> {
    let private = match fs::read_to_string(path) {
        Ok(text) => parse(path, &text)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(path)?,
        Err(source) => {
            return Err(KeyError::Read {
                path: path.to_owned(),
                source,
            });
        }
    };
    let format = |source| KeyError::Format {
        path: path.to_owned(),
        source,
    };
    Ok(ClientKey {
        public_line: private.public_key().to_openssh().map_err(format)?,
        fingerprint: fingerprint(private.public_key())?,
        private: Arc::new(private),
    })
}

impl ClientKey {
    /// The public half, and what to do with it.
    pub fn describe(&self) -> SshKey {
        SshKey {
            public_key: self.public_line.clone(),
            fingerprint: self.fingerprint.clone(),
            // For any login shell, and for a file whose last line has no end.
            install_line: format!(
                "mkdir -p -m 700 ~/.ssh; grep -qsxF '{0}' ~/.ssh/authorized_keys || \
                 printf '\\n%s\\n' '{0}' >> ~/.ssh/authorized_keys; chmod 600 ~/.ssh/authorized_keys",
                self.public_line
            ),
        }
    }

    pub(super) fn private(&self) -> Arc<PrivateKey> {
        Arc::clone(&self.private)
    }
}

/// The SHA-256 fingerprint of `key`, as OpenSSH prints it.
pub(super) fn fingerprint(key: &PublicKey) -> Result<Fingerprint, InvalidId> {
    Fingerprint::new(key.fingerprint(HashAlg::Sha256).to_string())
}

fn parse(path: &Path, text: &str) -> Result<PrivateKey, KeyError> {
    let path = path.to_owned();
    let key = match PrivateKey::from_openssh(text) {
        Ok(key) => key,
        Err(source) => return Err(KeyError::Format { path, source }),
    };
    if key.is_encrypted() {
        return Err(KeyError::Encrypted { path });
    }
    match key.algorithm() {
        Algorithm::Ed25519 | Algorithm::Ecdsa { .. } => Ok(key),
        other => Err(KeyError::Unsupported {
            path,
            algorithm: other.to_string(),
        }),
    }
}

fn create(path: &Path) -> Result<PrivateKey, KeyError> {
    let pair = Ed25519Keypair::from_seed(&rand::random());
    let format = |source| KeyError::Format {
        path: path.to_owned(),
        source,
    };
    let key = PrivateKey::new(KeypairData::Ed25519(pair), "spark-control").map_err(format)?;
    let private = key.to_openssh(LineEnding::LF).map_err(format)?;
    let public = key.public_key().to_openssh().map_err(format)?;
    write(path, &private, &public).map_err(|source| KeyError::Write {
        path: path.to_owned(),
        source,
    })?;
    tracing::info!(path = %path.display(), "made an SSH key for the nodes");
    Ok(key)
}

fn write(path: &Path, private: &str, public: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut public_path = path.as_os_str().to_owned();
    public_path.push(".pub");
    fs::write(public_path, format!("{public}\n"))?;
    // `create_new`: a key that somebody else made meanwhile is never overwritten.
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(private.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_kept_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ssh/id_ed25519");
        let made = load_or_create(&path).unwrap().describe();
        let read = load_or_create(&path).unwrap().describe();
        assert_eq!(made, read);
        assert!(made.public_key.starts_with("ssh-ed25519 AAAA"));
        assert!(made.public_key.ends_with(" spark-control"));
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let public = fs::read_to_string(folder.path().join("ssh/id_ed25519.pub")).unwrap();
        assert_eq!(public.trim_end(), made.public_key);
    }

    #[test]
    fn something_else_in_its_place_is_an_error_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("id");
        fs::write(&path, "not a key").unwrap();
        assert!(matches!(
            load_or_create(&path),
            Err(KeyError::Format { .. })
        ));
        assert_eq!(fs::read_to_string(&path).unwrap(), "not a key");
    }
}
