//! The dashboard is embedded: a file that is added or taken away must build the daemon anew.

fn main() {
    println!("cargo::rerun-if-changed=../static");
}
