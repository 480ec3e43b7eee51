//! What can be known of the container files without containers: they parse, what they name exists, the settings are ones
//! the server takes, the proxy leads to the nodes. That the images build and the services start is not shown here.
mod compose;
mod image;
mod proxy;

use std::path::Path;

/// A file of the source tree.
fn file(name: &str) -> String {
    let path = root().join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
