//! Tells cargo which folders end up inside the binary: it would not notice a file that is new in them.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=migrations");
    // Before the web client is built there is nothing to watch but the place where it will appear.
    let built = "clients/web/dist";
    let watched = if std::path::Path::new(built).is_dir() { built } else { "clients/web" };
    if std::path::Path::new(watched).is_dir() {
        println!("cargo:rerun-if-changed={watched}");
    }
}
