//! `/etc` of a node: which system it runs.

use crate::node::config::NodeConfig;

/// The files, by their path under `root/`.
pub(super) fn files(config: &NodeConfig) -> Vec<(String, String)> {
    [
        ("etc/hostname", format!("{}\n", config.hostname)),
        ("etc/dgx-release", dgx_release(config)),
        ("etc/os-release", OS_RELEASE.to_owned()),
    ]
    .map(|(path, text)| (path.to_owned(), text))
    .to_vec()
}

/// NVIDIA's release file: an update appends its version, so the last one counts. It holds the
/// serial number, which nobody should log.
fn dgx_release(config: &NodeConfig) -> String {
    let serial = 1_530_000_000_000 + config.seed % 1_000_000;
    format!(
        "DGX_NAME=\"DGX Spark\"\n\
         DGX_PRETTY_NAME=\"NVIDIA DGX Spark\"\n\
         DGX_SWBUILD_DATE=\"2025-09-10-13-50-03\"\n\
         DGX_SWBUILD_VERSION=\"7.2.3\"\n\
         DGX_COMMIT_ID=\"833b4a7\"\n\
         DGX_PLATFORM=\"GX10\"\n\
         DGX_SERIAL_NUMBER=\"{serial}\"\n\n\
         DGX_OTA_VERSION=\"7.3.1\"\n\
         DGX_OTA_DATE=\"Wed Nov 26 10:02:11 CET 2025\"\n\n\
         DGX_OTA_VERSION=\"7.6.0\"\n\
         DGX_OTA_DATE=\"Tue Jun 16 09:41:20 CEST 2026\"\n"
    )
}

const OS_RELEASE: &str = "PRETTY_NAME=\"Ubuntu 24.04.5 LTS\"\n\
    NAME=\"Ubuntu\"\n\
    VERSION_ID=\"24.04\"\n\
    VERSION=\"24.04.5 LTS (Noble Numbat)\"\n\
    VERSION_CODENAME=noble\n\
    ID=ubuntu\n\
    ID_LIKE=debian\n\
    UBUNTU_CODENAME=noble\n";
